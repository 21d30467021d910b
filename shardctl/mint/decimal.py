"""IDs of decimal digits: a time, a worker's number and a sequence, one behind the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from shardctl.errors import InvalidGene, InvalidId
from shardctl.family import Family
from shardctl.gene import DigitsGene, Id, TimestampGene
from shardctl.gene.base import shown
from shardctl.gene.ticks import UNIX
from shardctl.mint.layout import MILLISECOND, no_user, start

_SECOND: Final = 1000 * MILLISECOND
_MICROSECOND: Final = timedelta(microseconds=1)
_WIDTHS = {"s": 14, "ms": 17}


@dataclass(frozen=True, slots=True)
class DigitsLayout:
    """`YYYYMMDDHHMMSS`, with or without milliseconds, then the worker's number and a sequence.

    The gene's fields stand where it has them, those that it does not read follow: with
    `digits 0 %Y%m%d` the hour comes next. 19 digits fit a BIGINT, 14 of them for the second.

    An hour that a clock in the family's zone shows twice has half of the sequence each time.

    Attributes:
        family: the family, which declares one length, or several: then the longest is written.
        resolution: "ms" or "s"; "" for milliseconds where six digits are left behind them.
        worker_digits: how many digits the worker's number takes; None for a third of what is
            left, the rest being the sequence.
        prefix: what stands before the date where the gene's position is not 0.

    Raises:
        InvalidGene: the family has another gene or no length, or the parts do not fit into it.
    """

    family: Family
    resolution: Literal["", "s", "ms"] = ""
    worker_digits: int | None = None
    prefix: str = ""
    personal = False
    epoch = 0

    def __post_init__(self) -> None:
        scheme = self.family.scheme
        gene, name = scheme.gene, self.family.name
        if not isinstance(gene, DigitsGene):
            raise InvalidGene(f"IDs of {name} bear no date in digits")
        if not scheme.lengths:
            raise InvalidGene(f"IDs of {name} have no declared length; declare it")
        if len(self.prefix) != gene.position or not (
            self.prefix.isascii() and (self.prefix.isalnum() or not self.prefix)
        ):
            raise InvalidGene(f"IDs of {name} begin with {gene.position} characters: give prefix=")
        if not self.resolution:
            unit: Literal["s", "ms"] = "ms" if self._behind("ms") >= 6 else "s"
            object.__setattr__(self, "resolution", unit)
        left = self._behind(self.resolution)
        if self.worker_digits is None:
            object.__setattr__(self, "worker_digits", left // 3)
        if not 0 <= self._worker_digits < left:
            raise InvalidGene(
                f"IDs of {name} have {left} digits behind the time in {self.resolution}: that is "
                f"no room for {self.worker_digits} of a worker's number and a sequence"
            )

    @property
    def unit(self) -> int:
        return _SECOND if self.resolution == "s" else MILLISECOND

    @property
    def last(self) -> int:
        year = 9999 if "Y" in self._format else 2099
        end = datetime(year, 12, 31, tzinfo=UTC)  # a day before: zones are at most a day apart
        return (end - UNIX) // _MICROSECOND * 1000 // self.unit - 1

    @property
    def workers(self) -> int:
        return int(10**self._worker_digits)

    def ids(self, tick: int, worker: int) -> Iterator[Id]:
        scheme = self.family.scheme
        wall = (UNIX + tick * self.unit // 1000 * _MICROSECOND).astimezone(self.family.zone)
        digits = self._behind(self.resolution) - self._worker_digits
        low, high = 0, 10**digits
        if wall.replace(fold=0).utcoffset() != wall.replace(fold=1).utcoffset():
            low, high = (high // 2, high) if wall.fold else (0, high // 2)
        date = wall.strftime(self._format.replace("%L", f"{wall.microsecond // 1000:03}"))
        number = f"{worker:0{self._worker_digits}}" if self._worker_digits else ""
        write = f"{self.prefix}{date}{number}{{:0{digits}}}".format
        texts = map(write, range(low + start(high - low), high))
        return map(scheme.seal, texts) if scheme.width else texts

    def with_user(self, id: Id, user: Id) -> Id:  # noqa: ARG002
        raise no_user(self.family.scheme)

    @property
    def _format(self) -> str:
        """The gene's format and, behind it, what it leaves out."""
        gene = self.family.scheme.gene
        assert isinstance(gene, DigitsGene)  # else it was not made
        finer = "dHMSL" if self.resolution == "ms" else "dHMS"
        return gene.format + "".join(f"%{name}" for name in finer if name not in gene.fields)

    @property
    def _worker_digits(self) -> int:
        return self.worker_digits or 0

    def _behind(self, unit: str) -> int:
        """How many digits are left behind a time."""
        scheme = self.family.scheme
        assert isinstance(scheme.gene, DigitsGene)
        width = _WIDTHS[unit] - (2 if "y" in scheme.gene.fields else 0)
        if unit == "s" and "L" in scheme.gene.fields:
            raise InvalidGene(f"gene '{scheme.gene}' reads milliseconds: mint them")
        return max(scheme.lengths) - scheme.width - scheme.gene.position - width


