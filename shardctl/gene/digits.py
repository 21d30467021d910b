"""A date written in decimal digits, at a fixed place of the ID."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from shardctl.errors import ImplausibleGene, InvalidGene, InvalidId
from shardctl.gene.base import Span, shown
from shardctl.month import Month

_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "L": 3}
_SHAPES = {
    "Y": "[0-9]{4}",
    "y": "[0-9]{2}",
    "m": "(?:0[1-9]|1[0-2])",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "H": "(?:[01][0-9]|2[0-3])",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "L": "[0-9]{3}",
}
_COARSE_TO_FINE = "mdHMSL"
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_UNIX_WALL = _UNIX.replace(tzinfo=None)
_BEGINNING = [0, 1, 1, 0, 0, 0, 0]
_UNITS = {
    "d": timedelta(days=1),
    "H": timedelta(hours=1),
    "M": timedelta(minutes=1),
    "S": timedelta(seconds=1),
    "L": timedelta(milliseconds=1),
}


@dataclass(frozen=True, slots=True)
class DigitsGene:
    """A date in decimal digits, as a clock in the family's zone shows it.

    `DigitsGene(0, "%Y%m%d")` reads `2017072809364399…` as July 2017. The other characters of
    the ID are digits, too.

    Attributes:
        position: where the date begins, from 0.
        format: `%Y` or `%y` (2000 to 2099), `%m`, and what is finer as far as the ID has it:
            `%d`, `%H`, `%M`, `%S`, `%L` (three digits of milliseconds).
        letters: the other characters may be ASCII letters as well.
        fields: the letters of the format, in its order.
        calendar: the same from the year down to the finest.
        shape: what such an ID matches, as a whole.

    Raises:
        InvalidGene: the format has no year or no month, a field twice, or one without the
            coarser ones.
    """

    position: int
    format: str
    letters: bool = False
    fields: str = field(init=False, repr=False, compare=False)
    calendar: tuple[str, ...] = field(init=False, repr=False, compare=False)
    shape: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = self.format.replace("%", "")
        finer = "".join(name for name in fields if name not in "Yy")
        if (
            self.format != "".join(f"%{name}" for name in fields)
            or sorted(finer) != sorted(_COARSE_TO_FINE[: len(finer)])
            or not finer
            or len(fields) != len(finer) + 1
            or self.position < 0
        ):
            raise InvalidGene(
                f"gene format {self.format!r} at {self.position}: give a position from 0 and a "
                "format of one %Y or %y, one %m, and at most one %d, %H, %M, %S and %L, each "
                "only with those before it"
            )
        other = "[0-9A-Za-z]" if self.letters else "[0-9]"
        date = "".join(f"(?P<{name}>{_SHAPES[name]})" for name in fields)
        year = "Y" if "Y" in fields else "y"
        object.__setattr__(self, "fields", fields)
        object.__setattr__(self, "calendar", (year, *_COARSE_TO_FINE[: len(finer)]))
        object.__setattr__(self, "shape", re.compile(f"{other}{{{self.position}}}{date}{other}*"))

    def __str__(self) -> str:
        return f"digits {self.position} {self.format}" + (" letters" if self.letters else "")

    @property
    def decimal(self) -> bool:
        return not self.letters

    @property
    def lengths(self) -> tuple[int, ...]:
        return ()

    @property
    def ordered(self) -> bool:
        """Whether IDs are in order of time: the date stands in front, the coarsest field first."""
        return self.position == 0 and self.fields[1:] == _COARSE_TO_FINE[: len(self.fields) - 1]

    @property
    def has_time(self) -> bool:
        """Whether the time of day stands there, too."""
        return "H" in self.fields

    @property
    def day(self) -> tuple[int, int]:
        """From which character to which the year, the month and the day stand."""
        at, places = self.position, []
        for name in self.fields:
            if name in "Yymd":
                places += [at, at + _WIDTHS[name]]
            at += _WIDTHS[name]
        return min(places), max(places)

    @property
    def width(self) -> int:
        """How many characters the date takes."""
        return sum(_WIDTHS[name] for name in self.fields)

    def month(self, text: str, zone: tzinfo = UTC) -> Month:  # noqa: ARG002  a wall clock has none
        wall = self._wall(text)
        return Month(wall.year, wall.month)

    def span(self, text: str, zone: tzinfo) -> Span:
        wall = self._wall(text)
        finest = self.calendar[-1]
        try:
            since = _instant(wall, zone)
            if finest == "m":
                return since, (Month(wall.year, wall.month) + 1).start(zone).astimezone(UTC)
            if finest == "d":
                return since, _instant(wall + _UNITS["d"], zone)
            # An hour that a clock shows twice may be either.
            later = _instant(wall.replace(fold=1), zone)
        except (OverflowError, ValueError) as error:  # the calendar's first or last day
            raise InvalidId(f"ID {shown(text)} bears no time: {error}") from error
        return since, max(since, later) + _UNITS[finest]

    def shows(self, text: str, wall: datetime) -> bool:
        """Whether an ID bears what a clock shows, to its last digit.

        False, too, where that is not to be told so quickly: of a year in two digits, and of
        milliseconds, which `strftime` has not.
        """
        fields = self.fields
        if "Y" not in fields or "L" in fields:
            return False
        return text.startswith(wall.strftime(self.format), self.position)

    def id_range(
        self,
        first: Month,
        last: Month,
        zone: tzinfo,  # noqa: ARG002  a wall clock has none
        length: int,
    ) -> tuple[str, str]:
        if not self.ordered:
            raise InvalidGene(f"IDs with gene '{self}' are not in order of time")
        if "y" in self.fields:
            first, last = max(first, Month(2000, 1)), min(last, Month(2099, 12))
        if first > last or length < self.width:
            raise ImplausibleGene(
                f"no ID of {length} characters with gene '{self}' bears {first} to {last}"
            )
        final = datetime(last.year, last.month, _days(last), 23, 59, 59, 999_000)  # noqa: DTZ001
        begin = datetime(first.year, first.month, 1)  # noqa: DTZ001
        return (
            self._date(begin).ljust(length, "0"),
            self._date(final).ljust(length, "z" if self.letters else "9"),
        )

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:
        end = self.position + self.width
        yield f"characters {self.position} to {end - 1}, {self.format}", text[self.position : end]
        yield f"date by the clock in {zone}", self._wall(text).isoformat(" ", "milliseconds")

    def _date(self, wall: datetime) -> str:
        year, milliseconds = wall.year, wall.microsecond // 1000
        numbers = (year, year % 100, *wall.timetuple()[1:6], milliseconds)
        values = dict(zip(_WIDTHS, numbers, strict=True))
        return "".join(f"{values[name]:0{_WIDTHS[name]}}" for name in self.fields)

    def _wall(self, text: str) -> datetime:
        """What the clock showed; what the format leaves out at its beginning."""
        if not (match := self.shape.fullmatch(text)):
            kind = "letters and digits" if self.letters else "digits"
            raise InvalidId(
                f"ID {shown(text)} is not of ASCII {kind} with a date, {self.format}, "
                f"at {self.position}"
            )
        found = [int(digits) for digits in match.group(*self.calendar)]
        year, month, day, hour, minute, second, millisecond = found + _BEGINNING[len(found) :]
        if "y" in self.fields:
            year += 2000
        try:
            return datetime(  # noqa: DTZ001  a clock's face
                year, month, day, hour, minute, second, millisecond * 1000
            )
        except ValueError as error:
            raise InvalidId(f"ID {shown(text)} bears no date: {error}") from error


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    """When a zone's clock showed something; half the work of `replace` and `astimezone`."""
    offset = zone.utcoffset(wall)
    assert offset is not None  # a zone has one
    return _UNIX + (wall - _UNIX_WALL - offset)


def _days(month: Month) -> int:
    if month.month == 2:
        leap = month.year % 4 == 0 and (month.year % 100 != 0 or month.year % 400 == 0)
        return 29 if leap else 28
    return 30 if month.month in (4, 6, 9, 11) else 31
