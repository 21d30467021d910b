"""Which tables a revision has not come to: those that `gate` names.

While it is on its way the ledger tells; when it has come to its end, how the tables look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shardctl import ledger
from shardctl.catalog import Member, Roster
from shardctl.ledger import ClauseRow, Direction, Run
from shardctl.migrate.learn.locate import details
from shardctl.migrate.site import Site
from shardctl.migrate.work import Rows, lessons_of
from shardctl.month import Month
from shardctl.structure import Key, Structure, differences


@dataclass(frozen=True, slots=True)
class Waiting:
    """One table that is not there yet.

    Attributes:
        month: None: it is the template.
        reason: what it waits for.
    """

    family: str
    month: Month | None
    table: str
    reason: str

    @classmethod
    def of(cls, member: Member, reason: str) -> Waiting:
        """A family's table, and what it waits for."""
        return cls(member.family, member.month, member.table, reason)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of all tables together.

    Attributes:
        looks: how they look, by table.
        skipped: what they were left out of for good, likewise.
    """

    looks: Mapping[str, Structure]
    skipped: Mapping[str, Sequence[ClauseRow]]

    def differences(
        self, roster: Roster, member: Member, keys: Collection[Key] | None = None
    ) -> tuple[str, ...]:
        """In what a month is unlike the template.

        Args:
            keys: of these details; None: of all but the order of columns.
        """
        template, live = self.looks.get(roster.family.template), self.looks.get(member.table)
        if live is None:
            return ()  # it was dropped meanwhile
        if template is None:
            return (f"the template {roster.family.template} is missing",)
        wanted, found = details(template), details(live)
        asked = wanted.keys() | found.keys() if keys is None else keys
        changed = {key for key in asked if wanted.get(key) != found.get(key)}
        return tuple(
            f"unlike the template: {difference}"
            for difference in differences(template, live)
            if not difference.only_position
            and any(key[: len(difference.key)] == difference.key for key in changed)
        )


def way(direction: Direction, revision: str) -> str:
    """A revision in one direction, in words."""
    return f"the {'upgrade to' if direction == 'up' else 'downgrade of'} {revision}"


def under_way(site: Site, run: Run, rosters: Iterable[Roster]) -> Iterator[Waiting]:
    """The tables through which an unfinished run has not gone, and those that it leaves out."""
    rows = ledger.rows_of(site.connection, run.revision, run.direction)
    for roster in rosters:
        for member in roster.members:
            if reason := _left(run, member, rows):
                yield Waiting.of(member, reason)


def unlike(
    run: Run, rosters: Iterable[Roster], others: Collection[Run], seen: Seen
) -> Iterator[Waiting]:
    """The months that a finished run has not changed as it has the template.

    Those that were left out of it, as long as they show it, or were to have data changed; and
    others, such as one that was put back from a backup.

    Args:
        others: runs that not every month has had: what they change tells nothing of this one.
    """
    for roster in rosters:
        name = roster.family.name
        keys = _touched(run, name).difference(*(_touched(each, name) for each in others))
        for member in roster.months:
            rows = [row for row in seen.skipped.get(member.table, ()) if _of(row, run)]
            found = seen.differences(roster, member, keys)
            if rows and (found or any(run.clauses[row.n].data for row in rows)):
                yield Waiting.of(member, _left_out(run, rows[0]))
            elif found:
                yield Waiting.of(member, "; ".join(found))


def unrecorded(
    site: Site, rosters: Iterable[Roster], there: Collection[str], seen: Seen
) -> Iterator[Waiting]:
    """The months unlike the template that the ledger does not have at one of some revisions.

    For a revision that was stamped: nothing tells what it changes.
    """
    known = ledger.months(site.connection)
    for roster in rosters:
        for member in roster.months:
            row = known.get(member.table)
            at = row.revision.split(", ") if row and row.revision else ()
            if not any(each in there for each in at) and (
                found := seen.differences(roster, member)
            ):
                yield Waiting.of(member, "; ".join(found))


def _left(run: Run, member: Member, rows: Rows) -> str:
    """What a table waits for in a run that is under way; "" where it is through.

    Data clauses never go to a template.
    """
    numbers = [
        number
        for number, clause in enumerate(run.clauses)
        if clause.table == member.family and (member.month or not clause.data)
    ]
    known = [row for number in numbers if (row := rows.get((number, member.table)))]
    for row in known:
        if row.how == "failed":
            return f"it failed: {row.words}"
        if row.how == "skipped":
            return _left_out(run, row)
    if len(known) == len(numbers) and all(row.done for row in known):
        return ""
    state = "is under way there, or broke off" if known else "has not come to it"
    return f"{way(run.direction, run.revision)} {state}"


def _touched(run: Run, family: str) -> frozenset[Key]:
    """What a run changes of a family's tables, down to the attributes of columns."""
    lesson = lessons_of(run.clauses, run.states).get(family)
    touched = lesson.touched.values() if lesson else ()
    return frozenset[Key]().union(*touched) - {("order",)}


def _of(row: ClauseRow, run: Run) -> bool:
    return (row.revision, row.direction) == (run.revision, run.direction)


def _left_out(run: Run, row: ClauseRow) -> str:
    return f"it is left out of {way(run.direction, run.revision)}: {row.words}"
