"""Worker numbers: what keeps the IDs of two processes apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shardctl.errors import WorkerShared

FOREVER: Final = 2**63
"""Later, in nanoseconds since 1970, than any clock shows."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to make IDs with a worker number, of a time that is granted to nobody else.

    All times are in nanoseconds since 1970, in UTC.

    Attributes:
        number: the worker's number.
        since: the earliest time that such an ID may bear.
        until: the time from which on none may.
        renew_at: when to ask for more.
    """

    number: int
    since: int = 0
    until: int = FOREVER
    renew_at: int = FOREVER


class Workers(Protocol):
    """Where worker numbers come from; `shardctl.ledger.WorkerLeases` has them from a database.

    `now` is the minter's clock, in nanoseconds since 1970.
    """

    def take(self, workers: int, now: int) -> Grant:
        """A number below `workers` that no other process has; asked again in a forked child.

        Raises:
            MintError: there is none.
        """

    def renew(self, grant: Grant, workers: int, now: int) -> Grant:
        """More time for a number, or another number.

        Raises:
            MintError: there is neither.
        """


class GivenWorker:
    """A worker number that the application knows: from a setting, from the name of its pod.

    A process that was forked has its parent's number, too, and would make its parent's IDs
    once more: there the number is refused, unless `ask` gives another.
    """

    def __init__(self, ask: Callable[[], int], given: int | None = None) -> None:
        """Nothing is asked yet.

        Args:
            ask: gives the number, once in each process.
            given: what it would give in this one, where that is known.
        """
        self._ask = ask
        self._given = given
        self._pid = os.getpid()

    @classmethod
    def always(cls, number: int) -> GivenWorker:
        """One number, for this process alone."""
        return cls(lambda: number, number)

    def take(self, workers: int, now: int) -> Grant:  # noqa: ARG002
        number = self._ask()
        if os.getpid() != self._pid and number == self._given:
            raise WorkerShared(
                f"this process was forked from one that mints as worker {number}: two with one "
                "number make the same IDs; make the Minter after the fork with a number of its "
                "own, or lease numbers (shardctl.ledger.WorkerLeases)"
            )
        self._given, self._pid = number, os.getpid()
        return Grant(number)

    def renew(self, grant: Grant, workers: int, now: int) -> Grant:  # noqa: ARG002
        return grant
