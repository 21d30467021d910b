"""What a SELECT is ordered by, and what that means for rows of many months."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sqlalchemy import Column, ColumnElement, Double, Enum, Float, Numeric, Select
from sqlalchemy.dialects.mysql import SET
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    Label,
    UnaryExpression,
    _label_reference,
    _textual_label_reference,
)

from shardctl.errors import ImplausibleGene, InvalidGene, QueryRefused
from shardctl.gene import SnowflakeGene
from shardctl.month import Month
from shardctl.reads.move import is_own
from shardctl.tables import InstantType, MonthlyTable
from shardctl.tables.key import KeyType

Lead: TypeAlias = Literal["time", "id", ""]


@dataclass(frozen=True, slots=True)
class By:
    """One expression that rows are ordered by.

    Attributes:
        element: on the declared table.
        nullable: whether it can be NULL; NULLs come first, and last where it is descending.
    """

    element: ColumnElement[Any]
    descending: bool
    nullable: bool


def orders(table: MonthlyTable[Any], select: Select[Any]) -> tuple[By, ...]:
    """What a SELECT is ordered by.

    Raises:
        QueryRefused: rows can be equal in it, or it cannot be told where a row stands in it.
    """
    found = tuple(_by(table, clause) for clause in select._order_by_clauses)
    columns = [by.element for by in found if isinstance(by.element, Column)]
    there = {column.name for column in columns if is_own(table, column.table)}
    primary = {column.name for column in table.declared.primary_key}
    absent = [name for name in key_of(table) if name not in there]
    if absent and not (primary and primary <= there):
        raise QueryRefused(
            f"ORDER BY has to end in the key, so that no two rows of {table.family.name} are equal "
            f"in it: append {', '.join(f'{table.declared.name}.c.{name}' for name in absent)}"
        )
    return found


def key_of(table: MonthlyTable[Any]) -> Collection[str]:
    """The columns that are unique in a month."""
    return table.family.key or [column.name for column in table.declared.primary_key]


def lead(table: MonthlyTable[Any], orders: tuple[By, ...], month: Month) -> Lead:
    """What puts months in the order of their rows: the time column, or IDs in order of time.

    Args:
        month: any of the family's.
    """
    first, family = orders[0].element, table.family
    if not isinstance(first, Column) or not is_own(table, first.table):
        return ""
    type_ = table.template.c[first.key].type
    if first.name == family.time:
        return "time" if isinstance(type_, InstantType) else ""
    if first.name == family.id_column and isinstance(type_, KeyType):
        numbers = isinstance(type_.declared, Numeric) or not hasattr(type_.declared, "length")
        return "id" if _ids_in_order(table, month, numbers=numbers) else ""
    return ""


def _ids_in_order(table: MonthlyTable[Any], month: Month, *, numbers: bool) -> bool:
    """Whether all IDs of a month come before those of the next, as their column compares them."""
    family = table.family
    if len(family.schemes) > 1:
        return False
    if len(family.scheme.lengths) > 1:  # 9 comes before 10 among numbers, and not among texts
        return numbers and isinstance(family.scheme.gene, SnowflakeGene)
    try:
        family.id_range(month)
    except (InvalidGene, ImplausibleGene):
        return False
    return True


def _by(table: MonthlyTable[Any], clause: Any) -> By:
    descending = False
    for element in _unwrapped(clause):
        if isinstance(element, UnaryExpression):
            if element.modifier not in (operators.desc_op, operators.asc_op):
                raise QueryRefused(f"ORDER BY {clause}: NULLs come first, and last in DESC")
            descending = element.modifier is operators.desc_op
    if not isinstance(element, ColumnElement) or isinstance(element, _textual_label_reference):
        raise QueryRefused(f"ORDER BY {clause}: give columns, not texts")
    _refuse_type(clause, element.type)
    return By(element, descending, not _is_never_null(table, element))


def _is_never_null(table: MonthlyTable[Any], element: Any) -> bool:
    if not isinstance(element, Column) or not is_own(table, element.table):
        return False
    if element.primary_key or element.name in key_of(table):
        return True
    return element.name == table.family.time and not element.nullable


def _unwrapped(clause: Any) -> Iterator[Any]:
    """A clause of an ORDER BY, and what it wraps, down to the expression."""
    while True:
        yield clause
        is_order = isinstance(clause, UnaryExpression) and clause.modifier is not None
        if not is_order and not isinstance(clause, _label_reference | Label):
            return
        clause = clause.element


def _refuse_type(clause: Any, type_: Any) -> None:
    type_ = getattr(type_, "declared", type_)
    if isinstance(type_, Float) and not isinstance(type_, Double):
        raise QueryRefused(f"ORDER BY {clause}: values of a FLOAT are not found again; cast it")
    if isinstance(type_, Enum | SET):
        raise QueryRefused(
            f"ORDER BY {clause}: an ENUM or a SET is ordered by its numbers in one month, and as "
            "text in several; cast it"
        )
