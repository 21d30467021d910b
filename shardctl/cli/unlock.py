"""`shardctl unlock`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.session import AsJson, session

if TYPE_CHECKING:
    from shardctl.lock import Freed


def unlock(
    context: typer.Context,
    force: Annotated[
        bool,
        typer.Option("--force", help="Even if its holder lives; ends its sessions on the server."),
    ] = False,
    json: AsJson = False,
) -> None:
    """Take the database's lock away from a command that is gone."""
    from shardctl.lifecycle import unlock as library

    run = session(context)
    freed = library.unlock(run.config(), force=force)
    run.say(as_json(freed) if json else _text(freed))


def _text(freed: Freed | None) -> str:
    if freed is None:
        return "nothing to do: the database is not locked"
    lines = [freed.holder]
    lines += [f"ended session {session} on the server" for session in freed.ended]
    lines.append("it is unlocked now; what was begun goes on with 'shardctl upgrade'")
    return "\n".join(lines)
