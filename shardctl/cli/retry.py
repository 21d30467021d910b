"""`shardctl retry`."""

from __future__ import annotations

from typing import Annotated

import typer

from shardctl.cli.migration import migrate, restrained, steered
from shardctl.cli.session import (
    AllowDestructive,
    AsJson,
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
    RebuildJobs,
    ReplicaUrls,
    session,
)


def retry(
    context: typer.Context,
    failed: Annotated[
        bool, typer.Option("--failed", help="Where a statement failed or broke off, only there.")
    ] = False,
    allow_destructive: AllowDestructive = False,
    lock_wait: LockWait = 5,
    lock_retries: LockRetries = 3,
    window: InWindow = None,
    max_threads_running: MaxThreadsRunning = None,
    lock_wait_long: LockWaitLong = 60,
    max_lag: MaxLag = None,
    replica: ReplicaUrls = None,
    online: OnlineEngine = None,
    online_from: OnlineFrom = None,
    let_rebuild: LetRebuild = None,
    jobs: Jobs = 4,
    rebuild_jobs: RebuildJobs = 1,
    max_failures: MaxFailures = 3,
    fail_fast: FailFast = False,
    json: AsJson = False,
) -> None:
    """Go on with the unfinished revision on the tables where it failed.

    Tables that it has not reached yet wait for 'shardctl upgrade'.
    """
    from shardctl.migrate import commands

    if not failed:
        raise typer.BadParameter("say --failed; 'shardctl upgrade' goes on with all tables")

    migrate(
        session(context),
        commands.retry,
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
        course=steered(
            None,
            None,
            None,
            jobs=jobs,
            rebuild_jobs=rebuild_jobs,
            max_failures=0 if fail_fast else max_failures,
            let_rebuild=let_rebuild,
        ),
        json=json,
    )
