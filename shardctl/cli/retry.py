"""`shardctl retry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.migration import migrate, restrained, steered
from shardctl.cli.session import (
    AllowDestructive,
    AsJson,
    FailFast,
    InWindow,
    Jobs,
    LockRetries,
    LockWait,
    MaxFailures,
    MaxThreadsRunning,
    RebuildJobs,
    session,
)

if TYPE_CHECKING:
    pass


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
    jobs: Jobs = 2,
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
        restraint=restrained(lock_wait, lock_retries, window, max_threads_running),
        course=steered(
            None,
            None,
            None,
            jobs=jobs,
            rebuild_jobs=rebuild_jobs,
            max_failures=0 if fail_fast else max_failures,
        ),
        json=json,
    )
