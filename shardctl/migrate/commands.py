"""The commands that walk through revisions, each under its name on the command line."""

from __future__ import annotations

import io
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import alembic.command
from alembic.config import Config as AlembicConfig
from alembic.operations import ops
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from shardctl import ledger
from shardctl.config import Config
from shardctl.errors import ConfigError, Destructive, PlanChanged, ShardctlError
from shardctl.ledger import Direction
from shardctl.migrate.course import DEFAULT as DEFAULT_COURSE
from shardctl.migrate.course import Course
from shardctl.migrate.environment import ATTRIBUTE
from shardctl.migrate.lineage import Lineage
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
    with _translated():
        made = _alembic(config, request)
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
    with _translated():
        made = _alembic(config, request)
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
    with _translated():
        alembic.command.downgrade(_alembic(config, request), target)
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


def stamp(config: Config, target: str) -> None:
    """Set the database's revision without running anything.

    Raises:
        ConfigError: there is no such revision.
    """
    with _translated():
        alembic.command.stamp(_alembic(config), target)


def current(config: Config) -> tuple[str, ...]:
    """The revision (or heads) that the database is at, a line each."""
    return _printed(config, alembic.command.current)


def history(config: Config) -> tuple[str, ...]:
    """The revisions, the newest first, a line each."""
    return _printed(config, alembic.command.history)


def heads(config: Config) -> tuple[str, ...]:
    """The newest revisions among the files; asks no database."""
    with _translated():
        return tuple(ScriptDirectory.from_config(_alembic(config)).get_heads())


def lineage(config: Config, target: str) -> Lineage:
    """A revision among the files, by its id or `head`; asks no database.

    Raises:
        ConfigError: there is no such revision, or several heads.
    """
    with _translated():
        return Lineage.of(ScriptDirectory.from_config(_alembic(config)), target)


def revision(
    config: Config, message: str, *, autogenerate: bool = False, sql: str | None = None
) -> Path:
    """Make a revision file: empty, from the models' metadata, or of raw SQL.

    Args:
        message: what it does, in words.
        autogenerate: compare the metadata that `env.py` names with the templates.
        sql: a statement on a family's name; its way back is left to you.

    Returns:
        The file that was written.

    Raises:
        ConfigError: the message is empty, or Alembic refuses.
    """
    if not message.strip():
        raise ConfigError('a revision wants a message that says what it does: -m "add room_id"')

    def fill(_context: object, _revision: object, directives: list[ops.MigrationScript]) -> None:
        if sql is not None:
            directives[0].upgrade_ops_list[0].ops.append(ops.ExecuteSQLOp(sql))

    with _translated():
        alembic_config = _alembic(config, quiet=True)
        if sql is not None:
            # Alembic asks the hook below only where the environment runs.
            alembic_config.set_main_option("revision_environment", "true")
        made = alembic.command.revision(
            alembic_config,
            message,
            autogenerate=autogenerate,
            process_revision_directives=fill,
        )
    script = made[0] if isinstance(made, list) else made
    if not isinstance(script, Script):
        raise ConfigError("the revision was not written: env.py took it out of the directives")
    return Path(script.path)


def _printed(config: Config, command: Callable[[AlembicConfig], None]) -> tuple[str, ...]:
    text = io.StringIO()
    with _translated():
        alembic_config = _alembic(config)
        alembic_config.stdout = text
        command(alembic_config)
    return tuple(line for line in text.getvalue().splitlines() if line.strip())


def _alembic(
    config: Config, request: Request | None = None, *, quiet: bool = False
) -> AlembicConfig:
    """Alembic's configuration for one command; the caller translates what is raised here."""
    ini = config.path.parent / "alembic.ini"
    made = AlembicConfig(str(ini) if ini.exists() else None, cmd_opts=Namespace(quiet=quiet))
    if not (config.migrations / "env.py").exists():
        raise ConfigError(
            f"{config.migrations} is no Alembic environment: there is no env.py; run shardctl init"
        )
    # ConfigParser reads % as the beginning of a substitution.
    made.set_main_option("script_location", str(config.migrations).replace("%", "%%"))
    made.attributes[ATTRIBUTE] = request or Request(config, silent)
    _load(made)
    return made


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


def _load(made: AlembicConfig) -> None:
    """Load all revision files, whose own mistakes are to be told as such."""
    try:
        ScriptDirectory.from_config(made).get_heads()
    except (CommandError, ShardctlError):
        raise
    except Exception as error:  # what a file of the user's may raise is anything
        raise ConfigError(
            f"a revision file cannot be loaded: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def _translated() -> Iterator[None]:
    """Alembic's own refusals (no such revision, several heads) as usage errors."""
    try:
        yield
    except CommandError as error:
        raise ConfigError(str(error)) from error
