"""Whether every month stands where the database says: after a file of SQL was run by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from shardctl import ledger
from shardctl.catalog import Member, Roster
from shardctl.config import Config
from shardctl.ledger import Run
from shardctl.lifecycle.database import revision_of, stamped
from shardctl.lifecycle.waiting import Passing, passing
from shardctl.migrate.site import Site, opened
from shardctl.migrate.work import Rows
from shardctl.structure import Structure, differences


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        revision: the revision that the database is at; None before the first.
        tables: how many tables were looked at.
        problems: what is not as that revision leaves it, a sentence each.
    """

    revision: str | None
    tables: int
    problems: tuple[str, ...]


def verify(config: Config) -> Verdict:
    """Look at every table of every family, and at what the ledger has of each; reads only.

    Every month is to look like the template, but for how it is stored where an upgrade has let it
    be rebuilt for that (`accepted`), and is to have every clause of the revisions that the
    ledger knows recorded, as done or as left out on purpose.

    Raises:
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    with opened(config) as site:
        rosters = site.rosters()
        members = [member for roster in rosters.values() for member in roster.members]
        looks = site.look(members)
        at = stamped(site)
        problems = [*_unfinished(site), *_unstamped(site, at)]
        accepted, under_way = ledger.accepted(site.connection), passing(site)
        for roster in rosters.values():
            problems += _unlike(roster, looks, accepted, under_way)
        for run in ledger.finished(site.connection):
            rows = ledger.rows_of(site.connection, run.revision, run.direction)
            for roster in rosters.values():
                problems += _unrecorded(roster, run, rows)
        return Verdict(revision_of(at), len(members), tuple(problems))


def _unfinished(site: Site) -> Iterator[str]:
    for run in ledger.unfinished(site.connection)[-1:]:  # while one is undone, the way back counts
        way = "upgrade" if run.direction == "up" else "downgrade"
        yield f"the {way} of revision {run.revision} is unfinished: run shardctl {way} to go on"


def _unstamped(site: Site, at: tuple[str, ...]) -> Iterator[str]:
    known = ledger.months(site.connection)
    revision, left_out = revision_of(at), ledger.skipped(site.connection)
    for month in known.values():
        if month.revision != revision and month.table not in left_out:
            at_ledger = f"the ledger has it at {month.revision}"
            yield f"{month.table}: {at_ledger}, the database is at {revision}"


def _unlike(
    roster: Roster,
    looks: Mapping[str, Structure],
    accepted: Mapping[str, Collection[str]],
    under_way: Passing | None,
) -> Iterator[str]:
    template = looks.get(roster.family.template)
    if template is None:
        yield f"{roster.family.template}: the template is missing"
        return
    for member in roster.months:
        structure, may = looks[member.table], accepted.get(member.table, ())
        waits, found = False, differences(template, structure)
        if under_way and under_way.concerns(member.family):
            waits, found = under_way.standing(member, template, structure)
        if waits:
            yield f"{member.table}: it waits for {under_way}"
        for difference in found:
            if not difference.only_position and not ledger.is_accepted(difference, may):
                yield f"{member.table}: {difference}"


def _unrecorded(roster: Roster, run: Run, rows: Rows) -> Iterator[str]:
    numbers = [n for n, clause in enumerate(run.clauses) if clause.table == roster.family.name]
    reached = {table for _, table in rows}
    for member in roster.members:
        if member.table in reached:
            yield from _missing(member, run, rows, numbers)


def _missing(member: Member, run: Run, rows: Rows, numbers: list[int]) -> Iterator[str]:
    for number in numbers:
        row = rows.get((number, member.table))
        if (row is None or not row.done) and (member.month or not run.clauses[number].data):
            yield f"{member.table}: clause {number + 1} of {run.revision} is not recorded"
