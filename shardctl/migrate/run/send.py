"""Sends steps to one table, and records them so that no crash loses or doubles one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Database, Dialect, Statement, execute, text_of
from shardctl.ledger import Direction, Sent
from shardctl.lock import Lease
from shardctl.migrate.learn.trial import Step


@dataclass(slots=True)
class Record:
    """What became of a table's clauses that were begun together.

    Attributes:
        begun: those whose statement has been sent, or is about to be.
        sent: the steps that have taken effect.
        accepted: those of them that the table refuses by the algorithm that they were to have.
    """

    begun: set[int] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    accepted: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Unrecorded:
    """What has taken effect on one table, and is not recorded yet."""

    table: str = ""
    sent: Sequence[Sent] = ()

    def keep(self, table: str, sent: Sequence[Sent]) -> None:
        """Take what is to be recorded."""
        self.table, self.sent = table, sent

    def clear(self) -> None:
        """It is recorded."""
        self.keep("", ())


@dataclass(frozen=True, slots=True)
class Sender:
    """A session that runs a revision's clauses; it has claimed its token.

    Attributes:
        token: the mark of its statements, which begins with the lease's.
        unrecorded: what has taken effect on the last table, and is recorded together with what
            is begun next, which saves a commit a table.
        session: its id on the server; None where there is none.
        run: the revision and the direction under which the ledger knows them.
    """

    dialect: Dialect
    connection: Connection
    token: str
    session: int | None
    lease: Lease
    run: tuple[str, Direction]
    unrecorded: Unrecorded = field(default_factory=Unrecorded, repr=False)

    @contextmanager
    def recording(self, table: str, numbers: Collection[int]) -> Iterator[Record]:
        """DDL clauses of one table, recorded before the first is sent and after the last.

        What stands between the two records after a crash is decided by how the table looks. The
        second may be written along with the first of the next table, or by `settle`. Where a
        server can commit DDL together with a record, each step is recorded by itself.
        """
        record = Record()
        if self.dialect.transactional_ddl:
            yield record
            return
        self.lease.ledger.begin_clauses(
            self.connection,
            *self.run,
            numbers,
            table,
            token=self.token,
            connection_id=self.session,
            done=self.unrecorded.sent,
            done_table=self.unrecorded.table,
        )
        self.unrecorded.clear()
        try:
            yield record
        finally:
            self.unrecorded.keep(table, record.sent)
            if unsent := [number for number in numbers if number not in record.begun]:
                self.settle()
                if not self.connection.invalidated:
                    ledger = self.lease.ledger
                    ledger.unsent_clauses(self.connection, *self.run, unsent, table)

    def settle(self) -> None:
        """Record what has not been recorded yet; to be called when no other table follows.

        A session that is lost cannot tell any more: then the looks decide, as after a crash.
        """
        if not self.connection.invalidated:
            done = self.unrecorded
            self.lease.ledger.ran_clauses(self.connection, *self.run, done.sent, done.table)
            done.clear()

    def structure(
        self, record: Record, table: str, numbers: Sequence[int], statements: Sequence[Statement]
    ) -> float:
        """Run DDL clauses that are one step; how long it took, in seconds."""
        begun = time.monotonic()
        if self.dialect.transactional_ddl:
            with self.dialect.transaction(self.connection):
                self._send(statements)
                return self._done(table, numbers, begun, text_of(statements))
        statement = text_of(statements)
        return self.recorded(record, numbers, statement, lambda: self._send(statements))

    def recorded(
        self, record: Record, numbers: Sequence[int], statement: str, act: Callable[[], object]
    ) -> float:
        """Carry out a step whose DDL commits itself; how long it took, in seconds."""
        begun = time.monotonic()
        record.begun.update(numbers)
        act()
        seconds = time.monotonic() - begun
        record.sent.append(Sent(tuple(numbers), seconds, statement))
        return seconds

    def data(self, table: str, numbers: Sequence[int], statements: Sequence[Statement]) -> float:
        """Run a data clause and record it in one transaction, the record first.

        The unique key of the record decides, not an earlier read: a clause that was applied
        meanwhile is not applied again.
        """
        (number,) = numbers
        begun = time.monotonic()
        with self.dialect.transaction(self.connection):
            if self.lease.ledger.record_data(self.connection, *self.run, number, table):
                rows = self._send(statements)
                self._done(table, numbers, begun, text_of(statements), rows)
        return time.monotonic() - begun

    def ended(self, table: str, numbers: Collection[int]) -> None:
        """Record that DDL clauses that were begun have ended without effect."""
        self.lease.ledger.ended_clauses(self.connection, *self.run, numbers, table)

    def _send(self, statements: Sequence[Statement]) -> int:
        mark = f"shardctl {self.token}"
        return sum(max(execute(self.connection, one, mark), 0) for one in statements)

    def _done(
        self,
        table: str,
        numbers: Collection[int],
        begun: float,
        statement: str,
        rows: int | None = None,
    ) -> float:
        seconds = time.monotonic() - begun
        self.lease.ledger.done_clauses(
            self.connection,
            *self.run,
            numbers,
            table,
            how="ran",
            seconds=seconds,
            rows=rows,
            statement=statement,
        )
        return seconds


def sent(error: DBAPIError) -> str | None:
    """The statement of a clause that failed, without its mark; None where another failed."""
    mark, _, statement = (error.statement or "").partition(" */ ")
    return statement if mark.startswith("/* shardctl ") else None


@contextmanager
def sender(
    database: Database,
    lease: Lease,
    run: tuple[str, Direction],
    *,
    place: int,
    zone: str,
    lock_wait: int,
) -> Iterator[Sender]:
    """A session of its own for a revision's clauses.

    Args:
        place: its number, from 0, among the sessions that are at work together.
        zone: the time zone in which the clauses run.
        lock_wait: how long they wait for others' locks, in seconds.
    """
    dialect = database.dialect
    token = f"{lease.token}.{place}" if place else lease.token
    with database.connect(zone=zone, lock_wait=lock_wait) as connection:
        dialect.claim(connection, token)
        session = dialect.connection_id(connection)
        yield Sender(dialect, connection, token, session, lease, run)
