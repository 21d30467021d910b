"""A gene that a function of the application reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from shardctl.errors import InvalidGene, InvalidId, InvalidMonth
from shardctl.gene.base import Span, shown
from shardctl.month import Month


@dataclass(frozen=True, slots=True)
class CallableGene:
    """Anything else: a function that tells the month of an ID, or when it was made.

    The function gets the ID's text, of ASCII letters and digits, and returns a `Month`, or an
    aware datetime; it raises `InvalidId` where the ID has not its form. It must give the same for
    the same ID for ever, and ask neither a clock nor a database: a retry is routed by it.

    Attributes:
        function: the function.
        name: what it is called in the family's fingerprint; give it another when the function
            reads IDs otherwise.
        decimal: its IDs are ASCII digits alone, and may be given as integers.

    Raises:
        InvalidGene: the name is empty.
    """

    function: Callable[[str], Month | datetime]
    name: str
    decimal: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidGene("a callable gene wants a name, for the family's fingerprint")

    def __str__(self) -> str:
        return f"callable {self.name}"

    @property
    def lengths(self) -> tuple[int, ...]:
        return ()

    def month(self, text: str, zone: tzinfo) -> Month:
        found = self._call(text)
        try:
            return found if isinstance(found, Month) else Month.of(found, zone)
        except InvalidMonth as error:
            raise _beyond(text) from error

    def span(self, text: str, zone: tzinfo) -> Span:
        found = self._call(text)
        try:
            if isinstance(found, Month):
                return found.start(zone).astimezone(UTC), (found + 1).start(zone).astimezone(UTC)
            return found.astimezone(UTC), found.astimezone(UTC) + timedelta.resolution
        except (InvalidMonth, OverflowError) as error:
            raise _beyond(text) from error

    def id_range(self, first: Month, last: Month, zone: tzinfo, length: int) -> tuple[str, str]:  # noqa: ARG002
        raise InvalidGene(f"whether IDs with gene '{self}' are in order of time is not known")

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:  # noqa: ARG002
        yield f"{self.name} says", str(self._call(text))

    def _call(self, text: str) -> Month | datetime:
        if not (text.isascii() and (text.isdecimal() if self.decimal else text.isalnum())):
            raise InvalidId(f"ID {shown(text)} is not of ASCII letters and digits")
        found = self.function(text)
        if isinstance(found, Month) or (isinstance(found, datetime) and found.tzinfo):
            return found
        raise InvalidGene(
            f"gene '{self}' gave {found!r}; give a Month or an aware datetime, or raise InvalidId"
        )


def _beyond(text: str) -> InvalidId:
    return InvalidId(f"ID {shown(text)} bears a time beyond the calendar")
