"""One table's way through a segment of a revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Final

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Algorithm, Clause
from shardctl.errors import Contradiction
from shardctl.ledger import ClauseRow, How, rows_of
from shardctl.migrate.learn.locate import Details, Lesson, details
from shardctl.migrate.learn.steps import Steps, stretches
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.run.accept import accept
from shardctl.migrate.run.attempt import Attempts
from shardctl.migrate.run.failure import ONCE_CONNECTED, MonthFailed, broke_off, said
from shardctl.migrate.run.held import LATER
from shardctl.migrate.run.looks import Looks
from shardctl.migrate.run.send import Record, Sender
from shardctl.migrate.work import Confined, Rows, Work, work_of
from shardctl.report import TableDone

A_FEW: Final = 4
"""So many small tables that are rebuilt, or get an index, are taken together at most."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What all tables of a segment get.

    Attributes:
        table: the family's or plain table's name.
        numbers: the clauses of the segment.
        looks: how the tables look when their turn comes.
        rows: what the ledger has of each table, read before the first turn.
        confined: where the revision may run; None: everywhere.
    """

    attempts: Attempts
    steps: Steps
    table: str
    numbers: Sequence[int]
    looks: Looks
    rows: Mapping[str, Rows]
    confined: Confined | None = None

    def together(self, coming: Sequence[Member]) -> int:
        """How many of the tables that come next one session is to take, with one record for all.

        Those that take a moment each, look alike and are new to the ledger: where the steps are
        INSTANT, all; else a few that are small. Of others, one.
        """
        if self.confined is not None:  # each to clauses of its own
            return 1
        try:
            look = self.looks.ahead(coming[0])
            used = self._demanded(coming[0], look)
            instant = all(algorithm and algorithm.instant for algorithm in used)
            if not instant and (None in used or not self._is_small(coming[0])):
                return 1
            alike = takewhile(
                lambda member: (
                    member.table not in self.rows
                    and self.looks.ahead(member) == look
                    and (instant or self._is_small(member))
                ),
                coming if instant else coming[:A_FEW],
            )
            return max(1, len(list(alike)))
        except (Contradiction, DBAPIError):  # the turn of the first meets it, too, and tells it
            return 1

    def _demanded(self, member: Member, live: Details) -> list[Algorithm | None]:
        """What the steps of a table that is new to the ledger demand; None: nothing."""
        todo = work_of(member, self.numbers, self._clauses, self._lesson, live, {}).todo
        if any(self._clauses[number].algorithm is None for number in todo):
            return [None]
        return [step.demanded for step in self._steps(member, todo, live)] if todo else []

    def _is_small(self, member: Member) -> bool:
        """Whether every step takes a moment; not where a tool may do it, which takes its time."""
        attempts = self.attempts
        return attempts.gate.restraint.online is None and attempts.sizes.is_small(member.table)

    def take(self, last: bool, sender: Sender, member: Member, coming: Sequence[Member]) -> Work:
        """Bring one table through the segment, as far as nobody keeps it locked.

        Args:
            last: whether this is its second turn, and there is no third.
            coming: those that the session has taken together with it.

        Raises:
            MonthFailed: the server refused a statement, or the table its algorithm.
            StepFailed: the gate is closed, or the connection broke.
            Contradiction: the table is neither as a clause finds it nor as it leaves it.
            KeyboardInterrupt: Ctrl-C was pressed.
            LockLost: another run took over.
        """
        try:
            return self._take(last, sender, member, coming)
        except DBAPIError as error:
            dialect, revision = self.attempts.site.database.dialect, self.attempts.revision
            if not dialect.is_connection_lost(error):
                raise
            words, what = dialect.words(error), said(Step(tuple(self.numbers)))
            told = broke_off(member.table or "database", what, revision, words)
            raise MonthFailed(told, ONCE_CONNECTED, lost=True) from error

    def _take(self, last: bool, sender: Sender, member: Member, coming: Sequence[Member]) -> Work:
        rows = self._rows(member) if last else self.rows.get(member.table, {})
        look = self._look(member) if last else self.looks.of(member)
        work = self._work(sender, member, look, rows)
        live: Details | None = look
        done: list[int] = []
        for stretch in stretches(work.todo, self._clauses):
            steps = self._steps(member, stretch, live)
            recording = (
                nullcontext(Record())
                if self._clauses[stretch[0]].data
                else sender.recording(member.table, stretch, [each.table for each in coming])
            )
            with recording as record:
                for step in steps:
                    if told := self._sent(sender, record, member, step, last, live):
                        return replace(work, todo=tuple(done), locked=told)
                    done += step.numbers
                    live = None  # it looks otherwise now
            accept(self.attempts.site, sender, member, record.accepted)
        self.attempts.site.report(TableDone(member.table))
        return work

    def _sent(
        self,
        sender: Sender,
        record: Record,
        member: Member,
        step: Step,
        last: bool,
        look: Details | None,
    ) -> str:
        """Send one step; who keeps the table locked, where somebody does, in words."""
        attempts, setbacks = self.attempts, self.attempts.setbacks
        still = partial(self._needs, sender, member, step.numbers)
        try:
            attempts.send(sender, record, member, self.table, step, still, look)
        except DBAPIError as error:
            dialect = attempts.site.database.dialect
            # Nothing goes on without the template, and a failure is no reason to wait.
            deferred = dialect.is_held_up(error) and member.month is not None
            if deferred and not last:
                attempts.telling(member, step, "waiting", detail=LATER)
            elif dialect.is_connection_lost(error):
                attempts.telling(member, step, "failed", detail=dialect.words(error))
            else:
                setbacks.failed(sender, member, step, dialect.words(error), error)
            told, way_on = setbacks.worded(sender, member, step, error)
            if deferred:
                return told
            raise MonthFailed(told, way_on, lost=dialect.is_connection_lost(error)) from error
        return ""

    def _work(self, sender: Sender, member: Member, live: Details, rows: Rows) -> Work:
        """What a table needs, judged by how it looks; what it has had is recorded.

        A clause that was begun here was not there before: it is this revision's own.
        """
        work = work_of(member, self.numbers, self._clauses, self._lesson, live, rows, self.confined)
        begun = {n for (n, _), row in rows.items() if not row.untouched}
        for how in ("ran", "found"):
            these = [n for n in work.found if (n in begun) == (how == "ran")]
            self._found(sender, member, these, how)
        return work

    def _found(self, sender: Sender, member: Member, numbers: Sequence[int], how: How) -> None:
        if numbers:
            sender.lease.ledger.done_clauses(
                sender.connection, *sender.run, numbers, member.table, how=how
            )
        for number in numbers:
            self.attempts.telling(member, Step((number,)), "found")

    def _needs(self, sender: Sender, member: Member, numbers: Sequence[int]) -> bool:
        """Whether a table still needs clauses, judged by how it looks at this moment."""
        live, rows = self._look(member), self._rows(member)
        work = work_of(member, numbers, self._clauses, self._lesson, live, rows, self.confined)
        begun = [n for n in work.found if (n, member.table) in rows]
        self._found(sender, member, begun, "ran")
        return bool(work.todo)

    def _steps(
        self, member: Member, stretch: tuple[int, ...], live: Details | None
    ) -> tuple[Step, ...]:
        """The steps of a stretch of clauses on one table, judged by how it looks now."""
        if self._clauses[stretch[0]].algorithm is None:
            return self.steps.apart(stretch)
        return self.steps.of(member, stretch, self._look(member) if live is None else live)

    def _look(self, member: Member) -> Details:
        return details(self.attempts.site.look([member]).get(member.table))

    def _rows(self, member: Member) -> dict[tuple[int, str], ClauseRow]:
        revision = self.attempts.revision
        with self.attempts.site.reading() as connection:
            return rows_of(connection, revision.id, revision.direction, table=member.table)

    @property
    def _clauses(self) -> Sequence[Clause]:
        return self.attempts.clauses

    @property
    def _lesson(self) -> Lesson | None:
        return self.attempts.lessons.get(self.table)
