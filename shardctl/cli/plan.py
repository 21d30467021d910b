"""`shardctl plan`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.planned import as_text
from shardctl.cli.session import AsJson, OnlineEngine, OnlineFrom, PauseAfter, Session, session
from shardctl.errors import Unwritable

if TYPE_CHECKING:
    from shardctl.migrate.plan.values import Plan


def plan(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="The revision to go to.")] = "head",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the plan, for upgrade --plan FILE."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with exit code 1 if there is something to do.")
    ] = False,
    online: OnlineEngine = None,
    online_from: OnlineFrom = None,
    pause_after: PauseAfter = None,
    json: AsJson = False,
) -> None:
    """Show which table an upgrade gives what, how, for how long; change nothing."""
    from shardctl.migrate import commands
    from shardctl.migrate.course import Course, wave_named
    from shardctl.migrate.online.engine import online_of
    from shardctl.migrate.plan.saved import save

    run = session(context)
    made_of = partial(
        commands.plan,
        run.config(),
        target,
        course=Course(pause_after=None if pause_after is None else wave_named(pause_after)),
        online=online_of(online, online_from),
    )
    unwritable = ""
    try:
        made = made_of(spelled=out is not None)
    except Unwritable as error:
        unwritable = str(error)
        made = made_of()
    show(run, made, json=json)
    if out is not None:
        save(made, out)
    if unwritable:
        typer.echo(f"saved without statements for 'upgrade --sql --plan': {unwritable}", err=True)
    if check and made:
        raise typer.Exit(1)


def show(run: Session, plan: Plan, *, json: bool) -> None:
    """Print a plan."""
    from shardctl.migrate.plan.saved import as_data

    run.say(as_json(as_data(plan)) if json else as_text(plan))
