"""A lease on the lock, and the signs of life that keep it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Dialect
from shardctl.errors import LockLost
from shardctl.ledger import Ledger, schema
from shardctl.ledger.clock import utc_now

BEAT: Final = 5.0
"""Seconds between two signs of life."""

STALE: Final = 30.0
"""Seconds without a sign of life, after which a lease may be taken over."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The lock, held.

    Attributes:
        fence: its fencing number, greater than that of every lease before.
        token: the mark of its statements: the session that sends them claims it
            (`dialect.claim`) beforehand, and their text bears it.
        ledger: the ledger, open for writing while the lease lasts.
    """

    fence: int
    token: str
    ledger: Ledger
    _pulse: Pulse | None = field(default=None, repr=False)

    def check(self) -> None:
        """Make sure, without asking the server, that nobody can have taken the lease over.

        Raises:
            LockLost: somebody has, or no sign of life has reached the server for too long.
        """
        if self._pulse and self._pulse.is_lost():
            raise LockLost(
                "the lock is lost: another run took it over, or the server could not be reached "
                f"for {STALE:.0f} s; see that no other run is under way, then run again to go on"
            )


class Pulse:
    """Signs of life, sent from a thread of its own over a connection that is its own meanwhile."""

    def __init__(self, connection: Connection, dialect: Dialect, fence: int, claim: str) -> None:
        """Nothing is sent before `with`.

        Args:
            claim: the token that the connection has claimed, claimed anew when it broke.
        """
        self._connection = connection
        self._dialect = dialect
        self._fence = fence
        self._claim = claim
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="shardctl heartbeat", daemon=True)

    def __enter__(self) -> Pulse:
        """Begin to send, in the background."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Send no more; the connection is the caller's again."""
        self._stop.set()
        self._thread.join()

    def is_lost(self) -> bool:
        """Whether the lease was taken over, or may have been for want of signs of life."""
        return self._lost.is_set() or time.monotonic() - self._last >= STALE

    def _run(self) -> None:
        while not self._stop.wait(BEAT) and not self._lost.is_set():
            self._beat()

    def _beat(self) -> None:
        beating = schema.heartbeat
        ours = update(beating).where(beating.c.name == schema.LOCK, beating.c.fence == self._fence)
        sent = time.monotonic()
        try:
            if self._connection.invalidated:
                self._connection.rollback()  # from here on SQLAlchemy connects anew
                self._dialect.claim(self._connection, self._claim)
            met = self._connection.execute(ours.values(beat_at=utc_now())).rowcount
        except DBAPIError:
            return  # the server is away or busy: the next beat tries again, until it is too late
        if met:
            self._last = sent
        else:
            self._lost.set()
