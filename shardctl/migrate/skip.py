"""A month that a revision leaves out for good, by a decision that is written down."""

from __future__ import annotations

from dataclasses import dataclass

from shardctl import ledger, lock
from shardctl.catalog import Member
from shardctl.config import Config
from shardctl.errors import ConfigError, Refused
from shardctl.ledger import Direction, Run
from shardctl.migrate.site import Site, opened
from shardctl.month import Month, spans


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was left out.

    Attributes:
        clauses: the numbers of the revision's clauses that do not run on the table, from 1.
        undone: whether they are to run after all.
    """

    family: str
    month: Month
    table: str
    revision: str
    direction: Direction
    clauses: tuple[int, ...]
    undone: bool = False


def skip(
    config: Config, month: str, *, reason: str = "", family: str | None = None, undo: bool = False
) -> Skipped:
    """Leave a month out of the revision that is unfinished; it can then come to its end without.

    The table stays as it is. What it lacks is told as drift, with the reason, until it is equal
    to the template again. A downgrade forgets it.

    Args:
        month: such as `202601`, or its table.
        reason: for those who wonder later.
        family: its name, where the revision concerns several.
        undo: let it take part again, as long as the revision is not finished.

    Raises:
        Refused: nothing is unfinished, there is no such month, it is the template, or nothing of
            the revision is left to do there.
        LockHeld: another run is at work.
        ConfigError: there is no reason, or no saying which family.
        UnknownFamily: the configuration does not declare it.
    """
    if not reason.strip() and not undo:
        raise ConfigError(f'leaving {month} out wants a reason: --reason "archived, read only"')
    if family is not None:
        config.family(family)
    with opened(config) as site:
        _unfinished(site)  # before the lock is taken, and the ledger made
        with lock.acquire(site.database, command="skip") as lease:
            run = _unfinished(site)
            member = _member(site, run, month, family)
            assert member.month is not None
            key = run.revision, run.direction
            rows = ledger.rows_of(site.connection, *key, table=member.table)
            clauses = [n for n, clause in enumerate(run.clauses) if clause.table == member.family]
            left = [n for n in clauses if (n, member.table) not in rows]
            left += [n for n, _ in rows if not rows[n, member.table].done]
            if undo:
                left = [n for n, _ in rows if rows[n, member.table].how == "skipped"]
            if not left:
                state = "is not left out of" if undo else "has nothing left to do in"
                raise Refused(f"{member.table} {state} revision {run.revision}")
            with site.database.dialect.transaction(site.connection):
                if undo:
                    lease.ledger.unskip(site.connection, *key, member.table)
                else:
                    lease.ledger.skip_clauses(
                        site.connection, *key, left, member.table, reason.strip()
                    )
    numbers = tuple(n + 1 for n in sorted(left))
    return Skipped(member.family, member.month, member.table, *key, clauses=numbers, undone=undo)


def _unfinished(site: Site) -> Run:
    runs = ledger.unfinished(site.connection)
    if not runs:
        raise Refused(
            "no revision is unfinished: a month is left out of one that has begun and failed there"
        )
    return runs[-1]  # while one is undone there are two: the way back counts


def _member(site: Site, run: Run, sought: str, family: str | None) -> Member:
    """The month table that is meant."""
    concerned = [name for name in site.families if name in {each.table for each in run.clauses}]
    if family is not None:
        concerned = [name for name in concerned if name == family]
    if not concerned:
        raise Refused(f"revision {run.revision} does nothing on {family or 'any family'}")
    rosters = site.rosters()
    for name in concerned:
        if sought in (name, site.families[name].template):
            raise Refused(
                f"{sought} is the template: new months are made of it, so it cannot be left out"
            )
        for member in rosters[name].months:
            if sought == member.table:
                return member
    month = Month.parse(sought)
    if len(concerned) > 1:
        raise ConfigError(
            f"revision {run.revision} concerns {' and '.join(concerned)}: say which with --family"
        )
    months = {member.month: member for member in rosters[concerned[0]].months if member.month}
    if month not in months:
        raise Refused(f"{concerned[0]} has no month {month}; there are {spans(months)}")
    return months[month]
