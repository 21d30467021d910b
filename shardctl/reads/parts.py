"""A SELECT with aggregates in two: what each month gives, and what is made of it for all.

`SELECT user_id, AVG(coin) … GROUP BY user_id` becomes, for every month,
`SELECT user_id AS p0, SUM(coin) AS p1, COUNT(coin) AS p2 … GROUP BY user_id`, and of the rows of
all of these `SELECT p0, SUM(p1) / SUM(p2) … GROUP BY p0`. So the server compares groups, and adds
and divides, as it would in one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, cast

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Label,
    Select,
    column,
    func,
    type_coerce,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    ClauseList,
    FunctionFilter,
    Over,
    UnaryExpression,
    WithinGroup,
    _label_reference,
    _textual_label_reference,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import TypeEngine

from shardctl.errors import QueryRefused
from shardctl.reads.move import Query, is_own
from shardctl.tables import MonthlyTable

COMBINED: Final = frozenset(["avg", "count", "max", "min", "sum"])

UNCOMBINED: Final = frozenset(
    [
        *("any_value", "approx_count_distinct", "bit_and", "bit_or", "bit_xor", "group_concat"),
        *("json_arrayagg", "json_group_array", "json_group_object", "json_objectagg", "median"),
        *("std", "stddev", "stddev_pop", "stddev_samp", "string_agg", "total"),
        *("aggregate_strings", "var_pop", "var_samp", "variance"),
    ]
)
"""Aggregates of the databases that cannot be had from what each month gives, or need not."""


class Parts:
    """A SELECT in two.

    Attributes:
        query: what is read of each month: what is grouped by, and the parts of aggregates, as
            columns `p0`, `p1`, …
        combined: what is made of it; it still lacks its FROM.

    Raises:
        QueryRefused: what months give cannot be combined.
    """

    query: Query
    combined: Select[Any]

    def __init__(self, table: MonthlyTable[Any], written: Select[Any]) -> None:
        query = Query.of(table, written)
        _refuse(query.select)
        self._table = table
        self._parts: list[Label[Any]] = []
        self._alike: list[tuple[str, str]] = []
        self._made: dict[int, tuple[Any, Any]] = {}
        self._groups = [
            (group, self._part(group, self._type(group))) for group in _grouped(query.select)
        ]
        self.combined = self._combine(query.select)
        if not self._parts:
            raise QueryRefused(
                "the SELECT has no aggregate and no GROUP BY: rows are read by 'page' and 'scan'"
            )
        self.query = replace(query, select=self._begin(query.select))

    def refuse_unlike(self, values: dict[str, Any]) -> None:
        """Refuse values that make an expression another than the one that is grouped by.

        Raises:
            QueryRefused: they do.
        """
        for one, other in self._alike:
            if values[one] != values[other]:
                raise QueryRefused(
                    f"a column is grouped by with {values[other]!r} in place of {values[one]!r}: "
                    "group by the very expression that is selected"
                )

    def _begin(self, written: Select[Any]) -> Select[Any]:
        """The SELECT of parts, without what holds only for all months together."""
        begin = written.with_only_columns(*self._parts).order_by(None).limit(None).offset(None)
        begin._group_by_clauses = tuple(group for group, _ in self._groups)
        begin._having_criteria = ()
        if not written._from_obj and not written._setup_joins:
            begin = begin.select_from(*written.get_final_froms())
        return begin

    def _combine(self, written: Select[Any]) -> Select[Any]:
        """The SELECT with its columns, GROUP BY, HAVING, ORDER BY and LIMIT, of parts."""
        columns = [self._named(each) for each in written._raw_columns]
        end = written.with_only_columns(*columns)
        end._from_obj = ()
        end._setup_joins = ()
        end._where_criteria = ()
        end._group_by_clauses = tuple(part for _, part in self._groups)
        end._having_criteria = tuple(map(self._of_parts, written._having_criteria))
        end._order_by_clauses = tuple(map(self._of_parts, written._order_by_clauses))
        for each in (*columns, *end._having_criteria, *end._order_by_clauses):
            self._refuse_left(each)
        return end

    def _named(self, written: Any) -> Any:
        """A column of the SELECT, of parts, by the name that its rows have."""
        made = self._of_parts(written)
        if isinstance(written, Label):
            return made
        name = written.name if isinstance(written, Column) else written._anon_name_label
        return made.label(name)

    def _of_parts(self, written: Any) -> Any:
        replaced: Any = replacement_traverse
        return replaced(written, {}, self._replaced)

    def _replaced(self, each: Any) -> Any:
        """What a part of an expression is made of, where that is another than itself."""
        if id(each) not in self._made:  # what is held keeps its id
            self._made[id(each)] = each, self._replacement(each)
        return self._made[id(each)][1]

    def _replacement(self, each: Any) -> Any:
        if isinstance(each, SelectBase):
            return each
        if not isinstance(each, ColumnElement):
            return None
        if isinstance(each, Label):  # a label keeps the type of what it was made of
            return self._of_parts(each.element).label(each.name)
        if isinstance(each, FunctionElement):
            name = str(getattr(each, "name", "")).lower()
            if name in COMBINED:
                return self._aggregate(each, name)
            if name in UNCOMBINED:
                raise QueryRefused(f"{each}: what months give of it cannot be combined; {_CAN}")
        return self._group(each)

    def _group(self, written: ColumnElement[Any]) -> ColumnElement[Any] | None:
        """The part that is grouped by this expression: the very one, or else one like it."""
        very = [part for group, part in self._groups if group is written]
        if very:
            return very[0]
        return next((part for group, part in self._groups if self._same(written, group)), None)

    def _aggregate(self, function: FunctionElement[Any], name: str) -> ColumnElement[Any]:
        """An aggregate of parts."""
        for each in iterate(function):
            if isinstance(each, UnaryExpression) and each.operator is operators.distinct_op:
                raise QueryRefused(
                    f"{function}: a value may be in several months, which each would count; "
                    "GROUP BY it, and count the groups"
                )
        if name == "count":
            counts = self._part(function, BigInteger())
            return sqlalchemy.cast(func.coalesce(func.sum(counts), 0), BigInteger())
        if name == "avg":
            arguments = function.clauses
            added = func.sum(self._part(func.sum(*arguments), function.type))
            counted = func.sum(self._part(func.count(*arguments), BigInteger()))
            return type_coerce(added / counted, function.type)
        type_ = function.type if name == "sum" else self._type(*function.clauses)
        combine: Any = getattr(func, name)
        return type_coerce(combine(self._part(function, type_)), type_)

    def _part(self, written: ColumnElement[Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
        name = f"p{len(self._parts)}"
        self._parts.append(written.label(name))
        return column(name, type_)

    def _type(self, written: ColumnElement[Any]) -> TypeEngine[Any]:
        """The type of what is read: keys and time columns have their own in months."""
        own = isinstance(written, Column) and is_own(self._table, written.table)
        return self._table.template.c[written.key].type if own else written.type

    def _same(self, written: ColumnElement[Any], group: ColumnElement[Any]) -> bool:
        """Whether it is what is grouped by, as far as its values agree; see `refuse_unlike`."""
        if isinstance(written, Column) and isinstance(group, Column):
            return bool(written.key == group.key and written.table == group.table)
        if not written.compare(group, compare_keys=False, compare_values=False):
            return False
        pairs = list(zip(_binds(written), _binds(group), strict=True))
        if not all(one.type._compare_type_affinity(other.type) for one, other in pairs):
            return False
        self._alike += [(one.key, other.key) for one, other in pairs if one.key != other.key]
        return True

    def _refuse_left(self, made: Any) -> None:
        for each in iterate(made):
            if isinstance(each, Column) and is_own(self._table, each.table):
                raise QueryRefused(f"{each} is neither grouped by nor in an aggregate; {_CAN}")


_CAN: Final = "those of count, sum, min, max and avg can be"


def _binds(element: ColumnElement[Any]) -> list[BindParameter[Any]]:
    return [each for each in iterate(element) if isinstance(each, BindParameter)]


def _grouped(written: Select[Any]) -> Iterator[ColumnElement[Any]]:
    """The expressions of a GROUP BY, and those that its labels and names stand for."""
    for clause in written._group_by_clauses:
        for each in clause.clauses if isinstance(clause, ClauseList) else [clause]:
            group: Any = each
            if isinstance(group, _textual_label_reference):
                group = _named(group.element, written)
            if isinstance(group, _label_reference):
                group = group.element
            yield group.element if isinstance(group, Label) else group


def _named(name: str, written: Select[Any]) -> ColumnElement[Any]:
    found = [each for each in written._raw_columns if getattr(each, "name", "") == name]
    if len(found) != 1:
        raise QueryRefused(f"GROUP BY {name}: no one column is selected by this name")
    return cast(ColumnElement[Any], found[0])


def _refuse(written: Select[Any]) -> None:
    """Refuse what is not of one level."""
    if written._distinct:
        raise QueryRefused("DISTINCT would hold within each month: GROUP BY what is selected")
    if written._for_update_arg is not None:
        raise QueryRefused("FOR UPDATE locks no rows of which only totals are read")
    for each in iterate(written):
        if isinstance(each, Over | WithinGroup | FunctionFilter):
            raise QueryRefused(f"{each}: it would see the rows of one month alone")
