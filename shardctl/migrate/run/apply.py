"""Carries a revision out on every table of its families, and records what was done."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.errors import StepFailed
from shardctl.ledger import ClauseRow, Direction, How, rows_of
from shardctl.lock import Lease
from shardctl.migrate.learn.locate import Lesson, details
from shardctl.migrate.learn.steps import Steps, stretches
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.run.attempt import Attempts
from shardctl.migrate.run.failure import once_free
from shardctl.migrate.run.held import LATER
from shardctl.migrate.run.send import Sender
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Outcome, Revision, Work, outcome_of, segments, work_of
from shardctl.report import Finished, Started, TableDone
from shardctl.structure import Structure

Rows: TypeAlias = Mapping[tuple[int, str], ClauseRow]


@dataclass(frozen=True, slots=True)
class Application:
    """One revision on its way through the tables.

    Attributes:
        gate: asked before every statement.
        confined: where it may run; None: everywhere.
    """

    site: Site
    lease: Lease
    gate: Gate
    revision: Revision
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    shown: Sequence[str]
    steps: Steps
    confined: Confined | None = None

    def carry_out(self) -> Outcome:
        """Run what is left of the revision on every table; what is done already is left alone.

        Raises:
            Contradiction: a table is neither as a clause finds it nor as it leaves it.
            StepFailed: the server refused a statement, a month stayed locked, or the gate is
                closed; what was done is recorded.
            KeyboardInterrupt: Ctrl-C was pressed; likewise.
            LockLost: another run took over.
        """
        begun = time.monotonic()
        self.site.report(Started(str(self.revision), len(self._tables())))
        works: list[Work] = []
        # A second pass meets the months that were born during the first.
        for _ in range(2):
            for table, numbers in segments(self.clauses):
                works += self._segment(table, numbers)
            if not self._left():
                break
        else:
            raise StepFailed(
                f"revision {self.revision}: {self._left()[0].member.table} still does not look as "
                "it should, though the server accepted every statement; see shardctl status"
            )
        self.site.report(Finished(str(self.revision), time.monotonic() - begun))
        return outcome_of(self.revision, self.shown, works)

    def _segment(self, table: str, numbers: Sequence[int]) -> list[Work]:
        """Bring all tables through a segment; a month that stays locked has a second turn.

        The next segment may rely on this one, on every month: it waits until all are through.
        """
        database = self.site.database
        zone, wait = self.site.zone(table), self.gate.restraint.lock_wait
        with database.connect(zone=zone, lock_wait=wait) as connection:
            database.dialect.claim(connection, self.lease.token)
            session = database.dialect.connection_id(connection)
            sender = Sender(database.dialect, connection, session, self.lease, self._run)
            attempts = Attempts(
                self.site,
                self.gate,
                self.revision,
                self.clauses,
                self.lessons,
                self._telling,
                sender,
            )
            turn = partial(self._table, attempts, table, numbers)
            first = [turn(False, member) for member in self._members(table)]
            second = [turn(True, work.member) for work in first if work.locked]
        if locked := [work.locked for work in second if work.locked]:
            raise StepFailed("\n".join([*locked, once_free(self.revision)]))
        return first + second

    def _table(
        self, attempts: Attempts, table: str, numbers: Sequence[int], last: bool, member: Member
    ) -> Work:
        """Bring one table through a segment, as far as nobody keeps it locked.

        Args:
            last: whether this is its second turn, and there is no third.
        """
        live: Mapping[str, Structure] | None = self.site.look([member])
        sender = attempts.sender
        work = self._look(sender, member, table, numbers, live)
        done: list[int] = []
        for stretch in stretches(work.todo, self.clauses):
            for step in self._steps(member, stretch, live):
                still = partial(self._needs, sender, member, table, step.numbers)
                try:
                    attempts.send(member, table, step, still)
                except DBAPIError as error:
                    words = self.site.database.dialect.words(error)
                    # Nothing goes on without the template, and a failure is no reason to wait.
                    deferred = attempts.held_up(error) and member.month is not None
                    if deferred and not last:
                        self._telling(member, step, "waiting", detail=LATER)
                    elif self.site.database.dialect.is_connection_lost(error):
                        self._telling(member, step, "failed", detail=words)
                    else:
                        attempts.failed(member, step, words, error)
                    told, way_on = attempts.failure(member, step, error)
                    if not deferred:
                        raise StepFailed(f"{told}\n{way_on}") from error
                    return replace(work, todo=tuple(done), locked=told)
                done += step.numbers
            live = None  # it looks otherwise now
        self.site.report(TableDone(member.table))
        return work

    def _look(
        self,
        sender: Sender,
        member: Member,
        table: str,
        numbers: Sequence[int],
        look: Mapping[str, Structure] | None = None,
    ) -> Work:
        """What a table needs, judged by how it looks at this moment; what it has had is recorded.

        A clause that was begun here was not there before: it is this revision's own.

        Args:
            look: how it looks, where that is known.
        """
        rows = self._rows(member)
        if look is None:
            look = self.site.look([member])
        work = self._work(member, table, numbers, look, rows)
        for number in work.found:
            row = rows.get((number, member.table))
            how: How = "found" if row is None or row.untouched else "ran"
            self.lease.ledger.done_clauses(
                sender.connection, *self._run, [number], member.table, how=how
            )
            self._telling(member, Step((number,)), "found")
        return work

    def _needs(self, sender: Sender, member: Member, table: str, numbers: Sequence[int]) -> bool:
        return bool(self._look(sender, member, table, numbers).todo)

    def _steps(
        self, member: Member, stretch: tuple[int, ...], look: Mapping[str, Structure] | None
    ) -> tuple[Step, ...]:
        """The steps of a stretch of clauses on one table, judged by how it looks now."""
        if self.clauses[stretch[0]].algorithm is None:
            return self.steps.apart(stretch)
        look = self.site.look([member]) if look is None else look
        return self.steps.of(member, stretch, details(look.get(member.table)))

    def _work(
        self,
        member: Member,
        table: str,
        numbers: Collection[int],
        look: Mapping[str, Structure],
        rows: Rows,
    ) -> Work:
        live = details(look.get(member.table))
        lesson = self.lessons.get(table)
        return work_of(member, numbers, self.clauses, lesson, live, rows, self.confined)

    def _left(self) -> list[Work]:
        """What tables still need now: those born meanwhile, and those that belie the server."""
        left: list[Work] = []
        rows = self._rows()
        for table, numbers in segments(self.clauses):
            members = self._members(table)
            look = self.site.look(members)
            works = (self._work(member, table, numbers, look, rows) for member in members)
            left += [work for work in works if work.todo and work.member.table in look]
        return left

    def _rows(self, member: Member | None = None) -> Rows:
        table = member.table if member else None
        return rows_of(self.site.connection, *self._run, table=table)

    def _members(self, table: str) -> tuple[Member, ...]:
        if not table:
            return (Member("", ""),)
        members = self.site.members(table)
        if self.confined is None:
            return members
        return tuple(member for member in members if member.table in self.confined)

    def _tables(self) -> set[str]:
        named = {table for table, _ in segments(self.clauses)}
        return {member.table for table in named for member in self._members(table)}

    @property
    def _telling(self) -> Telling:
        return Telling(self.site.report, self.revision, self.shown)

    @property
    def _run(self) -> tuple[str, Direction]:
        return self.revision.id, self.revision.direction
