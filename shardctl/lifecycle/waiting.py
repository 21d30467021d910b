"""The revision that did not come to its end: which tables wait for it, and what is more than that.

A month that waits differs from the template, which went first. That is no drift: what the rest of
the revision will make equal is told apart from what it will leave as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from shardctl import ledger
from shardctl.catalog import Member
from shardctl.errors import Contradiction
from shardctl.ledger import Run
from shardctl.migrate.learn.locate import Details, Lesson, details, projected
from shardctl.migrate.run.undo import where_it_ran
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, Rows, lessons_of, work_of
from shardctl.structure import Difference, Key, Structure, differences


@dataclass(frozen=True, slots=True)
class Passing:
    """A revision on its way through the tables.

    Attributes:
        rows: what the ledger has of it.
        lessons: by family, what it does to its tables.
        confined: the tables to which it goes; None: all.
    """

    run: Run
    rows: Rows
    lessons: Mapping[str, Lesson]
    confined: Confined | None

    def __str__(self) -> str:
        way = "" if self.run.direction == "up" else "the downgrade of "
        return f"{way}{self.run.revision}"

    def concerns(self, family: str) -> bool:
        """Whether it does anything to a family's tables."""
        return any(clause.table == family for clause in self.run.clauses)

    def leaves_out(self, table: str) -> bool:
        """Whether `skip` has left a table out of it."""
        found = (self.rows.get((number, table)) for number in range(len(self.run.clauses)))
        return any(row is not None and row.how == "skipped" for row in found)

    def standing(
        self, member: Member, template: Structure | None, structure: Structure
    ) -> tuple[bool, tuple[Difference, ...]]:
        """Whether a table waits, and in what it will differ from the template when it is through.

        One that is neither as a clause finds it nor as it leaves it waits, with all differences.
        """
        found = differences(template, structure) if template else ()
        lesson = self.lessons.get(member.family)
        try:
            waits = self._needed(member, lesson, structure)
        except Contradiction:
            return True, found
        if not (template and lesson and found) or (self.leaves_out(member.table) and not waits):
            return waits, found
        unlike = _unlike(_end(lesson, template), _end(lesson, structure))
        return waits, tuple(each for each in found if each.key in unlike)

    def _needed(self, member: Member, lesson: Lesson | None, structure: Structure) -> bool:
        clauses, live = self.run.clauses, details(structure)
        numbers = [n for n, clause in enumerate(clauses) if clause.table == member.family]
        return bool(work_of(member, numbers, clauses, lesson, live, self.rows, self.confined).todo)

    def heads(self, at: tuple[str, ...]) -> tuple[str, ...]:
        """The revisions at which a table stands that is through with it.

        Args:
            at: those that the database is at.
        """
        revision, earlier = self.run.revision, _earlier(self.run.source)
        if self.run.direction == "up":
            return tuple(sorted({*at, revision}.difference(earlier)))
        if revision not in at:  # it never came to its end
            return at
        return tuple(sorted({*at, *earlier}.difference([revision])))


def passing(site: Site) -> Passing | None:
    """The revision that is unfinished; None where there is none.

    While one is undone there are two runs of it: the way back counts, and goes where it ran.
    """
    runs = ledger.unfinished(site.connection)
    if not runs:
        return None
    run = runs[-1]
    rows = ledger.rows_of(site.connection, run.revision, run.direction)
    confined = None
    for forth in runs[:-1]:
        if (forth.revision, run.direction) == (run.revision, "down"):
            which = site.connection, forth.revision, forth.direction
            had, begun = ledger.rows_of(*which), ledger.backfills(*which)
            ways = (forth.clauses, forth.states), (run.clauses, run.states)
            confined = where_it_ran(site, *ways, had, begun)
    return Passing(run, rows, lessons_of(run.clauses, run.states), confined)


def _end(lesson: Lesson, structure: Structure) -> Details:
    live = details(structure)
    return lesson.stages[-1] if live in lesson.stages else projected(lesson, live)


def _unlike(one: Details, other: Details) -> frozenset[Key]:
    """The elements in which two tables differ: a column as a whole."""
    keys = (key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    return frozenset(key[:2] if key[0] == "column" else key for key in keys)


def _earlier(source: str) -> tuple[str, ...]:
    """The revisions before one, from the text of its file, as it was when it ran."""
    for line in ast.parse(source).body:
        match line:
            case ast.Assign([ast.Name("down_revision")], value):
                pass
            case ast.AnnAssign(ast.Name("down_revision"), _, value) if value is not None:
                pass
            case _:
                continue
        found = ast.literal_eval(value)
        return (found,) if isinstance(found, str) else tuple(found or ())
    return ()
