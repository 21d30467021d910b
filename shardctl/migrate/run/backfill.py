"""Carries backfills out: with patience, and telling how far they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member, names_for
from shardctl.clause import Clause
from shardctl.migrate.learn.row_key import row_key
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.run.failure import MonthFailed
from shardctl.migrate.run.passage import Passage, Reached
from shardctl.migrate.run.ranges import Ranges
from shardctl.migrate.run.send import Sender
from shardctl.migrate.site import Site
from shardctl.report import State


class Tell(Protocol):
    """Tells what becomes of the clause on its table."""

    def __call__(self, state: State, *, seconds: float = 0.0, detail: str = "") -> None: ...


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
            MonthFailed: the table has no key to go through it by, or another than when it began.
            StepFailed: the gate is closed.
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
            raise MonthFailed(
                f"{member.table}: it has no key that a backfill could go through it by, unlike the "
                "template",
                "What was done before is recorded: give it the same key by hand, then run again to "
                "go on",
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
