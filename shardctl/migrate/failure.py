"""What is told of a step that failed: what happened, on which table, and how to go on."""

from __future__ import annotations

from shardctl.migrate.work import Revision


def lost(where: str, what: str, revision: Revision, words: str) -> str:
    """The connection broke off while a step ran."""
    return (
        f"{where}: the connection was lost in {what} of {revision}: {words}\n"
        "What was done before is recorded: run again, which sees whether this took effect, and "
        "goes on"
    )


def failure(where: str, what: str, revision: Revision, words: str) -> str:
    """The server refused a statement."""
    give_up = ", or give it up with 'shardctl downgrade -1'" if revision.direction == "up" else ""
    return (
        f"{where}: {what} of {revision} failed: {words}\n"
        f"What was done before is recorded: mend the cause and run again to go on{give_up}"
    )
