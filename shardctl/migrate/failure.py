"""What is told when a statement comes to no good end, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shardctl.dialects import Blocker
from shardctl.migrate.work import Revision

_SHOWN: Final = 3
"""So many sessions that hold a table are told, the longest at work first."""


def failed(where: str, clause: int, revision: Revision, words: str, *, lost: bool = False) -> str:
    """What the server said, where, and of which clause.

    Args:
        where: the table.
        clause: its number, from 0.
        words: the server's.
        lost: whether the connection broke off, so that the clause may have taken effect.
    """
    place = f"clause {clause + 1} of {revision}"
    if lost:
        return f"{where}: the connection was lost in {place}: {words}"
    return f"{where}: {place} failed: {words}"


def held_by(blockers: Sequence[Blocker]) -> str:
    """Who keeps a table locked; one at least."""
    names = ", ".join(str(blocker) for blocker in blockers[:_SHOWN])
    more = f", and {len(blockers) - _SHOWN} more" if len(blockers) > _SHOWN else ""
    return f"{'held by' if blockers[0].certain else 'it may be held by'} {names}{more}"


def way_on(revision: Revision, *, lost: bool = False, locked: bool = False) -> str:
    """How to go on from there, and how to go back."""
    if lost:
        return (
            "What was done before is recorded: run again, which sees whether this took effect, "
            "and goes on"
        )
    when = "run again when that has ended" if locked else "mend the cause and run again"
    up = revision.direction == "up"
    return f"What was done before is recorded: {when} to go on" + (
        ", or give it up with 'shardctl downgrade -1'" if up else ""
    )
