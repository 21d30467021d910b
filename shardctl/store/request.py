"""A request to store a row: where it belongs, and what is to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Self

from sqlalchemy import Table

from shardctl.errors import ConfigError, GeneMismatch, InvalidId, InvalidInstant
from shardctl.gene import Id, Span
from shardctl.month import Month
from shardctl.store.insert import unique_keys
from shardctl.store.sent import Sent
from shardctl.tables import MonthlyTable
from shardctl.tables.key import KeyType

EXACT: Final = timedelta(seconds=1)
"""A gene that tells this much, or more, tells the add-time."""


@dataclass(frozen=True, slots=True)
class Request:
    """A row as it is to be stored in one month.

    Attributes:
        id: the row's, as it is sent: in the one spelling that its column gives.
        month: where it belongs.
        table: that month's.
        values: by column.
        instant: its add-time, aware; None where the family has no column for it.
        refused: why it cannot be stored as a new row; it may have been stored before.
    """

    id: Id
    month: Month
    table: Table
    values: Mapping[str, Any]
    instant: datetime | None
    refused: GeneMismatch | None = None

    @classmethod
    def like(cls, request: Request, **more: Any) -> Self:
        """A request with what its placing wants to know besides.

        Args:
            request: a plain one.
            more: the further attributes, by name.
        """
        return cls(*(getattr(request, each.name) for each in fields(Request)), **more)

    @property
    def what(self) -> str:
        """The row as errors name it."""
        return f"{self.table.name} {self.id!r}"


@dataclass(frozen=True, slots=True)
class Requests:
    """Makes a request of the values that an application gives.

    Attributes:
        table: the family's tables.
        clock: now, as an aware datetime.
        key: the columns that no two rows of a month share; the last of them is the ID's.
        time: the column of the add-time; None where the family names none.
        columns: the keys of all.
        sent: turns values into those that are sent.
        stamped: puts a fingerprint into them, where the store keeps one.
    """

    table: MonthlyTable[Any]
    clock: Callable[[], datetime]
    key: tuple[str, ...]
    time: str | None
    columns: frozenset[str]
    sent: Sent
    stamped: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    @classmethod
    def of(cls, table: MonthlyTable[Any], clock: Callable[[], datetime]) -> Requests:
        """Those for a family's tables.

        Raises:
            ConfigError: nothing keeps the table from storing an ID twice.
        """
        family, declared = table.family, table.declared
        keys = {column.name: column.key for column in declared.c}
        names = family.key or [column.name for column in declared.primary_key]
        key, time = tuple(keys[name] for name in names), keys.get(family.time)
        _check_unique(declared, set(names), family.time)
        converted = {name for name in key if KeyType.knows(declared.c[name].type)}
        sent = Sent.of(declared, family.zone, without={*converted, *filter(None, [time])})
        return cls(table, clock, key, time, frozenset(declared.c.keys()), sent)

    def by_id(self, values: Mapping[str, Any]) -> Request:
        """Where the gene of the row's ID says, whatever its add-time.

        Without an add-time it gets the gene's where that is exact, else the present one.

        Raises:
            InvalidId: and what `Family.month` raises of an ID.
            InvalidInstant: the add-time is naive, or no time.
            ConfigError: the table has no such column.
        """
        id, family, time = self._id(values), self.table.family, self.time
        month = family.month(id=id)
        values = self._prepared(values)
        table = self.table.month(month)
        if time is None:
            return Request(values[self.key[-1]], month, table, values, None)
        given = values.get(time)
        if type(given) is datetime and given.tzinfo is not None and family.shows(id, given):
            return Request(id, month, table, values, given)
        since, until = family.span(id)
        if given is None:
            given = since if until - since <= EXACT else self.clock()
            values = {**values, time: given}
        instant = self._instant(given, (since, until))
        refused = None
        if not since - family.skew <= instant <= until + family.skew:
            try:
                family.month(id=id, instant=instant)
            except GeneMismatch as error:
                refused = error
        return Request(values[self.key[-1]], month, table, values, instant, refused)

    def by_time(self, values: Mapping[str, Any]) -> Request:
        """Where the row's add-time says; the present one where none is given.

        Raises:
            InvalidId: there is no ID.
            ConfigError: the family names no column for the add-time, or the table has no such
                column as is given.
            InvalidInstant: the add-time is naive, or no time.
        """
        self._id(values)
        if (time := self.time) is None:
            raise ConfigError(
                f"IDs of {self.table.family.name} bear no gene, and it names no column for the "
                "add-time: set 'time'"
            )
        values = self._prepared(values)
        given = values.get(time)
        if given is None:
            given = self.clock()
            values = {**values, time: given}
        instant = self._instant(given)
        month = self.table.family.month(instant=instant)
        return Request(values[self.key[-1]], month, self.table.month(month), values, instant)

    def id_of(self, text: str) -> Id:
        """An ID that was kept as text, as its column takes it."""
        name = self.key[-1]
        id: Id = self.sent({name: text})[name]
        return id

    def moved(self, request: Request, month: Month) -> Request:
        """The same request, in another month."""
        return replace(request, month=month, table=self.table.month(month))

    def _instant(self, given: Any, near: Span | None = None) -> datetime:
        """An add-time; of a day without time its beginning, or what is the nearest to a span."""
        if isinstance(given, datetime):
            if given.tzinfo is not None:
                return given
            raise InvalidInstant(
                f"{given.isoformat()} has no time zone, and so may be another month's: give an "
                "aware datetime"
            )
        if not isinstance(given, date):
            raise InvalidInstant(f"an add-time is an aware datetime, not {given!r}")
        zone = self.table.family.zone
        begin = datetime.combine(given, time.min, zone)
        end = datetime.combine(given, time.max, zone)
        return min(max(near[0], begin), end) if near else begin

    def _prepared(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if unknown := values.keys() - self.columns:  # SQLAlchemy would leave them out silently
            shown = ", ".join(sorted(map(repr, unknown)))
            raise ConfigError(f"{self.table.declared.name} has no column {shown}")
        values = self.sent(values)
        return self.stamped(values) if self.stamped else values

    def _id(self, values: Mapping[str, Any]) -> Id:
        for name in self.key:
            if values.get(name) is None:
                raise InvalidId(f"a row of {self.table.family.name} needs a value for {name}")
        id: Id = values[self.key[-1]]
        return id


def _check_unique(table: Table, key: set[str], time: str) -> None:
    """Refuse a table that would store a repetition beside its first try.

    Args:
        key: the columns that are to tell the rows of a month apart.
        time: that of the add-time; "" where there is none.
    """
    if time in key:
        raise ConfigError(
            f"{time} is part of the key of {table.name}: a repetition with another add-time would "
            "be stored beside its first try; set 'key' to the ID, which needs a unique key"
        )
    unique = [{column.name for column in each.columns} for each in unique_keys(table)]
    if not any(columns <= key for columns in unique):
        raise ConfigError(
            f"{table.name} declares no primary or unique key on {', '.join(sorted(key)) or 'an ID'}"
            ": nothing would keep a repetition from being stored beside its first try"
        )
