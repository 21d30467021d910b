"""How tables look when their turn comes: read many at once, and used only while fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from shardctl.catalog import Member
from shardctl.migrate.site import Site
from shardctl.structure import Structure

FRESH: Final = 1.0
"""Seconds for which a look holds: what takes longer is looked at anew, lest a change that was
made by hand meanwhile be missed."""

AT_ONCE: Final = 200
"""So many tables are read with one another's queries."""


class Looks:
    """The looks of tables that get their turn one after another, on whichever session."""

    def __init__(self, site: Site, members: Sequence[Member]) -> None:
        """Nothing is read before it is asked for.

        Args:
            members: in the order in which they will get their turn.
        """
        self._site = site
        self._members = members
        self._at = {member.table: at for at, member in enumerate(members)}
        self._seen: dict[str, tuple[float, Structure | None]] = {}
        self._turn = threading.Lock()

    def of(self, member: Member) -> Structure | None:
        """How a table looks; None where it is not there. Each look is given once."""
        with self._turn:
            read, structure = self._seen.pop(member.table, (0.0, None))
            if time.monotonic() - read > FRESH:
                structure = self._read(member)
        return structure

    def _read(self, member: Member) -> Structure | None:
        at = self._at.get(member.table)
        coming = [member] if at is None else self._members[at : at + AT_ONCE]
        read, found = time.monotonic(), self._site.look(coming)
        self._seen = {each.table: (read, found.get(each.table)) for each in coming}
        return self._seen.pop(member.table)[1]
