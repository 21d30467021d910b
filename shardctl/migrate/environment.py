"""What a project's `env.py` calls: it makes `alembic upgrade head` and `shardctl upgrade` one.

Alembic walks the revisions and keeps `alembic_version`; what each of its steps does is replaced:
the revision's operations are captured, and carried out on every month before the version moves.
"""

from __future__ import annotations

import logging
import logging.config
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData

from shardctl import ledger, lock
from shardctl.catalog import rosters
from shardctl.config import FILE, load
from shardctl.errors import Destructive, Refused, RevisionRefused, ShardctlError
from shardctl.ledger import Direction
from shardctl.migrate.capture import op_as_before
from shardctl.migrate.course import DEFAULT as DEFAULT_COURSE
from shardctl.migrate.course import Course, course_of
from shardctl.migrate.learn.scratch import sweep
from shardctl.migrate.online.ready import ready
from shardctl.migrate.patience.restraint import restraint_of
from shardctl.migrate.plan.agreement import agree, confined_by
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.request import Request
from shardctl.migrate.revisions import Paused, Steps, absolute, stepped
from shardctl.migrate.site import Site, opened
from shardctl.migrate.walk import Walk, walking
from shardctl.migrate.words import refuse_misspelt
from shardctl.report import Event, Note, Progress, Step

ATTRIBUTE = "shardctl"
"""Under this name an Alembic Config carries the `Request` of shardctl's own commands."""


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
            with _walking(site, migration, None, request) as walk:
                foresee = partial(_plan, command, inner, migration, walk, request)
                if request.agreed is not None:
                    agree(request.agreed, foresee(), site)
                request.plans.append(foresee(course=request.course, told=True))
        else:
            with lock.acquire(database, command=command) as lease:
                sweep(connection, database.dialect)
                if online is not None and request.agreed is None:
                    _refuse_unfit(command, inner, migration, site, request)
                with _walking(site, migration, lease, request) as walk:
                    if request.agreed is not None:
                        agree(request.agreed, _plan(command, inner, migration, walk, request), site)
                        walk = replace(walk, confined=confined_by(request.agreed))
                    migration._migrations_fn = lambda heads, migration: stepped(
                        command, inner, heads, migration, walk, request
                    )
                    # Alembic moves the version after each step that does not raise.
                    with suppress(Paused), op_as_before():
                        context.run_migrations()
                _register_families(site, connection, lease)


def _register_families(site: Site, connection: Connection, lease: lock.Lease) -> None:
    """Record how IDs of the families are routed that are in the database now."""
    known = ledger.families(connection)
    new = [family for name, family in site.families.items() if name not in known]
    there = frozenset(site.database.dialect.table_names(connection) if new else ())
    for family in new:
        if family.template in there:
            lease.ledger.register_family(connection, family)


def _walking(
    site: Site, migration: MigrationContext, lease: lock.Lease | None, request: Request
) -> AbstractContextManager[Walk]:
    return walking(
        site,
        migration,
        lease,
        destructive=request.allow_destructive,
        restraint=request.restraint,
        course=request.course,
    )


def _refuse_unfit(
    command: str, inner: Steps, migration: MigrationContext, site: Site, request: Request
) -> None:
    """Refuse what a tool cannot be given of any revision before the first of them runs.

    What cannot be foretold of a revision, as it reads what an earlier one makes, is found out
    when its turn comes; so it is of one that comes alone.

    Raises:
        Refused: there is such a revision.
    """
    several = len(list(inner(migration.get_current_heads(), migration))) > 1
    if several and not request.course.failed_only:
        with _walking(site, migration, None, request) as walk, suppress(RevisionRefused):
            _plan(command, inner, migration, walk, request, course=request.course)


def _plan(
    command: str,
    inner: Steps,
    migration: MigrationContext,
    walk: Walk,
    request: Request,
    *,
    course: Course = DEFAULT_COURSE,
    told: bool = False,
) -> Plan:
    """What the command would do, and nothing of it done.

    Args:
        course: the request's; the default to compare with a saved plan, which has all months.
        told: whether it is what was asked for; else nobody hears of it.
    """
    warnings: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Note):
            warnings.append(event.text)
        if told:
            request.report(event)

    heads = migration.get_current_heads()
    direction: Direction = "up" if command == "upgrade" else "down"
    asked = request if told else replace(request, outcomes=[])
    rehearsal = walk.rehearsal(course, hear, spelled=request.spelled)
    for step in stepped(command, inner, heads, migration, rehearsal, asked):
        step.migration_fn()
    made = rehearsal.ahead.plan(direction, absolute(request.target, rehearsal), heads, warnings)
    findings = (finding for outcome in asked.outcomes for finding in outcome.findings)
    lost = tuple(each.message for each in findings if each.severity == "destructive")
    return replace(made, destructive=lost, pause_after=request.course.pause_after)


def _include_name(site: Site, given: Any) -> Callable[..., bool]:
    """For autogenerate: the templates stand for their families, months never show up."""

    @cache
    def hidden() -> frozenset[str]:
        """Read when it is asked for: most commands compare nothing."""
        names = site.database.dialect.table_names(site.connection)
        found = {name for name in names if name.startswith("shardctl_")}
        for roster in rosters(site.families, names).values():
            found |= {member.table for member in roster.months}
            found |= {lookalike.table for lookalike in roster.lookalikes}
        return frozenset(found)

    def include(name: str | None, type_: str, parents: Any) -> bool:
        if type_ == "table" and name in hidden():
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
    refuse_misspelt(name for name, _, _ in said)
    replicas = " ".join(url for name, _, url in said if name == "replica")
    restraint, course = restraint_of({**words, "replica": replicas}), course_of(words)
    near = folder / FILE
    config = load(near if near.exists() else None)
    return Request(config, tell, allow_destructive=allowed, restraint=restraint, course=course)
