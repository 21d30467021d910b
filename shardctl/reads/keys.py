"""What tells rows apart, and in which month each is: IDs, as their column holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import BindParameter, Column, ColumnElement, Table, bindparam, tuple_

from shardctl.errors import ConfigError, InvalidId
from shardctl.family import Family
from shardctl.month import Month, required
from shardctl.tables import InstantType, MonthlyTable
from shardctl.tables.declared import named
from shardctl.tables.key import KeyType

Places: TypeAlias = Mapping[Month, Sequence[Any]]
"""By month, the keys of rows that may be in it."""


class Keys:
    """What tells the rows of a month apart: an ID, which further columns may go before.

    Attributes:
        names: the columns in `table.c`, the ID's last.

    Raises:
        ConfigError: the family names no key, and its table has none.
    """

    def __init__(self, table: MonthlyTable[Any]) -> None:
        self.family: Family = table.family
        names = self.family.key or [column.name for column in table.declared.primary_key]
        columns = [named(table.template, name) for name in names]
        if not columns:
            raise ConfigError(f"nothing tells rows of {self.family.name} apart: set 'key'")
        self.names = tuple([column.key for column in columns])
        self._stored = tuple(map(_stored, columns))

    def among(self, table: Table, parameter: str) -> ColumnElement[bool]:
        """The rows of a month's table with the keys in a parameter."""
        columns = [table.c[name] for name in self.names]
        ids: BindParameter[Any] = bindparam(parameter, expanding=True)
        return columns[0].in_(ids) if len(columns) == 1 else tuple_(*columns).in_(ids)

    def places(
        self, ids: Sequence[Any], months: Iterable[Month] | None
    ) -> tuple[Sequence[Any], Places]:
        """The keys of IDs, in their order; and each once by month, the latest month first.

        Args:
            months: those of all; None for those that the IDs bear.

        Raises:
            InvalidId: IDs bear no gene, and there are no months; a column of the key has no
                value, or cannot hold it; and as `Family.month`.
        """
        if months is not None:
            keys = [self._told(id)[1] for id in ids]
            distinct = list(dict.fromkeys(keys))
            latest_first = sorted({required(month) for month in months}, reverse=True)
            return keys, {month: distinct for month in latest_first}  # noqa: C420  # read alone
        if self.family.gene is None:
            raise InvalidId(
                f"IDs of {self.family.name} bear no gene: give the months to look in, such as "
                "months=family.months(since, until)"
            )
        keys, month_of = [], self.family.month
        places: dict[Month, dict[Any, None]] = {}
        for given in ids:
            id, key = self._told(given)
            places.setdefault(month_of(id=id), {})[key] = None
            keys.append(key)
        # All in one order: else two who read while months are altered may wait for each other.
        return keys, {month: list(places[month]) for month in sorted(places, reverse=True)}

    def _told(self, given: Any) -> tuple[Any, Any]:
        """An ID, and the key that it is or ends."""
        names = self.names
        if not isinstance(given, Mapping):
            if len(names) == 1:
                return given, self._stored[0](given)
            given = {names[-1]: given}
        if given.keys() != set(names) or None in given.values():
            shown = ", ".join(f"{name!r}: …" for name in names)
            raise InvalidId(
                f"a row of {self.family.name} is told by its whole key: give {{{shown}}}"
            )
        held = tuple([hold(given[name]) for hold, name in zip(self._stored, names, strict=True)])
        return given[names[-1]], held if len(held) > 1 else held[0]


def _stored(column: Column[Any]) -> Callable[[Any], Any]:
    """From a value to what a row has for it."""
    if isinstance(column.type, KeyType | InstantType):
        return column.type.stored
    return lambda value: value
