"""`total`: what `COUNT`, `SUM`, `MIN`, `MAX` and `AVG` give of the rows of many months."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import RLock
from typing import Any, Final

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Engine,
    Row,
    Select,
    literal_column,
    select,
    union_all,
)

from shardctl.dialects.bind import connected
from shardctl.month import Month
from shardctl.reads.move import Prepared
from shardctl.reads.parts import Parts
from shardctl.reads.project import Lacking, refuse_unknown
from shardctl.reads.seen import Seen
from shardctl.reads.span import Instant, Missing, Shape, conditions, find
from shardctl.reads.steady import steady
from shardctl.tables import MonthlyModel, MonthlyTable, tables_of
from shardctl.tables.declared import named
from shardctl.tables.recent import Recent

STATEMENTS: Final = 20
"""So many statements are kept of one SELECT, each for other months."""


def total(
    bind: Engine | Connection,
    select: Select[Any],
    table: MonthlyTable[Any] | type[MonthlyModel],
    *,
    since: Instant = None,
    until: Instant = None,
    missing: Missing = "error",
    lacking: Lacking = "default",
) -> Sequence[Row[Any]]:
    """The rows of a SELECT with aggregates, as if all months were one table; one statement.

    Each month is aggregated by itself, and the server combines what they give: counts and sums are
    added, an average is the sum divided by the count, and groups that the column's collation takes
    for one are one. HAVING, ORDER BY and LIMIT hold for what was combined.

    Args:
        bind: an engine, or a connection; a replica's, where that is wanted.
        select: on the declared table, its template, or the class that is mapped to it, of
            `func.count`, `sum`, `min`, `max` and `avg`, of expressions of these, and of what it is
            grouped by. Label what is read by name: SQLAlchemy numbers the others.
        table: the family's tables, or its model.
        since: the add-time of the earliest rows: an aware datetime, or a month, for its beginning
            in the family's zone; None for no bound.
        until: the add-time, likewise, before which the latest rows are.
        missing: what to do about months of the range that have no table: "error" or "skip".
        lacking: what is read in a month that does not have a column yet: the template's
            "default", "null", or nothing: "error".

    Raises:
        QueryRefused: what months give cannot be combined; the message says why.
        MonthMissing: a month has no table.
        ColumnMissing: a month lacks a column, and nothing can stand for it.
        InvalidMonth: `since` or `until` is naive, or beyond the calendar.
        ConfigError: an argument is none of those above.
    """
    tables = tables_of(table)
    plan, values = tables.held(_Plans).prepared(select)
    plan.parts.refuse_unlike(values)

    def read(connection: Connection) -> tuple[Sequence[Row[Any]], Seen, Collection[Month]]:
        seen, span = find(tables, connection, since, until, missing)
        refuse_unknown(tables.family, seen, plan.names, lacking)
        shapes = tuple([span.shape_of(month) for month in span.months])
        statement = plan.statement(seen, span.months, shapes, lacking)
        rows = connection.execute(statement, {**values, **span.values(shapes)}).all()
        return rows, seen, [month for month in span.months if seen.lacking(month, plan.names)]

    with connected(bind) as connection:
        return steady(tables, connection, lambda: read(connection))


class _Plans:
    """The plans of a family's SELECTs; `table.held(_Plans)` has the one of its tables."""

    def __init__(self, table: MonthlyTable[Any]) -> None:
        self.prepared = Prepared(lambda written: _Plan(table, written))


class _Plan:
    """How a SELECT is read of each month and combined.

    Raises:
        QueryRefused: it cannot be.
    """

    def __init__(self, table: MonthlyTable[Any], written: Select[Any]) -> None:
        self.table = table
        self.parts = Parts(table, written)
        self.names = self.parts.query.names
        self._statements: Recent[Any, Select[Any]] = Recent(STATEMENTS, RLock())

    def statement(
        self, seen: Seen, months: Sequence[Month], shapes: Sequence[Shape], lacking: Lacking
    ) -> Select[Any]:
        """The SELECT that combines what months give, each bounded by a shape."""
        missing = tuple([seen.stand_ins(month, self.names) for month in months])
        which = (months, missing, shapes, lacking, seen.is_file)
        return self._statements(which, lambda: self._made(seen, months, shapes, lacking))

    def _made(
        self, seen: Seen, months: Sequence[Month], shapes: Sequence[Shape], lacking: Lacking
    ) -> Select[Any]:
        branches = [
            self._branch(month, seen, shape, lacking)
            for month, shape in zip(months, shapes, strict=True)
        ]
        every: Select[Any] | CompoundSelect[Any]
        every = union_all(*branches) if branches else self._nothing()
        return self.parts.combined.select_from(every.subquery("shardctl_months"))

    def _branch(self, month: Month, seen: Seen, shape: Shape, lacking: Lacking) -> Select[Any]:
        moved = self.parts.query.at(month, seen, lacking)
        if not any(shape):
            return moved
        time = named(self.table.month(month), self.table.family.time)
        return moved.where(*conditions(time, shape))

    def _nothing(self) -> Select[Any]:
        """What no month gives: no row; with the names of those that months would."""
        names = [each.name for each in self.parts.query.select.selected_columns]
        nothing: list[Any] = [literal_column("NULL").label(name) for name in names]
        return select(*nothing).limit(0)
