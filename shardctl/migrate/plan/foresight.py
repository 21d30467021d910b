"""What a revision will do to every table, told without doing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.ledger import rows_of
from shardctl.migrate.learn.locate import Details, Lesson, details, projected
from shardctl.migrate.learn.steps import Steps, stretches
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Revision, Work, segments, work_of


@dataclass(slots=True)
class Foresight:
    """How tables look, or will look once the revisions foreseen so far have run.

    Attributes:
        known: by table, how it will look.
        before: by table, how it looks or will look before the revision that was foreseen last.
        changed: the tables that revisions foreseen so far will have changed.
        met: the tables of which revisions foreseen so far have wanted anything, rows or structure.
    """

    site: Site
    known: dict[str, Details] = field(default_factory=dict)
    before: dict[str, Details] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)

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
        rows = rows_of(self.site.connection, revision.id, revision.direction)
        found: list[Work] = []
        met: dict[str, tuple[Member, Lesson]] = {}
        for table, numbers in segments(clauses):
            members = [
                member
                for member in (self.site.members(table) if table else (Member("", ""),))
                if confined is None or member.table in confined
            ]
            self._look(members)
            lesson = lessons.get(table)
            for member in members:
                live = self.known[member.table]
                found.append(work_of(member, numbers, clauses, lesson, live, rows, confined))
                if lesson:
                    met[member.table] = member, lesson
        self.met |= {work.member.table for work in found if work.todo}
        self.before = dict(self.known)
        for member, lesson in met.values():
            self.known[member.table] = projected(lesson, self.known[member.table])
        return tuple(found)

    def _look(self, members: Collection[Member]) -> None:
        unknown = [member for member in members if member.table not in self.known]
        seen = self.site.look(unknown)
        self.known |= {member.table: details(seen.get(member.table)) for member in unknown}

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
            self.before[table] = steps.after(stretch, live) or {}
            if not all(steps.clauses[number].data for number in stretch):
                self.changed.add(table)
        return tuple(found)
