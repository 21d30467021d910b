"""A SELECT as pages read it: checked once, with the statements that were made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date
from hashlib import blake2b
from threading import RLock
from typing import Any, Final, cast

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    Integer,
    Label,
    Row,
    Select,
    bindparam,
    column,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData

from shardctl.month import Month
from shardctl.pages.cursor import Position
from shardctl.pages.keyset import Nulls, after
from shardctl.pages.order import By, Lead, lead, orders
from shardctl.pages.refused import refuse
from shardctl.reads.move import Prepared, Query
from shardctl.reads.project import Lacking
from shardctl.reads.seen import Seen
from shardctl.reads.span import Span, conditions
from shardctl.tables import InstantType, MonthlyTable
from shardctl.tables.declared import named
from shardctl.tables.recent import Recent

STATEMENTS: Final = 500
"""So many statements are kept of one SELECT: its months, by themselves and together."""

_LIMIT: Final = "limit"


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
        columns: list[Any] = list(query.select._raw_columns)
        self._keys = SimpleResultMetaData([each.name for each in query.select.selected_columns])
        self._width = len(columns)
        self._places = tuple(_place(columns, by) for by in self.orders)
        self.query = replace(query, select=query.select.with_only_columns(*columns))
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
        """The next rows of months, in order; one statement.

        Args:
            position: the place after which they come.
            values: the SELECT's own.
            limit: how many rows at most.
        """
        nulls = tuple([v is None for v in position.values]) if position else None
        missing = tuple([seen.stand_ins(month, self.query.names) for month in months])
        bounds = tuple([span.shape_of(month) for month in months])
        shape = (*months, missing, bounds, nulls, lacking, seen.is_file)
        statement = self._statements.get(shape)
        if statement is None:
            statement = self._statements(
                shape, lambda: self._made(months, seen, span, lacking, nulls)
            )
        given = {**values, **span.values(bounds), _LIMIT: limit}
        if position:
            given |= {f"k{at}": value for at, value in enumerate(position.values)}
            given[f"k{len(self.orders)}"] = _number(position.month)
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

    def _made(
        self,
        months: Sequence[Month],
        seen: Seen,
        span: Span,
        lacking: Lacking,
        nulls: Nulls | None,
    ) -> Select[Any] | CompoundSelect[Any]:
        branches = [self._branch(month, seen, span, lacking, nulls) for month in months]
        if len(branches) == 1:
            return branches[0]
        return self._together(months, branches, wrapped=seen.is_file)

    def _branch(
        self, month: Month, seen: Seen, span: Span, lacking: Lacking, nulls: Nulls | None
    ) -> Select[Any]:
        """What one month gives."""
        moved = self.query.at(month, seen, lacking)
        if any(shape := span.shape_of(month)):
            time = named(self.table.month(month), self.table.family.time)
            moved = moved.where(*conditions(time, shape))
        if nulls is not None:
            here = [
                replace(by, element=self.query.moved(by.element, month, seen, lacking))
                for by in self.orders
            ]
            number = By(_constant(month), self.descending, nullable=False)
            moved = moved.where(after([*here, number], (*nulls, False)))
        return moved.limit(_limit())

    def _together(
        self, months: Sequence[Month], branches: Sequence[Select[Any]], *, wrapped: bool
    ) -> CompoundSelect[Any]:
        """The branches as one statement, in the order of all; the month is its last column.

        Columns are numbered, since two of a SELECT may have one name.

        Args:
            wrapped: whether a branch with a LIMIT has to be in a subquery, as SQLite wants it.
        """
        parts: list[Any] = []
        for month, branch in zip(months, branches, strict=True):
            columns: list[Any] = [*branch._raw_columns, _constant(month)]
            numbered = [each.label(_name(at)) for at, each in enumerate(columns)]
            part = branch.with_only_columns(*numbered)
            parts.append(select(*part.subquery().c) if wrapped else part)
        ends = [
            (_name(at), by.descending) for at, by in zip(self._places, self.orders, strict=True)
        ]
        ends.append((_name(len(columns) - 1), self.descending))
        ordered: list[Any] = [
            column(name).desc() if down else column(name).asc() for name, down in ends
        ]
        return union_all(*parts).order_by(*ordered).limit(_limit())


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


def _name(at: int) -> str:
    return f"shardctl_{at}"


def _constant(month: Month) -> ColumnElement[int]:
    return literal_column(str(_number(month)), Integer())


def _number(month: Month) -> int:
    return month.year * 100 + month.month


def _limit() -> BindParameter[int]:
    return bindparam(_LIMIT, type_=Integer())
