"""A family: a logical table and all its months."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shardctl.errors import ConfigError, ImplausibleGene, InvalidId
from shardctl.gene import Gene
from shardctl.month import Month
from shardctl.suffix import Suffix


@dataclass(frozen=True, slots=True)
class Family:
    """A logical table such as `t_order`, and how its rows find their months.

    Attributes:
        name: the logical table's name, which revisions and applications use.
        timezone: the IANA name of the zone whose calendar makes the months.
        suffix: the pattern between the name and the month.
        template: the empty table that holds the declared structure; the family's own name where
            it is not given.
        key: the columns that are unique within a month.
        time: the column of the add-time.
        time_unit: "" for DATETIME, TIMESTAMP and DATE; "s" or "ms" for an integer column.
        gene: where in an ID its month stands; None routes by add-time alone.
        length: how long an ID may be, in characters; empty for any length.
        first: no month before it is plausible; None for no bound.
        skew: how far gene and add-time of a new row may disagree.
        premake: how many months are made ahead of the present one.

    Raises:
        ConfigError: the time zone is unknown.
    """

    name: str
    timezone: str = "UTC"
    suffix: Suffix = field(default_factory=Suffix)
    template: str = ""
    key: tuple[str, ...] = ()
    time: str = ""
    time_unit: str = ""
    gene: Gene | None = None
    length: tuple[int, ...] = ()
    first: Month | None = None
    skew: timedelta = timedelta(seconds=5)
    premake: int = 4

    def __post_init__(self) -> None:
        if not self.template:
            object.__setattr__(self, "template", self.name)
        _ = self.zone

    @property
    def zone(self) -> tzinfo:
        """The zone whose calendar makes the months."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Asia", a folder
            raise ConfigError(
                f"family {self.name}: time zone {self.timezone!r} is unknown; "
                "give an IANA name such as Asia/Shanghai"
            ) from error

    def current_month(self, now: datetime | None = None) -> Month:
        """The month that it is now in the family's zone.

        Args:
            now: an aware datetime in place of the clock's.
        """
        return Month.of(now or datetime.now(UTC), self.zone)

    def month(
        self,
        *,
        id: str | int | None = None,
        instant: datetime | None = None,
        now: datetime | None = None,
    ) -> Month:
        """The month that a row belongs to, by its ID or by its add-time.

        Args:
            id: an order ID that bears a gene; it alone decides.
            instant: the add-time, aware; for families without a gene.
            now: an aware datetime in place of the clock's, for what is plausible.

        Raises:
            InvalidId: the ID has not the declared form.
            ImplausibleGene: its month lies before the family's first or beyond what is premade.
            InvalidMonth: the instant is naive.
        """
        if (id is None) == (instant is None):
            raise TypeError("give either id= or instant=")
        if instant is not None:
            return Month.of(instant, self.zone)
        if self.gene is None:
            raise InvalidId(f"IDs of family {self.name} bear no gene; route by instant=")
        text = self._canonical(id)
        month = self.gene.month(text, self.zone)
        last = self.current_month(now) + self.premake
        if month > last or (self.first is not None and month < self.first):
            first = self.first or "the beginning"
            raise ImplausibleGene(
                f"ID {text!r} says {month}, but {self.name} has months from {first} to {last}"
            )
        return month

    def table_name(
        self,
        month: Month | None = None,
        *,
        id: str | int | None = None,
        instant: datetime | None = None,
    ) -> str:
        """The physical table of a month, of an ID, or of an add-time; see `month`."""
        if month is None:
            month = self.month(id=id, instant=instant)
        return self.name + self.suffix.format(month)

    def months(self, since: datetime, until: datetime) -> tuple[Month, ...]:
        """The months that the time from `since` up to, but without, `until` touches.

        Args:
            since: an aware datetime.
            until: an aware datetime; midnight of the first does not touch the month it begins.

        Raises:
            InvalidMonth: one of the two is naive.
        """
        first, last = Month.of(since, self.zone), Month.of(until, self.zone)
        # Two times with one tzinfo compare as clocks show them, which go back once a year.
        since, until = since.astimezone(UTC), until.astimezone(UTC)
        if until <= last.start(self.zone):
            last += -1
        return tuple(first + step for step in range(last - first + 1)) if since < until else ()

    def _canonical(self, id: str | int | None) -> str:
        if isinstance(id, bool) or not isinstance(id, str | int):
            raise InvalidId(f"an ID is a string or an integer, not {type(id).__name__}")
        text = str(id)
        if self.length and len(text) not in self.length:
            allowed = " or ".join(map(str, self.length))
            raise InvalidId(f"ID {text!r} has {len(text)} characters, {self.name} wants {allowed}")
        return text
