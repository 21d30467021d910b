"""`shardctl adopt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json, count
from shardctl.cli.progress import progress
from shardctl.cli.session import AsJson, session
from shardctl.month import Month

if TYPE_CHECKING:
    from shardctl.lifecycle.adopt import Adopted


def adopt(
    context: typer.Context,
    family: Annotated[str, typer.Argument(help="The logical table, such as t_order.")],
    from_month: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MONTH",
            help="Make the template from this month, such as 202002.",
            show_default=False,
        ),
    ] = None,
    accept_routing: Annotated[
        bool,
        typer.Option(
            "--accept-routing",
            help="Record how the configuration routes IDs, of a family in care already.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Take an existing table and its months into care.

    Finds the months, makes the template, and writes the family and a baseline revision.
    """
    from shardctl.lifecycle import adopt as library

    run = session(context)
    month = Month.parse(from_month) if from_month else None
    with progress(quiet=run.quiet or json) as report:
        adopted = library.adopt(
            run.config(),
            family,
            from_month=month,
            accept_routing=accept_routing,
            report=report,
        )
    run.say(as_json(adopted) if json else _text(adopted))


def _text(adopted: Adopted) -> str:
    months = adopted.months
    lines = [f"{adopted.family}: {count(len(months), 'month')}, template {adopted.template}"]
    for each in months:
        lines += [f"  {each.table}: {difference}" for difference in each.differences]
    if not any(each.differences for each in months):
        lines.append("  all equal to the template")
    lines += [f"  left out: {table} ({reason})" for table, reason in adopted.skipped]
    lines.append(f"baseline revision {adopted.revision}")
    lines += [f"wrote {path}" for path in adopted.files]
    return "\n".join(lines)
