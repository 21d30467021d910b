"""What is there of a family before it is adopted: its months, and the one to start from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from shardctl.catalog import Member, Roster, rosters
from shardctl.config import Config
from shardctl.errors import ConfigError, Refused
from shardctl.family import Family
from shardctl.migrate.site import Site
from shardctl.month import Month, spans
from shardctl.structure import SELF
from shardctl.suffix import Suffix

SUFFIXES = ("_%Y%m", "_%Y_%m", "_%Y-%m", "_%y%m", "_%Y_%-m")
"""Those that are tried for a family that the configuration does not declare."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A family as it is found.

    Attributes:
        declared: whether the configuration has it.
        source: the month that the template is to be like.
    """

    family: Family
    declared: bool
    roster: Roster
    source: Member


def survey(
    site: Site, config: Config, name: str, from_month: Month | None, now: datetime | None
) -> Survey:
    """Find a family's months; where it is not declared, by the suffix that most of them bear.

    Raises:
        Refused: there is no month of it, or not the one named.
        ConfigError: two suffixes fit equally well.
    """
    tables = site.database.dialect.table_names(site.connection)
    family = config.families.get(name) or _family(config, name, tables)
    roster = rosters({**config.families, name: family}, tables)[name]
    if not roster.months:
        looked = [name + family.suffix.format(Month(2026, 1))]
        raise _none(name, looked, roster)
    return Survey(family, name in config.families, roster, _source(roster, from_month, now))


def strangers(site: Site, found: Survey) -> tuple[str, ...]:
    """Month tables of other families, not adopted yet, that the source's foreign keys refer to."""
    assert found.source.month is not None
    structure = site.database.dialect.structures(site.connection, [found.source.table])
    known = {family.table_name(found.source.month) for family in site.families.values()}
    suffix = found.family.suffix.format(found.source.month)
    return tuple(
        key.table
        for key in structure[found.source.table].foreign_keys
        if key.table != SELF and key.table.endswith(suffix) and key.table not in known
    )


def _family(config: Config, name: str, tables: Collection[str]) -> Family:
    fitting: dict[int, list[Roster]] = {}
    candidates = [Family(name, config.timezone, Suffix(pattern)) for pattern in SUFFIXES]
    for family in candidates:
        roster = rosters({name: family}, tables)[name]
        fitting.setdefault(len(roster.months), []).append(roster)
    most = max(fitting)
    if most == 0:
        looked = [name + family.suffix.format(Month(2026, 1)) for family in candidates]
        raise _none(name, looked, fitting[0][0])
    if len(fitting[most]) > 1:
        patterns = " and ".join(repr(r.family.suffix.pattern) for r in fitting[most])
        raise ConfigError(
            f"{config.path}: the months of {name} fit {patterns} alike; say which it is, with "
            f'[families.{name}] and suffix = "…", and run adopt again'
        )
    return fitting[most][0].family


def _none(name: str, looked: Collection[str], roster: Roster) -> Refused:
    like = "".join(f"\n  {each.table}: {each.reason}" for each in roster.lookalikes[:5])
    return Refused(
        f"there is no month of {name}: looked for names such as {', '.join(looked)}; where they "
        f"have another form, declare [families.{name}] with its suffix and run adopt again{like}"
    )


def _source(roster: Roster, from_month: Month | None, now: datetime | None) -> Member:
    """The month named; by default the newest that is not in the future."""
    months = {member.month: member for member in roster.months if member.month}
    if from_month is not None:
        if from_month not in months:
            raise Refused(
                f"{roster.family.table_name(from_month)} does not exist; the months of "
                f"{roster.family.name} are {spans(months)}"
            )
        return months[from_month]
    current = roster.family.current_month(now)
    return months[max((month for month in months if month <= current), default=min(months))]
