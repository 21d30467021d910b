"""Worker numbers for minters, leased from rows of the database.

A row is a number and its high-water mark: the time up to which IDs with the number may have been
made. Who takes the number, or takes it for longer, lifts the mark from exactly what was read,
before the time is used; the time below the mark is never granted again. So no two processes ever
hold one number for one time, whatever their clocks show: not after a restart with a lower
clock, nor where one was stopped and goes on long after another took its number.

This needs no lock of the database, and makes no tables: commands that write do.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Database, Dialect
from shardctl.errors import ClockWentBack, DatabaseUnavailable, WorkerUnavailable
from shardctl.ledger.clock import utc_now
from shardctl.ledger.schema import worker
from shardctl.mint import Grant

_MILLISECOND: Final = 1_000_000
_RETRY: Final = 1_000_000_000
_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WorkerLeases:
    """Where a minter gets its number: `Minter(orders, worker=WorkerLeases(database, "t_order"))`.

    One may be shared by minters, threads and forked children: it holds nothing but its settings.

    Who mints waits for a connection and its statements, once in half a span: in asyncio, too,
    where `await asyncio.to_thread(minter)` keeps the loop free. A server that is away holds it up
    for as long as the driver waits: set `connect_timeout` in the URL, 10 s with PyMySQL.

    Attributes:
        database: of the ledger; see `open_database`.
        pool: what the numbers are for, usually the family's name. Minters whose IDs must differ
            share a pool.
        span: for how long a number is leased. It is renewed when half of it is over, by who
            mints then; a number whose process ended is free when it has passed.
        drift: how far this machine's clock may be from the server's.
    """

    database: Database
    pool: str
    span: timedelta = timedelta(seconds=60)
    drift: timedelta = timedelta(seconds=5)

    def take(self, workers: int, now: int) -> Grant:
        """The lowest number whose mark has passed, or that nobody has had.

        Raises:
            ClockWentBack: the clock is behind the server's by more than `drift`.
            WorkerUnavailable: it is ahead; all numbers are held; the ledger is missing, or the
                server refuses.
            DatabaseUnavailable: it does not answer.
        """
        with self._connect() as connection:
            self._compare_clocks(connection, now)
            ours = worker.c.pool == self.pool, worker.c.number < workers
            rows = connection.execute(select(worker.c.number, worker.c.until_ms).where(*ours))
            marks: dict[int, int] = {row.number: row.until_ms for row in rows}
            for number in range(workers):
                mark = marks.get(number, 0)
                if mark <= now // _MILLISECOND and self._lift(connection, number, mark, now):
                    return self._granted(number, mark, now)
            first = _UNIX + timedelta(milliseconds=min(marks.values(), default=0))
            raise WorkerUnavailable(
                f"all {workers} worker numbers of {self.pool} are held, the first until "
                f"{first.isoformat()}: end processes that mint, or give IDs more room for them"
            )

    def renew(self, grant: Grant, workers: int, now: int) -> Grant:
        """The same number for longer; another one where it was taken meanwhile.

        While the lease still lasts, a server that is away is asked again when half of what is
        left is over: each attempt may take as long as the driver waits for a connection.

        Raises:
            MintError, DatabaseUnavailable: as `take`.
        """
        try:
            with self._connect() as connection:
                self._compare_clocks(connection, now)
                mark = grant.until // _MILLISECOND
                if self._lift(connection, grant.number, mark, now):
                    return self._granted(grant.number, grant.since // _MILLISECOND, now)
        except (DatabaseUnavailable, WorkerUnavailable):
            if now >= grant.until:
                raise
            wait = max((grant.until - now) // 2, _RETRY)
            return replace(grant, renew_at=min(now + wait, grant.until))
        return self.take(workers, now)

    def _lift(self, connection: Connection, number: int, mark: int, now: int) -> bool:
        """Lift a number's mark from what it was read as; 0 for a number that nobody has had."""
        values: dict[str, Any] = {
            "until_ms": self._mark(now),
            "host": socket.gethostname()[:255],
            "pid": os.getpid(),
            "renewed_at": utc_now(),
        }
        if mark:
            row = worker.c.pool == self.pool, worker.c.number == number
            lifted = update(worker).where(*row, worker.c.until_ms == mark).values(values)
            return connection.execute(lifted).rowcount == 1
        try:
            connection.execute(insert(worker).values(pool=self.pool, number=number, **values))
        except DBAPIError as error:
            if not self.database.dialect.is_duplicate_key(error):
                raise
            return False
        return True

    def _mark(self, now: int) -> int:
        return (now + self._span) // _MILLISECOND

    def _granted(self, number: int, since_ms: int, now: int) -> Grant:
        until = self._mark(now) * _MILLISECOND
        return Grant(number, since_ms * _MILLISECOND, until, renew_at=until - self._span // 2)

    @property
    def _span(self) -> int:
        """In nanoseconds."""
        return self.span // timedelta(microseconds=1) * 1000

    def _compare_clocks(self, connection: Connection, now: int) -> None:
        server = connection.scalar(select(utc_now()))
        assert server is not None  # a clock always shows something
        ahead = _UNIX + timedelta(microseconds=now // 1000) - server
        if ahead < -self.drift:
            raise ClockWentBack(
                f"this machine's clock is {-ahead.total_seconds():.1f} s behind the database "
                "server's: set it right before IDs are made by it"
            )
        if ahead > self.drift:
            raise WorkerUnavailable(
                f"this machine's clock is {ahead.total_seconds():.1f} s ahead of the database "
                "server's: set it right before IDs are made by it"
            )

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        try:
            with self.database.connect() as connection:
                yield connection
        except DBAPIError as error:
            if self.database.dialect.is_missing_table(error):
                raise WorkerUnavailable(
                    f"worker numbers are leased in {worker.name}, which this database has not: "
                    "'shardctl premake' makes it"
                ) from error
            raise WorkerUnavailable(
                f"no worker number of {self.pool} could be leased: {Dialect.words(error)}"
            ) from error
