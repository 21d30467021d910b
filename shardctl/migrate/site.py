"""The database that a revision is carried out in: its tables as they are, and the way to them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member, Roster, references, rosters
from shardctl.config import Config
from shardctl.dialects import LOCK_WAIT, Database, Statement, open_database, send
from shardctl.errors import AccessDenied, StepFailed
from shardctl.family import Family
from shardctl.migrate.waves import in_order
from shardctl.report import Report, silent
from shardctl.structure import Structure

_ASKED_AT_ONCE: Final = 50
"""So many months are asked together whether they have rows."""


@dataclass(frozen=True, slots=True)
class Site:
    """One database and the families in it.

    Attributes:
        connection: reads structures, at `+00:00`; where several threads are at work, `reading`
            lends it to one at a time.
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
    _turn: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """The connection, for one thread alone."""
        with self._turn:
            yield self.connection

    def rosters(self) -> dict[str, Roster]:
        """What each family has now."""
        return rosters(self.families, self.database.dialect.table_names(self.connection))

    def look(self, members: Collection[Member]) -> dict[str, Structure]:
        """How tables look now, by their names, read in bulk; absent ones are left out.

        Foreign keys to the month of another family stand under that family's word, so that
        months compare equal.
        """
        with self.reading() as connection:
            found = self.database.dialect.structures(
                connection, [member.table for member in members]
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
        with self.reading() as connection:
            names = self.database.dialect.table_names(connection)
        return in_order((template, *rosters({table: family}, names)[table].months), family)

    def coldest(self, months: Sequence[Member]) -> Member | None:
        """The first of some months that has rows.

        The first of all, which most often has some, is asked alone; then many at once. None, too,
        where that cannot be read for another's lock.
        """
        dialect = self.database.dialect
        starts = range(1, len(months), _ASKED_AT_ONCE)
        batches = (months[:1], *(months[start : start + _ASKED_AT_ONCE] for start in starts))
        for asked in filter(None, batches):
            try:
                found = self._first_with_rows(asked)
            except DBAPIError as error:
                if not (dialect.is_lock_timeout(error) or dialect.is_missing_table(error)):
                    raise
                return None
            if found is not None:
                return asked[found]
        return None

    def _first_with_rows(self, months: Sequence[Member]) -> int | None:
        """The place of the first of them."""
        quote = self.database.dialect.quote
        has_rows = " UNION ALL ".join(  # as text: to compile it takes longer than to be told
            f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {quote(member.table)})"
            for number, member in enumerate(months)
        )
        with self.reading() as connection:
            return min(send(connection, Statement(has_rows)).scalars(), default=None)

    def zone(self, table: str) -> str:
        """The time zone in which clauses on a table run."""
        return self.families[table].timezone if table in self.families else self.timezone


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
