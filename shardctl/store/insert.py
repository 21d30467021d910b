"""The protocol: INSERT first; where the ID is there already, look at its row, under a shared lock.

Never a SELECT first: two sessions that both find nothing both insert, or, under FOR UPDATE,
deadlock. Never INSERT IGNORE, which cuts values and tells nothing. A shared lock suffices for
reading, and of two sessions that read after the same error neither waits for the other. A plain
SELECT would not do: under REPEATABLE READ it does not see a row committed since the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Connection,
    Index,
    Insert,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite

Row = Mapping[str, Any]

_ATTEMPTS = 3
_INSERT = "shardctl.store insert"
_UNIQUE = (PrimaryKeyConstraint, UniqueConstraint)


def insert_or_find(
    connection: Connection, table: Table, key: Sequence[str], values: Row
) -> Row | None:
    """Insert a row, or give the one that is there under its key; None where it was inserted.

    Args:
        key: the columns whose values no two rows of a month share.

    Raises:
        DBAPIError: as the server says it; a duplicate in another unique key, too.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            connection.execute(_into(table), dict(values))
            break
        except DBAPIError as error:
            if not is_duplicate(error):
                raise
            # Whichever key the server names: a repeated request violates all of them.
            if (found := find(connection, table, key, values)) is not None:
                return found
            # Not there: deleted since, which makes room for this one; or cut by a server that is
            # not strict, so that the duplicate is another ID.
            if attempt == _ATTEMPTS or not violates(error, table, key):
                raise
    return None


def _into(table: Table) -> Insert:
    """The INSERT of one row, the same object each time: SQLAlchemy knows it at once again."""
    kept: Insert | None = table.info.get(_INSERT)
    if kept is None or kept.table is not table:  # a copy of a table has its info, too
        kept = table.info[_INSERT] = insert(table)
    return kept


def insert_all(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that have the same columns by one statement: all of them, or none.

    Raises:
        DBAPIError: as the server says it.
    """
    connection.execute(insert(table).values([dict(row) for row in rows]))


def find(connection: Connection, table: Table, key: Sequence[str], values: Row) -> Row | None:
    """The row under a key as it was committed last, shared with other readers until COMMIT."""
    same = [table.c[name] == values[name] for name in key]
    row = connection.execute(select(table).where(*same).with_for_update(read=True)).first()
    return None if row is None else {c.key: row[n] for n, c in enumerate(table.c)}


def is_duplicate(error: DBAPIError) -> bool:
    """Whether a row with the same unique key is there already."""
    return mysql.is_duplicate_key(error) or sqlite.is_duplicate_key(error)


def violates(error: DBAPIError, table: Table, key: Sequence[str]) -> bool:
    """Whether an error about a duplicate speaks of this key, as far as the table declares it."""
    columns = sqlite.duplicate_key(error)
    if columns is not None:
        return set(columns) == {table.c[name].name for name in key}
    return mysql.duplicate_key(error) in _names(table, {table.c[name].name for name in key})


def unique_keys(table: Table) -> list[PrimaryKeyConstraint | UniqueConstraint | Index]:
    """All that keep two rows of a table from having the same values."""
    keys: list[PrimaryKeyConstraint | UniqueConstraint | Index]
    keys = [each for each in table.indexes if each.unique]
    keys += [each for each in table.constraints if isinstance(each, _UNIQUE)]
    return [each for each in keys if len(each.columns)]  # without columns there is no primary key


def _names(table: Table, key: set[str]) -> set[str | None]:
    """The names that a unique key over certain columns has in the database."""
    names: set[str | None] = set()
    for each in unique_keys(table):
        columns = [column.name for column in each.columns]
        if set(columns) != key:
            continue
        if each is table.primary_key:
            names.add("PRIMARY")
        else:
            names.add(str(each.name) if each.name else columns[0])  # as the server names it
    return names
