"""How tables look when their turn comes: read many at once, and used only while fresh."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Final, TypeAlias

from shardctl.catalog import Member
from shardctl.migrate.learn.locate import Details, details_of
from shardctl.migrate.site import Site

Look: TypeAlias = tuple[float, Details]
"""When a table was looked at, in monotonic seconds, and how it looked; empty: it was not there."""

FRESH: Final = 5.0
"""Seconds for which a look holds: what takes longer is looked at anew, lest a change that was
made by hand meanwhile be missed."""

FEWEST: Final = 16
MOST: Final = 400
"""So many tables, at least and at most, are read with one another's queries, which take a server
about as long for few as for many: the most at first, then twice as many as the last time where all
of those had their turn while it was fresh, else as many as had."""


def read(site: Site, members: Collection[Member]) -> dict[str, Look]:
    """How tables look now, by their names."""
    now, found = time.monotonic(), site.look(members)
    lives = details_of({member.table: found.get(member.table) for member in members})
    return {table: (now, live) for table, live in lives.items()}


def fresh(looks: Mapping[str, Look]) -> dict[str, Look]:
    """Those that hold still."""
    now = time.monotonic()
    return {table: look for table, look in looks.items() if now - look[0] <= FRESH}


class Looks:
    """The looks of tables that get their turn one after another, on whichever session."""

    def __init__(self, site: Site, members: Sequence[Member], seen: dict[str, Look]) -> None:
        """Nothing is read before it is asked for.

        Args:
            members: in the order in which they will get their turn.
            seen: how tables looked a moment ago; taken out, as they will look otherwise soon.
        """
        self._site = site
        self._left = {member.table: member for member in members}
        self._seen = {m.table: seen.pop(m.table) for m in members if m.table in seen}
        self._turn = threading.Lock()
        self._batch: frozenset[str] = frozenset()
        self._size = MOST
        self._used = MOST

    def of(self, member: Member) -> Details:
        """How a table looks. Each look is given once."""
        with self._turn:
            live = self._fresh(member)
            del self._seen[member.table]
            self._left.pop(member.table, None)
            self._used += 1
        return live

    def ahead(self, member: Member) -> Details:
        """The same, of a table whose turn is still to come."""
        with self._turn:
            return self._fresh(member)

    def _fresh(self, member: Member) -> Details:
        seen_at, live = self._seen.get(member.table, (-math.inf, Details()))
        if time.monotonic() - seen_at <= FRESH:
            return live
        self._size = self._next_size()
        still = fresh(self._seen)
        left = (each for table, each in self._left.items() if table not in still)
        looks = read(self._site, {member, *islice(left, self._size)})
        self._batch = frozenset(looks)
        self._seen = still | looks
        return self._seen[member.table][1]

    def _next_size(self) -> int:
        """How many to read: more where all that were read had their turn in time, else fewer."""
        used, self._used = self._used, 0
        all_in_time = self._batch.isdisjoint(self._seen)
        return max(FEWEST, min(MOST, self._size * 2 if all_in_time else used))
