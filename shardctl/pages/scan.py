"""`scan`: all rows of a range, month by month in the order of the key, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import length_hint
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select

from shardctl.dialects.bind import connected
from shardctl.errors import ConfigError, CursorMonthGone, QueryRefused
from shardctl.month import Month
from shardctl.pages.cursor import Position, decode, encode
from shardctl.pages.order import key_of
from shardctl.pages.plan import Plan
from shardctl.reads.move import Prepared
from shardctl.reads.project import Lacking, refuse_unknown
from shardctl.reads.seen import Seen
from shardctl.reads.span import Instant, Missing, find
from shardctl.reads.steady import steady
from shardctl.tables import MonthlyModel, MonthlyTable, tables_of
from shardctl.tables.declared import named

CHUNK: Final = 2000
"""So many rows are read at a time: few enough to hold, and so many that a statement is cheap."""


def scan(
    bind: Engine | Connection,
    select: Select[Any],
    table: MonthlyTable[Any] | type[MonthlyModel],
    *,
    since: Instant = None,
    until: Instant = None,
    chunk: int = CHUNK,
    after: str | None = None,
    missing: Missing = "error",
    lacking: Lacking = "default",
    key: bytes | None = None,
) -> Scan:
    """The rows of a SELECT in all months, one month after another, each in the order of its key.

    Nothing is read before the first row is asked for, and never more than a chunk: each is a
    statement of its own. On an engine each has a connection of its own, too, and none is held in
    between; on a connection all have the isolation of its transaction: under REPEATABLE READ all
    chunks are of one moment, and the server keeps for that long what others change.

    Args:
        bind: an engine, or a connection; a replica's, where that is wanted.
        select: on the declared table, its template, or the class that is mapped to it; without
            an ORDER BY, and with no join that gives a row several times.
        table: the family's tables, or its model.
        since: the add-time of the earliest rows: an aware datetime, or a month, for its beginning
            in the family's zone; None for no bound.
        until: the add-time, likewise, before which the latest rows are.
        chunk: so many rows at most are read at a time.
        after: the cursor of another scan, which goes on behind the row that it gave last.
        missing: what to do about months of the range that have no table: "error" or "skip".
        lacking: what is read in a month that does not have a column yet: the template's
            "default", "null", or nothing: "error".
        key: what cursors are signed with, for such as come back through the hands of strangers.

    Raises:
        QueryRefused: the SELECT cannot be read in chunks; the message says what to change.
        CursorTampered: the cursor is none of this function's, or was signed with another key.
        CursorOfOtherQuery: it belongs to another query, or to other values in it.
        ConfigError: an argument is none of those above.
    """
    if chunk < 1:
        raise ConfigError(f"chunk={chunk}: a chunk has one row at least")
    tables = tables_of(table)
    plan, values = tables.held(_Plans).prepared(select)
    query = _Query(bind, tables, plan, values, since, until, missing, lacking, chunk)
    digest = f"scan {plan.digest(bind, values)}"
    position = None if after is None else decode(after, digest, len(plan.orders), key)
    return Scan(query, position, lambda place: encode(place, digest, key))


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows of one month: as they were read, and with the columns alone that were asked for."""

    month: Month
    read: Sequence[Row[Any]]
    rows: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class _Query:
    """What is read, of which months, and so many rows at a time."""

    bind: Engine | Connection
    table: MonthlyTable[Any]
    plan: Plan
    values: dict[str, Any]
    since: Instant
    until: Instant
    missing: Missing
    lacking: Lacking
    size: int

    def chunk(self, begin: Month | None, after: Position | None) -> _Chunk | None:
        """The next rows of the first month that is not before another; None where there is none.

        Args:
            begin: the other; None for the first of all.
            after: the place after which rows come, in its month.
        """
        with connected(self.bind) as connection:
            return steady(self.table, connection, lambda: self._read(connection, begin, after))

    def _read(
        self, connection: Connection, begin: Month | None, after: Position | None
    ) -> tuple[_Chunk | None, Seen, Collection[Month]]:
        family, plan = self.table.family, self.plan
        seen, span = find(self.table, connection, self.since, self.until, self.missing)
        refuse_unknown(family, seen, plan.query.names, self.lacking)
        if after and begin == after.month and begin not in seen.columns:
            raise CursorMonthGone(
                f"{family.table_name(after.month)}, in which the scan stood, has no table any more"
            )
        left = [month for month in span.months if begin is None or month >= begin]
        if not left:
            return None, seen, ()
        month = left[0]
        place = after if after and after.month == month else None
        rows = plan.read(
            connection, [month], seen, span, self.lacking, place, self.values, self.size
        )
        doubtful = [month] if seen.lacking(month, plan.query.names) else []
        return _Chunk(month, rows, plan.own(rows)), seen, doubtful


class Scan:
    """Rows that are read as they are asked for, by `for row in …`, or by `shardctl.aio.each`.

    An iteration that was left goes on where it was: each row is given once.
    """

    def __init__(
        self, query: _Query, after: Position | None, encode: Callable[[Position], str]
    ) -> None:
        self._query = query
        self._encode = encode
        self._after = after
        self._begin = after.month if after else None
        self._chunk: _Chunk | None = None
        self._left: Iterator[Row[Any]] = iter([])

    @property
    def cursor(self) -> str | None:
        """The place after the row that was given last, for `after`; None before the first one."""
        if self._chunk and (given := len(self._chunk.rows) - length_hint(self._left)):
            return self._encode(self._place(self._chunk, given))
        return self._encode(self._after) if self._after else None

    def __iter__(self) -> Iterator[Row[Any]]:
        """The rows that were not given yet.

        Raises:
            MonthMissing: a month has no table.
            ColumnMissing: a month lacks a column, and nothing can stand for it.
            CursorMonthGone: the month of the row that was given last has no table any more.
            InvalidMonth: `since` or `until` is naive, or beyond the calendar.
        """
        yield from self._left
        while self.read():
            yield from self._left

    def at_hand(self) -> Iterator[Row[Any]]:
        """Those that were read, and not given yet."""
        return self._left

    def read(self) -> bool:
        """Read the next chunk, once all of the last was given; whether there is one."""
        while True:
            chunk, self._chunk, self._left = self._chunk, None, iter([])
            if chunk and chunk.rows:
                self._after = self._place(chunk, len(chunk.rows))
            del chunk  # two of them need not be held
            self._chunk = self._query.chunk(self._begin, self._after)
            if self._chunk is None:
                return False
            full = len(self._chunk.rows) == self._query.size
            self._begin = self._chunk.month if full else self._chunk.month + 1
            if self._chunk.rows:
                self._left = iter(self._chunk.rows)  # a list's, which knows how many are left
                return True

    def _place(self, chunk: _Chunk, given: int) -> Position:
        return self._query.plan.position(chunk.read[given - 1], [chunk.month])


class _Plans:
    """The plans of scans; `table.held(_Plans)` has the one of its tables."""

    def __init__(self, table: MonthlyTable[Any]) -> None:
        self.prepared = Prepared(lambda written: _plan(table, written))


def _plan(table: MonthlyTable[Any], written: Select[Any]) -> Plan:
    """Pages of a month in the order of its primary key, which is that of its rows on the disk.

    Raises:
        QueryRefused: the SELECT cannot be read so.
    """
    if written._order_by_clauses:
        raise QueryRefused("a scan has an order of its own: leave out ORDER BY, or use 'page'")
    declared = table.declared
    names = [column.name for column in declared.primary_key] or key_of(table)
    return Plan(table, written.order_by(*(named(declared, name) for name in names)))
