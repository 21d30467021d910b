"""The dialect of SQLite: each part of it is a module beside this one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.clause import (
    Action,
    AddConstraint,
    AlterColumn,
    DropConstraint,
    Names,
    ObjectName,
    Part,
    Sql,
    shorten,
)
from shardctl.dialects.base import Dialect
from shardctl.dialects.sqlite import errors, read, rebuild, sample, text
from shardctl.dialects.values import Definition, Size, Statement
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class SQLite(Dialect):
    """SQLite 3.35 and later."""

    transactional_ddl: ClassVar[bool] = True
    placeholder: ClassVar[str] = "?"
    index_names_per_database: ClassVar[bool] = True
    uncounted: ClassVar[str] = "SQLite does not count it"
    scratch_url: ClassVar[str | None] = "sqlite://"
    _begin: ClassVar[str] = "BEGIN IMMEDIATE"

    @property
    def name(self) -> str:
        """`sqlite`."""
        return "sqlite"

    def prepare(self, connection: Connection, *, zone: str, lock_wait: int) -> None:  # noqa: ARG002
        """How long to wait for another's lock; SQLite knows no time zones.

        Foreign keys are off, as they are by default: a rebuild drops the old table, which would
        otherwise delete the rows that refer to it.
        """
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(lock_wait * 1000)}")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction that holds the only lock for writing from its beginning on.

        SQLite ends a transaction itself after some errors (a full disk), and keeps it open when
        COMMIT finds a reader: https://www.sqlite.org/lang_transaction.html
        """
        connection.exec_driver_sql(self._begin)
        try:
            yield
            connection.exec_driver_sql("COMMIT")
        finally:
            if not connection.invalidated:
                if _in_transaction(connection):
                    connection.exec_driver_sql("ROLLBACK")
                connection.exec_driver_sql(rebuild.RENAME_WITH_CARE)

    def table_names(self, connection: Connection) -> tuple[str, ...]:
        return read.table_names(connection)

    def structures(self, connection: Connection, tables: Collection[str]) -> dict[str, Structure]:
        return read.structures(connection, tables)

    def definition(self, connection: Connection, table: str) -> Definition:
        return read.definition(connection, table)

    def sizes(self, connection: Connection, tables: Collection[str]) -> dict[str, Size]:
        return read.sizes(connection, tables)

    def has(self, connection: Connection, query: str, seconds: float) -> bool | None:
        try:
            return read.has(connection, query, seconds)
        except DBAPIError as error:
            if errors.is_interrupted(error) or errors.is_lock_timeout(error):
                return None
            raise

    def quote(self, name: str) -> str:
        return text.quote(name)

    def copy(
        self, definition: Definition, name: str, names: Names, *, source_tag: str = ""
    ) -> tuple[Statement, ...]:
        return tuple(text.copy(definition, name, names, source_tag))

    def render(
        self, action: Action, table: str, names: Names, definition: Definition | None
    ) -> tuple[Statement, ...]:
        match action:
            case Sql(parts):
                return (self.fill(parts, names),)
            case AlterColumn() if definition is not None:
                return tuple(rebuild.alter_column(action, definition))
            case AddConstraint(parts) if definition is not None:
                return tuple(rebuild.add_constraint(self.fill(parts, names).sql, definition))
            case DropConstraint() if definition is not None:
                called = _possible_names(action, names)
                return tuple(rebuild.drop_constraint(action, called, definition))
            case _:
                raise TypeError(f"{self.name} has no rendering of {action!r} on {table}")

    def populate(self, connection: Connection, table: str) -> None:
        sample.populate(connection, table)

    def fill(self, parts: Sequence[Part], names: Names) -> Statement:
        """A statement from its parts; an index's name is never cut, or its tag could not be read.

        SQLite has no limit for names.
        """
        return Dialect.fill(self, [self._index_name(part, names) for part in parts], names)

    def _index_name(self, part: Part, names: Names) -> Part:
        match part:
            case ObjectName("index" | "unique" as kind, name, existing):
                own = names.existing.get((kind, name), name) if existing else name
                return self.quote(own + names.index_tag)
        return part

    def is_lock_timeout(self, error: DBAPIError) -> bool:
        return errors.is_lock_timeout(error)

    def is_duplicate_key(self, error: DBAPIError) -> bool:
        return errors.is_duplicate_key(error)

    def is_missing_table(self, error: DBAPIError) -> bool:
        return errors.is_missing_table(error)

    def is_connection_lost(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """Never: a file has no connection to lose."""
        return False

    def is_access_denied(self, error: DBAPIError) -> bool:
        return errors.is_access_denied(error)


def _in_transaction(connection: Connection) -> bool:
    return bool(getattr(connection.connection.driver_connection, "in_transaction", False))


def _possible_names(action: DropConstraint, names: Names) -> frozenset[str]:
    """All that a constraint of a declared name may be called on one table."""
    if action.name is None:
        return frozenset()
    own = names.existing.get((action.kind, action.name), action.name)
    tagged = (action.name + names.index_tag, shorten(action.name + names.tag))
    return frozenset([own, action.name, *tagged])
