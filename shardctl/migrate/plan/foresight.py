"""What a revision will do to every table, told without doing it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.ledger import ClauseRow, rows_of
from shardctl.migrate.learn.locate import Details, Lesson, details_of, projected
from shardctl.migrate.learn.steps import Steps, stretches
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.run.looks import Look
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Revision, Work, rows_on, segments, work_of
from shardctl.structure import Structure


@dataclass(slots=True)
class Foresight:
    """How tables look, or will look once the revisions foreseen so far have run.

    Months that look alike share one `Details`, and what is found out for one holds for all.

    Attributes:
        seen: every table that was looked at, and how it looks now; None: it is not there.
        known: by table, how it will look.
        before: by table, how it looks or will look before the revision that was foreseen last.
        changed: the tables that revisions foreseen so far will have changed.
        met: the tables of which revisions foreseen so far have wanted anything, rows or structure.
        members: by a clause's table, those that were there for the revision that was foreseen last.
        looks: by table, when the revision that was foreseen last has had it looked at, in
            monotonic seconds, and how it looked.
    """

    site: Site
    seen: dict[Member, Structure | None] = field(default_factory=dict)
    known: dict[str, Details] = field(default_factory=dict)
    before: dict[str, Details] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)
    members: dict[str, tuple[Member, ...]] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)

    def works(
        self,
        revision: Revision,
        clauses: Sequence[Clause],
        lessons: Mapping[str, Lesson],
        confined: Confined | None = None,
    ) -> tuple[Work, ...]:
        """What every table needs of a revision, in the order in which it would be done.

        Args:
            confined: where the revision may run; None: everywhere.

        Raises:
            Contradiction: a table is neither as a clause finds it nor as it leaves it.
        """
        self.members, self.looks = {}, {}
        rows = rows_of(self.site.connection, revision.id, revision.direction)
        found: list[Work] = []
        met: dict[str, Lesson] = {}
        for table, numbers in segments(clauses):
            there = self.members[table] = self.site.members(table) if table else (Member("", ""),)
            members = [each for each in there if confined is None or each.table in confined]
            self._look(members)
            lesson = lessons.get(table)
            found += self._works(members, numbers, clauses, lesson, rows, confined)
            if lesson:
                met |= {member.table: lesson for member in members}
        self.met |= {work.member.table for work in found if work.todo}
        self.before = dict(self.known)
        after: dict[tuple[str, Details], Details] = {}
        for table, lesson in met.items():
            live = self.known[table]
            key = lesson.table, live
            if key not in after:
                after[key] = projected(lesson, live)
            self.known[table] = after[key]
        return tuple(found)

    def _works(
        self,
        members: Collection[Member],
        numbers: Sequence[int],
        clauses: Sequence[Clause],
        lesson: Lesson | None,
        rows: Mapping[tuple[int, str], ClauseRow],
        confined: Confined | None,
    ) -> Iterator[Work]:
        """What each table needs of one segment."""
        known: dict[object, Work] = {}
        for member in members:
            live = self.known[member.table]
            recorded = rows_on(rows, member.table, len(clauses))
            allowed = None if confined is None else frozenset(confined.get(member.table, ()))
            key = live, recorded, member.month is None, allowed
            if key not in known:
                known[key] = work_of(member, numbers, clauses, lesson, live, rows, confined)
            yield replace(known[key], member=member)

    def _look(self, members: Collection[Member]) -> None:
        unknown = [member for member in members if member.table not in self.known]
        read, seen = time.monotonic(), self.site.look(unknown)
        self.seen |= {member: seen.get(member.table) for member in unknown}
        found = details_of({member.table: seen.get(member.table) for member in unknown})
        self.looks |= {table: (read, live) for table, live in found.items()}
        self.known |= found

    def steps(self, work: Work, steps: Steps) -> tuple[Step, ...]:
        """The steps in which a table will get the work of the revision that was foreseen last."""
        found: list[Step] = []
        table = work.member.table
        for stretch in stretches(work.todo, steps.clauses):
            live = self.before.get(table)
            if not live:  # a table that is not there yet
                found += steps.apart(stretch)
                continue
            changed = table in self.changed
            found += steps.of(work.member, stretch, live, foreseen=changed)
            self.before[table] = steps.after(stretch, live) or Details()
            if not all(steps.clauses[number].data for number in stretch):
                self.changed.add(table)
        return tuple(found)
