"""A SELECT on the declared table, moved to one month's table as an object, never as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Select,
    Table,
    bindparam,
)
from sqlalchemy.sql.elements import (
    BinaryExpression,
    ClauseList,
    ExpressionClauseList,
    Grouping,
)
from sqlalchemy.sql.selectable import AliasedReturnsRows, FromClause
from sqlalchemy.sql.visitors import iterate, replacement_traverse
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import immutabledict

from shardctl.errors import QueryRefused
from shardctl.month import Month
from shardctl.reads.project import Lacking, stand_in
from shardctl.reads.seen import Seen
from shardctl.tables import InstantType, MonthlyTable
from shardctl.tables.key import KeyType
from shardctl.tables.recent import Recent

E = TypeVar("E")
P = TypeVar("P")

KEPT: Final = 100
"""So many queries, each with so many statements made of it, are kept for a table."""


@dataclass(frozen=True, slots=True)
class Query:
    """A SELECT as it was written, but for its values, which are parameters `u0`, `u1`, …

    Attributes:
        table: the family's tables.
        select: the SELECT, of columns alone, on the declared table or the template.
        names: the family's columns that it names, in small letters.
    """

    table: MonthlyTable[Any]
    select: Select[Any]
    names: frozenset[str]

    @classmethod
    def of(cls, table: MonthlyTable[Any], select: Select[Any]) -> Query:
        """The query of a SELECT; see `values` for what it leaves out.

        Raises:
            QueryRefused: it is no SELECT of the family's declared table, of columns alone.
        """
        if not isinstance(select, Select):
            raise QueryRefused(f"only a SELECT is read across months, not {type(select).__name__}")
        binds = _binds(select)
        plain = _of_columns(select)
        _refuse_other_months(table, plain)
        named = _with_named_values(table, plain, binds)
        own = {
            each.name.lower()
            for each in iterate(named)
            if isinstance(each, Column) and is_own(table, each.table)
        }
        if not own and not any(is_own(table, each) for each in named.get_final_froms()):
            raise QueryRefused(
                f"the SELECT names no column of {table.family.name}: write it on the declared "
                f"table {table.declared.name}, not on a month's"
            )
        return cls(table, named, frozenset(own))

    def at(self, month: Month, seen: Seen, lacking: Lacking = "default") -> Select[Any]:
        """The same on one month's table, where what it lacks has a stand-in.

        Raises:
            ColumnMissing: there is none.
        """
        missing = seen.lacking(month, self.names)
        moved = self.moved(self.select, month, seen, lacking)
        if not missing:
            return moved
        columns: list[Any] = moved._raw_columns
        labelled = [
            new.label(old.name) if isinstance(old, Column) and _lacks(missing, old) else new
            for old, new in zip(self.select._raw_columns, columns, strict=True)
        ]
        moved = moved.with_only_columns(*labelled)
        if not self.select._from_obj and not self.select._setup_joins:
            moved = moved.select_from(self.table.month(month))
        return moved

    def moved(self, element: E, month: Month, seen: Seen, lacking: Lacking) -> E:
        """Any part of the query, likewise."""
        missing = seen.lacking(month, self.names)
        target = self.table.month(month)

        def replace(each: Any) -> Any:
            if isinstance(each, Column):
                if not is_own(self.table, each.table):
                    sibling = self.table.sibling(each.table)
                    return sibling and sibling.month(month).c[each.key]
                column = target.c[each.key]
                if _lacks(missing, column):
                    family = self.table.family
                    return stand_in(family, month, column, seen, lacking)
                return column
            if isinstance(each, Table):
                if is_own(self.table, each):
                    return target
                sibling = self.table.sibling(each)
                return sibling and sibling.month(month)
            return None

        return replaced(element, replace)


class Prepared(Generic[P]):
    """What is made of SELECTs once for all that differ in their values alone; thread-safe.

    Args:
        make: what it is made by.
        size: how many are kept.
    """

    def __init__(self, make: Callable[[Select[Any]], P], size: int = KEPT) -> None:
        self._make = make
        self._made: Recent[Any, P] = Recent(size, RLock())

    def __call__(self, select: Select[Any]) -> tuple[P, dict[str, Any]]:
        """What was made, and the values of this SELECT by the names that `Query` gives them.

        Raises:
            QueryRefused: a value is left open; and what `make` raises.
        """
        key = select._generate_cache_key()
        if key is None:  # a type, or an expression, of the user's own that cannot tell it
            return self._make(select), _values(_binds(select))
        made = self._made.get(key.key)
        if made is None:
            made = self._made(key.key, lambda: self._make(select))
        return made, _values(key.bindparams)


def is_own(table: MonthlyTable[Any], given: Any) -> bool:
    """Whether it is the table that is declared for the family, or its template.

    A mapped class annotates its table; such a one is equal to it and not the same.
    """
    return bool(given == table.declared or given == table.template)


def _values(binds: Sequence[BindParameter[Any]]) -> dict[str, Any]:
    values = {}
    for at, bind in enumerate(binds):
        if bind.required:
            raise QueryRefused(f"parameter {bind.key!r} has no value: give it by select.params(…)")
        values[f"u{at}"] = bind.callable() if bind.callable else bind.value
    return values


def _binds(select: Select[Any]) -> list[BindParameter[Any]]:
    """The parameters in the order in which a cache key has them."""
    key = select._generate_cache_key()
    if key is not None:
        return list(key.bindparams)
    found = {id(each): each for each in iterate(select) if isinstance(each, BindParameter)}
    return list(found.values())


def _of_columns(select: Select[Any]) -> Select[Any]:
    """The SELECT with each column by itself where it names a whole table or a mapped class."""
    if any(isinstance(each, FromClause) for each in select._raw_columns):
        select = select.with_only_columns(*select.selected_columns)
    if not all(isinstance(each, ColumnElement) for each in select._raw_columns):
        raise QueryRefused("the SELECT names a column by text, of which the month cannot be told")
    if select._propagate_attrs:  # of a mapped class: a connection gives rows, and no objects
        select = select.with_only_columns(*map(_as_attribute, select._raw_columns))
        select._propagate_attrs = immutabledict()
    return select


def _as_attribute(column: Any) -> Any:
    """A column by the name of the mapped attribute that it was selected by."""
    name = column._annotations.get("proxy_key")
    plain = not isinstance(column, Column) or name in (None, column.key)
    return column if plain else column.label(name)


def _refuse_other_months(table: MonthlyTable[Any], select: Select[Any]) -> None:
    """Refuse what would mean another thing on one month's table than on all of them.

    Raises:
        QueryRefused: the family's table is read a second time, by an alias or a subquery.
    """
    for each in iterate(select):
        again = isinstance(each, AliasedReturnsRows) and is_own(table, each.element)
        if isinstance(each, Select) and each is not select:
            froms = [*each._from_obj, *(f for c in each._raw_columns for f in c._from_objects)]
            again = any(is_own(table, one) for one in froms)
        if again:
            raise QueryRefused(
                f"the SELECT reads {table.declared.name} a second time, by an alias or a "
                "subquery, which would see the rows of one month alone"
            )


def _with_named_values(
    table: MonthlyTable[Any], select: Select[Any], binds: Sequence[BindParameter[Any]]
) -> Select[Any]:
    """Values as parameters, of the types that keys and time columns have in months."""
    types = _types(table, select)
    named: dict[int, BindParameter[Any]] = {}
    for at, bind in enumerate(binds):
        new: Any = bindparam(
            f"u{at}",
            type_=types.get(id(bind), bind.type),
            expanding=bind.expanding,
            literal_execute=bind.literal_execute,
        )
        new.expand_op = bind.expand_op
        named[id(bind)] = new
    return replaced(select, lambda each: named.get(id(each)))


def replaced(element: E, replace: Callable[[Any], Any]) -> E:
    """An element in which `replace` has put others in the place of some."""
    traverse: Any = replacement_traverse
    return cast(E, traverse(element, {}, replace))


def _types(table: MonthlyTable[Any], select: Select[Any]) -> dict[int, TypeEngine[Any]]:
    """The types of the parameters that are compared with a key or a time column."""
    template = table.template.c
    found: dict[int, TypeEngine[Any]] = {}
    for each in iterate(select):
        if isinstance(each, BinaryExpression):
            for one, other in ((each.left, each.right), (each.right, each.left)):
                if isinstance(one, Column) and is_own(table, one.table):
                    type_ = template[one.key].type
                    if isinstance(type_, KeyType | InstantType):
                        found |= {id(bind): type_ for bind in _compared(other)}
    return found


def _compared(element: Any) -> Iterator[BindParameter[Any]]:
    """The parameters that an expression consists of: one, a list, the two of a BETWEEN."""
    if isinstance(element, BindParameter):
        yield element
    elif isinstance(element, ClauseList | ExpressionClauseList | Grouping):
        for child in element.get_children():
            yield from _compared(child)


def _lacks(missing: frozenset[str], column: Column[Any]) -> bool:
    return column.name.lower() in missing
