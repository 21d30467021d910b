"""A month of the calendar: the unit by which families are sharded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import overload

from shardctl.errors import InvalidMonth

_COMPACT = re.compile(r"([0-9]{4})-?([0-9]{2})")


@dataclass(frozen=True, order=True, slots=True)
class Month:
    """One month, such as `Month(2026, 11)`.

    Months are ordered and hashable. `month + 1` is the next one, `month - 1` the one before and
    `month - other` the number of months between two, so that no arithmetic is ever done on
    numbers like 202612.

    Raises:
        InvalidMonth: the year is no integer in 1..9999, or the month none in 1..12.
    """

    year: int
    month: int

    def __post_init__(self) -> None:
        whole = isinstance(self.year, int) and isinstance(self.month, int)
        if not (whole and 1 <= self.year <= 9999 and 1 <= self.month <= 12):
            raise InvalidMonth(f"{self.year}-{self.month} is no month of the calendar")

    @classmethod
    def parse(cls, text: str) -> Month:
        """Read a month as people write it on a command line: `202611` or `2026-11`.

        Raises:
            InvalidMonth: the text has another form, or names no month (`202613`).
        """
        if not (match := _COMPACT.fullmatch(text)):
            raise InvalidMonth(f"{text!r} is no month; write it as 202611 or 2026-11")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, instant: datetime, zone: tzinfo) -> Month:
        """The month in which an instant falls, as a clock in `zone` shows it.

        Args:
            instant: an aware datetime.
            zone: the zone whose calendar counts, usually the family's.

        Raises:
            InvalidMonth: the instant is naive, so that its month hangs on the machine's zone; it
                is no datetime; or it is beyond the calendar.
        """
        if not isinstance(instant, datetime) or instant.tzinfo is None:
            raise InvalidMonth(f"{instant} has no time zone; give an aware datetime")
        try:
            local = instant.astimezone(zone)
        except OverflowError as error:
            raise InvalidMonth(f"{instant.isoformat()} is beyond the calendar in {zone}") from error
        found = cls(local.year, local.month)
        # A clock put back over midnight shows the old month once more, which has ended.
        ended = local.fold and (found + 1).start(zone).astimezone(UTC) <= instant
        return found + 1 if ended else found

    def start(self, zone: tzinfo) -> datetime:
        """The month's first instant in `zone`; its end is `(month + 1).start(zone)`.

        Midnight that a clock skips (a change to summer time) is the instant of the skip.
        """
        wall = datetime(self.year, self.month, 1, tzinfo=zone)
        return wall.astimezone(UTC).astimezone(zone)

    def __add__(self, months: int) -> Month:
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)

    @overload
    def __sub__(self, other: Month) -> int: ...

    @overload
    def __sub__(self, other: int) -> Month: ...

    def __sub__(self, other: Month | int) -> Month | int:
        if not isinstance(other, Month):
            return self + -other
        return (self.year - other.year) * 12 + self.month - other.month

    def __format__(self, pattern: str) -> str:
        """Fill `%Y`, `%y` and `%m` in a pattern; without one, `2026-11`."""
        if not pattern:
            return str(self)
        with_year = pattern.replace("%Y", f"{self.year:04}").replace("%y", f"{self.year % 100:02}")
        return with_year.replace("%m", f"{self.month:02}")

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def required(month: object) -> Month:
    """What is given as a month, which a caller without a type checker may have mistaken.

    Raises:
        InvalidMonth: it is none.
    """
    if not isinstance(month, Month):
        raise InvalidMonth(f"{month!r:.80} is no Month, such as Month(2026, 11)")
    return month


def spans(months: Iterable[Month]) -> str:
    """Months as people list them: `2020-05 to 2026-10 (78 months), 2027-01`."""
    runs: list[tuple[Month, Month]] = []
    for month in sorted(months):
        if runs and month == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], month
        else:
            runs.append((month, month))
    return ", ".join(
        str(first) if first == last else f"{first} to {last} ({last - first + 1} months)"
        for first, last in runs
    )
