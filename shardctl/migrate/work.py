"""What is left to do: a revision's segments, and what each table still needs of them.

A plan and a run are made of the same pieces: the plan looks once, the run looks again at every
table right before it touches it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.ledger import ClauseRow, Direction
from shardctl.migrate.finding import Finding
from shardctl.migrate.learn.locate import Details, Lesson, locate
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision in one direction.

    Attributes:
        source: the text of its file.
    """

    id: str
    direction: Direction
    title: str
    source: str

    def __str__(self) -> str:
        way = "" if self.direction == "up" else "downgrade of "
        return f"{way}{self.id} {self.title}".rstrip()


Rows: TypeAlias = Mapping[tuple[int, str], ClauseRow]
"""What the ledger has of a run's clauses, by the clause's number and the table."""

Confined: TypeAlias = Mapping[str, Collection[int]]
"""The tables that a revision is confined to, and the clauses that it may run on each."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one table needs of a revision's segment.

    Attributes:
        todo: the numbers of the clauses to run, in order.
        found: the numbers of those that it has had without the ledger knowing.
        locked: why no more than `todo` was run: who keeps the table locked; "" where nobody does.
        failed: the same, of one that failed.
    """

    member: Member
    todo: tuple[int, ...]
    found: tuple[int, ...]
    locked: str = ""
    failed: str = ""


def lessons_of(
    clauses: Sequence[Clause], states: Mapping[str, Sequence[Structure | None]]
) -> dict[str, Lesson]:
    """What a revision does to each table, from its clauses and the states of each table."""
    return {
        table: Lesson(
            table,
            tuple(
                number
                for number, clause in enumerate(clauses)
                if table in (clause.table, clause.renamed_from)
            ),
            tuple(stages),
        )
        for table, stages in states.items()
    }


def segments(clauses: Sequence[Clause]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Neighbouring clauses of the same table: (table, their numbers), in the revision's order.

    Tables get them segment by segment, so that what a revision does to two tables in turn
    happens in that order.
    """
    numbered = groupby(enumerate(clauses), key=lambda pair: pair[1].table)
    return tuple((table, tuple(number for number, _ in pairs)) for table, pairs in numbered)


def work_of(
    member: Member,
    segment: Collection[int],
    clauses: Sequence[Clause],
    lesson: Lesson | None,
    live: Details,
    rows: Mapping[tuple[int, str], ClauseRow],
    confined: Confined | None = None,
) -> Work:
    """What one table needs of a segment, told from how it looks and from the ledger.

    Data clauses are decided by the ledger alone, and never go to a template. What is left out for
    good is needed no more; where nothing else is left, it does not matter how the table looks.

    Args:
        lesson: what the revision does to tables of this kind; None for SQL on no known table.
        live: how the table looks now.
        rows: what the ledger has of this run.
        confined: where the revision may run; None: everywhere.

    Raises:
        Contradiction: the table is neither as a clause finds it nor as it leaves it.
    """
    own = rows_on(rows, member.table, len(clauses))
    if own.skipped:
        segment = [number for number in segment if number not in own.skipped]
        if own.recorded.issuperset(segment):
            return Work(member, (), ())
    recorded = own.recorded
    if confined is not None:
        segment = [number for number in segment if number in confined.get(member.table, ())]
    structural = [number for number in segment if not clauses[number].data]
    had = _had(lesson, member, clauses, live, recorded) if lesson and structural else frozenset()
    template = bool(member.family) and member.month is None
    todo = [
        number
        for number in segment
        if (not template and number not in recorded if clauses[number].data else number not in had)
    ]
    found = [number for number in structural if number in had and number not in recorded]
    return Work(member, tuple(todo), tuple(found))


def _had(
    lesson: Lesson,
    member: Member,
    clauses: Sequence[Clause],
    live: Details,
    recorded: frozenset[int],
) -> frozenset[int]:
    if live and all(clauses[number].presence == "create" for number in lesson.clauses):
        # A table that is there is not made; in what it is unlike, `status` tells.
        return frozenset(lesson.clauses)
    return locate(lesson, member.table, live, recorded)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the ledger has of one table: the numbers of clauses.

    Attributes:
        recorded: those that are done.
        skipped: those that were left out for good.
    """

    recorded: frozenset[int] = frozenset()
    skipped: frozenset[int] = frozenset()


def rows_on(rows: Rows, table: str, count: int) -> Recorded:
    """What the ledger has of one table.

    Args:
        count: how many clauses the revision has.
    """
    if not rows:
        return Recorded()
    own = [row for number in range(count) if (row := rows.get((number, table)))]
    skipped = frozenset(row.n for row in own if row.how == "skipped")
    return Recorded(frozenset(row.n for row in own if row.done) - skipped, skipped)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one revision.

    Attributes:
        shown: its clauses as SQL, as the template gets them.
        ran: by table, the numbers of the clauses that were run (or would be, in a dry run).
        found: by table, the numbers of those that it had had already.
        waiting: the tables that were left for a later run, by the user's wish.
        findings: what lint has to say of it.
    """

    revision: Revision
    shown: tuple[str, ...]
    ran: Mapping[str, tuple[int, ...]]
    found: Mapping[str, tuple[int, ...]]
    waiting: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def outcome_of(
    revision: Revision, shown: Sequence[str], works: Iterable[Work], waiting: Sequence[str] = ()
) -> Outcome:
    """The work done on each table, or to be done, put together."""
    ran: dict[str, tuple[int, ...]] = {}
    found: dict[str, tuple[int, ...]] = {}
    for work in works:
        table = work.member.table
        ran[table] = ran.get(table, ()) + work.todo
        found[table] = found.get(table, ()) + work.found
    return Outcome(revision, tuple(shown), ran, found, tuple(waiting))
