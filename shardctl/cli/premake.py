"""`shardctl premake`."""

from __future__ import annotations

from typing import Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.progress import progress
from shardctl.cli.session import AsJson, FamilyName, session


def premake(
    context: typer.Context,
    family: FamilyName = None,
    months: Annotated[
        int | None,
        typer.Option(min=0, help="How many ahead of the present one.", show_default="the family's"),
    ] = None,
    fill_gaps: Annotated[
        bool, typer.Option("--fill-gaps", help="Make months that are missing in between, too.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for another run's lock.")
    ] = 60.0,
    json: AsJson = False,
) -> None:
    """Make the tables of this month and the next ones."""
    from shardctl.lifecycle import premake as library

    run = session(context)
    with progress(quiet=run.quiet or json) as report:
        made = library.premake(
            run.config(),
            family=family,
            months=months,
            fill_gaps=fill_gaps,
            wait=wait,
            report=report,
        )
    if json:
        run.say(as_json(made))
        return
    for each in made:
        run.say(f"{each.table}: {'made' if each.made else each.reason}")
    if not any(each.made for each in made):
        run.say("nothing to do")
