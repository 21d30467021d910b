"""What is told of a table that others keep from being changed: by whom, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shardctl.dialects import Blocker
from shardctl.migrate.work import Revision

_SHOWN: Final = 3
"""So many sessions that hold a table are told, the longest at work first."""

LATER: Final = "it stays locked, its turn comes again after the others"
"""What is told of a month that is put to the end of the queue."""


def held_by(blockers: Sequence[Blocker]) -> str:
    """Who keeps a table locked; one at least."""
    names = ", ".join(str(blocker) for blocker in blockers[:_SHOWN])
    more = f", and {len(blockers) - _SHOWN} more" if len(blockers) > _SHOWN else ""
    return f"{'held by' if blockers[0].certain else 'it may be held by'} {names}{more}"


def given_up(where: str, what: str, revision: Revision, words: str) -> str:
    """A table that stayed locked, in a line; `once_free` is the line after the last of them."""
    return f"{where}: {what} of {revision} failed: {words}"


def once_free(revision: Revision) -> str:
    """How to go on, and how to go back."""
    give_up = ", or give it up with 'shardctl downgrade -1'" if revision.direction == "up" else ""
    return f"What was done is recorded: run again when that has ended to go on{give_up}"
