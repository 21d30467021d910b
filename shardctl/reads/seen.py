"""What a database has of a family: its months and their columns, looked at once and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect

from shardctl.catalog import rosters
from shardctl.dialects.mysql import read as mysql
from shardctl.dialects.sqlite import read as sqlite
from shardctl.family import Family
from shardctl.month import Month
from shardctl.structure import Column
from shardctl.tables import MonthlyTable
from shardctl.tables.declared import named

NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """A family's tables as they were when they were looked at.

    Names of columns are in small letters: no server minds their case.

    Attributes:
        months: those that have a table, in order of time.
        columns: what each month has.
        template: the template's columns; empty where it is absent.
        unlike: the text columns of a month that have another collation than the template's,
            each with the template's; months that have none are left out.
        is_file: whether the database is SQLite's.
        starts: the first instant of each month, in UTC, and the one after the last month.
        has_gaps: whether months are missing between the first and the last.
        at: when that was, by the process's own clock.
    """

    months: tuple[Month, ...]
    columns: Mapping[Month, frozenset[str]]
    template: Mapping[str, Column]
    unlike: Mapping[Month, Mapping[str, tuple[Column, Column]]]
    is_file: bool
    starts: tuple[datetime, ...]
    has_gaps: bool
    at: float = field(default=0, compare=False)

    @classmethod
    def look(cls, connection: Connection, family: Family) -> Seen:
        """Look at a database: two statements, one on SQLite."""
        read = _reader(connection)
        roster = rosters({family.name: family}, read.table_names(connection))[family.name]
        found = read.columns(connection, [member.table for member in roster.members])
        names = {table: _names(columns) for table, columns in found.items()}
        there = [
            (member.month, names[member.table])
            for member in roster.months
            if member.month and member.table in names  # else it was dropped meanwhile
        ]
        template = {column.name.lower(): column for column in found.get(family.template, ())}
        unlike = {
            member.month: those
            for member in roster.months
            if member.month and (those := _unlike(found.get(member.table, ()), template))
        }
        months = tuple(month for month, _ in there)
        begin = [*months, *(month + 1 for month in months[-1:])]
        return cls(
            months=months,
            columns=dict(there),
            template=template,
            unlike=unlike,
            is_file=read is sqlite,
            starts=tuple(month.start(family.zone).astimezone(UTC) for month in begin),
            has_gaps=bool(months) and months[-1] - months[0] != len(months) - 1,
            at=monotonic(),
        )

    def lacking(self, month: Month, names: frozenset[str]) -> frozenset[str]:
        """Those of some columns that a month has not."""
        there = self.columns.get(month, NONE)
        return NONE if names <= there else names - there

    def stand_ins(
        self, month: Month, names: frozenset[str]
    ) -> frozenset[tuple[str, Column | None]]:
        """What a month lacks of some columns, each with the template's, which stands for it.

        Statements that agree in this are the same: another database may have other defaults.
        """
        lacking = self.lacking(month, names)
        return frozenset([(name, self.template.get(name)) for name in lacking])


class Sight:
    """What was last seen of a family in each database, the engine telling which; thread-safe.

    Nothing is asked of a database twice unless `again` is called. Engines that
    `Engine.execution_options` gives are one database.

    Attributes:
        time: the time column, of the template; None where the family names none.
    """

    def __init__(self, table: MonthlyTable[Any]) -> None:
        family = self.family = table.family
        self.time = named(table.template, family.time) if family.time else None
        self._seen: WeakKeyDictionary[Dialect, Seen] = WeakKeyDictionary()

    def __call__(self, connection: Connection) -> Seen:
        """What is known; where nothing is, the database is looked at."""
        return self._seen.get(connection.dialect) or self.again(connection)

    def again(self, connection: Connection) -> Seen:
        """Look at the database once more."""
        found = self._seen[connection.dialect] = Seen.look(connection, self.family)
        return found

    def holds(self, connection: Connection, seen: Seen, months: Collection[Month]) -> bool:
        """Whether months still have the columns that were seen; one statement."""
        names = {self.family.table_name(month): month for month in months}
        found = _reader(connection).columns(connection, names)
        return all(
            _names(found.get(table, ())) == seen.columns.get(month, NONE)
            for table, month in names.items()
        )


def _reader(connection: Connection) -> Any:
    return sqlite if connection.dialect.name == "sqlite" else mysql


def _names(columns: Collection[Column]) -> frozenset[str]:
    return frozenset(column.name.lower() for column in columns)


def _unlike(
    columns: Collection[Column], template: Mapping[str, Column]
) -> Mapping[str, tuple[Column, Column]]:
    """The text columns that have another collation than the template's, each with that one."""
    return {
        name: (column, declared)
        for column in columns
        if column.collation
        and (declared := template.get(name := column.name.lower()))
        and declared.collation not in (None, column.collation)
    }
