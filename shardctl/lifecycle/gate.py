"""Whether every month has had a revision, for a deployment that waits to start new code."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from shardctl import ledger
from shardctl.catalog import Roster
from shardctl.config import Config
from shardctl.errors import ConfigError
from shardctl.ledger import Direction, Run
from shardctl.lifecycle.behind import Seen, Waiting, under_way, unlike, unrecorded, way
from shardctl.lifecycle.database import revision_of, stamped
from shardctl.migrate.files import lineage
from shardctl.migrate.lineage import Lineage
from shardctl.migrate.selection import ALL, Selection
from shardctl.migrate.site import Site, opened
from shardctl.migrate.unfinished import unstamped
from shardctl.report import Note, Report, silent

_PAUSE: Final = 1.0
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether code may rely on a revision, or on its being gone.

    Attributes:
        revision: its whole id.
        gone: whether it is to be gone.
        families: those that it changes.
        pending: what the database as a whole waits for; "" where for nothing.
        waiting: the months that are not there yet, and what each waits for.
    """

    revision: str
    gone: bool
    families: tuple[str, ...]
    pending: str
    waiting: tuple[Waiting, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is waited for."""
        return not self.pending and not self.waiting


def gate(
    config: Config,
    revision: str,
    *,
    gone: bool = False,
    months: Selection = ALL,
    wait: float = 0.0,
    report: Report = silent,
) -> Gate:
    """Whether every month of every family that a revision changes has had it, or a later one.

    A month that was left out of it, or of one before it, has not. It takes no lock and only reads.

    Args:
        revision: its id, or `head`: then every family counts.
        gone: whether no month has it any more, since its downgrade is through.
        months: those that count.
        wait: how long to look again, every second, until it is so, in seconds.
        report: told what is waited for, when that changes.

    Raises:
        ConfigError: there is no such revision, or no file of the one that the database is at.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    line = lineage(config, revision)
    everything = revision == "head"
    end, told = time.monotonic() + wait, ""
    with opened(config, report) as site:
        while True:
            found = _Question(site, line, gone, everything).answer()
            found = replace(
                found, waiting=tuple(each for each in found.waiting if each.month in months)
            )
            left = end - time.monotonic()
            if found.open or left <= 0:
                return found
            text = f"waiting, tables left: {len(found.waiting)}"
            text += f"; {found.pending}" if found.pending else ""
            if text != told:
                report(Note(text))
                told = text
            time.sleep(min(_PAUSE, left))


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of the database at each look.

    Attributes:
        everything: whether all families count, whatever the revision changes.
    """

    site: Site
    line: Lineage
    gone: bool
    everything: bool

    def answer(self) -> Gate:
        """Where the revision is now."""
        at = stamped(self.site)
        unfinished, _ = unstamped(self.site, at)
        # Of two runs of one revision the later undoes the other.
        under = {run.revision: run for run in unfinished if run.revision in self._chain}
        rosters = self._rosters()
        pending: list[str] = []
        waiting: dict[str, Waiting] = {}
        for run in under.values():
            pending.append(f"{way(run.direction, run.revision)} is unfinished")
            if run.direction == self._direction:
                left = list(under_way(self.site, run, rosters))
            else:
                left = [Waiting.of(each, pending[-1]) for r in rosters for each in r.months]
            waiting |= {each.table: each for each in left}
        if self.line.revision not in under and self._had(at) == self.gone:
            reason = f"{way(self._direction, self.line.revision)} has not begun"
            pending.append(f"{reason}: the database is at {revision_of(at) or 'no revision'}")
            months = [month for roster in rosters for month in roster.months]
            waiting = {each.table: Waiting.of(each, reason) for each in months} | waiting
        if not pending:
            others = (run for run in unfinished if run.revision not in under)
            for each in self._behind(rosters, others):
                waiting.setdefault(each.table, each)
        families = tuple(roster.family.name for roster in rosters)
        found = tuple(waiting.values())
        return Gate(self.line.revision, self.gone, families, "; ".join(pending), found)

    @property
    def _direction(self) -> Direction:
        return "down" if self.gone else "up"

    @property
    def _chain(self) -> frozenset[str]:
        """The revisions without which this one cannot have come, or gone."""
        return self.line.after if self.gone else self.line.before

    def _run(self, direction: Direction) -> Run | None:
        return ledger.run(self.site.connection, self.line.revision, direction)

    def _rosters(self) -> tuple[Roster, ...]:
        """The families that count: all, where it is not known which the revision changes."""
        runs = [run for run in (self._run("up"), self._run("down")) if run]
        tables = {clause.table for run in runs for clause in run.clauses}
        everything = self.everything or not runs
        rosters = self.site.rosters()
        return tuple(rosters[name] for name in rosters if everything or name in tables)

    def _had(self, at: Collection[str]) -> bool:
        """Whether the version is at the revision or beyond it."""
        if not self.line.after.isdisjoint(at):
            return True
        if not (unknown := set(at) - self.line.known):
            return False
        run = self._run("up")
        if run is not None and run.finished:
            return True
        raise ConfigError(
            f"the database is at {', '.join(sorted(unknown))}, of which there is no file here: "
            "ask with the files by which it was upgraded"
        )

    def _behind(self, rosters: Collection[Roster], under: Iterable[Run]) -> Iterator[Waiting]:
        """The months that are not there though the version is.

        Args:
            under: runs of other revisions that are on their way.
        """
        site, direction = self.site, self._direction
        members = [member for roster in rosters for member in roster.members]
        seen = Seen(site.look(members), ledger.skipped(site.connection))
        rows = [row for member in members for row in seen.skipped.get(member.table, ())]
        left_out = {
            (row.revision, row.direction): run
            for row in rows
            if row.revision != self.line.revision
            and (run := ledger.run(site.connection, row.revision, row.direction))
        }
        own = [run for run in left_out.values() if run.revision in self._chain]
        others = [*under, *(run for run in left_out.values() if run.revision not in self._chain)]
        run = self._run(direction)
        if run is not None:
            yield from unlike(run, rosters, others, seen)
        elif not self.gone:
            yield from unrecorded(site, rosters, self.line.after, seen)
        for each in own:
            if each.direction == direction:
                yield from unlike(each, rosters, others, seen)
