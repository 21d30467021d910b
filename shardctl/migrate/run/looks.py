"""How tables look when their turn comes: read many at once, and used only while fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

from shardctl.catalog import Member
from shardctl.migrate.site import Site
from shardctl.structure import Structure

Look: TypeAlias = tuple[float, Structure | None]
"""When a table was looked at, in monotonic seconds, and how it looked; None: it was not there."""

FRESH: Final = 1.0
"""Seconds for which a look holds: what takes longer is looked at anew, lest a change that was
made by hand meanwhile be missed."""

FEWEST: Final = 16
MOST: Final = 400
"""So many tables, at least and at most, are read with one another's queries: twice as many as the
last time where all of those had their turn while it was fresh, else as many as had."""


class Looks:
    """The looks of tables that get their turn one after another, on whichever session."""

    def __init__(self, site: Site, members: Sequence[Member], seen: dict[str, Look]) -> None:
        """Nothing is read before it is asked for.

        Args:
            members: in the order in which they will get their turn.
            seen: how tables looked a moment ago; taken out, as they will look otherwise soon.
        """
        self._site = site
        self._members = members
        self._at = {member.table: at for at, member in enumerate(members)}
        self._seen = {m.table: seen.pop(m.table) for m in members if m.table in seen}
        self._turn = threading.Lock()
        self._size = FEWEST
        self._used = 0

    def of(self, member: Member) -> Structure | None:
        """How a table looks; None where it is not there. Each look is given once."""
        with self._turn:
            read, structure = self._seen.pop(member.table, (0.0, None))
            if time.monotonic() - read > FRESH:
                structure = self._read(member)
            self._used += 1
        return structure

    def _read(self, member: Member) -> Structure | None:
        at = self._at.get(member.table)
        self._size = self._next_size()
        coming = [member] if at is None else self._members[at : at + self._size]
        read, found = time.monotonic(), self._site.look(coming)
        self._seen = {each.table: (read, found.get(each.table)) for each in coming}
        return self._seen.pop(member.table)[1]

    def _next_size(self) -> int:
        """How many to read: more where all that were read had their turn in time, else fewer."""
        used, self._used = self._used, 0
        all_in_time = not self._seen
        return max(FEWEST, min(MOST, self._size * 2 if all_in_time else used))
