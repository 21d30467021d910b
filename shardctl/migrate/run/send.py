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
class Pending:
    """What the ledger does not know yet of a session's tables, and what it knows beforehand.

    Attributes:
        done: by table, what has taken effect and is not recorded.
        ahead: by table, the clauses that are recorded as begun, and whose turn is still to come.
    """

    done: dict[str, list[Sent]] = field(default_factory=dict)
    ahead: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sender:
    """A session that runs a revision's clauses; it has claimed its token.

    Attributes:
        token: the mark of its statements, which begins with the lease's.
        pending: what has taken effect on its last tables, and is recorded together with what is
            begun next, which saves commits.
        session: its id on the server; None where there is none.
        run: the revision and the direction under which the ledger knows them.
    """

    dialect: Dialect
    connection: Connection
    token: str
    session: int | None
    lease: Lease
    run: tuple[str, Direction]
    pending: Pending = field(default_factory=Pending, repr=False)

    @contextmanager
    def recording(
        self, table: str, numbers: Sequence[int], along: Collection[str] = ()
    ) -> Iterator[Record]:
        """DDL clauses of one table, recorded before the first is sent and after the last.

        What stands between the two records after a crash is decided by how the table looks. The
        second may be written along with the first of other tables, or by `settle`. Where a
        server can commit DDL together with a record, each step is recorded by itself.

        Args:
            along: other tables that get the same from this session right afterwards: the first
                record is theirs, too.
        """
        record = Record()
        if self.dialect.transactional_ddl:
            yield record
            return
        if self.pending.ahead.pop(table, None) != tuple(numbers):
            self._record(numbers, table, *along)
            self.pending.ahead |= dict.fromkeys(along, tuple(numbers))
        try:
            yield record
        finally:
            self.pending.done.setdefault(table, []).extend(record.sent)
            if unsent := [number for number in numbers if number not in record.begun]:
                self.settle()
                self._forget(unsent, table)

    def settle(self) -> None:
        """Record what has not been recorded yet; to be called when no other table follows soon.

        A session that is lost cannot tell any more: then the looks decide, as after a crash.
        """
        if not self.connection.invalidated:
            self._record(())
        while self.pending.ahead:
            table, numbers = self.pending.ahead.popitem()
            self._forget(numbers, table)

    def _record(self, numbers: Sequence[int], *begun: str) -> None:
        """Record what has taken effect, and that clauses are about to be sent to some tables."""
        self.lease.ledger.begin_clauses(
            self.connection,
            *self.run,
            numbers,
            *begun,
            token=self.token,
            connection_id=self.session,
            done=self.pending.done,
        )
        self.pending.done.clear()

    def _forget(self, numbers: Sequence[int], table: str) -> None:
        """Record that clauses were not sent after all."""
        if not self.connection.invalidated:
            self.lease.ledger.unsent_clauses(self.connection, *self.run, numbers, table)

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
