"""`shardctl where`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session
from shardctl.cli.status import state

if TYPE_CHECKING:
    from shardctl.lifecycle.where import Where


def where(
    context: typer.Context,
    sought: Annotated[
        str, typer.Argument(metavar="ID|TIME", help="An ID, or a time such as 2026-11-30T23:59.")
    ],
    family: Annotated[
        str | None,
        typer.Option(help="The family, where several are declared.", show_default=False),
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Show the row, too.")] = False,
    json: AsJson = False,
) -> None:
    """Say where the row of an ID or of an add-time is, and how that was found."""
    from shardctl.lifecycle import where as library

    run = session(context)
    if json:
        run.say(as_json(library.where(run.config(), sought, family=family, fetch=fetch)))
        return
    found = library.where(
        run.config(),
        sought,
        family=family,
        fetch=fetch,
        tell=lambda what, says: run.say(f"{what}: {says}"),
    )
    run.say(_text(found, fetch=fetch))


def _text(found: Where, *, fetch: bool) -> str:
    lines = []
    if found.status is None:
        lines.append(f"{found.table} does not exist; 'shardctl premake {found.family}' makes it")
        lines[-1] += ", with --fill-gaps where the month is past"
    else:
        lines.append(f"exists: {state(found.status)}, revision {found.status.revision or 'none'}")
        lines += [f"{found.table}: {difference}" for difference in found.status.differences]
    if fetch and found.exists:
        for number, row in enumerate(found.rows, 1):
            lines += [f"row {number} of {len(found.rows)}:"] if len(found.rows) > 1 else []
            lines += [f"  {name} = {'NULL' if v is None else v}" for name, v in row.items()]
        lines += [] if found.rows else [f"no row with this ID in {found.table}"]
    return "\n".join(lines)
