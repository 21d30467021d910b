"""The commands that carry revisions out, each under its name on the command line."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import alembic.command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from shardctl import ledger
from shardctl.config import Config
from shardctl.errors import Destructive, PlanChanged
from shardctl.ledger import Direction
from shardctl.migrate.configured import configured, translated
from shardctl.migrate.course import DEFAULT as DEFAULT_COURSE
from shardctl.migrate.course import Course
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.restraint import DEFAULT, Restraint
from shardctl.migrate.plan.script import script as written
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.request import Request
from shardctl.migrate.site import opened
from shardctl.migrate.work import Outcome
from shardctl.report import Note, Report, silent


@dataclass(frozen=True, slots=True)
class Migration:
    """What `upgrade` or `downgrade` did: an outcome for each revision, in order."""

    outcomes: tuple[Outcome, ...]


def plan(
    config: Config,
    target: str = "head",
    *,
    direction: Direction = "up",
    course: Course = DEFAULT_COURSE,
    online: Online | None = None,
    agreed: Plan | None = None,
    spelled: bool = False,
    report: Report = silent,
) -> Plan:
    """What `upgrade`, or `downgrade`, is going to do to every table, and at what cost.

    It takes no lock and changes nothing; on a server, revisions are tried on scratch copies, which
    are removed. `shardctl.migrate.plan.saved` keeps a plan in a file.

    Args:
        target: a revision, `head`, or relative such as `+1`.
        direction: "down": what `downgrade` is going to do.
        course: which months it is meant for, where it is to stop, and which months may be altered
            in whatever way.
        online: the tool that is to rebuild big tables; None: the server does.
        agreed: a plan that must hold still.
        spelled: with the statements for each table, as `script` wants them.
        report: told, step by step, what would be done.

    Raises:
        Refused: something stands against it.
        PlanChanged: the plan that was agreed on does not hold any more; the message says in what.
        ConfigError: there is no such revision, or no Alembic environment.
    """
    restraint = Restraint(online=online)
    request = Request(
        config,
        report,
        dry_run=True,
        restraint=restraint,
        course=course,
        target=target,
        agreed=agreed,
        spelled=spelled,
    )
    command = alembic.command.upgrade if direction == "up" else alembic.command.downgrade
    with translated():
        made = configured(config, request)
        if agreed is not None:
            _refuse_elsewhere(made, agreed, target)
        command(made, target)
    (found,) = request.plans
    return found


def script(
    config: Config,
    target: str = "head",
    *,
    saved: Plan | None = None,
    allow_destructive: bool = False,
) -> str:
    """What `upgrade` would do as one file of SQL, to be reviewed and run without shardctl.

    Args:
        target: a revision, `head`, or relative such as `+1`.
        saved: a plan that was saved: then no database is asked, and the target is the plan's.
        allow_destructive: write what lint calls destructive, too.

    Raises:
        Destructive: it is, and that is not allowed.
        Refused: something stands against it.
        Unwritable: a statement cannot be written beforehand.
        ConfigError: there is no such revision, or no Alembic environment.
    """
    made = plan(config, target, spelled=True) if saved is None else saved
    if made.destructive and not allow_destructive:
        lost = "; ".join(made.destructive)
        raise Destructive(
            f"it is destructive: {lost}. Nothing was written; if that is what you want, say "
            "--allow-destructive"
        )
    return written(made, config.families, config.timezone)


def upgrade(
    config: Config,
    target: str | None = None,
    *,
    plan: Plan | None = None,
    dry_run: bool = False,
    allow_destructive: bool = False,
    restraint: Restraint = DEFAULT,
    course: Course = DEFAULT_COURSE,
    report: Report = silent,
) -> Migration:
    """Carry revisions out on the template and every month, up to a target.

    Args:
        target: a revision, `head`, or relative such as `+1`; None: `head`, or where the plan leads.
        plan: what must hold still, and beyond which nothing is run; see `plan`.
        dry_run: tell what would be done to which table, and change nothing.
        allow_destructive: run what lint calls destructive, too.
        restraint: how it holds back for those who use the tables: locks, time of day, load.
        report: told what happens as it happens.

    Raises:
        Refused: something stands against it; the message says what, and nothing was changed.
        StepFailed: the server refused a statement, months stayed locked (the others are done), or
            the restraint forbids to go on; what was done is recorded.
        PlanChanged: the plan does not hold any more; the message says in what.
        ConfigError: there is no such revision, or no Alembic environment.
    """
    if plan is not None and plan.direction != "up":
        raise PlanChanged("the plan is one of a downgrade")
    to = target or (plan.target if plan else "head")
    request = Request(
        config, report, dry_run, allow_destructive, restraint, course, target=to, agreed=plan
    )
    with translated():
        made = configured(config, request)
        if plan is not None:
            _refuse_elsewhere(made, plan, to)
        alembic.command.upgrade(made, to)
    return Migration(tuple(request.outcomes))


def downgrade(
    config: Config,
    target: str,
    *,
    dry_run: bool = False,
    allow_destructive: bool = False,
    restraint: Restraint = DEFAULT,
    course: Course = DEFAULT_COURSE,
    report: Report = silent,
) -> Migration:
    """Take revisions back on the template and every month, down to a target.

    A revision that is not finished is undone first, on the tables where it ran; that counts as
    the first step of a relative target such as `-1`. The rest is as in `upgrade`.
    """
    request = Request(config, report, dry_run, allow_destructive, restraint, course, target=target)
    with translated():
        alembic.command.downgrade(configured(config, request), target)
    return Migration(tuple(request.outcomes))


def retry(
    config: Config,
    *,
    allow_destructive: bool = False,
    restraint: Restraint = DEFAULT,
    course: Course = DEFAULT_COURSE,
    report: Report = silent,
) -> Migration:
    """Go on with the unfinished revision where it failed or broke off, and only there.

    While other tables wait, the revision stays unfinished; its outcome names them. Where nothing
    has failed, that is told, and nothing is done. The rest is as in `upgrade`.
    """
    with opened(config) as site:
        runs = ledger.unfinished(site.connection)
        run = runs[-1] if runs else None  # while one is undone there are two: the way back counts
        rows = ledger.rows_of(site.connection, run.revision, run.direction) if run else {}
    if run is None:
        report(Note("no revision is unfinished"))
        return Migration(())
    if all(row.done for row in rows.values()):
        way = "upgrade" if run.direction == "up" else "downgrade"
        report(Note(f"nothing of revision {run.revision} has failed; 'shardctl {way}' goes on"))
        return Migration(())
    go, target = (upgrade, run.revision) if run.direction == "up" else (downgrade, "-1")
    return go(
        config,
        target,
        allow_destructive=allow_destructive,
        restraint=restraint,
        course=replace(course, failed_only=True),
        report=report,
    )


def _refuse_elsewhere(made: AlembicConfig, plan: Plan, target: str) -> None:
    """Raise PlanChanged where a plan does not lead to a target, by whatever name that goes."""
    ends = [plan.revisions[-1].id] if plan.revisions else plan.at
    if target == plan.target:
        return
    with suppress(CommandError):  # there is no such revision
        found = ScriptDirectory.from_config(made).get_revision(target)
        if found is not None and found.revision in ends:
            return
    ends_at = "" if plan.target in ends else f" ({', '.join(ends)})"
    raise PlanChanged(
        f"the plan leads to {plan.target}{ends_at}, not to {target}: leave the target out"
    )
