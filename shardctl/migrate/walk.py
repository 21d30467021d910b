"""The steps of one command through the revisions: each prepared, foreseen, carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from alembic.runtime.migration import MigrationContext

from shardctl import ledger
from shardctl.errors import StepFailed
from shardctl.ledger import Run
from shardctl.lock import Lease
from shardctl.migrate.books import Books
from shardctl.migrate.course import Course
from shardctl.migrate.finding import Finding
from shardctl.migrate.learn.learned import lived
from shardctl.migrate.learn.scratch import scratch
from shardctl.migrate.left_out import left_out, without, words
from shardctl.migrate.lint import lint
from shardctl.migrate.lint.subject import Subject, changes
from shardctl.migrate.lint.verdict import judge
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.replicas import Replicas, watched
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.plan.foresight import Foresight
from shardctl.migrate.plan.look_ahead import LookAhead
from shardctl.migrate.prepare import Prepared, Preparer
from shardctl.migrate.rehearsed import Rehearsed
from shardctl.migrate.run.apply import Application
from shardctl.migrate.run.retrospect import Retrospect
from shardctl.migrate.run.undo import where_it_ran
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Outcome, Revision, Work, lessons_of
from shardctl.report import Note, Report


@dataclass(frozen=True, slots=True)
class Walk:
    """What all steps of one command share.

    Attributes:
        lease: the database's lock; None where nothing is to be changed.
        destructive: whether a revision may be destructive.
        restraint: how the run holds back for others.
        replicas: those that are not to lag.
        course: how far it goes, and how fast.
        confined: by revision, where it may run, and no other may; None: all may, everywhere.
        ahead: takes what each revision would do, where there is no lease.
        known: what rehearsals have found out of revisions.
    """

    site: Site
    lease: Lease | None
    destructive: bool
    restraint: Restraint
    replicas: Replicas
    course: Course
    preparer: Preparer
    ahead: LookAhead
    confined: Mapping[str, Confined] | None = None
    known: dict[tuple[str, ledger.Direction], Rehearsed] = field(default_factory=dict)

    def rehearsal(self, course: Course, report: Report, *, spelled: bool = False) -> Walk:
        """The same walk with nothing to be changed; what it finds out is known to this one then.

        Args:
            report: told what would be done, and what is to be known beforehand.
            spelled: whether what is foreseen is to be written out for each table.
        """
        site = replace(self.site, report=report)
        return replace(
            self,
            site=site,
            lease=None,
            destructive=True,
            course=course,
            preparer=replace(self.preparer, site=site, lease=None),
            ahead=LookAhead(site, Foresight(site), spelled, self.restraint.online),
        )

    def step(self, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Carry one revision out on all tables; where there is no lease, tell what would be done.

        When the version has moved, `finish` is to follow.

        Raises:
            Refused: something stands against it, or a tool cannot be given its part; nothing was
                changed.
            Destructive: lint says that it is, and that is not allowed; likewise.
            StepFailed: the server refused a statement; what was done before it is recorded.
        """
        rehearsed = self._rehearsed(revision, function)
        if self.confined is None:
            return self._run(rehearsed)
        confined = self.confined[revision.id]
        outcome = self._run(rehearsed, confined)
        if not outcome.waiting:
            self._refuse_newcomers(rehearsed.prepared, confined)
        return outcome

    def undo(self, run: Run, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Take back a revision that did not come to its end, on the tables where it ran.

        Args:
            run: what the ledger has of the revision's way up.
            revision: the same revision, on its way down.
            function: its `downgrade`.
        """
        lived(run.clauses, lessons_of(run.clauses, run.states), self.preparer.scratch)
        rehearsed = self._rehearsed(revision, function)
        prepared = rehearsed.prepared
        which = self.site.connection, run.revision, run.direction
        rows, begun = ledger.rows_of(*which), ledger.backfills(*which)
        forth, back = (run.clauses, run.states), (prepared.clauses, prepared.states)
        return self._run(rehearsed, where_it_ran(self.site, forth, back, rows, begun))

    def _rehearsed(self, revision: Revision, function: Callable[[], None]) -> Rehearsed:
        """What a revision does, found out once; only what a plan has found out is used again."""
        key = revision.id, revision.direction
        had = self.known.get(key)
        prepared = self.preparer.prepare(revision, function, had.prepared if had else None)
        found = had or Rehearsed.of(prepared, self.preparer.scratch)
        if self.lease is None:
            self.known[key] = found
        return found

    def _run(self, rehearsed: Rehearsed, confined: Confined | None = None) -> Outcome:
        prepared = rehearsed.prepared
        steps = replace(rehearsed.steps, let_rebuild=self.course.let_rebuild)
        lessons = steps.lessons
        unsettled = frozenset[str]() if self.lease else frozenset(self.ahead.foresight.met)
        out = left_out(self.site, prepared, self.ahead.foresight.known)
        for each in out:
            self.site.report(Note(words(prepared, each)))
        meant_for = without(self.site, prepared, out) if confined is None else confined
        works = self.ahead.foresight.works(prepared.revision, prepared.clauses, lessons, meant_for)
        self.course.refuse_unknown([work.member.month for work in works if work.member.month])
        meant = [work for work in works if work.member.month in self.course.months]
        findings = self._judged(rehearsed, meant, unsettled)
        if self.lease is None:
            return replace(self.ahead.tell(prepared, meant, steps), findings=findings)
        only = self._failed(prepared.revision) if self.course.failed_only else None
        wanted = [work for work in meant if only is None or work.member.table in only]
        self.ahead.refuse_unfit(prepared, wanted, steps)
        wait, database = self.restraint.lock_wait, self.site.database
        with Interrupt(database, self.lease.token, wait, self.site.report) as interrupt:
            gate = Gate(self.site, self.lease, self.restraint, interrupt, self.replicas)
            for table in {clause.table for clause in prepared.clauses}:
                gate.admit(table)
            if not prepared.begun:
                Books(self.site, self.lease).begin(prepared, out)
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
                retrospect=Retrospect(self.site),
                confined=confined,
                only=only,
                there=self.ahead.foresight.members,
                seen=self.ahead.foresight.looks,
            ).carry_out()
        self.ahead.foresight.changed.clear()  # what was foreseen is how the tables look now
        return replace(outcome, findings=findings)

    def _judged(
        self, rehearsed: Rehearsed, meant: Sequence[Work], unsettled: frozenset[str]
    ) -> tuple[Finding, ...]:
        """What lint finds in a revision, told; what is destructive and not allowed is refused.

        Args:
            meant: what tables need; months that the run is not meant for are looked at by the run
                that is.
            unsettled: tables that revisions foreseen before this one, and not run, change.
        """
        site, prepared = self.site, rehearsed.prepared
        tables = frozenset(work.member.table for work in meant)
        subject = Subject(
            prepared.revision,
            changes(prepared.clauses, rehearsed.steps.lessons, meant),
            site.families,
            site.database.dialect,
            site.connection,
            unsettled,
            online=self.restraint.online,
        )
        findings = rehearsed.findings((tables, unsettled & tables), partial(lint, subject))
        told = partial(judge, prepared.revision, findings, site.report)
        told(allowed=self.destructive, dry_run=self.lease is None)
        return findings

    def _failed(self, revision: Revision) -> frozenset[str]:
        rows = ledger.rows_of(self.site.connection, revision.id, revision.direction)
        return frozenset(table for (_, table), row in rows.items() if not row.done)

    def finish(self, revision: str, direction: ledger.Direction, heads: tuple[str, ...]) -> None:
        """Record that a revision is done; the version has moved (see `Books.finish`)."""
        if self.lease is not None:
            Books(self.site, self.lease).finish(revision, direction, heads)

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


@contextmanager
def walking(
    site: Site,
    migration: MigrationContext,
    lease: Lease | None,
    *,
    destructive: bool,
    restraint: Restraint,
    course: Course,
) -> Iterator[Walk]:
    """A walk through revisions; its scratch copies are removed when it ends."""
    max_lag = restraint.max_lag if lease else None
    with (
        watched(site, max_lag, restraint.replicas) as replicas,
        scratch(site.database, site.families, site.connection, site.timezone) as copies,
    ):
        preparer = Preparer(site, migration, lease, copies)
        ahead = LookAhead(site, Foresight(site), online=restraint.online)
        yield Walk(site, lease, destructive, restraint, replicas, course, preparer, ahead)
