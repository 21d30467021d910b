"""`shardctl upgrade`."""

from __future__ import annotations

from typing import Annotated

import typer

from shardctl.cli.migration import migrate
from shardctl.cli.session import AllowDestructive, AsJson, DryRun, LockWait, session


def upgrade(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="The revision to go to.")] = "head",
    dry_run: DryRun = False,
    allow_destructive: AllowDestructive = False,
    lock_wait: LockWait = 5,
    json: AsJson = False,
) -> None:
    """Carry revisions out on the template and every month."""
    from shardctl.migrate import commands

    migrate(
        session(context),
        commands.upgrade,
        target,
        dry_run=dry_run,
        allow_destructive=allow_destructive,
        lock_wait=lock_wait,
        json=json,
    )
