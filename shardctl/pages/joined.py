"""Joined tables that give a row of the family several times, which no place in a page tells apart.

After a page's last row come those that its ORDER BY puts behind it. Two rows with one key would be
equal there, and the second of them would be lost between two pages. So of every joined table one
row at most may belong to a row of the family; or its key stands in the ORDER BY, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Column, Index, Integer, Numeric, Select, Table, TextClause, UniqueConstraint
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    CollationClause,
    ColumnClause,
    Grouping,
    _anonymous_label,
)
from sqlalchemy.sql.selectable import Alias, FromGrouping, Join, SelectBase
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import NullType

from shardctl.errors import QueryRefused
from shardctl.pages.order import By
from shardctl.reads.move import is_own
from shardctl.tables import MonthlyTable

_Address: TypeAlias = tuple[str, str]
"""The table that a column is of, as FROM calls it, and the column's key: SQLAlchemy copies both."""


@dataclass(frozen=True, slots=True)
class _Equal:
    """A column that a SELECT wants to be equal to something.

    Attributes:
        other: the tables that the other side is made of.
        of: the tables whose rows it chooses; None: all. An outer join's are those on its right.
    """

    column: _Address
    other: frozenset[str]
    of: frozenset[str] | None


def refuse_repeated(table: MonthlyTable[Any], select: Select[Any], orders: Sequence[By]) -> None:
    """Refuse a SELECT in which a row of the family may come several times, and in no order.

    Raises:
        QueryRefused: it may, by a table of which no key is told; or rows come in which there is
            none of the family.
    """
    froms = select.get_final_froms()
    left = []
    for leaf, absent in (each for one in froms for each in _leaves(one)):
        if not is_own(table, leaf):
            left.append(leaf)
        elif absent:
            raise QueryRefused(
                f"an outer join keeps rows that have none of {table.family.name}, which every "
                f"month would give anew: put {table.declared.name} on its other side"
            )
    ordered = {_address(by.element) for by in orders if isinstance(by.element, Column)}
    equals = [equal for each in (select, *froms) for equal in _equals(each, None)]
    known = {_name(table.declared), _name(table.template)}
    while told := [leaf for leaf in left if _is_told(leaf, known, ordered, equals)]:
        known |= set(map(_name, told))
        left = [leaf for leaf in left if leaf not in told]
    for leaf in left:
        said = leaf.element.name if isinstance(leaf.name, _anonymous_label) else leaf.name
        key = ", ".join(f"{said}.c.{column.key}" for column in leaf.primary_key)
        raise QueryRefused(
            f"the join may give a row of {table.family.name} several times, once for each row of "
            f"{said}, of which a page's end would lose some: "
            + (f"append {key} to ORDER BY, or " if key and isinstance(leaf, Table | Alias) else "")
            + "write EXISTS, or a subquery as a column"
        )


def _is_told(
    leaf: Any, known: Set[str], ordered: Collection[_Address], equals: Sequence[_Equal]
) -> bool:
    """Whether a row of the known tables has one row of this one, or the order tells them apart."""
    name = _name(leaf)
    pinned = {
        equal.column[1]
        for equal in equals
        if equal.column[0] == name
        and equal.other <= known
        and (equal.of is None or name in equal.of)
    }
    in_order = {key for owner, key in ordered if owner == name}
    primary, *unique = _keys(leaf)
    return (bool(primary) and primary <= pinned | in_order) or any(
        key and key <= pinned for key in unique
    )


def _keys(leaf: Any) -> list[set[str]]:
    """The columns of a table's primary key, then those of each unique one."""
    real = leaf.element if isinstance(leaf, Alias) else leaf
    if not isinstance(real, Table):
        return [set()]
    unique: list[Any] = [each for each in real.constraints if isinstance(each, UniqueConstraint)]
    unique += [index for index in real.indexes if _is_whole(index)]
    return [{column.key for column in key.columns} for key in (real.primary_key, *unique)]


def _is_whole(index: Index) -> bool:
    """Whether a unique index is one of columns, and of all rows."""
    columns = all(isinstance(each, Column) for each in index.expressions)
    return index.unique and columns and not any("where" in key for key in index.dialect_kwargs)


def _leaves(each: Any, absent: bool = False) -> Iterator[tuple[Any, bool]]:
    """What a FROM is made of, each with whether an outer join may put NULLs in its place."""
    match each:
        case Join():
            yield from _leaves(each.left, absent or each.full)
            yield from _leaves(each.right, absent or each.isouter or each.full)
        case FromGrouping():
            yield from _leaves(each.element, absent)
        case _:
            yield each, absent


def _equals(each: Any, of: frozenset[str] | None) -> Iterator[_Equal]:
    """What a SELECT, a join or a condition wants to be equal."""
    match each:
        case Select():
            for criterion in each._where_criteria:
                yield from _equals(criterion, of)
        case Join():
            yield from _equals(each.left, of)
            yield from _equals(each.right, of)
            right = frozenset(_name(leaf) for leaf, _ in _leaves(each.right))
            yield from _equals(each.onclause, right if each.isouter else of)
        case Grouping() | FromGrouping():
            yield from _equals(each.element, of)
        case BooleanClauseList() if each.operator is operators.and_:
            for clause in each.clauses:
                yield from _equals(clause, of)
        case BinaryExpression() if each.operator is operators.eq:
            for one, other in ((each.left, each.right), (each.right, each.left)):
                if isinstance(one, Column) and _is_one_value(one, other):
                    tables = {_name(c.table) for c in iterate(other) if isinstance(c, Column)}
                    yield _Equal(_address(one), frozenset(tables), of)


def _is_one_value(column: Column[Any], other: Any) -> bool:
    """Whether no two values of a unique column can be equal to an expression.

    '1' and '01' are both equal to the number 1, 'a' and 'A' are in another collation. What text
    says, and a subquery, is not looked into.
    """
    for each in iterate(other):
        named = isinstance(each, ColumnClause) and not isinstance(each, Column)
        if named or isinstance(each, TextClause | CollationClause | SelectBase):
            return False
    return _kind(column.type) == _kind(other.type) is not NullType


def _kind(type_: Any) -> type[Any]:
    kind: type[Any] = getattr(type_, "declared", type_)._type_affinity
    return Numeric if kind is Integer else kind


def _address(column: Column[Any]) -> _Address:
    return _name(column.table), column.key


def _name(table: Any) -> str:
    return str(getattr(table, "fullname", None) or table.name)
