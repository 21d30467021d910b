"""IDs that front ends made, checked before a row is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shardctl.errors import ForeignId, GeneMismatch, InvalidGene
from shardctl.family import Family, Reading
from shardctl.gene import Id, TimestampGene
from shardctl.gene.base import shown
from shardctl.month import Month


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Checks IDs of timestamp, user id and a few digits, which clients send.

    Where a family's IDs were made otherwise before, an ID is checked by the scheme it was made
    by; one that begins with no timestamp bears no user's id, and is refused.

    Attributes:
        family: whose IDs they are.
        tail: how many digits stand behind the user's id.
        near: how far a client's clock may be from ours, to either side.

    Raises:
        InvalidGene: the family's IDs do not, and never did, begin with a timestamp.
    """

    family: Family
    tail: int = 3
    near: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if not any(isinstance(scheme.gene, TimestampGene) for scheme in self.family.schemes):
            raise InvalidGene(f"IDs of {self.family.name} do not begin with a timestamp")

    def check(self, id: Id, *, user: Id, now: datetime | None = None) -> Month:
        """The month of a new row's ID that is right in every part.

        For new rows alone: a retry may come long after, is no longer near now, and is found by
        its ID; its user is compared with `check_user`.

        Args:
            user: the id of the caller, from its session and not from the request.
            now: an aware datetime in place of the clock's.

        Raises:
            InvalidId: the ID has not the declared form, or a date outside of the family's months.
            ForeignId: it bears another user's id, or none.
            GeneMismatch: its time is not near now.
        """
        now = now or datetime.now(UTC)
        reading = self._read(id, user, now)
        assert reading.scheme.gene  # else it could not be read
        since, until = reading.scheme.gene.span(reading.body, self.family.zone)
        if not since - self.near <= now < until + self.near:
            raise GeneMismatch(
                f"ID {shown(id)} of {self.family.name} was made at {since.isoformat()}, more than "
                f"{self.near.total_seconds():g} s from now, {now.isoformat()}: the client's clock "
                "is wrong, or the ID is old"
            )
        return reading.month

    def check_user(self, id: Id, *, user: Id, now: datetime | None = None) -> None:
        """Make sure that an ID bears the caller's user id.

        Raises:
            InvalidId: the ID has not the declared form, or a date outside of the family's months.
            ForeignId: it bears another user's id, or none.
        """
        self._read(id, user, now)

    def _read(self, id: Id, user: Id, now: datetime | None) -> Reading:
        """What an ID says that bears the caller's user id."""
        reading = self.family.read(id, now)
        gene, caller = reading.scheme.gene, str(user)
        # Sliced from both sides: as a part of the digits another's id could be found in it.
        if (
            not caller
            or not isinstance(gene, TimestampGene)
            or reading.body[gene.width : len(reading.body) - self.tail] != caller
        ):
            raise ForeignId(
                f"ID {shown(id)} of {self.family.name} does not bear the caller's user id"
            )
        return reading
