"""Makes a revision ready to run: what it does, clause by clause, and what that brings about."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alembic.operations import MigrateOperation
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError

from shardctl import ledger
from shardctl.clause import Clause
from shardctl.dialects import Definition
from shardctl.errors import RevisionEdited, RevisionRefused, ShardctlError
from shardctl.ledger import Run
from shardctl.lock import Lease
from shardctl.migrate.capture import capture
from shardctl.migrate.compile import compile_ops
from shardctl.migrate.learn.learned import learn, lived
from shardctl.migrate.learn.scratch import Scratch
from shardctl.migrate.learn.wording import worded
from shardctl.migrate.site import Site
from shardctl.migrate.work import Revision, lessons_of
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Prepared:
    """A revision that is ready to run: what it does, clause by clause, and what that brings about.

    Attributes:
        begun: whether the ledger has it already, from a run that did not come to its end.
        texts: the texts of the copies from which it was learned just now (see `Learned`).
    """

    revision: Revision
    clauses: tuple[Clause, ...]
    states: Mapping[str, tuple[Structure | None, ...]]
    shown: tuple[str, ...]
    begun: bool
    texts: Mapping[str, Sequence[Definition | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preparer:
    """What all revisions of one command are made ready with.

    Attributes:
        migration: Alembic's context, for the environment's options such as naming conventions.
        lease: the database's lock; None where nothing is to be changed.
        scratch: copies on which every revision is tried, one after another.
    """

    site: Site
    migration: MigrationContext
    lease: Lease | None
    scratch: Scratch

    def prepare(
        self, revision: Revision, function: Callable[[], None], known: Prepared | None = None
    ) -> Prepared:
        """What a revision does: from the ledger where it had begun, else by capturing it once.

        Args:
            known: what it does, where the same command has found that out already.
        """
        run = ledger.run(self.site.connection, revision.id, revision.direction)
        if run is not None and run.source != revision.source:
            which = self.site.connection, run.revision, run.direction
            rows = ledger.rows_of(*which).values()
            begun = any(row.how != "failed" or not row.untouched for row in rows)
            if not run.finished and (begun or ledger.backfills(*which)):
                raise RevisionEdited(_edited(revision, run))
            if self.lease is not None:
                self.lease.ledger.abandon(self.site.connection, revision.id, revision.direction)
            run = None
        if known is not None:
            return known
        if run is not None:
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
        return Prepared(
            revision, learned.clauses, learned.states, learned.shown, False, learned.texts
        )

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


def _edited(revision: Revision, run: Run) -> str:
    then, now = run.source.splitlines(), revision.source.splitlines()
    difference = "\n".join(
        difflib.unified_diff(then, now, "as it began to run", "as it is now", lineterm="", n=1)
    )
    return (
        f"the file of revision {revision} was changed after a part of it had run; put it back as "
        f"it was, or give the revision up with 'shardctl downgrade -1':\n{difference}"
    )
