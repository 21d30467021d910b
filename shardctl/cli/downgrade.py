"""`shardctl downgrade`."""

from __future__ import annotations

from functools import partial
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


def _no_option(target: str) -> str:
    """Click lets everything pass that looks like an option, lest -1 be taken for one."""
    if target.startswith("-") and not target[1:].isdecimal():
        raise typer.BadParameter(f"No such option: {target}")
    return target


def downgrade(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(help="The revision to go back to, -1, or base.", callback=_no_option),
    ],
    dry_run: DryRun = False,
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
    """Take revisions back on the template and every month.

    A revision that is not finished is undone first, as far as it ran.
    """
    from shardctl.migrate import commands
    from shardctl.migrate.online.engine import online_of

    run = session(context)
    course = steered(
        only,
        except_,
        pause_after,
        jobs=jobs,
        rebuild_jobs=rebuild_jobs,
        max_failures=0 if fail_fast else max_failures,
        let_rebuild=let_rebuild,
    )
    if dry_run:
        tool = online_of(online, online_from)
        planned = commands.plan(run.config(), target, direction="down", course=course, online=tool)
        show(run, planned, json=json)
        return
    migrate(
        run,
        partial(commands.downgrade, target=target),
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
