"""Making new IDs, so that none comes twice and each lies in the month that it is."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat
from threading import Lock
from typing import Final, NamedTuple, NoReturn

from shardctl.errors import ClockWentBack, ConfigError, GeneExhausted, InvalidGene, InvalidId
from shardctl.family import Family
from shardctl.gene import DigitsGene, Id, SnowflakeGene, TimestampGene, UlidGene, Uuid7Gene
from shardctl.gene.ticks import UNIX
from shardctl.mint.decimal import DigitsLayout, TimestampLayout
from shardctl.mint.layout import Layout, RandomLayout, SnowflakeLayout
from shardctl.mint.worker import GivenWorker, Grant, Workers
from shardctl.month import Month

_MICROSECOND: Final = timedelta(microseconds=1)
_SHORTEST_SLEEP: Final = 50_000


class Minted(NamedTuple):
    """A new ID and the add-time of its row, from one instant; send both.

    Attributes:
        id: an integer where the gene is a snowflake, else text.
        instant: aware, in UTC; the beginning of the millisecond, or whatever unit of time the ID
            has: ID and add-time are always of one month.
    """

    id: Id
    instant: datetime

    @property
    def text(self) -> str:
        """The ID as it is to leave in JSON: a number there is exact up to 2^53 alone."""
        return str(self.id)


class Minter:
    """Makes the IDs of a family. One a process; threads share it.

    The clock is read as whole nanoseconds and cut to the ID's unit of time: an ID's time is never
    ahead of the clock, and never before that of an earlier ID. Where the clock is set back, minting
    waits for it to catch up; where the IDs of a unit are used up, for the next one.

    A forked child has its parent's worker number, with which it would make its parent's IDs:
    it gets another number where numbers are leased, else `WorkerShared`.

    It may be called in asyncio, where it blocks the loop as long as it waits: up to `patience` for
    a clock that was set back, up to a unit of the ID's time for the next one, and, where numbers
    are leased, for the database, at the first ID and at times thereafter. Where that is too long,
    `await asyncio.to_thread(minter)`.
    """

    def __init__(
        self,
        family: Family,
        *,
        worker: int | Callable[[], int] | Workers | None = None,
        layout: Layout | None = None,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], object] = time.sleep,
        patience: timedelta = timedelta(milliseconds=100),
        reserve: timedelta = timedelta(days=90),
    ) -> None:
        """Nothing is leased before the first ID is made.

        Args:
            worker: this process's number, which no other process has that mints for the family;
                a function that gives it, asked again after a fork; or where it is leased, which
                alone catches a clock that was set back between two runs. None where IDs are
                random.
            layout: how IDs are written, where the gene leaves that open.
            clock: nanoseconds since 1970, in UTC.
            sleep: waits for a number of seconds.
            patience: how long to wait for a clock that was set back.
            reserve: how long before the time field runs out to make no more IDs.

        Raises:
            InvalidGene: how to write the family's IDs does not follow from its gene.
            ConfigError: the worker's number is missing, needless, or too large.
        """
        self.family = family
        self.layout = layout or layout_of(family)
        self._personal = self.layout.personal
        self._workers = self._source(worker)
        self._clock, self._sleep = clock, sleep
        self._patience = patience // _MICROSECOND * 1000
        self._end = (
            self.layout.epoch
            + (self.layout.last + 1) * self.layout.unit
            - reserve // _MICROSECOND * 1000
        )
        self._lock = Lock()
        self._grant: Grant | None = None
        self._since = self._until = 0
        self._month_until = UNIX
        self._minted: Iterator[Minted] = iter(())
        if hasattr(os, "register_at_fork"):  # which cannot be undone: it must not keep us alive
            os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    def __call__(self, user: Id | None = None) -> Minted:
        """A new ID and its add-time.

        Args:
            user: the user's id, where IDs bear it.

        Raises:
            ClockWentBack: the clock is farther back than `patience`, or stands still.
            GeneExhausted: the time field runs out within `reserve`.
            WorkerShared: this process was forked from another one that mints.
            WorkerUnavailable: no worker number can be leased, or kept.
            InvalidGene, InvalidId: what is minted is no ID of the family, with that `user` or at
                this time.
        """
        if user is not None or self._personal:
            return self._with_user(user)
        clock = self._clock  # called as an attribute it is looked for among the methods first
        with self._lock:
            if self._since <= clock() < self._until:
                for minted in self._minted:
                    return minted
        return self._next()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Minter is of one process, and cannot be copied: make another")

    def _next(self) -> Minted:
        """As calling it, where that may take more than the next ID of the present tick."""
        waited = 0
        while True:
            with self._lock:
                now = self._clock()
                if self._since <= now < self._until:
                    for minted in self._minted:
                        return minted
                pause = self._turn(now)
                if not pause:
                    return next(self._minted)
            waited = self._wait(pause, waited, now)

    def _with_user(self, user: Id | None) -> Minted:
        if user is None:
            raise InvalidId(f"IDs of {self.family.name} bear a user's id: give user=")
        id, instant = self._next()
        minted = Minted(self.layout.with_user(id, user), instant)
        if instant >= self._month_until:
            self._enter(minted)
        return minted

    def _turn(self, now: int) -> int:
        """Begin the tick of an instant; else, how many nanoseconds are to pass before."""
        if now < self._until:  # its IDs are used up, or the clock was set back
            return self._until - now
        grant = self._granted(now)
        unit, epoch = self.layout.unit, self.layout.epoch
        tick = (now - epoch) // unit
        since = epoch + tick * unit
        if tick < 0:
            raise ClockWentBack(f"the clock shows {_instant(now)}, before the gene's epoch")
        if since >= self._end:
            raise GeneExhausted(
                f"IDs of {self.family.name} with gene '{self.family.scheme.gene}' run out of time "
                f"at {_instant(epoch + (self.layout.last + 1) * unit)}: declare the gene that is "
                "to follow it; until then a smaller reserve= lets this one go on"
            )
        if since < grant.since:
            return max(grant.since, since + unit) - now
        ids = self.layout.ids(tick, grant.number)
        instant = _instant(since)
        if instant >= self._month_until and not self._personal:
            self._enter(Minted(next(self.layout.ids(tick, grant.number)), instant))
        # All of this is C, the iteration over a tick's IDs as well.
        self._minted = map(tuple.__new__, repeat(Minted), zip(ids, repeat(instant)))
        self._since, self._until = since, since + unit
        return 0

    def _enter(self, minted: Minted) -> None:
        """Make sure, at the start and in each new month, that the family reads what is minted."""
        zone = self.family.zone
        month = Month.of(minted.instant, zone)
        if (read := self.family.read(minted.id, minted.instant).month) != month:
            raise InvalidGene(
                f"ID {minted.id}, minted in {month}, is read by {self.family.name} as {read}"
            )
        self._month_until = (month + 1).start(zone).astimezone(UTC)

    def _granted(self, now: int) -> Grant:
        if self._workers is None:
            return _ANY
        workers, grant = self.layout.workers, self._grant
        if grant is None:
            grant = self._workers.take(workers, now)
        elif now >= grant.renew_at:
            grant = self._workers.renew(grant, workers, now)
        _in_range(grant.number, workers)
        self._grant = grant
        return grant

    def _wait(self, pause: int, waited: int, now: int) -> int:
        """Let time pass, of which `waited` nanoseconds have passed in this call, and count on."""
        pause = max(pause, _SHORTEST_SLEEP)
        if waited + pause > self._patience + self.layout.unit:
            raise ClockWentBack(
                f"the clock shows {_instant(now)} and must come to {_instant(now + pause)} before "
                f"the next ID of {self.family.name} can be made: it was set back, or stands still"
            )
        self._sleep(pause / 1e9)
        return waited + pause

    def _source(self, worker: int | Callable[[], int] | Workers | None) -> Workers | None:
        workers = self.layout.workers
        if (worker is None) != (workers == 0):
            raise ConfigError(
                f"IDs of {self.family.name} are random and have no worker's number"
                if worker is not None
                else f"IDs of {self.family.name} bear a worker's number, 0 to {workers - 1}: give "
                "worker=, in each process another"
            )
        if isinstance(worker, int | str):  # text, as of an environment variable, is refused
            _in_range(worker, workers)
            return GivenWorker.always(int(worker))
        return GivenWorker(worker) if callable(worker) else worker


_ANY: Final = Grant(0)


def layout_of(family: Family) -> Layout:
    """The layout of a family's IDs where the application names none.

    Raises:
        InvalidGene: how to write them does not follow from the gene.
    """
    match family.scheme.gene:
        case SnowflakeGene():
            return SnowflakeLayout(family)
        case UlidGene() | Uuid7Gene():
            return RandomLayout(family)
        case DigitsGene():
            return DigitsLayout(family)
        case TimestampGene():
            return TimestampLayout(family)
        case gene:
            raise InvalidGene(
                f"IDs of {family.name}, with gene '{gene or 'none'}', cannot be minted: give "
                "layout="
            )


def _in_range(number: object, workers: int) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < workers:
        raise ConfigError(f"worker {number!r} is no integer of 0 to {workers - 1}")


def _instant(ns: int) -> datetime:
    return UNIX + ns // 1000 * _MICROSECOND


def _forked(minter: weakref.ref[Minter]) -> None:
    """In a child: what was begun is the parent's, and its lock may be held for ever."""
    if (mine := minter()) is not None:
        mine._lock = Lock()
        mine._grant = None
        mine._until = mine._since
