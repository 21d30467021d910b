"""Which tables belong to a family: its template and its months; and which only look so.

And whether all of them have a column, for applications that are about to name it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from shardctl.clause import Names
from shardctl.dialects import Dialect
from shardctl.dialects.bind import connected
from shardctl.dialects.columns import columns_present
from shardctl.errors import InvalidMonth
from shardctl.family import Family
from shardctl.month import Month

_TOOLS = {
    r"_gho|_ghc|_ghk|_del": "left by gh-ost",
    r"_new|_old": "left by pt-online-schema-change or spirit",
    r"_chkpnt": "left by spirit",
}


@dataclass(frozen=True, slots=True)
class Member:
    """One table of a family: a month's, or the template where `month` is None."""

    family: str
    table: str
    month: Month | None = None


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A table whose name resembles a family's, and why it is no month of it."""

    table: str
    reason: str


@dataclass(frozen=True, slots=True)
class Roster:
    """What a database holds of one family.

    Attributes:
        template: the template, None where it is absent.
        months: the month tables, in order of time.
        lookalikes: tables that are left alone, with the reason.
    """

    family: Family
    template: Member | None
    months: tuple[Member, ...]
    lookalikes: tuple[Lookalike, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """The template, where there is one, and the months."""
        return (self.template, *self.months) if self.template else self.months

    def gaps(self) -> tuple[Month, ...]:
        """The months that are missing between the first and the last that exist."""
        present = [member.month for member in self.months if member.month]
        if not present:
            return ()
        span = present[-1] - present[0]
        return tuple(m for m in (present[0] + n for n in range(span)) if m not in present)


def rosters(families: Mapping[str, Family], tables: Iterable[str]) -> dict[str, Roster]:
    """What each family has among the tables of a database.

    Membership is the family's name and a suffix that parses to a real month, nothing else:
    `t_order_item_202601` is no month of `t_order`, nor is `t_order_202613`.
    """
    names = sorted(tables)
    months = {name: _months(family, names) for name, family in families.items()}
    taken = {member.table for members in months.values() for member in members}
    taken |= {family.template for family in families.values()}
    return {
        name: Roster(
            family,
            Member(name, family.template) if family.template in names else None,
            months[name],
            tuple(
                Lookalike(table, reason)
                for table in names
                if table not in taken and (reason := _resemblance(family, table))
            ),
        )
        for name, family in families.items()
    }


def member_of(families: Mapping[str, Family], table: str) -> Member | None:
    """The member that a table's name would make it; None for a plain table's or a family's own."""
    for name, family in families.items():
        if table != name and (table == family.template or _months(family, [table])):
            return Member(name, table)
    return None


def names_for(families: Mapping[str, Family], member: Member, dialect: Dialect) -> Names:
    """The names that one member puts into a clause: a family's word means its own month there."""
    tables = {
        name: family.template if member.month is None else family.table_name(member.month)
        for name, family in families.items()
    }
    if member.month is None:
        return Names(tables)
    suffix = families[member.family].suffix.format(member.month)
    index_tag = "__" + suffix.lstrip("_") if dialect.index_names_per_database else ""
    return Names(tables, tag=suffix, index_tag=index_tag)


def references(families: Mapping[str, Family], month: Month | None) -> dict[str, str]:
    """For `Structure.referring`: the tables of one month, or the templates, under one word."""
    return {
        family.template if month is None else family.table_name(month): f"<{name}>"
        for name, family in families.items()
    }


def ready(bind: Engine | Connection, family: Family, column: str, *further: str) -> bool:
    """Whether an application may name columns in what it sends to a family's months.

    That is so when every month has them, and the template, of which new months are made. The live
    tables are asked, in one statement: cheap enough for the start of a process or a health check.
    Once it is so, it stays so until a downgrade.

    Args:
        bind: to the database with the family's tables; nothing is written.
        column: a column's name.
        further: more of them.

    Raises:
        UnsupportedServer: the database is none that shardctl knows.
    """
    return not lacking(bind, family, column, *further)


def lacking(
    bind: Engine | Connection, family: Family, column: str, *further: str
) -> dict[str, tuple[str, ...]]:
    """Which tables of a family have not all of some columns: those that each lacks, by table.

    The template comes first, then the months in order of time. A template that is absent lacks
    them all. The rest is as in `ready`.
    """
    columns = (column, *further)
    with connected(bind) as connection:
        present = columns_present(connection, columns, prefix=family.name, table=family.template)
    roster = rosters({family.name: family}, present)[family.name]
    tables = [family.template, *(member.table for member in roster.months)]
    missing = {
        table: tuple(each for each in columns if each not in present.get(table, ()))
        for table in tables
    }
    return {table: each for table, each in missing.items() if each}


def _months(family: Family, tables: Iterable[str]) -> tuple[Member, ...]:
    found: dict[Month, Member] = {}
    for table in tables:
        if table.startswith(family.name) and table != family.template:
            try:
                month = family.suffix.parse(table.removeprefix(family.name))
            except InvalidMonth:
                continue
            found[month] = Member(family.name, table, month)
    return tuple(found[month] for month in sorted(found))


def _resemblance(family: Family, table: str) -> str:
    if not (match := re.fullmatch(rf"_?{re.escape(family.name)}(.*)", table)):
        return ""
    rest = match[1]
    for pattern, reason in _TOOLS.items():
        if table.startswith("_") and re.search(rf"(?:{pattern})$", rest):
            return reason
    if not any(character.isdigit() for character in rest):
        return "" if rest and not table.startswith("_") else "no month in its name"
    for end in range(len(rest), 0, -1):
        try:
            family.suffix.parse(rest[:end])
        except InvalidMonth:
            continue
        return f"more than a month behind {family.name}: {rest[end:]!r}"
    return f"{rest!r} is no month of the form {family.suffix.pattern!r}"
