"""Future months, made from the template before they come."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shardctl import lock
from shardctl.catalog import Roster
from shardctl.config import Config
from shardctl.dialects import LOCK_WAIT
from shardctl.errors import ConfigError, LockHeld, Refused
from shardctl.family import Family
from shardctl.lifecycle.database import has_rows, revision_of, stamped
from shardctl.lifecycle.make import Maker
from shardctl.lifecycle.status import past_gaps
from shardctl.migrate.learn.scratch import sweep
from shardctl.migrate.site import Site, opened
from shardctl.month import Month
from shardctl.report import Finished, Note, Report, Started, TableDone, silent
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Premade:
    """One month that was asked for, or that is missing before the present one.

    Attributes:
        made: whether it was made now.
        reason: why not; "" where it was made.
    """

    family: str
    month: Month
    table: str
    made: bool
    reason: str = ""


def premake(
    config: Config,
    *,
    family: str | None = None,
    months: int | None = None,
    fill_gaps: bool = False,
    wait: float = 60.0,
    lock_wait: int = LOCK_WAIT,
    report: Report = silent,
    now: datetime | None = None,
) -> tuple[Premade, ...]:
    """Make the present month's table and those of the next ones, each equal to the template.

    Months that are there stay as they are. An upgrade that is unfinished is no obstacle: the
    template is taken as it is, and the ledger told which of the upgrade's clauses that contains.
    Where nothing is missing, nothing is written.

    Args:
        family: its name; None for all.
        months: how many ahead of the present one; the family's `premake` by default.
        fill_gaps: make months too that are missing before the present one.
        wait: how long to wait for another run's lock, in seconds.
        lock_wait: how long a statement waits for others' locks on a table, in seconds, 1 or more.
        now: an aware datetime in place of the clock's.

    Raises:
        UnknownFamily: the configuration does not declare it.
        LockHeld: another run held the lock all the time, and months are still missing.
        Refused: a family has no template, or refers to another's month that is missing; what
            could be made of the others was made.
        StepFailed: the server refused a statement; what was made before is complete.
    """
    names = tuple(config.families) if family is None else (config.family(family).name,)
    if not names:
        raise ConfigError(f"{config.path}: no family is declared; see 'shardctl adopt'")

    with opened(config, report, lock_wait=lock_wait) as site:

        def plan() -> tuple[Premade, ...]:
            rosters = site.rosters()
            return tuple(
                each
                for name in names
                for each in _wanted(rosters[name], months, now, fill_gaps=fill_gaps)
            )

        planned = plan()
        if _complete(planned):
            return planned
        _refuse_without_any_template(site, planned)
        try:
            with lock.acquire(site.database, command="premake", wait=wait) as lease:
                return _make(site, lease, plan())
        except LockHeld:
            if _complete(planned := plan()):  # its holder has made them
                return planned
            raise


def _wanted(
    roster: Roster, months: int | None, now: datetime | None, *, fill_gaps: bool
) -> Iterator[Premade]:
    """What is asked of one family; without a reason: it is to be made."""
    family = roster.family
    current = family.current_month(now)
    present = {member.month for member in roster.months}

    def one(month: Month, reason: str) -> Premade:
        return Premade(family.name, month, family.table_name(month), made=False, reason=reason)

    for month in past_gaps(roster, now):
        yield one(month, "" if fill_gaps else "missing; --fill-gaps makes it")
    for ahead in range((family.premake if months is None else months) + 1):
        yield one(current + ahead, "exists" if current + ahead in present else "")


def _complete(planned: Iterable[Premade]) -> bool:
    return all(each.reason for each in planned)


def _refuse_without_any_template(site: Site, planned: Iterable[Premade]) -> None:
    """Refuse before the lock is taken, and the ledger made, where nothing can be made at all."""
    rosters = site.rosters()
    lacking = {each.family for each in planned if not each.reason}
    if not any(rosters[name].template for name in lacking):
        raise Refused("\n".join(_without_template(site.families[name]) for name in sorted(lacking)))


def _without_template(family: Family) -> str:
    return (
        f"template {family.template} is missing, no month of {family.name} can be made: run "
        "'shardctl upgrade', whose baseline revision makes it, or 'shardctl adopt "
        f"{family.name}'"
    )


def _make(site: Site, lease: lock.Lease, planned: tuple[Premade, ...]) -> tuple[Premade, ...]:
    begun = time.monotonic()
    site.report(Started("premake", sum(not each.reason for each in planned)))
    dialect, families = site.database.dialect, site.families
    templates = dialect.structures(site.connection, [f.template for f in families.values()])
    result = {each.table: each for each in planned}
    refused: dict[str, None] = {}
    with site.database.connect(lock_wait=site.lock_wait) as connection:
        dialect.claim(connection, lease.token)
        sweep(connection, dialect)
        maker = Maker(site, lease, connection, revision_of(stamped(site)))
        for family in _referred_first(families, templates):
            if family.template in templates:
                lease.ledger.register_family(connection, family)
            if any(each.family == family.name and not each.reason for each in planned):
                _warn_of_rows(site, family, templates)
            for each in planned:
                if each.family != family.name or each.reason:
                    continue
                if obstacle := _obstacle(site, family, each.month, templates):
                    refused[obstacle] = None
                    continue
                made = maker.make(family, each.month)
                result[each.table] = replace(each, made=made, reason="" if made else "exists")
                site.report(TableDone(each.table))
    if refused:
        for each in filter(lambda each: each.made, result.values()):
            site.report(Note(f"{each.table}: made"))
        raise Refused("\n".join(refused))
    site.report(Finished("premake", time.monotonic() - begun))
    return tuple(result.values())


def _referred_first(
    families: Mapping[str, Family], templates: Mapping[str, Structure]
) -> tuple[Family, ...]:
    """The families, each behind those that its foreign keys refer to."""
    ordered: dict[str, Family] = {}

    def visit(family: Family, below: frozenset[str]) -> None:
        for other in _referred(family, families, templates):
            if other.name not in below | ordered.keys():
                visit(other, below | {family.name})
        ordered.setdefault(family.name, family)

    for family in families.values():
        visit(family, frozenset())
    return tuple(ordered.values())


def _referred(
    family: Family, families: Mapping[str, Family], templates: Mapping[str, Structure]
) -> Iterator[Family]:
    keys = templates[family.template].foreign_keys if family.template in templates else ()
    tables = {key.table for key in keys}
    return (other for other in families.values() if other.template in tables)


def _obstacle(site: Site, family: Family, month: Month, templates: Mapping[str, Structure]) -> str:
    """Why a month cannot be made, "" where it can."""
    if family.template not in templates:
        return _without_template(family)
    present = site.database.dialect.table_names(site.connection)
    for other in _referred(family, site.families, templates):
        if (table := other.table_name(month)) not in present:
            return (
                f"{family.table_name(month)} refers to {table}, which is missing: run 'shardctl "
                f"premake {other.name}' first, or 'shardctl premake' for all"
            )
    return ""


def _warn_of_rows(site: Site, family: Family, templates: Mapping[str, Structure]) -> None:
    if family.template in templates and has_rows(site, family.template):
        site.report(
            Note(
                f"template {family.template} has rows: an application writes to the family's own "
                "name; months are made without them"
            )
        )
