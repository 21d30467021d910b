"""A SELECT as pages read it: checked once, with the statements that were made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date
from hashlib import blake2b
from threading import RLock
from typing import Any, Final, TypeVar, cast

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Label,
    Row,
    Select,
    String,
)
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData

from shardctl.month import Month
from shardctl.pages.cursor import Position
from shardctl.pages.joined import refuse_repeated
from shardctl.pages.order import By, Lead, lead, orders
from shardctl.pages.refused import refuse
from shardctl.pages.statement import LIMIT, Statements, number, with_month
from shardctl.reads.move import Prepared, Query
from shardctl.reads.project import Lacking
from shardctl.reads.seen import Seen
from shardctl.reads.span import Span
from shardctl.tables import InstantType, MonthlyTable
from shardctl.tables.declared import named
from shardctl.tables.recent import Recent

T = TypeVar("T")

STATEMENTS: Final = 500
"""So many statements are kept of one SELECT: its months, by themselves and together."""


class Plans:
    """The plans of a family's SELECTs; `table.held(Plans)` has the one of its tables."""

    def __init__(self, table: MonthlyTable[Any]) -> None:
        self.prepared = Prepared(lambda written: Plan(table, written))


class Plan:
    """How a SELECT is read page by page.

    Attributes:
        query: the SELECT, with the columns behind the user's own that rows are ordered by.
        orders: what rows are ordered by.

    Raises:
        QueryRefused: it cannot be read in pages.
    """

    def __init__(self, table: MonthlyTable[Any], written: Select[Any]) -> None:
        self.table = table
        query = Query.of(table, written)
        refuse(query.select)
        self.orders = orders(table, query.select)
        refuse_repeated(table, query.select, self.orders)
        columns: list[Any] = list(query.select._raw_columns)
        self._keys = SimpleResultMetaData([each.name for each in query.select.selected_columns])
        self._width = len(columns)
        self._by_text = any(
            isinstance(getattr(by.element.type, "declared", by.element.type), String)
            for by in self.orders
        )
        self._places = tuple(_place(columns, by) for by in self.orders)
        self.query = replace(query, select=query.select.with_only_columns(*columns))
        self._made = Statements(self.query, self.orders, self._places)
        self._statements: Recent[Any, Any] = Recent(STATEMENTS, RLock())
        self._texts: dict[str, bytes] = {}
        self._lead: Lead | None = None
        self._edges: dict[tuple[Month, int], date] = {}

    @property
    def descending(self) -> bool:
        """Whether the newest months come first."""
        return self.orders[0].descending

    def lead(self, span: Span) -> Lead:
        """What puts months in the order of their rows within a span; "" where nothing does."""
        if self._lead is None and span.months:
            self._lead = lead(self.table, self.orders, span.months[0])
        if self._lead == "time" and self.orders[0].nullable and not span.bounded:
            return ""  # rows without an add-time would come first, whatever their month
        return self._lead or ""

    def apart(self, seen: Seen, span: Span) -> bool:
        """Whether months are read by a statement each, every one in its own collation.

        So it is where a migration gives them another one, and they are in the order of their rows
        anyway. Of rows with one add-time those of one month then come before those of another.
        """
        return bool(self.lead(span)) and self._has_unlike(seen, span)

    def minds_collations(self, seen: Seen, span: Span) -> bool:
        """Whether it matters which collations months have at present."""
        return self._has_unlike(seen, span) or (not self.lead(span) and self._by_text)

    def _has_unlike(self, seen: Seen, span: Span) -> bool:
        return bool(seen.unlike) and any(
            not self.query.names.isdisjoint(seen.unlike.get(month, ())) for month in span.months
        )

    def digest(self, bind: Engine | Connection, values: Mapping[str, Any]) -> str:
        """Tells the SELECT with its values from others."""
        name = bind.dialect.name
        text = self._texts.get(name)
        if text is None:
            compiled = str(self.query.select.compile(dialect=bind.dialect))
            text = self._texts[name] = f"{self.table.family.name}\n{compiled}\n".encode()
        # The values of an IN may come from a set, which has another order in each process.
        told = [sorted(map(repr, v)) if isinstance(v, list) else v for v in values.values()]
        return blake2b(text + repr(told).encode(), digest_size=9).hexdigest()

    def read(
        self,
        connection: Connection,
        months: Sequence[Month],
        seen: Seen,
        span: Span,
        lacking: Lacking,
        position: Position | None,
        values: Mapping[str, Any],
        limit: int,
    ) -> Sequence[Row[Any]]:
        """The next rows of months, in order; one statement, unless they are read apart.

        Args:
            months: in the order in which they are read.
            position: the place after which they come.
            values: the SELECT's own.
            limit: how many rows at most.
        """
        apart = self.apart(seen, span)
        if apart and len(months) > 1:
            rows: list[Row[Any]] = []
            for month in months:
                rows += self.read(connection, [month], seen, span, lacking, position, values, limit)
            if self.lead(span) == "time":  # else all of a month come before those of the next
                rows.sort(key=self.first_value, reverse=self.descending)
            return rows[:limit]
        nulls = tuple([v is None for v in position.values]) if position else None
        missing = tuple([seen.stand_ins(month, self.query.names) for month in months])
        bounds = tuple([span.shape_of(month) for month in months])
        unlike = seen.unlike and tuple([(*seen.unlike.get(m, {}).values(),) for m in months])
        unlike = unlike or ()
        shape = (*months, missing, bounds, nulls, lacking, seen.is_file, unlike, apart)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements(
                shape, lambda: self._made.of(months, seen, span, lacking, nulls, apart=apart)
            )
        given = {**values, **span.values(bounds), LIMIT: limit}
        if position:
            told = with_month(position.values, number(position.month), apart=apart)
            given |= {f"k{at}": value for at, value in enumerate(told)}
        return connection.execute(statement, given).all()

    def position(self, row: Row[Any], months: Sequence[Month]) -> Position:
        """The place after a row that was read from months."""
        month = months[0] if len(months) == 1 else Month(*divmod(row[-1], 100))
        return Position(month, tuple([row[at] for at in self._places]))

    def first_value(self, row: Row[Any]) -> Any:
        """What rows are ordered by first, in a row."""
        return row[self._places[0]]

    def own(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Rows with the columns alone that the user has named."""
        width = self._width
        if not rows or len(rows[0]) == width:
            return rows
        shorn: Any = IteratorResult(self._keys, iter([tuple(row)[:width] for row in rows]))
        return cast(Sequence[Row[Any]], shorn.all())

    def edge(self, month: Month, by: int) -> date:
        """A month's beginning, `skew` before or after it, as the time column gives it."""
        found = self._edges.get((month, by))
        if found is None:
            family = self.table.family
            held = cast(InstantType, named(self.table.template, family.time).type)
            at = month.start(family.zone).astimezone(UTC) + by * family.skew
            found = self._edges[month, by] = held.stored(at)
        return found


def _place(columns: list[Any], by: By) -> int:
    """Where among a row's columns a value is that it is ordered by; appended where it is not."""
    for at, each in enumerate(columns):
        plain = each.element if isinstance(each, Label) else each
        same = isinstance(plain, Column) and isinstance(by.element, Column)
        if plain is by.element or (
            same and (plain.table, plain.key) == (by.element.table, by.element.key)
        ):
            return at
    columns.append(by.element)
    return len(columns) - 1
