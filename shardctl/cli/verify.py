"""`shardctl verify`."""

from __future__ import annotations

import typer

from shardctl.cli.output import as_json, count
from shardctl.cli.session import AsJson, session


def verify(context: typer.Context, json: AsJson = False) -> None:
    """Say whether every month stands at the database's revision.

    Exit code 1 where one does not. For after a file of 'upgrade --sql' was run by hand.
    """
    from shardctl.lifecycle.verify import verify as library

    run = session(context)
    found = library(run.config())
    if json:
        run.say(as_json(found))
    elif found.problems:
        run.say("\n".join(found.problems))
    else:
        run.say(f"{count(found.tables, 'table')} at {found.revision or 'no revision'}")
    if found.problems:
        raise typer.Exit(1)
