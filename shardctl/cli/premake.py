"""`shardctl premake`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.progress import progress
from shardctl.cli.session import AsJson, FamilyName, LockWait, session
from shardctl.month import Month, spans

if TYPE_CHECKING:
    from shardctl.lifecycle.premake import Premade


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
    lock_wait: LockWait = 5,
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
            lock_wait=lock_wait,
            report=report,
        )
    run.say(as_json(made) if json else _text(made))


def _text(months: Sequence[Premade]) -> str:
    lines = [f"{month.table}: made" for month in months if month.made]
    others: dict[tuple[str, str], list[Month]] = {}
    for month in months:
        if not month.made:
            others.setdefault((month.family, month.reason), []).append(month.month)
    lines += [f"{family} {spans(each)}: {reason}" for (family, reason), each in others.items()]
    if not any(month.made for month in months):
        lines.append("nothing to do")
    return "\n".join(lines)
