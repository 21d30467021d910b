"""`shardctl check`."""

from __future__ import annotations

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session


def check(context: typer.Context, json: AsJson = False) -> None:
    """Say what is not as it should be.

    Exit code 1 where anything is: the runway is short, a month drifted, an upgrade unfinished.
    """
    from shardctl.lifecycle import check as library

    run = session(context)
    problems = library.check(run.config())
    if json:
        run.say(as_json(problems))
    else:
        for problem in problems:
            where = problem.table or problem.family
            run.say(f"{where}: {problem.message}" if where else problem.message)
        if not problems:
            run.say("all is well")
    if problems:
        raise typer.Exit(1)
