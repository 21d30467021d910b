"""How families stand: each month's revision and structure, what is missing, what is unfinished."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shardctl import ledger
from shardctl.catalog import Member, Roster
from shardctl.config import Config
from shardctl.dialects import Size
from shardctl.ledger import ClauseRow, Direction, MonthRow
from shardctl.lifecycle.database import revision_of, stamped
from shardctl.lifecycle.waiting import Passing, passing
from shardctl.migrate.site import Site, opened
from shardctl.month import Month, spans
from shardctl.structure import Difference, Structure, differences


@dataclass(frozen=True, slots=True)
class MonthStatus:
    """One month table.

    Attributes:
        revision: the one it stands at; None where that is not known.
        rows: the server's estimate; None where it has none.
        bytes: data and indexes, likewise.
        differences: from the template; none where that is absent. Those that the revision it
            waits for is going to end are not among them.
        accepted: differences that were accepted, when the month was let be rebuilt for them.
        left_out: where there are differences, of which revisions `skip` has left it out, and the
            reasons; "" where of none.
        waiting: the unfinished revision that has not come to it yet, or not to its end there, such
            as `3f2a` or `the downgrade of 3f2a`; "" where it waits for none.
    """

    month: Month
    table: str
    revision: str | None
    rows: int | None
    bytes: int | None
    differences: tuple[Difference, ...]
    left_out: str = ""
    waiting: str = ""
    accepted: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A revision that has not come to its end, and how many of a family's tables it is through.

    Attributes:
        months: those that wait for it.
    """

    revision: str
    direction: Direction
    done: int
    waiting: int
    months: tuple[Month, ...] = ()

    def __str__(self) -> str:
        way = "upgrade to" if self.direction == "up" else "downgrade of"
        which = f": {spans(self.months)}" if self.months else ""
        return f"{way} {self.revision}: {self.done} tables done, {self.waiting} waiting{which}"


@dataclass(frozen=True, slots=True)
class FamilyStatus:
    """One family.

    Attributes:
        template: the template's name.
        has_template: whether it is there.
        revision: the one that the database is at.
        months: all month tables, in order of time.
        gaps: the months that are missing between the first that exists and the present one.
        skipped: tables that look like months but are none, each with the reason.
        runway_months: how many months, from the present one on, are there without a hole.
        first_missing: the month at which the runway ends.
        unfinished: revisions that concern the family and have not come to their end.
    """

    family: str
    template: str
    has_template: bool
    revision: str | None
    months: tuple[MonthStatus, ...]
    gaps: tuple[Month, ...]
    skipped: tuple[tuple[str, str], ...]
    runway_months: int
    first_missing: Month
    unfinished: tuple[UnfinishedRun, ...]


def status(
    config: Config, family: str | None = None, *, now: datetime | None = None
) -> tuple[FamilyStatus, ...]:
    """How one family stands, or each; reads only, in a fixed number of queries.

    Args:
        family: its name; None for all.
        now: an aware datetime in place of the clock's.

    Raises:
        UnknownFamily: the configuration does not declare it.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    names = tuple(config.families) if family is None else (config.family(family).name,)
    with opened(config) as site:
        return standing(site, names, now)


def standing(
    site: Site, names: Iterable[str], now: datetime | None = None
) -> tuple[FamilyStatus, ...]:
    """The same, of some families of a site that is open already."""
    rosters = {name: roster for name, roster in site.rosters().items() if name in set(names)}
    members = [member for roster in rosters.values() for member in roster.members]
    tables = [member.table for member in members]
    seen = _Seen(
        site.look(members),
        site.database.dialect.sizes(site.connection, tables),
        ledger.months(site.connection),
        ledger.skipped(site.connection),
        ledger.accepted(site.connection),
        stamped(site),
        passing(site),
    )
    return tuple(_family(roster, seen, now) for roster in rosters.values())


def past_gaps(roster: Roster, now: datetime | None = None) -> tuple[Month, ...]:
    """The months before the present one that are missing though an earlier one exists."""
    current = roster.family.current_month(now)
    present = {member.month for member in roster.months}
    first = min((month for month in present if month), default=current)
    span = (first + number for number in range(max(current - first, 0)))
    return tuple(month for month in span if month not in present)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read of all tables together."""

    structures: Mapping[str, Structure]
    sizes: Mapping[str, Size]
    known: Mapping[str, MonthRow]
    skipped: Mapping[str, Sequence[ClauseRow]]
    accepted: Mapping[str, Collection[str]]
    at: tuple[str, ...]
    passing: Passing | None


