"""What stands before every statement of a run: whether it may be sent at this moment."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.exc import DBAPIError

from shardctl.errors import Refused, StepFailed
from shardctl.lock import Lease
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.restraint import LONGEST_PAUSE, Restraint
from shardctl.migrate.site import Site
from shardctl.report import Note

BUSY: Final = 600.0
"""Seconds that a busy server is waited for; we hold the lock, which premake needs, too."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Asked before every statement, a repeated one too."""

    site: Site
    lease: Lease
    restraint: Restraint
    interrupt: Interrupt

    def admit(self, table: str) -> None:
        """Return when a statement may be sent.

        Args:
            table: the family's or the plain table's name.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
            LockLost: another run took over.
            StepFailed: the window is closed, or the server too busy for too long.
            Refused: how busy the server is cannot be told.
        """
        self._check(table)
        if self.restraint.max_threads_running is not None:
            self._await_calm(table, self.restraint.max_threads_running)

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

    def _await_calm(self, table: str, limit: int) -> None:
        pause, until = 1.0, time.monotonic() + BUSY
        while (running := self._threads_running()) > limit:
            if time.monotonic() + pause > until:
                raise StepFailed(
                    f"{table or 'database'}: {running} threads have been running on the server, "
                    f"more than {limit}, for {BUSY:.0f} s\n"
                    "What was done before is recorded: run again to go on when it is calmer"
                )
            self.site.report(
                Note(
                    f"{running} threads run on the server, more than {limit}: "
                    f"looking again in {pause:.0f} s"
                )
            )
            self.interrupt.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._check(table)

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
