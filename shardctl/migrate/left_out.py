"""What a way back leaves out on months of which the way forth was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shardctl import ledger
from shardctl.catalog import Member
from shardctl.errors import Contradiction
from shardctl.migrate.learn.locate import Details, Lesson, details, locate
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.prepare import Prepared
from shardctl.migrate.run.failure import said
from shardctl.migrate.run.undo import where_it_ran
from shardctl.migrate.site import Site
from shardctl.migrate.work import Confined, lessons_of


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is left out on one table.

    Attributes:
        numbers: those of the clauses of the way back.
        reason: why the way forth was left out.
    """

    table: str
    numbers: tuple[int, ...]
    reason: str


def left_out(site: Site, prepared: Prepared, known: Mapping[str, Details]) -> tuple[LeftOut, ...]:
    """What is to be left out of a revision's way back that begins.

    The looks of a month tell whether a column is there to be dropped, whoever has added it: one
    that was made equal to the template by hand is like any other. What they do not tell, such as
    rows, was not done there, so it is not taken back; nor is anything on a month that looks like
    neither end.

    Args:
        known: how tables will look when it begins; others are looked at.
    """
    revision = prepared.revision
    if revision.direction == "up" or prepared.begun:
        return ()
    run = ledger.run(site.connection, revision.id, "up")
    if run is None or not run.finished:
        return ()
    rows = ledger.rows_of(site.connection, run.revision, run.direction)
    reasons = {row.table: row.words or "" for row in rows.values() if row.how == "skipped"}
    if not reasons:
        return ()
    forth, back = (run.clauses, run.states), (prepared.clauses, prepared.states)
    ran, lessons = where_it_ran(site, forth, back, rows), lessons_of(*back)
    found = []
    for name in {clause.table for clause in prepared.clauses}:
        lesson = lessons.get(name)
        for member in site.members(name):
            if member.table not in reasons:
                continue
            told = _told(site, member, lesson, known)
            numbers = tuple(
                number
                for number, clause in enumerate(prepared.clauses)
                if clause.table == name
                and number not in ran.get(member.table, ())
                and not (told and lesson and lesson.touched.get(number))
            )
            found += [LeftOut(member.table, numbers, reasons[member.table])] if numbers else []
    return tuple(found)


def without(site: Site, prepared: Prepared, these: tuple[LeftOut, ...]) -> Confined | None:
    """Where a revision then runs; None: everywhere."""
    if not these:
        return None
    numbers = range(len(prepared.clauses))
    out = {each.table: each.numbers for each in these}
    return {
        member.table: [number for number in numbers if number not in out.get(member.table, ())]
        for name in {clause.table for clause in prepared.clauses}
        for member in site.members(name)
    }


def words(prepared: Prepared, each: LeftOut) -> str:
    """It, for people."""
    return (
        f"{each.table}: {said(Step(each.numbers))} of {prepared.revision} left out, as there is "
        f"nothing to take back: it was left out of the upgrade, {each.reason!r}"
    )


def _told(site: Site, member: Member, lesson: Lesson | None, known: Mapping[str, Details]) -> bool:
    """Whether a table's looks tell what is to be done on it."""
    if lesson is None:
        return False
    live = known.get(member.table)
    try:
        locate(
            lesson,
            member.table,
            details(site.look([member]).get(member.table)) if live is None else live,
            (),
        )
    except Contradiction:
        return False
    return True
