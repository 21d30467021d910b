"""Puts a plan together: what was foreseen for every table, and what it is going to cost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, repeat

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.dialects import Size
from shardctl.ledger import Direction
from shardctl.ledger.encode import clauses_to_text
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online.engine import Online
from shardctl.migrate.plan.cost import DATA, INSTANT, Kind, experience, kind_of
from shardctl.migrate.plan.foresight import Foresight
from shardctl.migrate.plan.values import (
    Plan,
    PlannedRevision,
    PlannedStep,
    PlannedTable,
    Share,
    Text,
)
from shardctl.migrate.waves import WaveName, waves
from shardctl.migrate.work import Revision, Work

Judge = Callable[[Step, bool, Member], PlannedStep]
"""The cost of a step: it, whether it changes rows, and its table."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A revision, and what every table will get of it.

    Attributes:
        shown: for each clause, the SQL as the template gets it.
        works: what each table needs, and the steps in which it will get that.
        statements: for each of these, what is to be sent in each step; none where nobody asked.
        text: likewise.
    """

    revision: Revision
    clauses: Sequence[Clause]
    shown: Sequence[str]
    works: Sequence[tuple[Work, tuple[Step, ...]]]
    statements: Sequence[tuple[tuple[str, ...], ...]] = ()
    text: Text | None = None

    @property
    def kinds(self) -> set[Kind]:
        """What kinds of steps there are."""
        return {
            kind_of(step.demanded, data=self.clauses[step.numbers[0]].data)
            for _, steps in self.works
            for step in steps
        }


def forecast(
    foresight: Foresight,
    foreseen: Sequence[Foreseen],
    *,
    direction: Direction,
    target: str,
    at: Sequence[str],
    warnings: Sequence[str] = (),
    online: Online | None = None,
) -> Plan:
    """The plan of what was foreseen; reads sizes, and what the ledger tells of earlier steps.

    Args:
        target: the revision to go to.
        at: the revisions that the database is at.
        online: the tool that rebuilds big tables; None: the server does.
    """
    site = foresight.site
    connection, dialect = site.connection, site.database.dialect
    present = [member.table for member, structure in foresight.seen.items() if structure]
    sizes = dialect.sizes(connection, present)
    kinds = set[Kind]().union(*(one.kinds for one in foreseen))
    kinds |= {online.engine} if online else set()
    versions = dialect.row_versions(connection, present) if INSTANT in kinds else {}
    past = experience(connection, kinds, sizes, dialect.algorithms)
    wave_of = _waves(foresight, foreseen, sizes)
    known: dict[tuple[Step, bool, int | None, bool], PlannedStep] = {}

    def judge(step: Step, data: bool, member: Member) -> PlannedStep:
        held = sizes.get(member.table)
        size = held.bytes if held else None
        tool = online if online and online.takes(held) and online.does(member, step) else None
        key = step, data, size, tool is not None
        if key not in known:
            kind = tool.engine if tool else kind_of(step.demanded, data=data)
            seconds, measured = past.seconds(kind, size)
            # A data clause locks the rows that it changes; of what is chosen by the server
            # nothing is known beforehand.
            unknown = kind == DATA or (step.demanded is None and bool(dialect.algorithms))
            blocks = None if unknown else not tool and dialect.blocks_writes(step.demanded)
            known[key] = PlannedStep(
                step.numbers,
                step.demanded if not step.stops else step.algorithm,
                data,
                step.refused if step.stops else "",
                blocks,
                round(seconds, 3),
                measured,
                tool.engine if tool else None,
            )
        return known[key]

    return Plan(
        direction=direction,
        target=target,
        at=tuple(at),
        server=dialect.name,
        version_limit=dialect.row_version_limit,
        revisions=tuple(_revision(one, judge, sizes) for one in foreseen),
        tables={
            member.table: PlannedTable(
                member.table,
                member.family,
                member.month,
                structure,
                held.rows,
                held.bytes,
                versions.get(member.table),
                wave_of.get(member.table),
            )
            for member, structure in foresight.seen.items()
            for held in [sizes.get(member.table, Size(None, None))]
        },
        warnings=tuple(warnings),
        made_at=datetime.now(UTC),
    )


def compiled(clauses: Iterable[Clause]) -> str:
    """The SHA-256 of clauses, bound values among them."""
    return digest(clauses_to_text(clauses))


def digest(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _waves(
    foresight: Foresight, foreseen: Sequence[Foreseen], sizes: Mapping[str, Size]
) -> dict[str, WaveName]:
    """By table of a family, the wave in which it comes.

    Months that hold no row by the server's estimate are not asked whether one may be the canary:
    of a thousand empty ones that would take as long as all the rest.
    """
    site = foresight.site
    reached = {work.member for one in foreseen for work, _ in one.works}
    members = [member for member in foresight.seen if member in reached and member.family]

    def coldest(months: Sequence[Member]) -> Member | None:
        empty = {table for table, held in sizes.items() if held.rows == 0}
        return site.coldest([month for month in months if month.table not in empty])

    return {
        member.table: wave.name
        for name, group in groupby(members, key=lambda member: member.family)
        for wave in waves(tuple(group), site.families[name], coldest)
        for member in wave.members
    }


def _revision(foreseen: Foreseen, judge: Judge, sizes: Mapping[str, Size]) -> PlannedRevision:
    shares = tuple(
        Share(
            work.member.table,
            tuple(
                judge(step, foreseen.clauses[step.numbers[0]].data, work.member) for step in steps
            ),
            work.found,
            statements,
        )
        for (work, steps), statements in zip(
            foreseen.works, foreseen.statements or repeat(()), strict=False
        )
    )
    rebuilt = [
        sizes[share.table].bytes or 0
        for share in shares
        for step in share.steps
        if step.algorithm and step.algorithm.rebuilds and share.table in sizes
    ]
    revision = foreseen.revision
    return PlannedRevision(
        revision.id,
        revision.title,
        revision.direction,
        digest(revision.source),
        compiled(foreseen.clauses),
        tuple(foreseen.shown),
        shares,
        max(rebuilt, default=0),
        foreseen.text,
    )
