"""The condition of every write of the ledger: that its writer still holds the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Table,
    Update,
    and_,
    exists,
    insert,
    literal,
    select,
    union_all,
)
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Dialect
from shardctl.errors import LockLost
from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now


@dataclass(frozen=True, slots=True)
class Fenced:
    """Writes that take effect only while a lease holds the lock.

    Attributes:
        fence: the fencing number of the lease.
    """

    dialect: Dialect
    fence: int

    @property
    def _ours(self) -> ColumnElement[bool]:
        lock = schema.lock
        return and_(lock.c.name == schema.LOCK, lock.c.fence == self.fence, lock.c.held)

    def _write(self, connection: Connection, statement: Insert | Update | Delete) -> int:
        """Carry out one write if the lock is still ours; how many rows it met."""
        if not isinstance(statement, Insert):
            held = exists(select(literal(1)).select_from(schema.lock).where(self._ours))
            statement = statement.where(held)
        met = connection.execute(statement).rowcount
        if not met:
            self._held(connection)
        return met

    def _held(self, connection: Connection, *, shared: bool = False) -> None:
        """Make sure that the lock is still ours.

        Args:
            shared: up to the end of the caller's transaction.
        """
        ours = select(schema.lock.c.fence).where(self._ours)
        if not connection.scalar(ours.with_for_update(read=True) if shared else ours):
            raise LockLost(
                "another run took the lock over, because this one had given no sign of life; it "
                "goes on with the work: see what it says before running again"
            )

    def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> Insert:
        """Rows that are inserted only if the lock is still ours; all with the same columns."""
        names = list(rows[0])
        selected = [
            select(*(_bound(table, name, row[name]) for name in names))
            .select_from(schema.lock)
            .where(self._ours)
            for row in rows
        ]
        return insert(table).from_select(names, union_all(*selected))

    def _insert_once(self, connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
        """Insert one row; False where one with its key is there already."""
        try:
            self._write(connection, self._insert(table, [row]))
        except DBAPIError as error:
            if self.dialect.is_duplicate_key(error):
                return False
            raise
        return True


def _bound(table: Table, name: str, value: object) -> ColumnElement[Any]:
    if isinstance(value, utc_now):
        return value
    return literal(value, type_=table.c[name].type)
