"""Seconds or milliseconds since 1970, as the leading digits of the ID."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal

from shardctl.errors import ImplausibleGene, InvalidGene, InvalidId
from shardctl.gene.base import shown
from shardctl.gene.ticks import TickGene

_WIDTHS = {"s": 10, "ms": 13}


@dataclass(frozen=True, slots=True)
class TimestampGene(TickGene):
    """The Unix time in front: ten digits of seconds, or thirteen of milliseconds.

    So does the scheme of many front ends, timestamp + user id + three digits. Times go from
    1970, written with leading zeros before 2001-09-09, to 2286-11-20, when both fields run out.

    Attributes:
        unit: "s" or "ms".

    Raises:
        InvalidGene: the unit is another.
    """

    unit: Literal["s", "ms"] = "ms"

    def __post_init__(self) -> None:
        if self.unit not in _WIDTHS:
            raise InvalidGene(f"a timestamp is in 's' or 'ms', not {self.unit!r}")

    def __str__(self) -> str:
        return f"timestamp {self.unit}"

    @property
    def decimal(self) -> bool:
        return True

    @property
    def lengths(self) -> tuple[int, ...]:
        return ()

    @property
    def width(self) -> int:
        """How many digits the time takes."""
        return _WIDTHS[self.unit]

    @property
    def unit_ms(self) -> int:
        return 1000 if self.unit == "s" else 1

    @property
    def most_ticks(self) -> int:
        return int(10**self.width - 1)

    def ticks(self, text: str) -> int:
        if len(text) < self.width or not (text.isascii() and text.isdecimal()):
            raise InvalidId(
                f"ID {shown(text)} is not of ASCII digits with {self.width} of a time in front"
            )
        return int(text[: self.width])

    def lower(self, ticks: int) -> str:
        return f"{ticks:0{self.width}}"

    def extremes(self, first: int, last: int, length: int) -> tuple[str, str]:
        if length < self.width:
            raise ImplausibleGene(f"an ID with gene '{self}' has not {length} characters")
        return self.lower(first).ljust(length, "0"), self.lower(last).ljust(length, "9")

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:
        yield f"characters 0 to {self.width - 1}, Unix time in {self.unit}", text[: self.width]
        yield self.instant_step(text, zone)
