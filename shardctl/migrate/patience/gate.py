"""What stands before every statement of a run: whether it may be sent at this moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError

from shardctl.errors import Refused, StepFailed
from shardctl.lock import Lease
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.replicas import Replicas
from shardctl.migrate.patience.restraint import LONGEST_PAUSE, Restraint
from shardctl.migrate.site import Site
from shardctl.report import Note

BUSY: Final = 600.0
"""Seconds that a busy server is waited for; we hold the lock, which premake needs, too."""

CATCHING_UP: Final = 3600.0
"""Seconds that replicas are waited for: what took us half an hour takes them as long again."""


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no statement may begin at this moment.

    Attributes:
        words: who or what is in the way.
        bearable: for how many seconds it is waited for that to pass.
    """

    words: str
    bearable: float


@dataclass(frozen=True, slots=True)
class Gate:
    """Asked before every statement, a repeated one too."""

    site: Site
    lease: Lease
    restraint: Restraint
    interrupt: Interrupt
    replicas: Replicas = field(default_factory=Replicas)

    def admit(self, table: str, before_waiting: Callable[[], object] = _nothing) -> None:
        """Return when a statement may be sent.

        Args:
            table: the family's or the plain table's name.
            before_waiting: done first where it may not be sent at once.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
            LockLost: another run took over.
            StepFailed: the window is closed, or the server too busy, or a replica behind, for
                too long, or its lag cannot be told any more.
            Refused: how busy the server is cannot be told.
        """
        self._check(table)
        pause, begun = 1.0, time.monotonic()
        while obstacle := self._obstacle():
            if time.monotonic() + pause > begun + obstacle.bearable:
                raise StepFailed(
                    f"{table or 'database'}: {obstacle.words}, and that for "
                    f"{obstacle.bearable:.0f} s\n"
                    "What was done before is recorded: run again to go on when it is calmer"
                )
            before_waiting()
            self.site.report(Note(f"{obstacle.words}: looking again in {pause:.0f} s"))
            self.interrupt.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._check(table)

    def stopped_by(self, error: DBAPIError) -> bool:
        """Whether Ctrl-C ended a statement, or kept it from being tried again."""
        dialect = self.site.database.dialect
        return self.interrupt.pressed and (
            dialect.is_interrupted(error) or dialect.is_held_up(error)
        )

    def _check(self, table: str) -> None:
        self.interrupt.check()
        self.lease.check()
        window, zone = self.restraint.window, self.site.zone(table)
        now = local_time(zone)
        if window is not None and not window.is_open(now):
            raise StepFailed(
                f"{table or 'database'}: it is {now:%H:%M} in {zone}, outside of the window "
                f"{window}, so nothing more is begun\n"
                "What was done before is recorded: run again to go on when the window opens, "
                f"{window.opens(now):%Y-%m-%d %H:%M}"
            )

    def _obstacle(self) -> Obstacle | None:
        limit = self.restraint.max_threads_running
        if limit is not None and (running := self._threads_running()) > limit:
            return Obstacle(f"{running} threads run on the server, more than {limit}", BUSY)
        if behind := self.replicas.behind():
            return Obstacle(behind, CATCHING_UP)
        return None

    def _threads_running(self) -> int:
        with self.site.reading() as connection:
            running = self.site.database.dialect.threads_running(connection)
        if running is None:
            raise Refused(
                "max threads running: this server does not tell how many threads run; "
                "leave the limit out"
            )
        return running


def local_time(zone: str) -> datetime:
    """What the clock shows in a zone, with the zone."""
    return datetime.now(UTC).astimezone(ZoneInfo(zone))
