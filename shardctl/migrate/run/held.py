"""What is told of a table that others keep from being changed: by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from shardctl.dialects import Blocker

_SHOWN: Final = 3
"""So many sessions that hold a table are told, the longest at work first."""

LATER: Final = "it stays locked, its turn comes again after the others"
"""What is told of a month that is put to the end of the queue."""


def held_by(blockers: Sequence[Blocker]) -> str:
    """Who keeps a table locked; one at least."""
    names = ", ".join(str(blocker) for blocker in blockers[:_SHOWN])
    more = f", and {len(blockers) - _SHOWN} more" if len(blockers) > _SHOWN else ""
    return f"{'held by' if blockers[0].certain else 'it may be held by'} {names}{more}"
