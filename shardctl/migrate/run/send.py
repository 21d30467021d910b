"""Sends one step to one table, and records it so that no crash loses or doubles it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from shardctl.dialects import Dialect, Statement, execute
from shardctl.ledger import Direction
from shardctl.lock import Lease


@dataclass(frozen=True, slots=True)
class Sender:
    """A session that runs a revision's clauses; it has claimed the lease's token.

    Attributes:
        session: its id on the server; None where there is none.
        run: the revision and the direction under which the ledger knows them.
    """

    dialect: Dialect
    connection: Connection
    session: int | None
    lease: Lease
    run: tuple[str, Direction]

    def structure(
        self, table: str, numbers: Collection[int], statements: Sequence[Statement]
    ) -> float:
        """Run DDL clauses that are one step; how long it took, in seconds.

        Where DDL commits itself the record comes in two parts, before and after: what stands
        between them after a crash is decided by how the table looks.
        """
        begun = time.monotonic()
        if self.dialect.transactional_ddl:
            with self.dialect.transaction(self.connection):
                self._send(statements)
                return self._done(table, numbers, begun)
        self.lease.ledger.begin_clauses(
            self.connection, *self.run, numbers, table, connection_id=self.session
        )
        self._send(statements)
        return self._done(table, numbers, begun)

    def otherwise(self, table: str, numbers: Collection[int], alter: Callable[[], None]) -> float:
        """Have DDL clauses that are one step run by another than this session; likewise."""
        begun = time.monotonic()
        self.lease.ledger.begin_clauses(
            self.connection, *self.run, numbers, table, connection_id=self.session
        )
        alter()
        return self._done(table, numbers, begun)

    def data(self, table: str, numbers: Collection[int], statements: Sequence[Statement]) -> float:
        """Run a data clause and record it in one transaction, the record first.

        The unique key of the record decides, not an earlier read: a clause that was applied
        meanwhile is not applied again.
        """
        (number,) = numbers
        begun = time.monotonic()
        with self.dialect.transaction(self.connection):
            if self.lease.ledger.record_data(self.connection, *self.run, number, table):
                rows = self._send(statements)
                self._done(table, numbers, begun, rows)
        return time.monotonic() - begun

    def _send(self, statements: Sequence[Statement]) -> int:
        mark = f"shardctl {self.lease.token}"
        return sum(max(execute(self.connection, one, mark), 0) for one in statements)

    def _done(
        self, table: str, numbers: Collection[int], begun: float, rows: int | None = None
    ) -> float:
        seconds = time.monotonic() - begun
        self.lease.ledger.done_clauses(
            self.connection, *self.run, numbers, table, how="ran", seconds=seconds, rows=rows
        )
        return seconds
