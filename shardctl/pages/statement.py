"""The statement that reads the next rows of months: of one, or of several in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    bindparam,
    column,
    literal_column,
    select,
    union_all,
)

from shardctl.month import Month
from shardctl.pages.collations import unified
from shardctl.pages.keyset import Nulls, after
from shardctl.pages.order import By
from shardctl.reads.move import Query
from shardctl.reads.project import Lacking
from shardctl.reads.seen import Seen
from shardctl.reads.span import Span, conditions
from shardctl.tables.declared import named

T = TypeVar("T")

LIMIT: Final = "limit"
"""The parameter that says how many rows are read at most."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of a SELECT.

    Attributes:
        query: the SELECT, with all that its rows are ordered by among its columns.
        orders: what rows are ordered by.
        places: where among the columns each of these is.
    """

    query: Query
    orders: Sequence[By]
    places: Sequence[int]

    def of(
        self,
        months: Sequence[Month],
        seen: Seen,
        span: Span,
        lacking: Lacking,
        nulls: Nulls | None,
        *,
        apart: bool,
    ) -> Select[Any] | CompoundSelect[Any]:
        """That of some months.

        Args:
            nulls: which values of the row are NULL after which rows are read; None for none.
            apart: whether it is one month's, to be put in order with others' rows later.
        """
        branches = [
            self._branch(month, seen, span, lacking, nulls, apart=apart) for month in months
        ]
        if apart:
            return branches[0].add_columns(_constant(months[0]))
        if len(branches) == 1:
            return branches[0]
        return self._together(months, branches, seen)

    def _branch(
        self,
        month: Month,
        seen: Seen,
        span: Span,
        lacking: Lacking,
        nulls: Nulls | None,
        *,
        apart: bool,
    ) -> Select[Any]:
        """What one month gives."""
        moved = self.query.at(month, seen, lacking)
        if not apart and month in seen.unlike:
            ordered = [
                unified(each, self.query.table, month, seen) for each in moved._order_by_clauses
            ]
            moved = moved.order_by(None).order_by(*ordered)
        if any(shape := span.shape_of(month)):
            time = named(self.query.table.month(month), self.query.table.family.time)
            moved = moved.where(*conditions(time, shape))
        if nulls is not None:
            elements = [self.query.moved(by.element, month, seen, lacking) for by in self.orders]
            if not apart:
                elements = [unified(each, self.query.table, month, seen) for each in elements]
            here = [
                replace(by, element=element)
                for by, element in zip(self.orders, elements, strict=True)
            ]
            own = By(_constant(month), self.orders[0].descending, nullable=False)
            here = with_month(here, own, apart=apart)
            moved = moved.where(after(here, with_month(nulls, False, apart=apart)))
        return moved.limit(_limit())

    def _together(
        self, months: Sequence[Month], branches: Sequence[Select[Any]], seen: Seen
    ) -> CompoundSelect[Any]:
        """The branches as one statement, in the order of all; the month is its last column.

        Columns are numbered, since two of a SELECT may have one name. On SQLite a branch with a
        LIMIT has to be in a subquery.
        """
        parts: list[Any] = []
        for month, branch in zip(months, branches, strict=True):
            texts = [unified(each, self.query.table, month, seen) for each in branch._raw_columns]
            columns: list[Any] = [*texts, _constant(month)]
            numbered = [each.label(_name(at)) for at, each in enumerate(columns)]
            part = branch.with_only_columns(*numbered)
            parts.append(select(*part.subquery().c) if seen.is_file else part)
        ends = [(_name(at), by.descending) for at, by in zip(self.places, self.orders, strict=True)]
        ends.append((_name(len(columns) - 1), self.orders[0].descending))
        ordered: list[Any] = [
            column(name).desc() if down else column(name).asc() for name, down in ends
        ]
        return union_all(*parts).order_by(*ordered).limit(_limit())


def with_month(items: Sequence[T], item: T, *, apart: bool) -> list[T]:
    """With what is the month's, last, or behind the first where months are read apart."""
    at = 1 if apart else len(items)
    return [*items[:at], item, *items[at:]]


def _name(at: int) -> str:
    return f"shardctl_{at}"


def _constant(month: Month) -> ColumnElement[int]:
    return literal_column(str(number(month)), Integer())


def number(month: Month) -> int:
    return month.year * 100 + month.month


def _limit() -> BindParameter[int]:
    return bindparam(LIMIT, type_=Integer())
