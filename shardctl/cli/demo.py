"""`shardctl demo`."""

from __future__ import annotations

import typer

from shardctl.cli.session import session


def demo(context: typer.Context) -> None:
    """Show it all on a SQLite file, or on a database by --url."""
    from shardctl.lifecycle import demo as library

    run = session(context)

    def command(arguments: list[str]) -> None:
        """Run the command line itself, once more in this process; its errors end the demo."""
        options = ["--quiet"] if run.quiet else []
        context.find_root().command.main(
            [*options, *arguments], "shardctl", standalone_mode=False, obj=type(run)()
        )

    library.demo(run.url, command=command, say=run.say)
