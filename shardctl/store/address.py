"""Where a row is that was stored before: its month, and the values of its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.exc import DBAPIError

from shardctl.errors import InvalidId
from shardctl.family import Family
from shardctl.gene import Id
from shardctl.month import Month
from shardctl.store.request import Requests
from shardctl.tables.missing import missing

Condition = Callable[[Table], ColumnElement[bool]]
"""What holds for rows, told of the table of their month."""


@dataclass(frozen=True, slots=True)
class Address:
    """One row of one month.

    Attributes:
        month: its month.
        table: that month's.
        key: the values of its key, by column.
    """

    month: Month
    table: Table
    key: Mapping[str, Any]

    @property
    def what(self) -> str:
        """The row as errors name it."""
        return f"{self.table.name} {', '.join(map(repr, self.key.values()))}"

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """What holds for this row alone."""
        return tuple(self.table.c[name] == value for name, value in self.key.items())


def address(
    requests: Requests,
    id: Id | Mapping[str, Any],
    *,
    instant: datetime | None = None,
    month: Month | None = None,
) -> Address:
    """Where the row with an ID is.

    Args:
        id: the ID; where the key has further columns, the values of all, by column.
        instant: the add-time, aware, for an ID that bears no gene.
        month: its month, for such an ID, where that is known.

    Raises:
        InvalidId: a column of the key has no value, or nothing tells the month; and what
            `Family.month` raises of an ID.
    """
    family, names = requests.table.family, requests.key
    given = id if isinstance(id, Mapping) else {names[-1]: id}
    if given.keys() != set(names) or None in given.values():
        shown = ", ".join(f"{name!r}: …" for name in names)
        raise InvalidId(f"a row of {family.name} is told by its whole key: give {{{shown}}}")
    if family.gene:
        month = family.month(id=given[names[-1]])
    elif month is None and instant is not None:
        month = family.month(instant=instant)
    if month is None:
        raise InvalidId(
            f"IDs of {family.name} bear no gene: give the row's add-time as 'instant', or its "
            "'month'"
        )
    return Address(month, requests.table.month(month), {name: given[name] for name in names})


@contextmanager
def months_told(family: Family) -> Iterator[None]:
    """Say `MonthMissing` where a statement meets a month without a table."""
    try:
        yield
    except DBAPIError as error:
        if (absent := missing(family, error)) is None:
            raise
        raise absent from error
