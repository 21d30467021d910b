"""Takes a backfill through one table: chunk by chunk, each recorded in its own transaction.

What breaks off is gone on with at the last chunk that was committed. So every row that is there
when the position comes to it is changed exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy.exc import DBAPIError

from shardctl import ledger
from shardctl.catalog import Member, names_for
from shardctl.clause import Clause
from shardctl.dialects import execute
from shardctl.errors import StepFailed
from shardctl.ledger import BackfillRow, Direction
from shardctl.migrate.learn.row_key import row_key
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.run.ranges import Key, Ranges
from shardctl.migrate.run.send import Sender
from shardctl.migrate.run.undo import mirrored
from shardctl.migrate.site import Site
from shardctl.report import Progress, State


class Tell(Protocol):
    """Tells what becomes of the clause on its table."""

    def __call__(self, state: State, *, seconds: float = 0.0, detail: str = "") -> None: ...


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
class Backfill:
    """What backfills are carried out with, on one session.

    Attributes:
        gate: asked before every chunk.
        held_by: who keeps rows locked, after they were waited for in vain.
    """

    site: Site
    gate: Gate
    sender: Sender
    tell: Tell
    held_by: Callable[[DBAPIError], str]

    def carry_out(self, member: Member, number: int, clauses: Sequence[Clause]) -> None:
        """Go through one table, from where an earlier run had come to.

        Args:
            number: which clause it is.
            clauses: the revision's.

        Raises:
            DBAPIError: a chunk failed, or others are in the way for too long.
            StepFailed: the table has no key to go through it by, or another than when it began.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        passage = self._passage(member, number, clauses)
        reached = passage.begin()
        estimate: int | None = None
        while not (reached := self._patiently(passage, reached)).done:
            if estimate is None:
                estimate = self._estimate(member.table)
            self.site.report(passage.progress(reached, estimate))
        self.tell("run", seconds=reached.seconds)

    def _passage(self, member: Member, number: int, clauses: Sequence[Clause]) -> Passage:
        dialect, connection = self.site.database.dialect, self.sender.connection
        clause = clauses[number]
        found = dialect.structures(connection, [member.table]).get(member.table)
        columns = row_key(found) if found else ()
        if clause.chunks is None or not columns:
            raise StepFailed(
                f"{member.table}: it has no key that a backfill could go through it by, unlike the "
                "template: give it the same key by hand, then run again to go on"
            )
        names = names_for(self.site.families, member, dialect)
        ranges = Ranges(dialect, names, clause, clause.chunks, columns)
        passage = Passage(self.sender, ranges, number, member.table)
        return passage.undoing(clauses) if self.sender.run[1] == "down" else passage

    def _estimate(self, table: str) -> int:
        """How many rows the server thinks that a table has; 0 where it does not tell."""
        sizes = self.site.database.dialect.sizes(self.sender.connection, [table])
        return sizes[table].rows or 0

    def _patiently(self, passage: Passage, reached: Reached) -> Reached:
        """One chunk; where others are in the way, again."""
        dialect = self.site.database.dialect
        for pause in self.gate.restraint.pauses():
            self.gate.admit(passage.ranges.clause.table)
            try:
                return self._chunk(passage, reached)
            except DBAPIError as error:
                if not dialect.is_held_up(error):
                    raise
                self.tell("waiting", detail=f"{self.held_by(error)}; next try in {pause:.1f} s")
            self.gate.interrupt.sleep(pause)
        self.gate.admit(passage.ranges.clause.table)
        return self._chunk(passage, reached)

    def _chunk(self, passage: Passage, reached: Reached) -> Reached:
        try:
            return passage.chunk(reached)
        except DBAPIError as error:
            if self.gate.stopped_by(error):
                self.tell("failed", detail="ended by Ctrl-C; it goes on where this chunk began")
                raise KeyboardInterrupt from error
            raise


@dataclass(frozen=True, slots=True)
class Passage:
    """One clause on its way through one table."""

    sender: Sender
    ranges: Ranges
    number: int
    table: str

    def begin(self) -> Reached:
        """Where to begin: behind the last chunk that was committed.

        Raises:
            StepFailed: the table has another key than when it began.
        """
        met = ledger.backfills(self.sender.connection, *self.sender.run, table=self.table)
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
        done = ledger.rows_of(connection, *run, table=self.table)
        if row is None or (undone, self.table) in done:
            return self
        return replace(self, ranges=replace(self.ranges, limit=self._key(row)))

    def _key(self, row: BackfillRow) -> Key:
        if tuple(row.position) != self.ranges.columns:
            raise StepFailed(
                f"{self.table}: its key was ({', '.join(row.position)}) when its backfill began, "
                f"and is ({', '.join(self.ranges.columns)}) now: which rows were changed cannot "
                "be told; give it its former key, then run again to go on"
            )
        return tuple(row.position.values())

    def chunk(self, before: Reached) -> Reached:
        """Change the rows of the next range and record it, in one transaction."""
        begun = time.monotonic()
        end = self._end(before.key)
        if end and end == before.key:
            raise StepFailed(f"{self.table}: its rows are not in the order of their key, {end}")
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
        exact: dict[str, Any] = {} if query.values else {"no_parameters": True}
        row = self.sender.connection.exec_driver_sql(
            f"/* {self._mark} */ {query.sql}", query.values or None, execution_options=exact
        ).first()
        return tuple(row) if row is not None else ()

    @property
    def _mark(self) -> str:
        return f"shardctl {self.sender.lease.token}"
