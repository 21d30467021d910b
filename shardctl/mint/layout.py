"""How the IDs of a family are written: what follows the time that its gene reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from shardctl.errors import InvalidGene
from shardctl.family import Family, Scheme
from shardctl.gene import Id, SnowflakeGene, UlidGene, Uuid7Gene
from shardctl.gene.ulid import ALPHABET

MILLISECOND: Final = 1_000_000
"""In nanoseconds."""

# 32 divides 256: every letter is as likely as the others.
_ULID_LETTERS: Final = ALPHABET.encode() * 8


class Layout(Protocol):
    """IDs by the tick of time in which they are made. All times are in nanoseconds."""

    @property
    def unit(self) -> int:
        """How long a tick is."""

    @property
    def epoch(self) -> int:
        """When tick 0 began, since 1970."""

    @property
    def last(self) -> int:
        """The last tick of which IDs can be written."""

    @property
    def workers(self) -> int:
        """How many worker numbers there are; 0 where IDs are random and need none."""

    @property
    def personal(self) -> bool:
        """Whether the ID of a user's row bears the user's id; see `with_user`."""

    def ids(self, tick: int, worker: int) -> Iterator[Id]:
        """The IDs that a worker can make in a tick, at least one, none of them twice.

        The first is not number 0, but a random one near it: else the numbers would tell how many
        rows there are, and most IDs would end alike.
        """

    def with_user(self, id: Id, user: Id) -> Id:
        """An ID of `ids` with a user's id in it.

        Raises:
            InvalidGene: the family's IDs bear none.
            InvalidId: the user's id is not of digits, or too long or too short for it.
        """


def start(count: int) -> int:
    """Where to begin in `count` numbers: somewhere in the first sixteenth."""
    return int.from_bytes(os.urandom(8), "big") % max(1, count // 16)


def no_user(scheme: Scheme) -> InvalidGene:
    """The error where a user's id is given to IDs that bear none."""
    return InvalidGene(f"IDs with gene '{scheme.gene}' bear no user's id: leave user= out")


@dataclass(frozen=True, slots=True)
class SnowflakeLayout:
    """The bits that a `SnowflakeGene` declares; integers where nothing but digits seals them.

    Raises:
        InvalidGene: the family has another gene.
    """

    family: Family
    personal = False

    def __post_init__(self) -> None:
        if not isinstance(self.family.scheme.gene, SnowflakeGene):
            raise InvalidGene(f"IDs of {self.family.name} are no snowflakes")

    @property
    def gene(self) -> SnowflakeGene:
        """The family's."""
        gene = self.family.scheme.gene
        assert isinstance(gene, SnowflakeGene)  # else it was not made
        return gene

    @property
    def unit(self) -> int:
        return self.gene.unit_ms * MILLISECOND

    @property
    def epoch(self) -> int:
        return self.gene.epoch_ms * MILLISECOND

    @property
    def last(self) -> int:
        # A declared length may end the IDs before the bits do.
        scheme = self.family.scheme
        most = int(10 ** (max(scheme.lengths) - scheme.width))
        return min(self.gene.most_ticks, (most >> self.gene.shift) - 1)

    @property
    def workers(self) -> int:
        return int(2 ** sum(self.gene.worker_bits))

    def ids(self, tick: int, worker: int) -> Iterator[Id]:
        gene, scheme = self.gene, self.family.scheme
        count = 1 << gene.sequence_bits
        step = self.workers if gene.sequence_first else 1
        low = (tick << gene.shift) + worker * (1 if gene.sequence_first else count)
        numbers = range(low + start(count) * step, low + count * step, step)
        if not scheme.width:
            return iter(numbers)
        sealed = (scheme.seal(str(number)) for number in numbers)
        return (int(text) for text in sealed) if scheme.decimal else sealed

    def with_user(self, id: Id, user: Id) -> Id:  # noqa: ARG002
        raise no_user(self.family.scheme)


@dataclass(frozen=True, slots=True)
class RandomLayout:
    """ULIDs and UUIDs of version 7: the millisecond, then 80 or 74 random bits.

    The bits are the operating system's, anew for every ID: no worker numbers, and nothing to
    repeat after a fork.

    Raises:
        InvalidGene: the family has another gene.
    """

    family: Family
    personal = False
    unit = MILLISECOND
    epoch = 0
    workers = 0

    def __post_init__(self) -> None:
        if not isinstance(self.family.scheme.gene, UlidGene | Uuid7Gene):
            raise InvalidGene(f"IDs of {self.family.name} are neither ULIDs nor UUIDs")

    @property
    def last(self) -> int:
        return 2**48 - 1

    def ids(self, tick: int, worker: int) -> Iterator[Id]:  # noqa: ARG002
        scheme = self.family.scheme
        if isinstance(scheme.gene, Uuid7Gene):
            bodies = _uuids(tick, "-" if scheme.gene.hyphens else "")
        else:
            bodies = _ulids(tick)
        return map(scheme.seal, bodies) if scheme.width else bodies

    def with_user(self, id: Id, user: Id) -> Id:  # noqa: ARG002
        raise no_user(self.family.scheme)


def _ulids(tick: int) -> Iterator[str]:
    time = UlidGene().lower(tick)
    while True:
        yield time + os.urandom(16).translate(_ULID_LETTERS).decode()


def _uuids(tick: int, between: str) -> Iterator[str]:
    time = f"{tick:012x}"
    head = f"{time[:8]}{between}{time[8:]}{between}7"
    while True:
        bits = os.urandom(10).hex()
        variant = "89ab"[int(bits[0], 16) & 3]  # RFC 9562, section 4.1
        yield f"{head}{bits[1:4]}{between}{variant}{bits[4:7]}{between}{bits[7:19]}"
