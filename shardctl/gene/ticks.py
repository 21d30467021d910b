"""What genes have in common that count the time since an epoch, in front of the ID."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from shardctl.errors import ImplausibleGene, InvalidId, InvalidMonth
from shardctl.gene.base import Id, Span, shown
from shardctl.month import Month

UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The epoch from which most of them count."""

_MILLISECOND: Final = timedelta(milliseconds=1)


class TickGene(ABC):
    """A gene that counts ticks: IDs are in order of time, and a month is a range of them.

    All is done in whole ticks: a fraction of a second as a float has put instants shortly before
    midnight into the next month. A tick belongs to the month in which it begins.
    """

    __slots__ = ()

    @property
    def epoch_ms(self) -> int:
        """When tick 0 began, in milliseconds since 1970-01-01 in UTC."""
        return 0

    @property
    def unit_ms(self) -> int:
        """How long a tick is, in milliseconds."""
        return 1

    @property
    def most_ticks(self) -> int:
        """The last tick that the field can hold; of 48 bits unless a kind has another."""
        return 2**48 - 1

    @abstractmethod
    def ticks(self, text: str) -> int:
        """The tick of an ID, strictly.

        Raises:
            InvalidId: the ID has not the form that the gene declares.
        """

    @abstractmethod
    def lower(self, ticks: int) -> Id:
        """What no ID of this tick or a later one is less than, and every earlier one is.

        Texts compare with it as texts do, character by character, and integers as integers.
        """

    @abstractmethod
    def extremes(self, first: int, last: int, length: int) -> tuple[str, str]:
        """The smallest and the largest ID of a length from one tick to another.

        Raises:
            ImplausibleGene: there is no such ID of this length.
        """

    def month(self, text: str, zone: tzinfo) -> Month:
        return Month.of(self.instant_of(self.ticks(text), text, zone), zone)

    def span(self, text: str, zone: tzinfo) -> Span:  # noqa: ARG002  an instant has none
        ticks = self.ticks(text)
        return self.instant_of(ticks, text), self.instant_of(ticks + 1, text)

    def instant_of(self, ticks: int, text: str = "", zone: tzinfo = UTC) -> datetime:
        """When a tick begins.

        Args:
            text: the ID, for the error.
            zone: the zone whose clock is to show it.

        Raises:
            InvalidId: beyond the calendar.
        """
        try:
            instant = UNIX + (self.epoch_ms + ticks * self.unit_ms) * _MILLISECOND
            return instant.astimezone(zone)
        except OverflowError as error:
            raise InvalidId(f"ID {shown(text)} bears a time beyond the calendar") from error

    def instant_step(self, text: str, zone: tzinfo) -> tuple[str, str]:
        """The step of reading an ID that tells its instant, for `steps`."""
        instant = self.instant_of(self.ticks(text), text, zone)
        return f"instant in {zone}", instant.isoformat(" ", "milliseconds")

    def first_tick(self, month: Month, zone: tzinfo) -> int:
        """The first tick that begins in a month or later; it may be outside of the field."""
        try:
            start = month.start(zone)
        except OverflowError:  # the calendar's first month, east of Greenwich
            start = datetime.min.replace(tzinfo=UTC)
        # Rounded up; a start may have microseconds where a zone's history does.
        return -((UNIX + self.epoch_ms * _MILLISECOND - start) // (self.unit_ms * _MILLISECOND))

    def boundary(self, month: Month, zone: tzinfo) -> Id | None:
        """What separates the IDs of a month from those before, to bisect by.

        Where the field begins within or after the month, it is the smallest ID of all.

        Returns:
            None where the field ends before the month.
        """
        ticks = max(self.first_tick(month, zone), 0)
        return None if ticks > self.most_ticks else self.lower(ticks)

    def id_range(self, first: Month, last: Month, zone: tzinfo, length: int) -> tuple[str, str]:
        lowest = max(self.first_tick(first, zone), 0)
        try:
            highest = min(self.first_tick(last + 1, zone) - 1, self.most_ticks)
        except InvalidMonth:  # the calendar's last
            highest = self.most_ticks
        if lowest > highest:
            raise ImplausibleGene(f"no ID with gene '{self}' bears {first} to {last}")
        return self.extremes(lowest, highest, length)
