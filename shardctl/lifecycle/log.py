"""What ran on which month, when, for how long, by whom, and with which statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from shardctl import ledger
from shardctl.catalog import Member, names_for, rosters
from shardctl.config import Config
from shardctl.family import Family
from shardctl.ledger import BackfillRow, ClauseRow, Direction, How, SessionRow
from shardctl.migrate.learn.wording import worded
from shardctl.migrate.site import Site, opened
from shardctl.month import Month


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement on one table, or what stands for it.

    Attributes:
        begun_at: aware, in the family's zone; in the configuration's for other tables.
        done_at: likewise; None where it is not known to be done.
        family: "" for a plain table's.
        month: None for the template and for plain tables.
        table: "" for SQL that names no table known.
        clauses: the numbers of the revision's clauses that it carried out, from 1.
        how: as in `ledger.ClauseRow`; None: begun, and not known to be done.
        seconds: how long the statement took.
        rows: how many rows a data clause changed; a backfill that broke off, until then.
        reached: the key, column → value, up to which it did so; None elsewhere.
        statement: the SQL as it was sent, without bound values; None where none was sent, or by
            a shardctl that did not keep it.
        words: why it failed, is left out, or was carried out in another way; None elsewhere.
        counts: whether it still does: what a downgrade took back does not.
        session: the command that ran it, its instants in the same zone; None where it is not
            known.
    """

    begun_at: datetime
    done_at: datetime | None
    family: str
    month: Month | None
    table: str
    revision: str
    direction: Direction
    clauses: tuple[int, ...]
    how: How | None
    seconds: float | None
    rows: int | None
    reached: Mapping[str, Any] | None
    statement: str | None
    words: str | None
    counts: bool
    session: SessionRow | None

    @property
    def failed(self) -> bool:
        """Whether it failed, was ended, or broke off."""
        return self.how in ("failed", "ended", None)


def log(
    config: Config,
    family: str | None = None,
    *,
    month: Month | None = None,
    revision: str | None = None,
    failed: bool = False,
) -> tuple[Entry, ...]:
    """What ran, the newest last; reads only.

    Args:
        family: only its tables.
        month: only tables of this month.
        revision: only of this revision.
        failed: only what failed or is not known to be done.

    Raises:
        UnknownFamily: the configuration does not declare it.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    named = None if family is None else config.family(family).name
    with opened(config) as site:
        rows = ledger.history(site.connection, revision=revision)
        sessions = ledger.sessions(site.connection)
        broken = _broken_off(site, [row for row, counts in rows if counts and not row.done])
    members = _members(config.families, {row.table for row, _ in rows})
    zones: dict[str, tzinfo] = {name: each.zone for name, each in config.families.items()}
    zones[""] = ZoneInfo(config.timezone)
    entries = (
        _entry([row for row, _ in step], counts, members, zones, sessions, broken)
        for (_, counts), step in groupby(rows, key=lambda each: (_step(each[0]), each[1]))
    )
    return tuple(
        entry
        for entry in entries
        if named in (None, entry.family)
        and month in (None, entry.month)
        and (entry.failed or not failed)
    )


@dataclass(frozen=True, slots=True)
class _Backfill:
    """One that is not done on a table.

    Attributes:
        row: how far it has come; None: not to the end of its first chunk.
        sql: what it does, without the bounds of its chunks.
    """

    row: BackfillRow | None
    sql: str


def _broken_off(site: Site, rows: Sequence[ClauseRow]) -> dict[ClauseRow, _Backfill]:
    """Those of the clauses begun that are backfills."""
    found: dict[ClauseRow, _Backfill] = {}
    members = _members(site.families, {row.table for row in rows})
    for key in {(row.revision, row.direction) for row in rows}:
        run = ledger.run(site.connection, *key)
        begun = ledger.backfills(site.connection, *key)
        for row in rows:
            if run is None or (row.revision, row.direction) != key or not run.clauses[row.n].chunks:
                continue
            dialect, member = site.database.dialect, members[row.table]
            names = names_for(site.families, member, dialect)
            sql = worded(run.clauses[row.n], dialect, site.families, names)
            found[row] = _Backfill(begun.get((row.n, row.table)), sql)
    return found


def _members(families: Mapping[str, Family], tables: Iterable[str]) -> dict[str, Member]:
    """Which family's month each table is; a plain table is its own."""
    tables = set(tables)
    found = {table: Member("", table) for table in tables}
    for roster in rosters(families, tables).values():
        found |= {member.table: member for member in roster.members}
    return found


def _step(row: ClauseRow) -> tuple[object, ...]:
    """What clauses have in common that went to a table in one statement."""
    run = row.revision, row.direction, row.table, row.token
    return *run, row.how, row.statement, row.seconds, row.words


def _entry(
    rows: Iterable[ClauseRow],
    counts: bool,
    members: Mapping[str, Member],
    zones: Mapping[str, tzinfo],
    sessions: Mapping[str, SessionRow],
    broken: Mapping[ClauseRow, _Backfill],
) -> Entry:
    first, *others = rows
    backfill = broken.get(first)
    position = backfill.row if backfill else None
    member = members[first.table]
    zone = zones[member.family]
    # A session that works beside others bears the lease's token and something behind a dot.
    by = sessions.get(first.token) or sessions.get(first.token.partition(".")[0])
    return Entry(
        begun_at=first.begun_at.astimezone(zone),
        done_at=first.done_at.astimezone(zone) if first.done_at else None,
        family=member.family,
        month=member.month,
        table=first.table,
        revision=first.revision,
        direction=first.direction,
        clauses=tuple(row.n + 1 for row in (first, *others)),
        how=first.how,
        seconds=position.seconds if position else first.seconds,
        rows=position.rows if position else first.rows,
        reached=position.position if position else None,
        statement=first.statement or (backfill.sql if backfill else None),
        words=first.words,
        counts=counts,
        session=_in(by, zone) if by else None,
    )


def _in(session: SessionRow, zone: tzinfo) -> SessionRow:
    ended = session.ended_at
    return replace(
        session,
        begun_at=session.begun_at.astimezone(zone),
        ended_at=ended.astimezone(zone) if ended else None,
    )
