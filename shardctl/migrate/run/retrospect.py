"""How tables look after their turns, read while others still have theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from shardctl.catalog import Member
from shardctl.migrate.learn.locate import Details
from shardctl.migrate.run.looks import Look, fresh, read
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
            reading = background.submit(read, self.site, members)
            yield
        self.seen.update(reading.result())

    def of(self, members: Collection[Member]) -> Mapping[str, Details]:
        """How tables look, by their names: now, or a moment ago where they were read meanwhile."""
        seen = fresh(self.seen)
        others = [member for member in members if member.table not in seen]
        return {table: live for table, (_, live) in (seen | read(self.site, others)).items()}