@dataclass(frozen=True, slots=True)
class TimestampLayout:
    """The Unix time, the user's id, then a few digits: as many front ends make their IDs.

    Attributes:
        family: the family; what it declares as lengths bounds the user's id.
        tail: how many digits stand behind the user's id.
        worker_digits: how many of them are the worker's number; None for a third. Front ends
            have none: with 0 only one process may mint beside them.

    Raises:
        InvalidGene: the family has another gene, or there is no digit for a sequence.
    """

    family: Family
    tail: int = 3
    worker_digits: int | None = None
    personal = True
    epoch = 0

    def __post_init__(self) -> None:
        if self.worker_digits is None:
            object.__setattr__(self, "worker_digits", self.tail // 3)
        if not isinstance(self.family.scheme.gene, TimestampGene):
            raise InvalidGene(f"IDs of {self.family.name} do not begin with a timestamp")
        if not 0 <= self._worker_digits < self.tail:
            raise InvalidGene(
                f"{self.tail} digits have no room for {self.worker_digits} of a worker's number "
                "and a sequence"
            )

    @property
    def gene(self) -> TimestampGene:
        """The family's."""
        gene = self.family.scheme.gene
        assert isinstance(gene, TimestampGene)  # else it was not made
        return gene

    @property
    def unit(self) -> int:
        return self.gene.unit_ms * MILLISECOND

    @property
    def last(self) -> int:
        return self.gene.most_ticks

    @property
    def workers(self) -> int:
        return int(10**self._worker_digits)

    def ids(self, tick: int, worker: int) -> Iterator[Id]:
        """Without the user's id, and unsealed."""
        digits = self.tail - self._worker_digits
        number = f"{worker:0{self._worker_digits}}" if self._worker_digits else ""
        write = f"{self.gene.lower(tick)}{number}{{:0{digits}}}".format
        return map(write, range(start(10**digits), 10**digits))

    def with_user(self, id: Id, user: Id) -> Id:
        if isinstance(user, bool) or not isinstance(user, str | int):
            raise InvalidId(f"a user's id is a string or an integer, not {type(user).__name__}")
        text, width = str(user), self.gene.width
        if not (text.isascii() and text.isdecimal()):
            raise InvalidId(f"user's id {shown(user)} is not of ASCII digits")
        body = f"{str(id)[:width]}{text}{str(id)[width:]}"
        scheme = self.family.scheme
        if scheme.lengths and len(body) + scheme.width not in scheme.lengths:
            possible = (str(length - scheme.width - width - self.tail) for length in scheme.lengths)
            raise InvalidId(
                f"user's id {shown(user)} has {len(text)} digits; in IDs of {self.family.name} it "
                f"has {' or '.join(possible)}"
            )
        return scheme.seal(body)

    @property
    def _worker_digits(self) -> int:
        return self.worker_digits or 0
