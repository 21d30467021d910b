"""Where a revision that did not come to its end is to be undone: where it ran, and only there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from shardctl.clause import Clause
from shardctl.errors import Refused
from shardctl.ledger import ClauseRow
from shardctl.migrate.learn.locate import Lesson
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, lessons_of
from shardctl.structure import Key, Structure

States: TypeAlias = Mapping[str, Sequence[Structure | None]]


def where_it_ran(
    site: Site,
    forth: tuple[Sequence[Clause], States],
    back: tuple[Sequence[Clause], States],
    rows: Mapping[tuple[int, str], ClauseRow],
    begun: Collection[tuple[int, str]] = (),
) -> Confined:
    """The tables on which a revision is to be undone, and the clauses of its way back for each.

    What a table had had without the revision stays. A data clause of the way back undoes the one
    of the way forth that stands at the mirrored place; where their numbers differ there is no
    telling, and they run on tables where all data clauses of the way forth had run.

    Args:
        forth: the clauses and states of the revision's way forth.
        back: the same of its way back.
        rows: what the ledger has of the way forth.
        begun: the backfills of it that have a position, done or not: (clause, table).

    Raises:
        Refused: a backfill that is not done is to be undone by another data clause than a backfill.
    """
    lessons, undone = lessons_of(*forth), lessons_of(*back)
    confined: dict[str, Collection[int]] = {}
    for name in {clause.table for clause in back[0]}:
        forth_data, back_data = _data(name, forth[0]), _data(name, back[0])
        undoes = mirrored(name, forth[0], back[0])
        for member in site.members(name):
            met = {number: row for (number, table), row in rows.items() if table == member.table}
            done = {number for number, row in met.items() if row.done and not row.untouched}
            half = {n for n, table in begun if table == member.table and n not in done}
            bounded = {undoes.get(number) for number in back_data if back[0][number].chunks}
            if back_data and not bounded.issuperset(half):
                raise Refused(
                    f"{member.table}: a backfill has changed a part of its rows, and the data "
                    "clauses of downgrade() would change them all: undo it there by another "
                    "shardctl.op.backfill, which stops where it had come to, or run shardctl "
                    "upgrade to finish it first"
                )
            found = [number for number, row in met.items() if row.untouched]
            if len(found) == len(met) and not half:
                continue
            applied = [number in done | half for number in forth_data]
            if len(forth_data) != len(back_data):
                applied = [all(applied)] * len(back_data)
            had = _touched(lessons.get(name), found)
            own = [] if len(found) == len(met) else _not_touching(had, undone.get(name))
            structural = [n for n in own if n not in back_data]
            data = [number for number, ran in zip(back_data, reversed(applied), strict=True) if ran]
            confined[member.table] = [*structural, *data]
    return confined


def mirrored(table: str, forth: Sequence[Clause], back: Sequence[Clause]) -> dict[int, int]:
    """By data clause of the way back on a table, the one of the way forth that it undoes.

    Empty where their numbers differ.
    """
    undoing, done = _data(table, back), _data(table, forth)
    return dict(zip(undoing, reversed(done), strict=True)) if len(undoing) == len(done) else {}


def _data(table: str, clauses: Sequence[Clause]) -> list[int]:
    return [n for n, clause in enumerate(clauses) if clause.data and clause.table == table]


def _touched(lesson: Lesson | None, numbers: Collection[int]) -> frozenset[Key]:
    touched = lesson.touched if lesson else {}
    return frozenset[Key]().union(*(touched.get(number, ()) for number in numbers))


def _not_touching(keys: Collection[Key], lesson: Lesson | None) -> list[int]:
    touched = lesson.touched if lesson else {}
    return [number for number, changed in touched.items() if not changed & set(keys)]
