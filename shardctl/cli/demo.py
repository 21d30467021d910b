"""`shardctl demo`."""

from __future__ import annotations

import typer

from shardctl.cli.session import session


def demo(context: typer.Context) -> None:
    """Show it all on a SQLite file, or on a database by --url."""
    from shardctl.lifecycle import demo as library

    library.demo(session(context).url)
