"""`shardctl init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shardctl.cli.session import session


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where.")] = Path(),
    timezone: Annotated[
        str, typer.Option(help="The zone whose calendar makes the months.")
    ] = "UTC",
) -> None:
    """Write shardctl.toml, alembic.ini and migrations/. Existing files stay."""
    from shardctl.lifecycle import scaffold

    run = session(context)
    if run.url is None:
        written = scaffold.init(folder, timezone=timezone)
    else:
        written = scaffold.init(folder, timezone=timezone, url=run.url)
    for path in written:
        run.say(f"wrote {path.relative_to(folder.absolute())}")
    if not written:
        run.say("nothing to do: everything is there already")
    elif run.url is None:
        run.say("next: set DATABASE_URL, then 'shardctl adopt TABLE --from MONTH'")
