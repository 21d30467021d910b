"""A request to store a row: where it belongs, and what is to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Table

from shardctl.errors import ConfigError, GeneMismatch, InvalidId
from shardctl.gene import Id
from shardctl.month import Month
from shardctl.tables import MonthlyTable

EXACT: Final = timedelta(seconds=1)
"""A gene that tells this much, or more, tells the add-time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A row as it is to be stored in one month.

    Attributes:
        month: where it belongs.
        table: that month's.
        values: by column.
        instant: its add-time, aware; None where the family has no column for it.
        refused: why it cannot be stored as a new row; it may have been stored before.
        what: the row as errors name it.
    """

    month: Month
    table: Table
    values: Mapping[str, Any]
    instant: datetime | None
    refused: GeneMismatch | None
    what: str


@dataclass(frozen=True, slots=True)
class Requests:
    """Makes a request of the values that an application gives.

    Attributes:
        table: the family's tables.
        clock: now, as an aware datetime.
    """

    table: MonthlyTable[Any]
    clock: Callable[[], datetime]

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that no two rows of a month share; the last of them is the ID's."""
        family, declared = self.table.family, self.table.declared
        if not family.key:
            return tuple(column.key for column in declared.primary_key)
        keys = {column.name: column.key for column in declared.c}
        return tuple(keys[name] for name in family.key)

    @property
    def time(self) -> str | None:
        """The column of the add-time; None where the family names none."""
        name = self.table.family.time
        return next((c.key for c in self.table.declared.c if name and c.name == name), None)

    def by_id(self, values: Mapping[str, Any]) -> Request:
        """Where the gene of the row's ID says, whatever its add-time.

        Without an add-time it gets the gene's where that is exact, else the present one.

        Raises:
            InvalidId: and what `Family.month` raises of an ID.
        """
        id, family = self._id(values), self.table.family
        month, time, refused = family.month(id=id), self.time, None
        instant = values.get(time) if time else None
        if time and instant is None:
            found = family.read(id)
            assert found.scheme.gene  # else it had no month
            since, until = found.scheme.gene.span(found.body, family.zone)
            if until - since <= EXACT:
                return self._at(month, {**values, time: since}, since, None)
            instant = self.clock()
            values = {**values, time: instant}
        if instant is not None:
            try:
                family.month(id=id, instant=instant)
            except GeneMismatch as error:
                refused = error
        return self._at(month, values, instant, refused)

    def by_time(self, values: Mapping[str, Any]) -> Request:
        """Where the row's add-time says; the present one where none is given.

        Raises:
            InvalidId: there is no ID.
            ConfigError: the family names no column for the add-time.
            InvalidMonth: the add-time is naive.
        """
        self._id(values)
        if (time := self.time) is None:
            raise ConfigError(
                f"IDs of {self.table.family.name} bear no gene, and it names no column for the "
                "add-time: set 'time'"
            )
        instant = values.get(time) or self.clock()
        month = self.table.family.month(instant=instant)
        return self._at(month, {**values, time: instant}, instant, None)

    def moved(self, request: Request, month: Month) -> Request:
        """The same request, in another month."""
        return replace(request, month=month, table=self.table.month(month))

    def _id(self, values: Mapping[str, Any]) -> Id:
        missing = [name for name in self.key if values.get(name) is None]
        if missing:
            raise InvalidId(
                f"a row of {self.table.family.name} needs a value for {', '.join(missing)}"
            )
        id: Id = values[self.key[-1]]
        return id

    def _at(
        self,
        month: Month,
        values: Mapping[str, Any],
        instant: datetime | None,
        refused: GeneMismatch | None,
    ) -> Request:
        name = self.table.family.name
        what = f"{name} {values[self.key[-1]]!r} of {month}"
        return Request(month, self.table.month(month), values, instant, refused, what)
