"""What a project's `env.py` calls: it makes `alembic upgrade head` and `shardctl upgrade` one.

Alembic walks the revisions and keeps `alembic_version`; what each of its steps does is replaced:
the revision's operations are captured, and carried out on every month before the version moves.
"""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import MetaData

from shardctl import lock
from shardctl.catalog import rosters
from shardctl.config import FILE, Config, load
from shardctl.errors import Destructive, Refused, ShardctlError
from shardctl.ledger import Direction, Run
from shardctl.migrate.capture import op_as_before
from shardctl.migrate.course import DEFAULT as DEFAULT_COURSE
from shardctl.migrate.course import Course, course_of
from shardctl.migrate.learn.scratch import sweep
from shardctl.migrate.online.ready import ready
from shardctl.migrate.patience.restraint import DEFAULT, Restraint, restraint_of
from shardctl.migrate.plan.agreement import agree, confined_by
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.site import Site, opened
from shardctl.migrate.unfinished import refuse_others, unstamped
from shardctl.migrate.walk import Walk, walking
from shardctl.migrate.work import Outcome, Revision
from shardctl.report import Event, Note, Progress, Report, Step

ATTRIBUTE = "shardctl"
"""Under this name an Alembic Config carries the `Request` of shardctl's own commands."""

Steps = Callable[[tuple[str, ...], MigrationContext], Iterable[MigrationStep]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a command of shardctl asks of the environment.

    Attributes:
        restraint: how the command holds back for those who use the tables.
        course: how far it goes, and how fast.
        target: the revision to go to, as it was asked for.
        agreed: the plan that must hold, and beyond which nothing is run; None: there is none.
        spelled: whether the plan of a dry run is to have its statements, for each table.
        outcomes: filled with what became of each revision, in order.
        plans: filled with the plan of a dry run.
    """

    config: Config
    report: Report
    dry_run: bool = False
    allow_destructive: bool = False
    restraint: Restraint = DEFAULT
    course: Course = DEFAULT_COURSE
    target: str = ""
    agreed: Plan | None = None
    spelled: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)


def run(context: Any, target_metadata: MetaData | None = None, **options: Any) -> None:
    """Run Alembic's command with every step reaching all months; the last line of `env.py`.

    Args:
        context: the module `alembic.context`.
        target_metadata: the metadata of your models, for `--autogenerate`; tables bear the
            families' names.
        options: whatever `context.configure` takes besides.

    Raises:
        CommandError: under `alembic` itself, in place of any error of shardctl's.
    """
    request = context.config.attributes.get(ATTRIBUTE)
    if request is not None:
        _run(context, request, target_metadata, options)
        return
    try:
        _run(context, _of_alembic(context), target_metadata, options)
    except Destructive as error:
        raise CommandError(f"{error} (alembic -x allow_destructive=1)") from error
    except ShardctlError as error:
        raise CommandError(str(error)) from error


def _run(
    context: Any, request: Request, target_metadata: MetaData | None, options: dict[str, Any]
) -> None:
    if context.is_offline_mode():
        raise Refused(
            "shardctl looks at the tables before it changes them, so it cannot work offline: "
            "leave --sql out, or see shardctl upgrade --dry-run"
        )
    with (
        opened(request.config, request.report) as site,
        site.database.connect() as connection,
    ):
        database = site.database
        options["include_name"] = _include_name(site, options.get("include_name"))
        context.configure(connection=connection, target_metadata=target_metadata, **options)
        migration = context.get_context()
        inner = migration._migrations_fn  # private, but the only way in
        command = getattr(inner, "__name__", "")
        if (online := request.restraint.online) is not None:
            ready(online, database)
        if command not in ("upgrade", "downgrade"):
            context.run_migrations()
        elif request.dry_run:
            request.plans.append(_plan(command, inner, migration, site, request))
        else:
            destructive = request.allow_destructive
            with lock.acquire(database, command=command) as lease:
                sweep(connection, database.dialect)
                confined = None
                if request.agreed is not None:
                    agree(request.agreed, _plan(command, inner, migration, site, request), site)
                    confined = confined_by(request.agreed)
                with walking(
                    site,
                    migration,
                    lease,
                    destructive=destructive,
                    restraint=request.restraint,
                    confined=confined,
                    course=request.course,
                ) as walk:
                    migration._migrations_fn = lambda heads, migration: _steps(
                        command, inner, heads, migration, walk, request
                    )
                    # Alembic moves the version after each step that does not raise.
                    with suppress(_Paused), op_as_before():
                        context.run_migrations()
                for roster in site.rosters().values():
                    if roster.template:
                        lease.ledger.register_family(connection, roster.family)


def _plan(
    command: str, inner: Steps, migration: MigrationContext, site: Site, request: Request
) -> Plan:
    """What the command would do, and nothing of it done."""
    warnings: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Note):
            warnings.append(event.text)
        if request.dry_run:
            request.report(event)

    heads = migration.get_current_heads()
    direction: Direction = "up" if command == "upgrade" else "down"
    asked = request if request.dry_run else replace(request, outcomes=[])
    with walking(
        replace(site, report=hear),
        migration,
        None,
        destructive=True,
        restraint=request.restraint,
        course=request.course if request.dry_run else DEFAULT_COURSE,
        spelled=request.spelled,
    ) as walk:
        for step in _steps(command, inner, heads, migration, walk, asked):
            step.migration_fn()
        return walk.plan(direction, _absolute(request.target, walk), heads, warnings)


def _absolute(target: str, walk: Walk) -> str:
    """A target that means the same from wherever one stands: +1 does not."""
    relative = re.search(r"[+-][0-9]+$", target) is not None
    return walk.foreseen[-1].revision.id if relative and walk.foreseen else target


def _steps(
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
        runs, begun = _undone_first(runs, heads, migration, walk, request)
        begun += sum(run.direction == "down" for run in through)
        steps = _further_down(begun, inner, heads, migration)
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


class _Paused(Exception):
    """A revision was left unfinished by the user's wish: nothing after it may begin."""


def _went(request: Request, outcome: Outcome) -> None:
    request.outcomes.append(outcome)
    if outcome.waiting:
        raise _Paused


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
) -> tuple[tuple[Run, ...], int]:
    """Undo a revision that did not come to its end; the runs that are left, and how many were not.

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
    return tuple(run for run in runs if run.revision not in undone), len(undone)


def _revision(step: RevisionStep) -> Revision:
    return _revision_of(step.revision, "up" if step.is_upgrade else "down")


def _revision_of(script: Script, direction: Direction) -> Revision:
    source = Path(script.path).read_text(encoding="utf-8")
    return Revision(script.revision, direction, script.doc or "", source)


def _include_name(site: Site, given: Any) -> Callable[..., bool]:
    """For autogenerate: the templates stand for their families, months never show up."""
    names = site.database.dialect.table_names(site.connection)
    hidden = {name for name in names if name.startswith("shardctl_")}
    for roster in rosters(site.families, names).values():
        hidden |= {member.table for member in roster.months}
        hidden |= {lookalike.table for lookalike in roster.lookalikes}

    def include(name: str | None, type_: str, parents: Any) -> bool:
        if type_ == "table" and name in hidden:
            return False
        return given is None or bool(given(name, type_, parents))

    return include


def _of_alembic(context: Any) -> Request:
    """What `alembic upgrade` asks for: the nearest configuration, and the words of its log."""
    log = logging.getLogger("alembic.shardctl")
    ini = context.config.config_file_name
    if ini is not None:
        logging.config.fileConfig(ini, disable_existing_loggers=False)

    def tell(event: Event) -> None:
        if isinstance(event, Step):
            for sql in (event.sql, *event.further):
                log.info("%s: %s: %s", event.table, event.state, event.detail or sql)
        elif isinstance(event, Note):
            log.info("%s", event.text)
        elif isinstance(event, Progress):
            log.info("%s: %s", event.table, event.text)

    folder = Path(ini).parent if ini is not None else Path.cwd()
    words = context.get_x_argument(as_dictionary=True)
    allowed = str(words.get("allow_destructive", "")).lower() in ("1", "true", "yes")
    # Of one that is said several times the dictionary has the last.
    said = [word.partition("=") for word in context.get_x_argument()]
    replicas = " ".join(url for name, _, url in said if name == "replica")
    restraint, course = restraint_of({**words, "replica": replicas}), course_of(words)
    near = folder / FILE
    config = load(near if near.exists() else None)
    return Request(config, tell, allow_destructive=allowed, restraint=restraint, course=course)
