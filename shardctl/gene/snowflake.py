"""A count of time, a worker's number and a sequence, in the bits of one integer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from shardctl.errors import ImplausibleGene, InvalidGene, InvalidId
from shardctl.gene.base import shown
from shardctl.gene.ticks import UNIX, TickGene

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SnowflakeGene(TickGene):
    """A 64-bit integer or less: time, worker and sequence, the time in the highest bits.

    Its text is the decimal number without leading zeros. 63 bits fit a BIGINT, 64 want a
    BIGINT UNSIGNED.

    Attributes:
        time_bits: how many bits count the time.
        worker_bits: those of the worker's number; several parts, as machine and worker.
        sequence_bits: those that tell IDs of one tick and worker apart.
        epoch: when the count began; aware, in whole milliseconds.
        unit_ms: how long a tick is, in milliseconds.
        sequence_first: the sequence stands before the worker's number, as Sonyflake has it.

    Raises:
        InvalidGene: more than 64 bits, none for the time, or an epoch that is naive.
    """

    time_bits: int
    worker_bits: tuple[int, ...] = ()
    sequence_bits: int = 0
    epoch: datetime = UNIX
    unit_ms: int = 1
    sequence_first: bool = False

    def __post_init__(self) -> None:
        sizes = (self.time_bits, *self.worker_bits, self.sequence_bits)
        if not 1 <= self.time_bits <= sum(sizes) <= 64 or min(sizes) < 0 or self.unit_ms < 1:
            raise InvalidGene(
                f"snowflake {'|'.join(map(str, sizes))} in {self.unit_ms} ms: give at least one "
                "bit for the time, at most 64 in all, and a unit of at least 1 ms"
            )
        if self.epoch.tzinfo is None or (self.epoch - UNIX) % _MILLISECOND:
            raise InvalidGene(
                f"snowflake epoch {self.epoch.isoformat()}: give an aware datetime in whole "
                "milliseconds"
            )

    def __str__(self) -> str:
        sizes = (self.time_bits, *self.worker_bits, self.sequence_bits)
        text = f"snowflake {'|'.join(map(str, sizes))} epoch={self.epoch_ms} unit={self.unit_ms}ms"
        return text + (" sequence-first" if self.sequence_first else "")

    @property
    def decimal(self) -> bool:
        return True

    @property
    def lengths(self) -> tuple[int, ...]:
        return tuple(range(1, len(str(self.most)) + 1))

    @property
    def shift(self) -> int:
        """How many bits stand behind the time."""
        return sum(self.worker_bits) + self.sequence_bits

    @property
    def most(self) -> int:
        """The largest ID."""
        return int(2 ** (self.time_bits + self.shift) - 1)

    @property
    def epoch_ms(self) -> int:
        return (self.epoch - UNIX) // _MILLISECOND

    @property
    def most_ticks(self) -> int:
        return int(2**self.time_bits - 1)

    def ticks(self, text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or (text[0] == "0" and text != "0"):
            raise InvalidId(
                f"ID {shown(text)} is no decimal number of ASCII digits without leading zeros"
            )
        # Digits are counted first: a number of thousands of them takes long to read.
        if len(text) > len(str(self.most)) or int(text) > self.most:
            bits = self.time_bits + self.shift
            raise InvalidId(
                f"ID {shown(text)} is more than {self.most}, the largest of {bits} bits"
            )
        return int(text) >> self.shift

    def lower(self, ticks: int) -> int:
        return ticks << self.shift

    def extremes(self, first: int, last: int, length: int) -> tuple[str, str]:
        lowest = max(first << self.shift, 10 ** (length - 1) if length > 1 else 0)
        highest = min((last + 1 << self.shift) - 1, 10**length - 1)
        if lowest > highest:
            raise ImplausibleGene(f"no ID with gene '{self}' of {length} digits is of that time")
        return str(lowest), str(highest)

    def parts(self, id: int) -> dict[str, int]:
        """What the bits hold: `time`, `sequence`, and `worker` or `worker 1`, `worker 2`, …"""
        several = len(self.worker_bits) > 1
        names = [
            f"worker {n}" if several else "worker" for n in range(1, 1 + len(self.worker_bits))
        ]
        behind = list(zip(names, self.worker_bits, strict=True))
        behind.insert(0 if self.sequence_first else len(behind), ("sequence", self.sequence_bits))
        found = {"time": id >> self.shift}
        left = self.shift
        for name, bits in behind:
            left -= bits
            found[name] = id >> left & (1 << bits) - 1
        return found

    def steps(self, text: str, zone: tzinfo) -> Iterator[tuple[str, str]]:
        yield "time", f"{self.ticks(text)} × {self.unit_ms} ms since {self.epoch.isoformat()}"
        yield self.instant_step(text, zone)
        _, *behind = self.parts(int(text)).items()
        yield from ((name, str(value)) for name, value in behind)
