"""Where a revision that did not come to its end is to be undone: where it ran, and only there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from shardctl.clause import Clause
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
) -> Confined:
    """The tables on which a revision is to be undone, and the clauses of its way back for each.

    What a table had had without the revision stays. A data clause of the way back undoes the one
    of the way forth that stands at the mirrored place; where their numbers differ there is no
    telling, and they run on tables where all data clauses of the way forth had run.

    Args:
        forth: the clauses and states of the revision's way forth.
        back: the same of its way back.
        rows: what the ledger has of the way forth.
    """
    lessons, undone = lessons_of(*forth), lessons_of(*back)
    confined: dict[str, Collection[int]] = {}
    for name in {clause.table for clause in back[0]}:
        forth_data, back_data = _data(name, forth[0]), _data(name, back[0])
        for member in site.members(name):
            met = {number: row for (number, table), row in rows.items() if table == member.table}
            found = [number for number, row in met.items() if row.how == "found"]
            if len(found) == len(met):
                continue
            applied = [number in met and met[number].done for number in forth_data]
            if len(forth_data) != len(back_data):
                applied = [all(applied)] * len(back_data)
            had = _touched(lessons.get(name), found)
            structural = [n for n in _not_touching(had, undone.get(name)) if n not in back_data]
            data = [number for number, ran in zip(back_data, reversed(applied), strict=True) if ran]
            confined[member.table] = [*structural, *data]
    return confined


def _data(table: str, clauses: Sequence[Clause]) -> list[int]:
    return [n for n, clause in enumerate(clauses) if clause.data and clause.table == table]


def _touched(lesson: Lesson | None, numbers: Collection[int]) -> frozenset[Key]:
    touched = lesson.touched if lesson else {}
    return frozenset[Key]().union(*(touched.get(number, ()) for number in numbers))


def _not_touching(keys: Collection[Key], lesson: Lesson | None) -> list[int]:
    touched = lesson.touched if lesson else {}
    return [number for number, changed in touched.items() if not changed & set(keys)]
