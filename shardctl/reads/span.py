"""A range of time: the months that it touches, and which of their rows lie in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Column, ColumnElement, Connection, bindparam

from shardctl.errors import ConfigError, InvalidMonth, MonthMissing
from shardctl.family import Family
from shardctl.month import Month, spans
from shardctl.reads.seen import Seen, Sight
from shardctl.tables import MonthlyTable
from shardctl.tables.declared import named
from shardctl.tables.range import holds

Instant: TypeAlias = "datetime | Month | None"
"""An aware datetime, a month's beginning in the family's zone, or no bound."""

Missing: TypeAlias = Literal["error", "skip"]

_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The months of a range that have a table, and how its rows are told from others.

    Attributes:
        months: in order of time; the neighbours that `skew` reaches are among them.
        inner: which of these the range itself touches: the first, and the one after the last.
        shape: the operators that bound the time column, "" where there is no bound. Ranges of one
            shape have the same SQL.
        values: of the parameters of `conditions`.
    """

    months: tuple[Month, ...]
    inner: tuple[int, int]
    shape: tuple[str, str]
    values: Mapping[str, datetime]


def conditions(time: Column[Any], shape: tuple[str, str]) -> list[ColumnElement[bool]]:
    """Which rows of one month lie in a span of a shape.

    Args:
        time: the month's time column.
        shape: the span's.
    """
    bounds = zip(("since", "until"), shape, strict=True)
    return [
        time.op(operator, is_comparison=True)(bindparam(name, type_=time.type))
        for name, operator in bounds
        if operator
    ]


def find(
    table: MonthlyTable[Any],
    connection: Connection,
    since: Instant,
    until: Instant,
    missing: Missing = "error",
) -> tuple[Seen, Span]:
    """The months of a range; with what is known of them.

    A month before the family's first, or without one before the earliest that there is, is not
    missing; nor is one of the future, which can hold no rows. The database is looked at again
    where one is missing, and where the range ends after the last month known: not beyond what
    the family premakes, though.

    Args:
        since: the add-time of the earliest rows.
        until: the add-time before which the latest rows are.
        missing: what to do about months without a table: raise, or go without them.

    Raises:
        InvalidMonth: a datetime is naive, or beyond the calendar.
        MonthMissing: months have no table.
        ConfigError: the family names no time column, by which rows were bounded.
    """
    family, sight = table.family, table.held(Sight)
    if missing not in ("error", "skip"):
        raise ConfigError(f"missing={missing!r}: give 'error' or 'skip'")
    if not family.time and (since is not None or until is not None):
        raise ConfigError(f"{family.name} names no column for the add-time: set 'time'")
    range_ = _Range.of(family, since, until)
    seen = sight(connection)
    absent = range_.absent(family, seen)
    if absent or range_.ends_after(seen):
        seen = sight.again(connection)
        absent = range_.absent(family, seen)
    if absent and missing == "error":
        raise MonthMissing(
            f"{family.name} has no table for {spans(absent)}: "
            f"'shardctl premake {family.name} --fill-gaps' makes those between others; "
            "missing='skip' goes without"
        )
    return seen, range_.span(table, seen)


@dataclass(frozen=True, slots=True)
class _Range:
    """A range in UTC, and its months: those that it touches, and those that `skew` reaches.

    A bound that is not there is None.
    """

    since: datetime | None
    until: datetime | None
    first: Month | None
    last: Month | None
    outer_first: Month | None
    outer_last: Month | None
    now: Month
    ahead: Month

    @classmethod
    def of(cls, family: Family, since: Instant, until: Instant) -> _Range:
        begin, end = _instant(since, family), _instant(until, family)
        now = family.current_month()

        def month(instant: datetime | None, by: timedelta = timedelta(0)) -> Month | None:
            return None if instant is None else Month.of(instant + by, family.zone)

        try:
            return cls(
                since=begin,
                until=end,
                first=month(begin),
                last=month(end, -_LEAST),
                outer_first=month(begin, -family.skew),
                outer_last=month(end, family.skew - _LEAST),
                now=now,
                ahead=now + family.premake,
            )
        except OverflowError as error:
            raise InvalidMonth(f"{since} to {until} reaches beyond the calendar") from error

    @property
    def empty(self) -> bool:
        return bool(self.since and self.until and self.since >= self.until)

    def ends_after(self, seen: Seen) -> bool:
        """Whether there may be months in it that were made after one has looked."""
        if self.empty or not seen.months:
            return not self.empty
        last = self.outer_last or self.ahead
        if last < self.now and self.last:
            last = self.last  # a neighbour of the past that is not there will hardly come
        return min(last, self.ahead) > seen.months[-1]

    def absent(self, family: Family, seen: Seen) -> list[Month]:
        """The months that should have a table, and have none."""
        earliest = family.first or (seen.months[0] if seen.months else self.now)
        first = max(self.first, earliest) if self.first else earliest
        last = min(self.last, self.now) if self.last else self.now
        if self.empty or first > last:
            return []
        low, high = bisect_left(seen.months, first), bisect_right(seen.months, last)
        if high - low == last - first + 1:
            return []
        there = set(seen.months[low:high])
        return [month for n in range(last - first + 1) if (month := first + n) not in there]

    def span(self, table: MonthlyTable[Any], seen: Seen) -> Span:
        months = seen.months
        if self.empty:
            return Span((), (0, 0), ("", ""), {})
        begin = bisect_left(months, self.outer_first) if self.outer_first else 0
        end = bisect_right(months, self.outer_last) if self.outer_last else len(months)
        first = bisect_left(months, self.first) if self.first else 0
        last = bisect_right(months, min(self.last, self.now) if self.last else self.now)
        shape, values = self._bounds(table)
        return Span(months[begin:end], (first - begin, last - begin), shape, values)

    def _bounds(self, table: MonthlyTable[Any]) -> tuple[tuple[str, str], dict[str, datetime]]:
        """Exactly as `not_before` and `before` have it, with the instants as parameters."""
        values: dict[str, datetime] = {}
        lower = upper = ""
        if self.since is None and self.until is None:
            return (lower, upper), values
        held = named(table.template, table.family.time).type
        if self.since is not None:
            lower = ">=" if holds(held, self.since) else ">"
            values["since"] = self.since
        if self.until is not None:
            upper = "<" if holds(held, self.until) else "<="
            values["until"] = self.until
        return (lower, upper), values


def _instant(given: Instant, family: Family) -> datetime | None:
    if isinstance(given, Month):
        given = given.start(family.zone)
    if given is None:
        return None
    if not isinstance(given, datetime) or given.utcoffset() is None:
        raise InvalidMonth(
            f"{given} has no time zone; give an aware datetime, or a Month, which begins in "
            f"{family.name}'s own zone"
        )
    return given.astimezone(UTC)  # times with one tzinfo are added as clocks show them
