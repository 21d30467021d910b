"""`shardctl skip`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json, count
from shardctl.cli.session import AsJson, session

if TYPE_CHECKING:
    from shardctl.migrate.skip import Skipped


def skip(
    context: typer.Context,
    month: Annotated[str, typer.Argument(help="Such as 202601, or its table.")],
    reason: Annotated[
        str, typer.Option(help="Why, for those who wonder later.", show_default=False)
    ] = "",
    family: Annotated[
        str | None,
        typer.Option(help="The family, where the revision concerns several.", show_default=False),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let it take part again.")] = False,
    json: AsJson = False,
) -> None:
    """Leave a month out of the unfinished revision, for good.

    The revision can come to its end without it; the month's table stays as it is.
    """
    from shardctl.migrate.skip import skip as library

    run = session(context)
    skipped = library(run.config(), month, reason=reason, family=family, undo=undo)
    run.say(as_json(skipped) if json else _text(skipped))


def _text(skipped: Skipped) -> str:
    changes = count(len(skipped.clauses), "change")
    way = "upgrade" if skipped.direction == "up" else "downgrade"
    what = "takes part again in" if skipped.undone else "is left out of"
    return (
        f"{skipped.table} {what} the {way} of {skipped.revision} ({changes}); "
        f"'shardctl {way}' goes on"
    )
