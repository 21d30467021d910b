"""Puts a plan together: what was foreseen for every table, and what it is going to cost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shardctl.clause import Clause
from shardctl.dialects import Size
from shardctl.ledger import Direction
from shardctl.ledger.encode import clauses_to_text
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.plan.cost import DATA, INSTANT, Kind, experience, kind_of
from shardctl.migrate.plan.foresight import Foresight
from shardctl.migrate.plan.values import Plan, PlannedRevision, PlannedStep, PlannedTable, Share
from shardctl.migrate.work import Revision, Work

Judge = Callable[[Step, bool, str], PlannedStep]
"""The cost of a step: it, whether it changes rows, and its table."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A revision, and what every table will get of it.

    Attributes:
        shown: for each clause, the SQL as the template gets it.
        works: what each table needs, and the steps in which it will get that.
    """

    revision: Revision
    clauses: Sequence[Clause]
    shown: Sequence[str]
    works: Sequence[tuple[Work, tuple[Step, ...]]]

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
) -> Plan:
    """The plan of what was foreseen; reads sizes, and what the ledger tells of earlier steps.

    Args:
        target: the revision to go to.
        at: the revisions that the database is at.
    """
    site = foresight.site
    connection, dialect = site.connection, site.database.dialect
    present = [member.table for member, structure in foresight.seen.items() if structure]
    sizes = dialect.sizes(connection, present)
    kinds = set[Kind]().union(*(one.kinds for one in foreseen))
    versions = dialect.row_versions(connection, present) if INSTANT in kinds else {}
    past = experience(connection, kinds, sizes, dialect.algorithms)
    known: dict[tuple[Step, bool, int | None], PlannedStep] = {}

    def judge(step: Step, data: bool, table: str) -> PlannedStep:
        size = sizes[table].bytes if table in sizes else None
        key = step, data, size
        if key not in known:
            kind = kind_of(step.demanded, data=data)
            seconds, measured = past.seconds(kind, size)
            # A data clause locks the rows that it changes; of what is chosen by the server
            # nothing is known beforehand.
            unknown = kind == DATA or (step.demanded is None and bool(dialect.algorithms))
            blocks = None if unknown else dialect.blocks_writes(step.demanded)
            known[key] = PlannedStep(
                step.numbers,
                step.demanded if not step.stops else step.algorithm,
                data,
                step.refused if step.stops else "",
                blocks,
                round(seconds, 3),
                measured,
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


def _revision(foreseen: Foreseen, judge: Judge, sizes: Mapping[str, Size]) -> PlannedRevision:
    shares = tuple(
        Share(
            work.member.table,
            tuple(
                judge(step, foreseen.clauses[step.numbers[0]].data, work.member.table)
                for step in steps
            ),
            work.found,
        )
        for work, steps in foreseen.works
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
    )
