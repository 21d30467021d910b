"""Statements that take long wait longer for their table at the end, and no longer at the start.

ALTER TABLE wants its table to itself twice: at its beginning, and when it has built the index or
the new table. In both places it waits for those who use the table, and others wait behind it. At
the end the server loses hours of work when that was in vain; at the beginning, nothing. Both
waits have one time limit, so the first is gone through beforehand, by a statement that wants the
same lock and does nothing. Who comes in the moment between the two is waited for like at the end.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.clause import Algorithm, Clause
from shardctl.dialects import Dialect, Size
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.site import Site

LONG_FROM: Final = 64 * 1024 * 1024
"""Bytes of a table that takes more than a moment to be built anew, or to get an index."""

SMALL: Final = 4 * 1024 * 1024
"""Up to so many bytes a table is built anew in a moment, in a third of a second or so."""


class Sizes:
    """How big tables are, read for all of them when the first is asked for; by several threads."""

    def __init__(self, site: Site, tables: Collection[str]) -> None:
        self._site = site
        self._tables = tables
        self._found: Mapping[str, Size] | None = None

    def is_big(self, table: str) -> bool:
        """Whether it takes long to build a table, or an index on it; not where that is unknown."""
        if not self._site.database.dialect.algorithms:
            return False  # SQLite: there is one writer, and no wait at the end
        return (self._bytes(table) or 0) >= LONG_FROM

    def is_small(self, table: str) -> bool:
        """Whether that takes a moment; not where it is unknown."""
        size = self._bytes(table)
        return size is not None and size <= SMALL

    def _bytes(self, table: str) -> int | None:
        if self._found is None:
            with self._site.reading() as connection:
                self._found = self._site.database.dialect.sizes(connection, self._tables)
        size = self._found.get(table)
        return size.bytes if size else None


def may_be_long(clauses: Sequence[Clause], algorithm: Algorithm | None) -> bool:
    """Whether a statement takes the longer, the bigger its table is.

    Args:
        clauses: those that it carries out.
        algorithm: how; None: as the server chooses.
    """
    if any(clause.data or clause.presence for clause in clauses):
        return False
    return algorithm is None or algorithm.name != "INSTANT"


@contextmanager
def longer_wait(
    connection: Connection, dialect: Dialect, table: str, restraint: Restraint, mark: str
) -> Iterator[None]:
    """A block in which one long statement is sent; right before it nobody holds its table.

    Args:
        connection: the session that sends it; it waits as before afterwards.
        restraint: says how long each of the two waits is.
        mark: the comment by which the statements are found in the server's list.

    Raises:
        DBAPIError: others held the table at the beginning, or the statement failed; where it was
            lost at its end a note (`__notes__`) says so.
    """
    dialect.probe_table_lock(connection, table, mark)
    dialect.wait_for_tables(connection, max(restraint.lock_wait, restraint.lock_wait_long))
    begun = time.monotonic()
    try:
        yield
    except DBAPIError as error:
        if dialect.is_lock_timeout(error):
            error.add_note(
                f"after {time.monotonic() - begun:.0f} s, at its end, and what it had built is "
                "lost; a longer --lock-wait-long waits longer there"
            )
        raise
    finally:
        if not connection.invalidated:
            dialect.wait_for_tables(connection, restraint.lock_wait)
