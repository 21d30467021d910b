"""The database that a revision is carried out in: its tables as they are, and the way to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member, Roster, references, rosters
from shardctl.config import Config
from shardctl.dialects import LOCK_WAIT, Database, open_database
from shardctl.errors import AccessDenied, StepFailed
from shardctl.family import Family
from shardctl.month import Month
from shardctl.report import Report, silent
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Site:
    """One database and the families in it.

    Attributes:
        connection: reads structures, at `+00:00`.
        timezone: the zone for clauses on plain tables.
        lock_wait: how long a statement that changes a table waits for others' locks on it, in
            seconds.
    """

    database: Database
    families: Mapping[str, Family]
    timezone: str
    connection: Connection
    report: Report
    lock_wait: int = LOCK_WAIT

    def rosters(self) -> dict[str, Roster]:
        """What each family has now."""
        return rosters(self.families, self.database.dialect.table_names(self.connection))

    def look(self, members: Collection[Member]) -> dict[str, Structure]:
        """How tables look now, by their names, read in bulk; absent ones are left out.

        Foreign keys to the month of another family stand under that family's word, so that
        months compare equal.
        """
        found = self.database.dialect.structures(
            self.connection, [member.table for member in members]
        )
        words = {
            month: references(self.families, month)
            for month in {
                member.month
                for member in members
                if member.table in found and found[member.table].foreign_keys
            }
        }
        return {
            member.table: found[member.table].referring(words.get(member.month, {}))
            for member in members
            if member.table in found
        }

    def members(self, table: str) -> tuple[Member, ...]:
        """The tables that a clause on `table` goes to, in the order in which they get it.

        The template first, where a wrong statement fails at once and costs nothing; then the
        future months, which are empty, the history from the oldest on, and the current month
        last. A plain table goes to itself.
        """
        if table not in self.families:
            return (Member("", table),)
        family = self.families[table]
        template = Member(table, family.template)
        names = self.database.dialect.table_names(self.connection)
        return (template, *in_waves(rosters({table: family}, names)[table].months, family))

    def zone(self, table: str) -> str:
        """The time zone in which clauses on a table run."""
        return self.families[table].timezone if table in self.families else self.timezone


def in_waves(
    months: Iterable[Member], family: Family, now: datetime | None = None
) -> tuple[Member, ...]:
    """Month tables in the order in which a change reaches them: future, history, current.

    Args:
        now: an aware datetime in place of the clock's.
    """
    current = family.current_month(now or datetime.now(UTC))

    def order(member: Member) -> tuple[int, Month]:
        month = member.month or current
        return (0 if month > current else 1 if month < current else 2), month

    return tuple(sorted(months, key=order))


@contextmanager
def opened(
    config: Config, report: Report = silent, *, lock_wait: int = LOCK_WAIT
) -> Iterator[Site]:
    """The database of a configuration and its families, open for reading.

    Errors of the server that nothing inside the block gives a meaning get one here.

    Raises:
        ConfigError: the URL cannot be used.
        DatabaseUnavailable: the server does not answer or refuses us.
        AccessDenied: the server refused a statement for want of a privilege.
        StepFailed: it refused one for another reason.
    """
    database = open_database(config.url)
    try:
        with database.connect() as connection:
            yield Site(database, config.families, config.timezone, connection, report, lock_wait)
    except DBAPIError as error:
        words = database.dialect.words(error)
        if database.dialect.is_access_denied(error):
            raise AccessDenied(f"the server denies access: {words}") from error
        raise StepFailed(f"the server refused a statement: {words}; run again to go on") from error
