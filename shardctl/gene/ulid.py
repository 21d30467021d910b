"""ULIDs: the Unix time in milliseconds in the first ten characters (https://github.com/ulid/spec)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from shardctl.errors import ImplausibleGene, InvalidId
from shardctl.gene.base import shown
from shardctl.gene.ticks import TickGene

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, in the order of ASCII, so that texts are in order of time, too."""

_SHAPE = re.compile(f"[0-7][{ALPHABET}]{{25}}")


@dataclass(frozen=True, slots=True)
class UlidGene(TickGene):
    """A ULID of 26 characters in upper case.

    Readers elsewhere take lower case, too, and I and L for 1, O for 0: then one ID has many
    spellings, and a key compared as binary takes them for different ones. Here it has one.
    """

    def __str__(self) -> str:
        return "ulid"

    @property
    def decimal(self) -> bool:
        return False

    @property
    def lengths(self) -> tuple[int, ...]:
        return (26,)

    @property
    def shape(self) -> re.Pattern[str]:
        """The one form of its IDs."""
        return _SHAPE

    def ticks(self, text: str) -> int:
        if not _SHAPE.fullmatch(text):
            raise InvalidId(f"ID {shown(text)} is no ULID of 26 characters in upper case")
        ticks = 0
        for character in text[:10]:
            ticks = ticks << 5 | ALPHABET.index(character)
        return ticks

    def lower(self, ticks: int) -> str:
        return "".join(ALPHABET[ticks >> shift & 31] for shift in range(45, -1, -5))

    def extremes(self, first: int, last: int, length: int) -> tuple[str, str]:
        if length not in self.lengths:
            raise ImplausibleGene(f"an ID with gene '{self}' has not {length} characters")
        return self.lower(first).ljust(length, "0"), self.lower(last).ljust(length, "Z")

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:
        yield "the first 10 characters, Unix time in ms", f"{text[:10]} = {self.ticks(text)}"
        yield self.instant_step(text, zone)
