"""A backfill's way through one table: chunk by chunk, each recorded in its own transaction.

What breaks off is gone on with at the last chunk that was committed. So every row that is there
when the position comes to it is changed exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shardctl import ledger
from shardctl.clause import Clause
from shardctl.dialects import execute, send
from shardctl.ledger import BackfillRow, Direction
from shardctl.migrate.run.failure import MonthFailed
from shardctl.migrate.run.ranges import Key, Ranges
from shardctl.migrate.run.send import Sender
from shardctl.migrate.run.undo import mirrored
from shardctl.report import Progress


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a table has come.

    Attributes:
        key: of the last row that was seen.
        seconds: how long it took to come here, in earlier runs too.
        done: whether it is through.
    """

    key: Key = ()
    chunks: int = 0
    rows: int = 0
    seconds: float = 0.0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """One clause on its way through one table."""

    sender: Sender
    ranges: Ranges
    number: int
    table: str

    def begin(self) -> Reached:
        """Where to begin: behind the last chunk that was committed. That it begins is recorded.

        Raises:
            MonthFailed: the table has another key than when it began.
        """
        sender = self.sender
        sender.lease.ledger.begin_clauses(
            sender.connection, *sender.run, [self.number], self.table, token=sender.token
        )
        met = ledger.backfills(sender.connection, *sender.run, table=self.table)
        if (row := met.get((self.number, self.table))) is None:
            return Reached()
        return Reached(self._key(row), row.chunks, row.rows, row.seconds)

    def undoing(self, clauses: Sequence[Clause]) -> Passage:
        """The same, but not beyond where a backfill had come to that it undoes half done.

        Args:
            clauses: those of the way back.
        """
        connection = self.sender.connection
        run: tuple[str, Direction] = self.sender.run[0], "up"
        if (forth := ledger.run(connection, *run)) is None:
            return self
        undone = mirrored(self.ranges.clause.table, forth.clauses, clauses).get(self.number, -1)
        row = ledger.backfills(connection, *run, table=self.table).get((undone, self.table))
        whole = ledger.rows_of(connection, *run, table=self.table).get((undone, self.table))
        if row is None or (whole is not None and whole.done and not whole.untouched):
            return self
        return replace(self, ranges=replace(self.ranges, limit=self._key(row)))

    def _key(self, row: BackfillRow) -> Key:
        if tuple(row.position) != self.ranges.columns:
            raise MonthFailed(
                f"{self.table}: its key was ({', '.join(row.position)}) when its backfill began, "
                f"and is ({', '.join(self.ranges.columns)}) now: which rows were changed cannot "
                "be told",
                "What was done before is recorded: give it its former key, then run again to go on",
            )
        return tuple(row.position.values())

    def chunk(self, before: Reached) -> Reached:
        """Change the rows of the next range and record it, in one transaction."""
        begun = time.monotonic()
        end = self._end(before.key)
        if end and end == before.key:
            told = f"{self.table}: its rows are not in the order of their key, {end}"
            raise MonthFailed(told, "What was done before is recorded")
        sender = self.sender
        with sender.dialect.transaction(sender.connection):
            if not end:
                return self._last(before, begun)
            after = self._updated(before, end, begun)
            sender.lease.ledger.advance(
                sender.connection,
                *sender.run,
                self.number,
                self.table,
                chunk=after.chunks,
                position=dict(zip(self.ranges.columns, end, strict=True)),
                rows=after.rows,
                seconds=after.seconds,
            )
        return after

    def progress(self, reached: Reached, estimate: int) -> Progress:
        """How far it is, as far as that can be told.

        Args:
            estimate: how many rows the table may have.
        """
        passed = reached.chunks * self.ranges.chunks.rows
        if passed > estimate:
            return Progress(self.table, None, f"{passed:,} rows")
        percent = 100 * passed / estimate
        return Progress(self.table, percent, f"{passed:,} rows of about {estimate:,}")

    def _last(self, before: Reached, begun: float) -> Reached:
        """All rows that are left, and the clause's own row, whose unique key decides."""
        sender, number = self.sender, self.number
        writer = sender.lease.ledger
        if not writer.record_data(sender.connection, *sender.run, number, self.table):
            return replace(before, done=True)
        after = self._updated(before, (), begun)
        writer.done_clauses(
            sender.connection,
            *sender.run,
            [number],
            self.table,
            how="ran",
            seconds=after.seconds,
            rows=after.rows,
            statement=self.ranges.update(before.key, ()).sql,
        )
        return replace(after, done=True)

    def _updated(self, before: Reached, end: Key, begun: float) -> Reached:
        statement = self.ranges.update(before.key, end)
        rows = execute(self.sender.connection, statement, self._mark)
        return Reached(
            end,
            before.chunks + 1,
            before.rows + max(rows, 0),
            before.seconds + time.monotonic() - begun,
        )

    def _end(self, last: Key) -> Key:
        query = self.ranges.end(last)
        row = send(self.sender.connection, query, self._mark).first()
        return tuple(row) if row is not None else ()

    @property
    def _mark(self) -> str:
        return f"shardctl {self.sender.lease.token}"
