"""UUIDs of version 7 (RFC 9562): the Unix time in milliseconds in the first 48 bits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise

from shardctl.errors import ImplausibleGene, InvalidId
from shardctl.gene.base import shown
from shardctl.gene.ticks import TickGene

_SHAPE = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_COMPACT = re.compile("[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")


@dataclass(frozen=True, slots=True)
class Uuid7Gene(TickGene):
    """A UUID of version 7, in lower case.

    Attributes:
        hyphens: written with hyphens, 36 characters; else the 32 hexadecimal digits alone.
    """

    hyphens: bool = True

    def __str__(self) -> str:
        return "uuid7" if self.hyphens else "uuid7 hex"

    @property
    def decimal(self) -> bool:
        return False

    @property
    def lengths(self) -> tuple[int, ...]:
        return (36,) if self.hyphens else (32,)

    @property
    def shape(self) -> re.Pattern[str]:
        """The one form of its IDs."""
        return _SHAPE if self.hyphens else _COMPACT

    def ticks(self, text: str) -> int:
        if not self.shape.fullmatch(text):
            form = "" if self.hyphens else ", without hyphens"
            raise InvalidId(f"ID {shown(text)} is no UUID of version 7 in lower case{form}")
        return int(text.replace("-", "")[:12], 16)

    def lower(self, ticks: int) -> str:
        return self._text(f"{ticks:012x}")

    def extremes(self, first: int, last: int, length: int) -> tuple[str, str]:
        if length not in self.lengths:
            raise ImplausibleGene(f"an ID with gene '{self}' has not {length} characters")
        return self._text(f"{first:012x}70008" + "0" * 15), self._text(
            f"{last:012x}7fffb" + "f" * 15
        )

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:
        yield "the first 48 bits, Unix time in ms", str(self.ticks(text))
        yield self.instant_step(text, zone)

    def _text(self, digits: str) -> str:
        if not self.hyphens:
            return digits
        parts = (digits[since:until] for since, until in pairwise((0, 8, 12, 16, 20, 32)))
        return "-".join(part for part in parts if part)
