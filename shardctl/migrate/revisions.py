"""Alembic's steps through the revisions, each made to reach every month."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import Script

from shardctl.errors import Refused
from shardctl.ledger import Direction, Run
from shardctl.migrate.request import Request
from shardctl.migrate.unfinished import refuse_others, unstamped
from shardctl.migrate.walk import Walk
from shardctl.migrate.work import Outcome, Revision

Steps = Callable[[tuple[str, ...], MigrationContext], Iterable[MigrationStep]]


def absolute(target: str, walk: Walk) -> str:
    """A target that means the same from wherever one stands: +1 does not."""
    relative = re.search(r"[+-][0-9]+$", target) is not None
    return walk.ahead.foreseen[-1].revision.id if relative and walk.ahead.foreseen else target


def stepped(
    command: str,
    inner: Steps,
    heads: tuple[str, ...],
    migration: MigrationContext,
    walk: Walk,
    request: Request,
) -> Iterator[MigrationStep]:
    """Alembic's steps, each made to reach every month.

    The next one is asked for when the version has moved to where the last one leads.
    """
    runs, through = unstamped(walk.site, heads)
    for run in through:
        walk.finish(run.revision, run.direction, heads)
    if command == "downgrade":
        begun = sum(run.direction == "up" for run in runs)
        begun += sum(run.direction == "down" for run in through)
        # Before anything is undone: Alembic refuses here a target that there is not.
        steps = _further_down(begun, inner, heads, migration)
        runs = _undone_first(runs, heads, migration, walk, request)
    else:
        steps = list(inner(heads, migration))
    moving = [step for step in steps if isinstance(step, RevisionStep)]
    if moving or command == "upgrade":
        refuse_others(runs, _revision(moving[0]) if moving else None)
    for step in steps:
        if isinstance(step, RevisionStep):
            revision = _revision(step)
            function = step.migration_fn

            def carry_out(
                revision: Revision = revision,
                function: Callable[..., None] = function,
                **words: Any,
            ) -> None:
                _went(request, walk.step(revision, lambda: function(**words)))

            carry_out.__name__ = step.name  # by which Alembic's log calls it
            step.migration_fn = carry_out
            yield step
            walk.finish(revision.id, revision.direction, migration.get_current_heads())
        else:
            yield step


class Paused(Exception):
    """A revision was left unfinished by the user's wish: nothing after it may begin."""


def _went(request: Request, outcome: Outcome) -> None:
    request.outcomes.append(outcome)
    if outcome.waiting:
        raise Paused


def _further_down(
    begun: int, inner: Steps, heads: tuple[str, ...], migration: MigrationContext
) -> list[MigrationStep]:
    """Alembic's steps of a downgrade, after the first of a relative target such as -2 were done."""
    target = str(migration.opts.get("destination_rev", ""))
    script = migration.environment_context.script if migration.environment_context else None
    if not begun or script is None or not re.fullmatch(r"-\d+", target):
        return list(inner(heads, migration))
    left = int(target.removeprefix("-")) - begun
    if left <= 0:
        return []
    return list(script._downgrade_revs(f"-{left}", heads))  # type: ignore[arg-type]


def _undone_first(
    runs: tuple[Run, ...],
    heads: tuple[str, ...],
    migration: MigrationContext,
    walk: Walk,
    request: Request,
) -> tuple[Run, ...]:
    """Undo a revision that did not come to its end; the runs that are left.

    Undoing one counts as the first step of a relative target, such as -1.
    """
    script = migration.environment_context.script if migration.environment_context else None
    undone = set[str]()
    for run in runs:
        if run.direction == "down" or script is None:
            continue
        found = script.get_revision(run.revision)
        if found is None:
            raise Refused(
                f"revision {run.revision} is unfinished, but its file is gone: restore it"
            )
        revision = _revision_of(found, "down")
        _went(request, walk.undo(run, revision, found.module.downgrade))
        walk.finish(revision.id, "down", heads)
        undone.add(run.revision)
    return tuple(run for run in runs if run.revision not in undone)


def _revision(step: RevisionStep) -> Revision:
    return _revision_of(step.revision, "up" if step.is_upgrade else "down")


def _revision_of(script: Script, direction: Direction) -> Revision:
    source = Path(script.path).read_text(encoding="utf-8")
    return Revision(script.revision, direction, script.doc or "", source)
