"""The steps of one command through the revisions: each prepared, foreseen, carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from alembic.runtime.migration import MigrationContext

from shardctl import ledger, report
from shardctl.errors import StepFailed
from shardctl.ledger import Run
from shardctl.ledger.encode import clauses_to_text, states_to_text
from shardctl.lock import Lease
from shardctl.migrate.course import Course
from shardctl.migrate.finding import Finding
from shardctl.migrate.learn.learned import lived
from shardctl.migrate.learn.scratch import scratch
from shardctl.migrate.learn.steps import Steps
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.lint.subject import Subject, changes
from shardctl.migrate.lint.verdict import judged
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.replicas import Replicas, watched
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.plan.forecast import Foreseen, forecast
from shardctl.migrate.plan.foresight import Foresight
from shardctl.migrate.plan.spelling import Spelling
from shardctl.migrate.plan.values import Plan, Text
from shardctl.migrate.prepare import Prepared, Preparer
from shardctl.migrate.run.apply import Application
from shardctl.migrate.run.undo import where_it_ran
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Outcome, Revision, Work, lessons_of, outcome_of
from shardctl.report import State


@dataclass(frozen=True, slots=True)
class Walk:
    """What all steps of one command share.

    Attributes:
        lease: the database's lock; None where nothing is to be changed.
        destructive: whether a revision may be destructive.
        restraint: how the run holds back for others.
        replicas: those that are not to lag.
        course: how far it goes, and how fast.
        foresight: how the tables look, or will look after the steps so far.
        confined: by revision, where it may run, and no other may; None: all may, everywhere.
        spelled: whether what is foreseen is to be written out for each table.
        foreseen: filled with what each revision would do, where there is no lease.
    """

    site: Site
    lease: Lease | None
    destructive: bool
    restraint: Restraint
    replicas: Replicas
    course: Course
    preparer: Preparer
    foresight: Foresight
    confined: Mapping[str, Confined] | None = None
    spelled: bool = False
    foreseen: list[Foreseen] = field(default_factory=list)

    def step(self, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Carry one revision out on all tables; where there is no lease, tell what would be done.

        When the version has moved, `finish` is to follow.

        Raises:
            Refused: something stands against it; nothing was changed.
            Destructive: lint says that it is, and that is not allowed; likewise.
            StepFailed: the server refused a statement; what was done before it is recorded.
        """
        prepared = self.preparer.prepare(revision, function)
        if self.confined is None:
            return self._run(prepared)
        confined = self.confined[revision.id]
        outcome = self._run(prepared, confined)
        if not outcome.waiting:
            self._refuse_newcomers(prepared, confined)
        return outcome

    def undo(self, run: Run, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Take back a revision that did not come to its end, on the tables where it ran.

        Args:
            run: what the ledger has of the revision's way up.
            revision: the same revision, on its way down.
            function: its `downgrade`.
        """
        lived(run.clauses, lessons_of(run.clauses, run.states), self.preparer.scratch)
        prepared = self.preparer.prepare(revision, function)
        which = self.site.connection, run.revision, run.direction
        rows, begun = ledger.rows_of(*which), ledger.backfills(*which)
        forth, back = (run.clauses, run.states), (prepared.clauses, prepared.states)
        return self._run(prepared, where_it_ran(self.site, forth, back, rows, begun))

    def _run(self, prepared: Prepared, confined: Confined | None = None) -> Outcome:
        lessons = lessons_of(prepared.clauses, prepared.states)
        unsettled = frozenset[str]() if self.lease else frozenset(self.foresight.met)
        works = self.foresight.works(prepared.revision, prepared.clauses, lessons, confined)
        findings = self._judged(prepared, works, unsettled)
        steps = Steps(
            self.preparer.scratch,
            prepared.clauses,
            lessons,
            prepared.texts,
            self.course.let_rebuild,
        )
        if self.lease is None:
            meant = tuple(work for work in works if work.member.month in self.course.months)
            return replace(self._foreseen(prepared, meant, steps), findings=findings)
        wait, database = self.restraint.lock_wait, self.site.database
        with Interrupt(database, self.lease.token, wait, self.site.report) as interrupt:
            gate = Gate(self.site, self.lease, self.restraint, interrupt, self.replicas)
            for table in {clause.table for clause in prepared.clauses}:
                gate.admit(table)
            if not prepared.begun:
                self._begin(prepared, self.lease)
            only = self._failed(prepared.revision) if self.course.failed_only else None
            outcome = Application(
                site=self.site,
                lease=self.lease,
                gate=gate,
                revision=prepared.revision,
                clauses=prepared.clauses,
                lessons=lessons,
                shown=prepared.shown,
                steps=steps,
                course=self.course,
                confined=confined,
                only=only,
            ).carry_out()
        return replace(outcome, findings=findings)

    def _judged(
        self, prepared: Prepared, works: tuple[Work, ...], unsettled: frozenset[str]
    ) -> tuple[Finding, ...]:
        """What lint finds in a revision, told; what is destructive and not allowed is refused.

        Months that the run is not meant for are looked at by the run that is.

        Args:
            unsettled: tables that revisions foreseen before this one, and not run, change.
        """
        site, lessons = self.site, lessons_of(prepared.clauses, prepared.states)
        meant = [work for work in works if work.member.month in self.course.months]
        subject = Subject(
            prepared.revision,
            changes(prepared.clauses, lessons, meant),
            site.families,
            site.database.dialect,
            site.connection,
            unsettled,
        )
        dry_run = self.lease is None
        return judged(subject, site.report, allowed=self.destructive, dry_run=dry_run)

    def _failed(self, revision: Revision) -> frozenset[str]:
        rows = ledger.rows_of(self.site.connection, revision.id, revision.direction)
        return frozenset(table for (_, table), row in rows.items() if not row.done)

    def finish(self, revision: str, direction: ledger.Direction, heads: tuple[str, ...]) -> None:
        """Record that a revision is done, and where the months stand now.

        It is the last thing: the version has moved, and what breaks off in between is finished
        by the next command (`unstamped`). Months that the ledger had not met are registered;
        those that were left out stay where they were.

        Args:
            heads: the revisions that the database is at now.
        """
        if self.lease is None:
            return
        lease, connection = self.lease, self.site.connection
        after = ", ".join(sorted(heads)) or None
        known = ledger.months(connection)
        left_out = {
            table
            for table, rows in ledger.skipped(connection).items()
            if any((row.revision, row.direction) == (revision, direction) for row in rows)
        }
        months = [
            month
            for roster in self.site.rosters().values()
            for month in roster.months
            if month.table not in left_out
        ]
        lease.ledger.set_revision(connection, [m.table for m in months if m.table in known], after)
        met = [member for member in months if member.table not in known]
        lease.ledger.register_found(
            connection, [(m.table, m.family, m.month) for m in met if m.month], after
        )
        lease.ledger.finish_run(connection, revision, direction)

    def _begin(self, prepared: Prepared, lease: Lease) -> None:
        """Record what is going to be done; what was done and finished the other way is history."""
        connection, revision = self.site.connection, prepared.revision
        opposite: ledger.Direction = "down" if revision.direction == "up" else "up"
        run = ledger.run(connection, revision.id, opposite)
        left_out: dict[str, tuple[list[int], str]] = {}
        if run is not None and run.finished:
            left_out = self._left_out(prepared, run) if opposite == "up" else {}
            lease.ledger.abandon(connection, revision.id, opposite)
        lease.ledger.begin_run(
            connection,
            revision.id,
            revision.direction,
            source=revision.source,
            clauses=prepared.clauses,
            states=prepared.states,
        )
        for table, (numbers, reason) in left_out.items():
            lease.ledger.skip_clauses(connection, revision.id, "down", numbers, table, reason)

    def _left_out(self, prepared: Prepared, run: Run) -> dict[str, tuple[list[int], str]]:
        """What the way up has left out of months has nothing to be taken back there.

        By table the numbers of the clauses of the way back, and the reason.
        """
        rows = ledger.rows_of(self.site.connection, run.revision, run.direction)
        reasons = {row.table: row.words or "" for row in rows.values() if row.how == "skipped"}
        if not reasons:
            return {}
        forth, back = (run.clauses, run.states), (prepared.clauses, prepared.states)
        ran = where_it_ran(self.site, forth, back, rows)
        numbers: dict[str, list[int]] = {}
        for number, clause in enumerate(prepared.clauses):
            for member in self.site.members(clause.table):
                if member.table in reasons and number not in ran.get(member.table, ()):
                    numbers.setdefault(member.table, []).append(number)
        return {table: (each, reasons[table]) for table, each in numbers.items()}

    def _refuse_newcomers(self, prepared: Prepared, confined: Confined) -> None:
        """Keep the version where it is as long as a month that was born meanwhile lacks it.

        Raises:
            StepFailed: there is such a month.
        """
        for table in {clause.table for clause in prepared.clauses if clause.table}:
            for member in self.site.members(table):
                if member.table not in confined:
                    raise StepFailed(
                        f"{member.table} was made meanwhile and is not in the plan, so that "
                        f"{prepared.revision} is not finished: run shardctl upgrade to go on with "
                        "it, or plan anew"
                    )

    def plan(
        self, direction: ledger.Direction, target: str, at: Sequence[str], warnings: Sequence[str]
    ) -> Plan:
        """All that was foreseen so far, with what it is going to cost.

        Args:
            target: the revision that all of it leads to.
            at: the revisions that the database is at.
        """
        return forecast(
            self.foresight,
            self.foreseen,
            direction=direction,
            target=target,
            at=at,
            warnings=warnings,
        )

    def _foreseen(self, prepared: Prepared, works: tuple[Work, ...], steps: Steps) -> Outcome:
        start, changed = self.foresight.before.copy(), frozenset(self.foresight.changed)
        planned = [(work, self.foresight.steps(work, steps)) for work in works]
        foreseen = Foreseen(prepared.revision, prepared.clauses, prepared.shown, tuple(planned))
        if self.spelled:
            seen, lessons = self.foresight.seen, steps.lessons
            clauses, states = prepared.clauses, prepared.states
            spelling = Spelling(self.site, clauses, lessons, prepared.texts, seen, changed)
            foreseen = replace(
                foreseen,
                statements=tuple(
                    tuple(
                        spelling.of(work.member, step, start.get(work.member.table)) for step in own
                    )
                    for work, own in planned
                ),
                text=Text(
                    prepared.revision.source, clauses_to_text(clauses), states_to_text(states)
                ),
            )
        self.foreseen.append(foreseen)
        for work, own in planned:
            found: list[tuple[Step, State]] = [(Step((number,)), "found") for number in work.found]
            found += [(step, "pending") for step in own]
            for step, state in sorted(found, key=lambda each: each[0].numbers):
                sql, *further = [prepared.shown[number] for number in step.numbers]
                self.site.report(
                    report.Step(
                        work.member.table,
                        sql,
                        "failed" if step.stops else state,
                        str(prepared.revision),
                        detail=step.refused,
                        algorithm=step.how,
                        further=tuple(further),
                    )
                )
        return outcome_of(prepared.revision, prepared.shown, works)


@contextmanager
def walking(
    site: Site,
    migration: MigrationContext,
    lease: Lease | None,
    *,
    destructive: bool,
    restraint: Restraint,
    course: Course,
    confined: Mapping[str, Confined] | None = None,
    spelled: bool = False,
) -> Iterator[Walk]:
    """A walk through revisions; its scratch copies are removed when it ends.

    Args:
        confined: by revision, where it may run, and no other may; None: all may, everywhere.
    """
    max_lag = restraint.max_lag if lease else None
    with (
        watched(site, max_lag, restraint.replicas) as replicas,
        scratch(site.database, site.families, site.connection, site.timezone) as copies,
    ):
        preparer = Preparer(site, migration, lease, copies)
        yield Walk(
            site,
            lease,
            destructive,
            restraint,
            replicas,
            course,
            preparer,
            Foresight(site),
            confined,
            spelled,
        )
