"""Rows that had ended invalid, tried again under their number as new."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    DefaultClause,
    String,
    Table,
    delete,
    insert,
    literal,
    null,
    text,
    update,
)
from sqlalchemy.sql.schema import (
    CallableColumnDefault,
    ColumnElementColumnDefault,
    ScalarElementColumnDefault,
)

from shardctl.errors import ConfigError
from shardctl.ledger.absent import wanted
from shardctl.ledger.schema import journal
from shardctl.store.insert import Row
from shardctl.store.parameters import fills_itself
from shardctl.store.request import Request, Requests
from shardctl.store.undo import undoing
from shardctl.tables import MonthlyTable

_UNKNOWN: Final = object()


@dataclass(frozen=True, slots=True)
class Reopening:
    """Puts a new request into the place of a row that had ended invalid.

    Attributes:
        family: the family's name.
        key: the columns that no two rows of a month share; the last of them is the ID's.
        kept: the columns that stay as they are: the key, and the add-time, which tells the month.
        state: the column of the state.
        ended: the states from which a row may be tried again.
        begun: the state of a row for which none is given.
    """

    family: str
    key: tuple[str, ...]
    kept: frozenset[str]
    state: str
    ended: frozenset[Any]
    begun: Any

    @classmethod
    def of(
        cls, table: MonthlyTable[Any], requests: Requests, state: str, ended: Collection[Any]
    ) -> Reopening | None:
        """The one for a family's rows; None where no state is named.

        Raises:
            ConfigError: the table has no such column, new rows are in such a state, or one state
                stands for a list.
        """
        if isinstance(ended, int | str):
            raise ConfigError(f"reopen_from={ended!r}: give a list of states, such as [{ended!r}]")
        if not ended:
            return None
        columns = table.declared.c
        if state not in columns:
            raise ConfigError(
                f"{table.declared.name} has no column {state!r}: 'reopen_from' needs the one of "
                "the state, as state="
            )
        begun = _default(columns[state])
        if begun in ended:
            raise ConfigError(
                f"new rows of {table.declared.name} have {state} {begun!r}: "
                "'reopen_from' names states in which they have ended"
            )
        kept = {*requests.key, *filter(None, [requests.time])}
        return cls(table.family.name, requests.key, frozenset(kept), state, frozenset(ended), begun)

    def applies(self, request: Request, found: Row) -> bool:
        """Whether a row that is stored makes way for a request.

        Not for one that gives such a state itself: that one would make way for its repetition.
        """
        return found[self.state] in self.ended and self._state(request) not in self.ended

    def reopen(self, connection: Connection, request: Request, found: Row) -> bool:
        """Write what the row was to the journal, and the request in its place.

        Columns that it does not give get their default, as those of a new row do; but those whose
        default a function makes, and those that the server fills in, keep what they have.

        False where its state was changed meanwhile, which the lock under which it was read
        prevents within a transaction.

        Raises:
            LedgerMissing: there is no journal.
            ConfigError: the request gives no state, and the declared column has no default.
        """
        table = request.table
        given = {**_as_new(table, connection.dialect.name), **request.values}
        values = {name: value for name, value in given.items() if name not in self.kept}
        if self.state not in values:
            raise ConfigError(
                f"{request.what}: it is tried again as new; give its {self.state}, since the "
                "declared column has no default"
            )
        number = self._keep(connection, request, found)
        forget = delete(journal).where(journal.c.id == number)
        still = [table.c[name] == found[name] for name in (*self.key, self.state)]
        with undoing(connection, forget):
            done = connection.execute(update(table).where(*still).values(values)).rowcount == 1
        if not done:
            connection.execute(forget)
        return done

    def _state(self, request: Request) -> Any:
        return request.values.get(self.state, self.begun)

    def _keep(self, connection: Connection, request: Request, found: Row) -> Any:
        """The number of what the journal keeps of a row."""
        row = insert(journal).values(
            family=self.family,
            month=f"{request.month:%Y%m}",
            order_id=str(request.id),
            row=as_text(request.table, found),
        )
        with wanted(journal):
            kept = connection.execute(row)
        assert kept.inserted_primary_key is not None  # the table has one
        return kept.inserted_primary_key[0]


def _as_new(table: Table, dialect: str) -> dict[str, Any]:
    """What a new row has in columns that are not given, as far as an UPDATE can say it."""
    found: dict[str, Any] = {}
    for column in table.c:
        default, there = column.default, column.server_default
        if fills_itself(column) or isinstance(default, CallableColumnDefault):
            continue
        if isinstance(default, ScalarElementColumnDefault | ColumnElementColumnDefault):
            found[column.key] = default.arg
        elif isinstance(there, DefaultClause):
            found[column.key] = text("DEFAULT") if dialect != "sqlite" else _literal(there.arg)
        elif there is None and column.nullable:
            found[column.key] = null()
    return found


def _literal(default: Any) -> Any:
    """A server's default as an expression, for SQLite, whose UPDATE has no word for it."""
    return literal(default, String()) if isinstance(default, str) else default


def as_text(table: Table, row: Row) -> str:
    """A row as a JSON object by its columns' names, for SQL to look into.

    Decimals are text, instants ISO 8601, bytes hexadecimal. Secret columns are there too: who
    reads the journal may read the table.
    """
    values: Mapping[str, Any] = {column.name: row[column.key] for column in table.c}
    return json.dumps(values, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _default(column: Column[Any]) -> Any:
    """The value of a new row for which none is given, as far as the declared table tells it."""
    if isinstance(column.default, ScalarElementColumnDefault):
        return column.default.arg
    if column.default is None and column.server_default is None and column.nullable:
        return None
    literal = getattr(column.server_default, "arg", None)
    if column.default is not None or not isinstance(literal, str):
        return _UNKNOWN
    try:
        return column.type.python_type(literal)
    except (ArithmeticError, NotImplementedError, TypeError, ValueError):
        return _UNKNOWN
