"""`shardctl revision`."""

from __future__ import annotations

from typing import Annotated

import typer

from shardctl.cli.session import session


def revision(
    context: typer.Context,
    message: Annotated[str, typer.Option("--message", "-m", help="What it does, in words.")],
    autogenerate: Annotated[
        bool, typer.Option("--autogenerate", help="Fill it from your metadata and the templates.")
    ] = False,
    sql: Annotated[
        str | None,
        typer.Option(help="Fill it with a statement: ALTER TABLE t_order …", show_default=False),
    ] = None,
) -> None:
    """Make an Alembic revision.

    What it does to the family's name, such as t_order, reaches every month.
    """
    from shardctl.migrate import files

    run = session(context)
    path = files.revision(run.config(), message, autogenerate=autogenerate, sql=sql)
    run.say(f"wrote {path}")
