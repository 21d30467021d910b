"""The steps of one command through the revisions: each prepared, foreseen, carried out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alembic.operations import MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from shardctl import ledger
from shardctl.clause import Clause
from shardctl.errors import Destructive, Refused, RevisionEdited, RevisionRefused, ShardctlError
from shardctl.ledger import Run
from shardctl.lock import Lease
from shardctl.migrate.apply import Application, Outcome, outcome_of
from shardctl.migrate.capture import capture
from shardctl.migrate.compile import compile_ops
from shardctl.migrate.learn import learn, lived
from shardctl.migrate.preview import Foresight
from shardctl.migrate.scratch import Scratch, scratch
from shardctl.migrate.site import Site
from shardctl.migrate.undo import where_it_ran
from shardctl.migrate.wording import worded
from shardctl.migrate.work import Confined, Revision, Work, lessons_of
from shardctl.report import Note, State, Step
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Prepared:
    """A revision that is ready to run: what it does, clause by clause, and what that brings about.

    Attributes:
        begun: whether the ledger has it already, from a run that did not come to its end.
    """

    revision: Revision
    clauses: tuple[Clause, ...]
    states: Mapping[str, tuple[Structure | None, ...]]
    shown: tuple[str, ...]
    begun: bool


@dataclass(frozen=True, slots=True)
class Walk:
    """What all steps of one command share.

    Attributes:
        migration: Alembic's context, for the environment's options such as naming conventions.
        lease: the database's lock; None where nothing is to be changed.
        destructive: whether clauses that lose data are allowed.
        foresight: how the tables look, or will look after the steps so far.
        scratch: copies on which every revision is tried, one after another.
    """

    site: Site
    migration: MigrationContext
    lease: Lease | None
    destructive: bool
    foresight: Foresight
    scratch: Scratch

    def step(self, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Carry one revision out on all tables; where there is no lease, tell what would be done.

        When the version has moved, `finish` is to follow.

        Raises:
            Refused: something stands against it; nothing was changed.
            StepFailed: the server refused a statement; what was done before it is recorded.
        """
        prepared = self._prepare(revision, function)
        return self._run(prepared)

    def undo(self, run: Run, revision: Revision, function: Callable[[], None]) -> Outcome:
        """Take back a revision that did not come to its end, on the tables where it ran.

        Args:
            run: what the ledger has of the revision's way up.
            revision: the same revision, on its way down.
            function: its `downgrade`.
        """
        lived(run.clauses, lessons_of(run.clauses, run.states), self.scratch)
        prepared = self._prepare(revision, function)
        rows = ledger.rows_of(self.site.connection, run.revision, run.direction)
        forth, back = (run.clauses, run.states), (prepared.clauses, prepared.states)
        return self._run(prepared, where_it_ran(self.site, forth, back, rows))

    def _run(self, prepared: Prepared, confined: Confined | None = None) -> Outcome:
        lessons = lessons_of(prepared.clauses, prepared.states)
        works = self.foresight.works(prepared.revision, prepared.clauses, lessons, confined)
        if self.lease is None:
            return self._foreseen(prepared, works)
        revision = prepared.revision
        if not prepared.begun:
            self._begin(prepared, self.lease)
        application = Application(
            self.site, self.lease, revision, prepared.clauses, lessons, prepared.shown, confined
        )
        return application.carry_out()

    def finish(self, revision: str, direction: ledger.Direction, heads: tuple[str, ...]) -> None:
        """Record that a revision is done, and where the months stand now.

        It is the last thing: the version has moved, and what breaks off in between is finished
        by the next command (`unstamped`). Months that the ledger had not met are registered.

        Args:
            heads: the revisions that the database is at now.
        """
        if self.lease is None:
            return
        lease, connection = self.lease, self.site.connection
        after = ", ".join(sorted(heads)) or None
        known = ledger.months(connection)
        months = [month for roster in self.site.rosters().values() for month in roster.months]
        lease.ledger.set_revision(connection, [m.table for m in months if m.table in known], after)
        for member in months:
            if member.table not in known and member.month is not None:
                lease.ledger.register(
                    connection,
                    member.table,
                    family=member.family,
                    month=member.month,
                    revision=after,
                    origin="found",
                )
        lease.ledger.finish_run(connection, revision, direction)

    def _begin(self, prepared: Prepared, lease: Lease) -> None:
        """Record what is going to be done; what was done and finished the other way is history."""
        connection, revision = self.site.connection, prepared.revision
        opposite: ledger.Direction = "down" if revision.direction == "up" else "up"
        run = ledger.run(connection, revision.id, opposite)
        if run is not None and run.finished:
            lease.ledger.abandon(connection, revision.id, opposite)
        lease.ledger.begin_run(
            connection,
            revision.id,
            revision.direction,
            source=revision.source,
            clauses=prepared.clauses,
            states=prepared.states,
        )

    def _prepare(self, revision: Revision, function: Callable[[], None]) -> Prepared:
        """What a revision does: from the ledger where it had begun, else by capturing it once."""
        run = ledger.run(self.site.connection, revision.id, revision.direction)
        if run is not None and run.source != revision.source:
            rows = ledger.rows_of(self.site.connection, run.revision, run.direction)
            if rows and not run.finished:
                raise RevisionEdited(_edited(revision, run))
            if self.lease is not None:
                self.lease.ledger.abandon(self.site.connection, revision.id, revision.direction)
            run = None
        if run is not None:
            self._allow(revision, run.clauses)
            lived(run.clauses, lessons_of(run.clauses, run.states), self.scratch)
            dialect, families = self.site.database.dialect, self.site.families
            shown = tuple(worded(clause, dialect, families) for clause in run.clauses)
            return Prepared(revision, run.clauses, run.states, shown, begun=True)
        clauses = compile_ops(
            self._captured(revision, function),
            self.migration,
            tuple(self.site.families),
            self.site.database.dialect,
            structure_of=self.scratch.declared,
        )
        learned = learn(clauses, self.scratch)
        self._allow(revision, learned.clauses)
        return Prepared(revision, learned.clauses, learned.states, learned.shown, begun=False)

    def _captured(
        self, revision: Revision, function: Callable[[], None]
    ) -> tuple[MigrateOperation, ...]:
        try:
            return capture(function, self.migration)
        except (ShardctlError, CommandError):
            raise
        except Exception as error:  # what a revision of the user's may raise is anything
            raise RevisionRefused(
                f"{revision} raised {type(error).__name__}: {error}; nothing was changed"
            ) from error

    def _foreseen(self, prepared: Prepared, works: tuple[Work, ...]) -> Outcome:
        for work in works:
            steps: list[tuple[int, State]] = [(number, "found") for number in work.found]
            steps += [(number, "pending") for number in work.todo]
            for number, state in sorted(steps):
                shown = prepared.shown[number]
                self.site.report(Step(work.member.table, shown, state, str(prepared.revision)))
        return outcome_of(prepared.revision, prepared.shown, works)

    def _allow(self, revision: Revision, clauses: tuple[Clause, ...]) -> None:
        lost = "; ".join(clause.loses for clause in clauses if clause.loses)
        if lost and self.lease is None:
            self.site.report(
                Note(
                    f"{revision} loses data: {lost}. It will be refused without --allow-destructive"
                )
            )
        elif lost and not self.destructive:
            raise Destructive(
                f"{revision} loses data: {lost}. Nothing was changed; if that is what you want, "
                "run it again with --allow-destructive"
            )


