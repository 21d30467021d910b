"""`shardctl check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session

if TYPE_CHECKING:
    from shardctl.lifecycle.check import Problem


def check(context: typer.Context, json: AsJson = False) -> None:
    """Say what is not as it should be.

    Exit code 1 where an error is: the runway is short, a month drifted, an upgrade unfinished.
    Warnings alone leave it at 0.
    """
    from shardctl.lifecycle import check as library

    run = session(context)
    problems = library.check(run.config())
    if json:
        run.say(as_json(problems))
    else:
        run.say("\n".join(map(_text, problems)) or "all is well")
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(1)


def _text(problem: Problem) -> str:
    where = problem.table or problem.family or "database"
    mild = "warning: " if problem.severity == "warning" else ""
    return f"{mild}{where}: {problem.message}"
