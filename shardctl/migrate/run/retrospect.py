"""How tables look after their turns, read while others still have theirs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from shardctl.catalog import Member
from shardctl.migrate.learn.locate import Details, details_of
from shardctl.migrate.run.looks import FRESH, Look
from shardctl.migrate.site import Site


@dataclass(frozen=True, slots=True)
class Retrospect:
    """The looks of tables whose turn is over.

    Attributes:
        seen: those that were read in the background.
    """

    site: Site
    seen: dict[str, Look] = field(default_factory=dict)

    @contextmanager
    def meanwhile(self, members: Collection[Member]) -> Iterator[None]:
        """A block in which other tables have their turn, and these are looked at.

        Raises:
            DBAPIError: the server did not tell how they look; after the block.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="shardctl look") as background:
            reading = background.submit(self._look, members)
            yield
        self.seen.update(reading.result())

    def of(self, members: Collection[Member]) -> Mapping[str, Details]:
        """How tables look, by their names: now, or a moment ago where they were read meanwhile."""
        now = time.monotonic()
        fresh = {table: look for table, look in self.seen.items() if now - look[0] <= FRESH}
        others = [member for member in members if member.table not in fresh]
        found = fresh | self._look(others)
        return {table: live for table, (_, live) in found.items()}

    def _look(self, members: Collection[Member]) -> dict[str, Look]:
        read = time.monotonic()
        found = details_of(self.site.look(members))
        return {table: (read, live) for table, live in found.items()}
