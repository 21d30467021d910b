"""A range of time: the months that it touches, and which of their rows lie in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Column, ColumnElement, Connection, bindparam

from shardctl.errors import ConfigError, InvalidMonth, MonthMissing
from shardctl.family import Family
from shardctl.month import Month, spans
from shardctl.reads.seen import Seen, Sight
from shardctl.tables import MonthlyTable
from shardctl.tables.range import holds

Instant: TypeAlias = "datetime | Month | None"
"""An aware datetime, a month's beginning in the family's zone, or no bound."""

Missing: TypeAlias = Literal["error", "skip"]

Shape: TypeAlias = tuple[str, str]

AGAIN: Final = 60
"""Seconds after which one looks again for months of the future, which hold hardly a row yet."""

_LEAST: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The months of a range that have a table, and how its rows are told from others.

    Attributes:
        months: in order of time; the neighbours that `skew` reaches are among them.
        inner: which of these the range itself touches: the first, and the one after the last.
        since: in UTC, as are all times here; None for no bound, as below.
        until: likewise.
        time: the time column, of the template; None where the family has none.
        now: a little before the present, by as much as clocks may differ: by `skew`.
        edges: the last month that may have rows before the range, and the first that may have
            some after it.
    """

    months: tuple[Month, ...]
    inner: tuple[int, int]
    since: datetime | None
    until: datetime | None
    time: Column[Any] | None
    now: datetime
    edges: tuple[Month | None, Month | None]

    @property
    def bounded(self) -> bool:
        """Whether there is a bound at all."""
        return self.since is not None or self.until is not None

    def shape_of(self, month: Month) -> Shape:
        """The operators that bound the rows of a month, "" where nothing has to.

        Months of one shape have the same SQL. Exactly as `not_before` and `before` have it.
        """
        if self.time is None:
            return ("", "")
        lower = upper = ""
        (first, last), type_ = self.edges, self.time.type
        if self.since and not (first and month > first):
            lower = ">=" if holds(type_, self.since) else ">"
        if self.until and not (last and month < last):
            upper = "<" if holds(type_, self.until) else "<="
        return (lower, upper)

    def values(self, shapes: Iterable[Shape]) -> dict[str, Any]:
        """Of the parameters of `conditions`, for all of some shapes."""
        found: dict[str, Any] = {}
        for lower, upper in shapes:
            if lower:
                found["since"] = self.since
            if upper:
                found["until"] = self.until
        return found


def conditions(time: Column[Any], shape: Shape) -> list[ColumnElement[bool]]:
    """Which rows of one month lie in a span.

    Args:
        time: the month's time column.
        shape: the span's, of this month.
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
    where one is missing; where only months of the future are not known, up to as many as the
    family premakes, once a minute.

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
    range_ = _Range(_instant(since, family), _instant(until, family), datetime.now(UTC))
    seen = sight(connection)
    try:
        if range_.beyond(family, seen):
            seen = sight.again(connection)
            absent = range_.absent(family, seen)
            if absent and missing == "error":
                raise MonthMissing(
                    f"{family.name} has no table for {spans(absent)}: 'shardctl premake "
                    f"{family.name} --fill-gaps' makes those between others; missing='skip' goes "
                    "without"
                )
        return seen, range_.span(seen, family.skew, sight.time)
    except OverflowError as error:
        raise InvalidMonth(f"{since} to {until} reaches beyond the calendar") from error


@dataclass(frozen=True, slots=True)
class _Range:
    """A range in UTC; a bound that is not there is None."""

    since: datetime | None
    until: datetime | None
    now: datetime

    @property
    def empty(self) -> bool:
        return bool(self.since and self.until and self.since >= self.until)

    def beyond(self, family: Family, seen: Seen) -> bool:
        """Whether there may be months in it that were made after one has looked, or none at all."""
        if self.empty:
            return False
        months, starts = seen.months, seen.starts
        if not months or (seen.has_gaps and self.absent(family, seen)):
            return True
        if family.first and family.first < months[0] and (not self.since or self.since < starts[0]):
            return True
        if self.until and self.until + family.skew <= starts[-1]:
            return False
        # A neighbour of the past that is not there will hardly come.
        present = Month.of(self.now, family.zone)
        ahead = present + family.premake
        if self.until:
            reach = self.until if self.until < self.now - family.skew else self.until + family.skew
            ahead = min(ahead, Month.of(reach - _LEAST, family.zone))
        if ahead <= months[-1]:
            return False
        return months[-1] < present or monotonic() - seen.at > AGAIN

    def absent(self, family: Family, seen: Seen) -> list[Month]:
        """The months that should have a table, and have none."""
        now = Month.of(self.now, family.zone)
        first = family.first or (seen.months[0] if seen.months else now)
        if self.since:
            first = max(first, Month.of(self.since, family.zone))
        last = min(now, Month.of(self.until - _LEAST, family.zone)) if self.until else now
        return [month for n in range(last - first + 1) if (month := first + n) not in seen.columns]

    def span(self, seen: Seen, skew: timedelta, time: Column[Any] | None) -> Span:
        months, starts = seen.months, seen.starts[:-1]
        if self.empty:
            return Span((), (0, 0), self.since, self.until, time, self.now, (None, None))

        def holding(instant: datetime) -> int:
            """Which month an instant is in, or comes after."""
            return max(bisect_right(starts, instant) - 1, 0)

        begin, first = 0, 0
        end, last = len(months), bisect_right(starts, self.now)
        edges: tuple[Month | None, Month | None] = (None, None)
        if months and (since := self.since):
            begin, first = holding(since - skew), holding(since)
            edges = (months[holding(since + skew)], None)
        if months and (until := self.until):
            end, last = bisect_left(starts, until + skew), min(bisect_left(starts, until), last)
            edges = (edges[0], months[holding(until - skew)])
        if time is None or time.nullable:
            edges = (None, None)  # a NULL lies in no range
        inner = (first - begin, last - begin)
        now = self.now - skew
        return Span(months[begin:end], inner, self.since, self.until, time, now, edges)


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
