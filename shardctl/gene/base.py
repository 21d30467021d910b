"""What every gene can do, whatever kind it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Protocol, TypeAlias

from shardctl.month import Month

Id: TypeAlias = str | int
"""An ID as an application holds it: its text, or the integer whose decimal digits are its text."""

Span: TypeAlias = tuple[datetime, datetime]
"""A time from its first instant up to, but without, its second; aware, in UTC."""

_SHOWN = 80


class Gene(Protocol):
    """Where in an ID the time is, and how it is written.

    A gene is a frozen value. `str(gene)` is its declaration as the configuration writes it, and
    goes into a family's fingerprint: it changes when, and only when, IDs would be read otherwise.
    """

    @property
    def decimal(self) -> bool:
        """Whether its IDs are decimal digits alone, so that an integer is one, too."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that its IDs can have, in characters; empty where any is possible."""

    def month(self, text: str, zone: tzinfo) -> Month:
        """The month of an ID, strictly.

        Args:
            text: the ID in its one canonical form.
            zone: the family's, whose calendar makes the months.

        Raises:
            InvalidId: the ID has not the form that the gene declares, or bears no real time.
        """

    def span(self, text: str, zone: tzinfo) -> Span:
        """When the ID was made, as exactly as it tells: a millisecond, a day, a month.

        Raises:
            InvalidId: as `month`.
        """

    def id_range(self, first: Month, last: Month, zone: tzinfo, length: int) -> tuple[str, str]:
        """The smallest and the largest ID of a length from one month to another, both included.

        Raises:
            InvalidGene: IDs are not in order of time.
            ImplausibleGene: no ID of this length can bear one of these months.
        """

    def steps(self, text: str, zone: tzinfo) -> Iterable[tuple[str, str]]:
        """How the ID is read: the name of each part and what it holds, in order.

        Raises:
            InvalidId: as `month`; where it may, after the steps up to what is wrong.
        """


def shown(id: object) -> str:
    """An ID as a message shows it: what a stranger sent may be long, and have control characters.

    Args:
        id: anything.
    """
    if isinstance(id, int) and id.bit_length() > 4 * _SHOWN:
        return f"an integer of {id.bit_length()} bits"
    text = ascii(id)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