@contextmanager
def walking(
    site: Site, migration: MigrationContext, lease: Lease | None, *, destructive: bool
) -> Iterator[Walk]:
    """A walk through revisions; its scratch copies are removed when it ends."""
    with scratch(site.database, site.families, site.connection, site.timezone) as copies:
        yield Walk(site, migration, lease, destructive, Foresight(site), copies)


def unstamped(site: Site, heads: tuple[str, ...]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The unfinished runs: those that are not through yet, and those whose version has moved.

    The latter broke off right before they were recorded as finished; nothing else is left of
    them. A revision that is being undone is at neither end of the version's way.
    """
    runs = ledger.unfinished(site.connection)
    undone = {run.revision for run in runs if run.direction == "up"}
    through = [
        run
        for run in runs
        if (run.direction == "up") == (run.revision in heads)
        and (run.direction == "up" or run.revision not in undone)
    ]
    return tuple(run for run in runs if run not in through), tuple(through)


def refuse_others(runs: tuple[Run, ...], revision: Revision | None) -> None:
    """Refuse to begin anything while something else is unfinished.

    Args:
        runs: those that are not through yet.
        revision: the one that is to be carried out first; None for none.

    Raises:
        Refused: another revision, or the other direction, did not come to its end.
    """
    for run in runs:
        if revision is None or (run.revision, run.direction) != (revision.id, revision.direction):
            way = "upgrade" if run.direction == "up" else "downgrade"
            raise Refused(
                f"the {way} of revision {run.revision} is unfinished: run shardctl {way} to go on "
                "with it"
                + (", or 'shardctl downgrade -1' to give it up" if way == "upgrade" else "")
            )


def _edited(revision: Revision, run: Run) -> str:
    then, now = run.source.splitlines(), revision.source.splitlines()
    difference = "\n".join(
        difflib.unified_diff(then, now, "as it began to run", "as it is now", lineterm="", n=1)
    )
    return (
        f"the file of revision {revision} was changed after a part of it had run; put it back as "
        f"it was, or give the revision up with 'shardctl downgrade -1':\n{difference}"
    )
