"""Texts of a month in the template's collation, where a migration has yet to give it to them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from sqlalchemy import Column, ColumnElement, collate, func, literal_column, type_coerce

from shardctl import structure
from shardctl.errors import QueryRefused
from shardctl.month import Month
from shardctl.reads.move import replaced
from shardctl.reads.seen import Seen
from shardctl.tables import MonthlyTable

E = TypeVar("E")


def unified(element: E, table: MonthlyTable[Any], month: Month, seen: Seen) -> E:
    """A part of a query on one month, with the template's collation for each text column.

    Rows of several months are in order by one collation alone. No index has the order of another
    one, so a column that has the template's own is left as it is.

    Raises:
        QueryRefused: the template's character set may not have all characters of the month's.
    """
    unlike, target = seen.unlike.get(month), table.month(month)
    if not unlike:
        return element

    def replace(each: Any) -> Any:
        own = isinstance(each, Column) and each.table is target
        both = unlike.get(each.name.lower()) if own else None
        return both and _collated(each, *both)

    return replaced(element, replace)


def _collated(
    column: Column[Any], found: structure.Column, declared: structure.Column
) -> ColumnElement[Any]:
    value: ColumnElement[Any] = column
    if found.charset != declared.charset:
        if declared.charset != "utf8mb4":
            raise QueryRefused(
                f"{column} is {found.charset} and the template's {declared.charset}, until the "
                "upgrade or downgrade under way has ended: order by the time till then, or read "
                "one month at a time, by 'since' and 'until'"
            )
        value = func.convert(column.op("USING")(literal_column(declared.charset)))
    return type_coerce(collate(value, cast(str, declared.collation)), column.type)
