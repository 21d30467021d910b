"""What is not as it should be, for a scheduler that looks every day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from shardctl import ledger
from shardctl.config import Config
from shardctl.errors import FingerprintMismatch
from shardctl.family import Family
from shardctl.lifecycle.database import has_rows
from shardctl.lifecycle.status import FamilyStatus, standing
from shardctl.migrate.lint.key_not_binary import loose
from shardctl.migrate.site import Site, opened
from shardctl.month import spans
from shardctl.structure import Structure

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be.

    Attributes:
        message: it in one sentence, and what to do.
        family: the family that it concerns; "" where it is the whole database.
        table: the table that it concerns; "" where it is the whole family.
        severity: a warning works today, and may lose something some day.
    """

    message: str
    family: str = ""
    table: str = ""
    severity: Severity = "error"


def check(config: Config, *, now: datetime | None = None) -> tuple[Problem, ...]:
    """All problems of all families, and of the database; reads only.

    The runway is short when fewer months are there, the present one counted, than a family's
    `premake`: so a premake that runs once a month has a month to be repaired in.

    Args:
        now: an aware datetime in place of the clock's.

    Raises:
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    with opened(config) as site:
        families = standing(site, config.families, now)
        found = [*_unfinished(site, families)]
        templates = site.database.dialect.structures(
            site.connection, [family.template for family in config.families.values()]
        )
        found += _routing(site)
        for family in families:
            found += _of_template(site, family, templates.get(family.template))
            found += _of_months(site.families[family.family], family)
    return tuple(found)


def _unfinished(site: Site, families: Sequence[FamilyStatus]) -> Iterator[Problem]:
    for run in ledger.unfinished(site.connection)[-1:]:  # while one is undone, the way back counts
        way = "upgrade" if run.direction == "up" else "downgrade"
        begun = run.begun_at.astimezone(ZoneInfo(site.timezone))
        waiting = ", ".join(
            f"{family.family} {spans(each.months)}"
            for family in families
            for each in family.unfinished
            if each.months
        )
        yield Problem(
            f"the {way} of revision {run.revision}, begun {begun.isoformat(' ', 'seconds')}, "
            f"is unfinished{'; waiting: ' if waiting else ''}{waiting}: run 'shardctl {way}' to go "
            "on with it"
        )


def _routing(site: Site) -> Iterator[Problem]:
    for name, family in site.families.items():
        try:
            ledger.verify(site.connection, family)
        except FingerprintMismatch as error:
            yield Problem(str(error), name)


def _of_template(
    site: Site, family: FamilyStatus, structure: Structure | None
) -> Iterator[Problem]:
    name, template = family.family, family.template
    if structure is None:
        yield Problem(
            "the template is missing, new months cannot be made: run 'shardctl upgrade', whose "
            f"baseline revision makes it, or 'shardctl adopt {name}'",
            name,
            template,
        )
        return
    if has_rows(site, template):
        yield Problem(
            "the template has rows: an application writes to the family's own name; move them to "
            "their months and mend it",
            name,
            template,
        )
    columns = {column.name: column for column in structure.columns}
    declared = site.families[name]
    for column in filter(None, (*declared.key, declared.time, declared.state)):
        if column not in columns:
            yield Problem(
                f"the configuration names column {column}, which the template has not",
                name,
                template,
            )
        elif column in declared.key and (reason := loose(columns[column])):
            yield Problem(f"key column {column} {reason}", name, template, "warning")
    wanted = tuple(filter(None, (declared.state, declared.time)))
    if declared.state in columns and not _has_index(structure, wanted):
        yield Problem(
            f"no index begins with ({', '.join(wanted)}): a sweep for what is stuck reads months "
            "as a whole; let a revision add one",
            name,
            template,
            "warning",
        )


def _of_months(declared: Family, family: FamilyStatus) -> Iterator[Problem]:
    name = family.family
    if family.runway_months < max(declared.premake, 1):
        yield Problem(
            f"the runway is short: {family.first_missing} is missing, {family.runway_months} "
            f"of {declared.premake} months are there; run 'shardctl premake'",
            name,
        )
    if family.gaps:
        yield Problem(
            f"months are missing: {spans(family.gaps)}; 'shardctl premake --fill-gaps' makes "
            "them, empty",
            name,
            severity="warning",
        )
    for month in family.months:
        if month.differences:
            only_order = all(difference.only_position for difference in month.differences)
            what = "; ".join(map(str, month.differences))
            why = f" ({month.left_out})" if month.left_out else ""
            yield Problem(
                f"differs from the template: {what}{why}",
                name,
                month.table,
                "warning" if only_order else "error",
            )


def _has_index(structure: Structure, columns: tuple[str, ...]) -> bool:
    """Whether an index that the server uses begins with these columns."""
    return any(
        tuple(part.column for part in index.parts[: len(columns)]) == columns
        for index in structure.indexes
        if index.kind in ("primary", "unique", "key") and not index.invisible
    )
