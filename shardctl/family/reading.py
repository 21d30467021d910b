"""How an ID is read, step by step: what is decided once for every route."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from shardctl.errors import AmbiguousGene, GeneMismatch, ImplausibleGene, InvalidGene, InvalidId
from shardctl.family.scheme import Scheme
from shardctl.gene import Id, SnowflakeGene
from shardctl.gene.base import shown
from shardctl.month import Month


@dataclass(frozen=True, slots=True)
class Reading:
    """What an ID says.

    Attributes:
        scheme: how the ID was made.
        body: the ID without its seals, which were right.
        month: the month that it bears, which is plausible.
    """

    scheme: Scheme
    body: str
    month: Month


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the IDs of one family.

    Attributes:
        family: the family's name, for errors.
        zone: the one whose calendar makes the months.
        schemes: how IDs were made, the earliest first, and how they are made now.
        first: no month before it is plausible; None for no bound.
        premake: how many months ahead of the present one are plausible.
    """

    family: str
    zone: tzinfo
    schemes: tuple[Scheme, ...]
    first: Month | None
    premake: int

    def read(self, id: Id | None, now: datetime | None = None) -> Reading:
        """What an ID says by the one scheme that claims it.

        Args:
            now: an aware datetime in place of the clock's.

        Raises:
            InvalidId: none does; the error is that of the scheme whose length it has.
            AmbiguousGene: two do, for different months.
        """
        readings: list[Reading] = []
        errors: list[InvalidId] = []
        for scheme in self._fitting(id) or self.schemes:
            try:
                readings.append(self.read_by(scheme, id, now))
            except InvalidId as error:
                errors.append(error)
        if not readings:
            raise max(errors, key=lambda error: isinstance(error, ImplausibleGene))
        if len({reading.month for reading in readings}) > 1:
            claims = ", ".join(f"'{reading.scheme}' {reading.month}" for reading in readings)
            raise AmbiguousGene(
                f"ID {shown(id)} of {self.family} may be of several months: {claims}"
            )
        return readings[0]

    def read_by(self, scheme: Scheme, id: Id | None, now: datetime | None = None) -> Reading:
        """What an ID says by one scheme.

        Raises:
            InvalidId: it has not that scheme's form, or bears no gene.
            ImplausibleGene: it says a month in which no ID was made so.
        """
        body = scheme.body(id)
        return Reading(scheme, body, self.month_by(scheme, body, now))

    def month_by(self, scheme: Scheme, body: str, now: datetime | None = None) -> Month:
        """The month that the body of an ID says by one scheme.

        Raises:
            InvalidId: as `read_by`.
        """
        if scheme.gene is None:
            raise InvalidId(
                f"ID {shown(body)} of family {self.family} bears no gene; its add-time tells the "
                "month: instant="
            )
        month = scheme.gene.month(body, self.zone)
        first, last = self.first_of(scheme), self.current_month(now) + self.premake
        if scheme.until:
            last = min(last, scheme.until)
        if month > last or (first and month < first):
            raise ImplausibleGene(
                f"ID {shown(body)} says {month}, but {self.family} has months from "
                f"{first or 'the beginning'} to {last}"
            )
        return month

    def compare(self, id: Id, instant: datetime, skew: timedelta, now: datetime | None) -> Month:
        """The month of an ID whose add-time agrees; by that time where the ID bears no gene.

        Raises:
            InvalidId: and what `read` raises.
            GeneMismatch: they are more than `skew` apart, or no such ID was made at that time.
        """
        fitting = self._fitting(id)
        if fitting and not any(scheme.gene for scheme in fitting):
            month = Month.of(instant, self.zone)
            if len(self.schemes) == 1 or set(fitting) & set(self.holding(month)):
                return month
            raise GeneMismatch(
                f"ID {shown(id)} of {self.family} bears no gene, and none such was made in {month}"
            )
        found = self.read(id, now)
        assert found.scheme.gene  # else it could not be read
        since, until = found.scheme.gene.span(found.body, self.zone)
        if since - instant <= skew and instant - until <= skew:
            return found.month
        raise GeneMismatch(
            f"ID {shown(id)} of {self.family} was made at {since.isoformat()}, more than "
            f"{skew.total_seconds():g} s from its add-time {instant.isoformat()}: mint both from "
            "one instant; for a retry, route by the ID alone"
        )

    def steps(self, id: Id, now: datetime | None = None) -> Iterator[tuple[str, str]]:
        """Each step of reading an ID, up to its month: what is looked at, and what it says.

        Raises:
            InvalidId: and what `read` raises, after the steps up to there, by each scheme that
                may have made the ID.
        """
        for scheme in self._fitting(id) or self.schemes:
            with suppress(InvalidId):  # `read` tells of it
                yield from self._steps_by(scheme, id)
        yield "month", str(self.read(id, now).month)

    def _steps_by(self, scheme: Scheme, id: Id) -> Iterator[tuple[str, str]]:
        yield "gene", str(scheme.gene or "none")
        if len(self.schemes) > 1:
            yield "made", f"until {scheme.until}" if scheme.until else "as it is done now"
        body = scheme.body(id)
        if scheme.check:
            yield "check digits", "right"
        if scheme.tag:
            yield "tag", "right"
        if scheme.gene:
            yield from scheme.gene.steps(body, self.zone)

    def _fitting(self, id: Id | None) -> tuple[Scheme, ...]:
        return tuple(scheme for scheme in self.schemes if scheme.fits(id))

    def first_of(self, scheme: Scheme) -> Month | None:
        """The first month in which IDs were made so."""
        at = self.schemes.index(scheme)
        return self.schemes[at - 1].until if at else self.first

    def holding(self, month: Month) -> tuple[Scheme, ...]:
        """How IDs were made in a month: in that of a change, in two ways."""
        return tuple(
            scheme
            for scheme in self.schemes
            if (scheme.until is None or month <= scheme.until)
            and ((first := self.first_of(scheme)) is None or first <= month)
        )

    def id_range(self, month: Month) -> tuple[Id, Id]:
        """The smallest and the largest ID of a month: integers of a snowflake, else texts.

        Raises:
            InvalidGene: IDs are not in order of time, have no declared length, or were made in
                two ways in that month.
            ImplausibleGene: no ID can bear the month.
        """
        schemes = self.holding(month)
        if not schemes:
            raise ImplausibleGene(f"{self.family} has no months before {self.first}")
        if len(schemes) > 1:
            raise InvalidGene(f"in {month} IDs of {self.family} were made in two ways")
        (scheme,) = schemes
        if not scheme.lengths:
            raise InvalidGene(f"IDs of {self.family} have no declared length; declare it")
        ranges = []
        for length in scheme.lengths:
            try:
                ranges.append(scheme.id_range(month, month, self.zone, length))
            except ImplausibleGene as error:
                refused = error
        if not ranges:
            raise refused
        if isinstance(scheme.gene, SnowflakeGene) and scheme.decimal:
            return min(int(low) for low, _ in ranges), max(int(high) for _, high in ranges)
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def current_month(self, now: datetime | None = None) -> Month:
        """The month that it is now.

        Args:
            now: an aware datetime in place of the clock's.
        """
        return Month.of(now or datetime.now(UTC), self.zone)
