"""Which rows come after one, as a condition that an index can serve.

`(a, b) > (x, y)` is written out, as rows are not compared by an index where directions are mixed
or values are NULL: `a >= x AND (a > x OR (a = x AND b > y))`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, false, or_

from shardctl.pages.order import By

Nulls = Sequence[bool]
"""Which of a row's values are NULL; conditions that agree in this have the same SQL."""


def after(orders: Sequence[By], nulls: Nulls) -> ColumnElement[bool]:
    """Rows that come after the one with the values of the parameters `k0`, `k1`, …

    Args:
        orders: what rows are ordered by, NULLs first and in DESC last.
        nulls: of the row.
    """
    condition: ColumnElement[bool] = false()
    for at in reversed(range(len(orders))):
        beyond, same = _compared(orders[at], at, is_null=nulls[at])
        condition = beyond if at == len(orders) - 1 else or_(beyond, and_(same, condition))
    first = orders[0]
    if nulls[0] or first.nullable:
        return condition
    value = _value(first, 0)
    bound = first.element <= value if first.descending else first.element >= value
    return and_(bound, condition)


def _compared(by: By, at: int, *, is_null: bool) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Rows beyond the value, and those that have it."""
    element = by.element
    if is_null:
        return false() if by.descending else element.is_not(None), element.is_(None)
    value = _value(by, at)
    if not by.descending:
        return element > value, element == value
    beyond = element < value
    return or_(beyond, element.is_(None)) if by.nullable else beyond, element == value


def _value(by: By, at: int) -> ColumnElement[Any]:
    return bindparam(f"k{at}", type_=by.element.type)
