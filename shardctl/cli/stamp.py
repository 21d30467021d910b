"""`shardctl stamp`."""

from __future__ import annotations

from typing import Annotated

import typer

from shardctl.cli.session import session


def stamp(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="The revision, head, or base.")],
) -> None:
    """Set the revision without running anything."""
    from shardctl.migrate import files

    run = session(context)
    files.stamp(run.config(), target)
    run.say(f"the database is now said to be at {target}")
