"""`shardctl history`."""

from __future__ import annotations

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session


def history(context: typer.Context, json: AsJson = False) -> None:
    """List the revisions, the newest first."""
    from shardctl.migrate import files

    run = session(context)
    lines = files.history(run.config())
    run.say(as_json(lines) if json else "\n".join(lines) or "no revision")
