"""`shardctl current`."""

from __future__ import annotations

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session


def current(context: typer.Context, json: AsJson = False) -> None:
    """Show the revision that the database is at."""
    from shardctl.migrate import files

    run = session(context)
    lines = files.current(run.config())
    run.say(as_json(lines) if json else "\n".join(lines) or "no revision")
