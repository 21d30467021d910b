"""`shardctl upgrade`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from shardctl.cli.migration import migrate, restrained, steered
from shardctl.cli.plan import show
from shardctl.cli.session import (
    AllowDestructive,
    AsJson,
    DryRun,
    Except,
    FailFast,
    InWindow,
    Jobs,
    LetRebuild,
    LockRetries,
    LockWait,
    LockWaitLong,
    MaxFailures,
    MaxLag,
    MaxThreadsRunning,
    OnlineEngine,
    OnlineFrom,
    Only,
    PauseAfter,
    RebuildJobs,
    ReplicaUrls,
    session,
)


def upgrade(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(help="The revision to go to; by default head.", show_default=False),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Run this plan of shardctl plan --out, or refuse: no more, no less.",
        ),
    ] = None,
    dry_run: DryRun = False,
    sql: Annotated[
        bool,
        typer.Option(
            "--sql",
            help="Print all of it as SQL, to be reviewed and run by hand; with --plan without a "
            "connection. Then see shardctl verify.",
        ),
    ] = False,
    allow_destructive: AllowDestructive = False,
    lock_wait: LockWait = 5,
    lock_wait_long: LockWaitLong = 60,
    lock_retries: LockRetries = 3,
    window: InWindow = None,
    max_threads_running: MaxThreadsRunning = None,
    max_lag: MaxLag = None,
    replica: ReplicaUrls = None,
    online: OnlineEngine = None,
    online_from: OnlineFrom = None,
    only: Only = None,
    except_: Except = None,
    pause_after: PauseAfter = None,
    jobs: Jobs = 4,
    rebuild_jobs: RebuildJobs = 1,
    max_failures: MaxFailures = 3,
    fail_fast: FailFast = False,
    let_rebuild: LetRebuild = None,
    json: AsJson = False,
) -> None:
    """Carry revisions out on the template and every month."""
    from shardctl.migrate import commands
    from shardctl.migrate.online.engine import online_of
    from shardctl.migrate.plan.saved import load

    run = session(context)
    agreed = None if plan is None else load(plan)
    course = steered(
        only,
        except_,
        pause_after,
        jobs=jobs,
        rebuild_jobs=rebuild_jobs,
        max_failures=0 if fail_fast else max_failures,
        let_rebuild=let_rebuild,
    )
    if sql:
        if only or except_ or pause_after or json:
            raise typer.BadParameter(
                "--sql writes all months: leave --only, --except, --pause-after and --json out"
            )
        allowed, to = allow_destructive, target or "head"
        text = commands.script(run.config(), to, saved=agreed, allow_destructive=allowed)
        run.say(text.rstrip())
        return
    if dry_run:
        to = target or (agreed.target if agreed else "head")
        tool = online_of(online, online_from)
        made = commands.plan(run.config(), to, course=course, online=tool, agreed=agreed)
        show(run, made, json=json)
        return
    migrate(
        run,
        partial(commands.upgrade, target=target, plan=agreed),
        allow_destructive=allow_destructive,
        restraint=restrained(
            lock_wait,
            lock_retries,
            window,
            max_threads_running,
            max_lag=max_lag,
            replicas=replica,
            lock_wait_long=lock_wait_long,
            online=online,
            online_from=online_from,
        ),
        course=course,
        json=json,
    )