def _family(roster: Roster, seen: _Seen, now: datetime | None) -> FamilyStatus:
    family = roster.family
    template = seen.structures.get(family.template)
    first_missing = _first_missing(roster, now)
    months = tuple(
        _month(member.month, member, template, seen)
        for member in roster.months
        if member.month and member.table in seen.structures
    )
    return FamilyStatus(
        family=family.name,
        template=family.template,
        has_template=template is not None,
        revision=revision_of(seen.at),
        months=months,
        gaps=past_gaps(roster, now),
        skipped=tuple((table.table, table.reason) for table in roster.lookalikes),
        runway_months=first_missing - family.current_month(now),
        first_missing=first_missing,
        unfinished=tuple(_unfinished(roster, months, seen)),
    )


def _month(month: Month, member: Member, template: Structure | None, seen: _Seen) -> MonthStatus:
    structure, run = seen.structures[member.table], seen.passing
    waits, found = False, differences(template, structure) if template else ()
    if run and run.concerns(member.family):
        waits, found = run.standing(member, template, structure)
    may = seen.accepted.get(member.table, ())
    accepted = tuple(each for each in found if ledger.is_accepted(each, may))
    found = tuple(each for each in found if each not in accepted)
    size = seen.sizes.get(member.table, Size(None, None))
    return MonthStatus(
        month=month,
        table=member.table,
        revision=_revision(member, seen, alike=template is not None and not found, waits=waits),
        rows=size.rows,
        bytes=size.bytes,
        differences=found,
        left_out=_left_out(seen.skipped.get(member.table, ())) if found else "",
        waiting=str(run) if waits else "",
        accepted=accepted,
    )


def _revision(member: Member, seen: _Seen, *, alike: bool, waits: bool) -> str | None:
    """The revision that a month stands at.

    Args:
        alike: whether it is like the template, or will be when the revision under way is through.
        waits: whether it waits for that.
    """
    run, known = seen.passing, seen.known.get(member.table)
    reached = run is not None and run.concerns(member.family) and not waits
    if run and reached and (alike or not run.leaves_out(member.table)):
        return revision_of(run.heads(seen.at))
    # What is like the template stands where that stands.
    return revision_of(seen.at) if alike else known.revision if known else None


def _unfinished(
    roster: Roster, months: Sequence[MonthStatus], seen: _Seen
) -> Iterator[UnfinishedRun]:
    """How far the unfinished revision is in a family that it concerns."""
    passing, template = seen.passing, roster.template
    if passing is None or not passing.concerns(roster.family.name):
        return
    waiting = tuple(month.month for month in months if month.waiting)
    left, there = len(waiting), len(months)
    if template is not None and (structure := seen.structures.get(template.table)):
        left, there = left + passing.standing(template, None, structure)[0], there + 1
    yield UnfinishedRun(passing.run.revision, passing.run.direction, there - left, left, waiting)


def _left_out(rows: Iterable[ClauseRow]) -> str:
    """`left out of r1: archived, read only`; several revisions in a row."""
    reasons: dict[str, None] = {}
    for row in rows:
        way = "" if row.direction == "up" else "the downgrade of "
        reasons[f"left out of {way}{row.revision}: {row.words}"] = None
    return "; ".join(reasons)


def _first_missing(roster: Roster, now: datetime | None) -> Month:
    present = {member.month for member in roster.months}
    month = roster.family.current_month(now)
    while month in present:
        month += 1
    return month
