"""Carries a revision out on every table of its families, and records what was done."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl import report
from shardctl.catalog import Member, names_for
from shardctl.clause import Clause
from shardctl.dialects import Statement
from shardctl.errors import StepFailed
from shardctl.ledger import ClauseRow, Direction, How, rows_of
from shardctl.lock import Lease
from shardctl.migrate.alteration import Alteration
from shardctl.migrate.failure import failure, lost, refusal, said
from shardctl.migrate.gate import Gate
from shardctl.migrate.held import LATER, given_up, held_by, once_free
from shardctl.migrate.locate import Lesson, details
from shardctl.migrate.send import Sender
from shardctl.migrate.site import Site
from shardctl.migrate.steps import Steps, stretches
from shardctl.migrate.trial import Step
from shardctl.migrate.work import Confined, Outcome, Revision, Work, outcome_of, segments, work_of
from shardctl.report import Finished, Started, State, TableDone
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
            turn = partial(self._table, sender, table, numbers)
            first = [turn(False, member) for member in self._members(table)]
            second = [turn(True, work.member) for work in first if work.locked]
        if locked := [work.locked for work in second if work.locked]:
            raise StepFailed("\n".join([*locked, once_free(self.revision)]))
        return first + second

    def _table(
        self, sender: Sender, table: str, numbers: Sequence[int], last: bool, member: Member
    ) -> Work:
        """Bring one table through a segment, as far as nobody keeps it locked.

        Args:
            last: whether this is its second turn, and there is no third.
        """
        live: Mapping[str, Structure] | None = self.site.look([member])
        work = self._look(sender, member, table, numbers, live)
        done: list[int] = []
        for stretch in stretches(work.todo, self.clauses):
            for step in self._steps(member, stretch, live):
                try:
                    self._send(sender, member, table, step)
                except DBAPIError as error:
                    words = self.site.database.dialect.words(error)
                    # Nothing goes on without the template, and a failure is no reason to wait.
                    deferred = self._held_up(error) and member.month is not None
                    if deferred and not last:
                        self._tell(member, step, "waiting", detail=LATER)
                    else:
                        self._tell(member, step, "failed", detail=words)
                    told, way_on = self._failure(sender, member, step, error)
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
            how: How = "ran" if (number, member.table) in rows else "found"
            self.lease.ledger.done_clauses(
                sender.connection, *self._run, [number], member.table, how=how
            )
            self._tell(member, Step((number,)), "found")
        return work

    def _steps(
        self, member: Member, stretch: tuple[int, ...], look: Mapping[str, Structure] | None
    ) -> tuple[Step, ...]:
        """The steps of a stretch of clauses on one table, judged by how it looks now."""
        if self.clauses[stretch[0]].algorithm is None:
            return self.steps.apart(stretch)
        look = self.site.look([member]) if look is None else look
        return self.steps.of(member, stretch, details(look.get(member.table)))

    def _send(self, sender: Sender, member: Member, table: str, step: Step) -> None:
        """Run one step; where others are in the way, look at the table and try again."""
        if step.refused:
            self._tell(member, step, "failed", detail=step.refused)
            raise StepFailed(self._refusal(member, step, step.refused))
        dialect = self.site.database.dialect
        send = sender.data if self.clauses[step.numbers[0]].data else sender.structure
        for pause in (*self.gate.restraint.pauses(), None):
            self.gate.admit(table)
            try:
                statements = self._statements(sender.connection, member, step)
                seconds = send(member.table, step.numbers, statements)
            except DBAPIError as error:
                if self.gate.stopped_by(error):
                    if self._look(sender, member, table, step.numbers).todo:
                        self._ended(sender, member, step)
                    raise KeyboardInterrupt from error
                if step.algorithm and dialect.is_algorithm_refused(error):
                    if _is_template(member):
                        # It is empty: nobody waits for it, and a rebuild takes no time.
                        self._send(sender, member, table, replace(step, algorithm=None))
                        return
                    words = dialect.words(error)
                    self._tell(member, step, "failed", detail=words)
                    raise StepFailed(self._refusal(member, step, words)) from error
                if pause is None or not self._held_up(error):
                    raise
                held = self._held_by(sender, member, step, error)
                self._tell(member, step, "waiting", detail=f"{held}; next try in {pause:.1f} s")
            else:
                self._tell(member, step, "run", seconds=seconds)
                return
            self.gate.interrupt.sleep(pause)
            if not self._look(sender, member, table, step.numbers).todo:
                return

    def _statements(
        self, connection: Connection, member: Member, step: Step
    ) -> tuple[Statement, ...]:
        alteration = self._alteration(connection, member, step)
        if step.algorithm is None and len(step.numbers) == 1:
            return alteration.apart(member.table)
        return (alteration.joined(member.table, step.algorithm),)

    def _alteration(self, connection: Connection, member: Member, step: Step) -> Alteration:
        dialect = self.site.database.dialect
        starting = []
        for number in step.numbers:
            clause = self.clauses[number]
            lesson = self.lessons.get(clause.table)
            starting.append((clause, lesson.before(number) if lesson else None))
        return Alteration.of(
            dialect,
            starting,
            names_for(self.site.families, member, dialect),
            lambda: self.site.look([member]).get(member.table),
            lambda: dialect.definition(connection, member.table),
        )

    def _refusal(self, member: Member, step: Step, words: str) -> str:
        by_hand = self._alteration(self.site.connection, member, step).joined(member.table, None)
        return refusal(member.table, step, self.revision, words, by_hand.sql)

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

    def _tell(
        self, member: Member, step: Step, state: State, *, seconds: float = 0.0, detail: str = ""
    ) -> None:
        sql, *further = [self.shown[number] for number in step.numbers]
        algorithm = str(step.algorithm or "")
        event = report.Step(member.table, sql, state, self.revision.id, seconds, detail)
        self.site.report(replace(event, algorithm=algorithm, further=tuple(further)))

    def _ended(self, sender: Sender, member: Member, step: Step) -> None:
        """Record that Ctrl-C has ended a clause's statement, which has had no effect."""
        self.lease.ledger.ended_clauses(sender.connection, *self._run, step.numbers, member.table)
        self._tell(member, step, "failed", detail="ended by Ctrl-C, the table is as it was")

    def _held_up(self, error: DBAPIError) -> bool:
        return self.site.database.dialect.is_held_up(error)

    def _held_by(self, sender: Sender, member: Member, step: Step, error: DBAPIError) -> str:
        dialect, connection = self.site.database.dialect, self.site.connection
        if not dialect.is_lock_timeout(error):
            return dialect.words(error)  # a deadlock, whose other party may be gone
        blockers = dialect.blockers(
            connection,
            member.table,
            rows=self.clauses[step.numbers[0]].data,
            waited=self.gate.restraint.lock_wait,
            ours=sender.session,
        )
        return held_by(blockers) if blockers else dialect.unseen_blocker

    def _failure(
        self, sender: Sender, member: Member, step: Step, error: DBAPIError
    ) -> tuple[str, str]:
        """What happened, in a line, and in another how to go on."""
        dialect = self.site.database.dialect
        where, what = member.table or "database", said(step)
        words = dialect.words(error)
        if self._held_up(error):
            if dialect.is_lock_timeout(error):
                words += f"; {self._held_by(sender, member, step, error)}"
            return given_up(where, what, self.revision, words), once_free(self.revision)
        tell = lost if dialect.is_connection_lost(error) else failure
        first, _, further = tell(where, what, self.revision, words).partition("\n")
        return first, further

    @property
    def _run(self) -> tuple[str, Direction]:
        return self.revision.id, self.revision.direction


def _is_template(member: Member) -> bool:
    return bool(member.family) and member.month is None
