"""The version of the ledger's tables, and how they come into being."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import Connection, Insert, Table, insert, inspect, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateTable

from shardctl.dialects import Dialect
from shardctl.errors import Refused
from shardctl.ledger.schema import LOCK, clause, heartbeat, lock, meta, metadata

VERSION: Final = 5
"""The version of the ledger's tables that this shardctl makes and reads."""

FAMILIES_SINCE: Final = 3
"""The version of the ledger that brought `shardctl_family`."""

LOG_SINCE: Final = 5
"""The version that brought `shardctl_log`, `shardctl_session`, and what clauses say in words."""

BACKFILLS_SINCE: Final = 5
"""The version of the ledger that brought `shardctl_backfill`."""

_SEEN: Final = "shardctl_version"
"""Under this the version stands in the `info` of a session that has read it."""


def version(connection: Connection) -> int | None:
    """The version of the ledger in this database; None where there is no ledger yet.

    Every read asks; a session is answered by the server once, and from then on by what it said:
    under the lock nobody else changes it, and who takes the lock asks anew (`ensure`).

    Raises:
        Refused: it is newer than this shardctl knows.
    """
    if connection.info.get(_SEEN) != VERSION:
        connection.info[_SEEN] = _version(connection)
    return cast("int | None", connection.info[_SEEN])


def _version(connection: Connection) -> int | None:
    known = select(meta.c.version).where(meta.c.name == "ledger")
    try:
        found: int | None = connection.scalar(known)
    except DBAPIError:
        if not inspect(connection).has_table(meta.name):
            return None
        found = connection.scalar(known)  # another has made it meanwhile
    if found is not None and found > VERSION:
        raise Refused(
            f"the ledger of this database has version {found}, made by a newer shardctl; this one "
            f"knows versions up to {VERSION}: upgrade shardctl on this machine"
        )
    return found


def ensure(connection: Connection, dialect: Dialect) -> None:
    """Make the ledger's tables where they are missing; for commands that write, never for reads.

    A ledger of an earlier version gets the tables and columns that it lacks. Several processes
    may do so at once. Where all is there, nothing but a read is done.

    Raises:
        Refused: the ledger is of a newer version than this shardctl knows.
    """
    if _version(connection) == VERSION:
        return
    for table in metadata.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
    _add_columns(connection, clause)
    for table, row in first_rows():
        _insert_once(connection, dialect, insert(table).values(row))
    older = update(meta).where(meta.c.name == "ledger", meta.c.version < VERSION)
    connection.execute(older.values(version=VERSION))


def first_rows() -> tuple[tuple[Table, dict[str, Any]], ...]:
    """What stands in a new ledger; the last of all its version, as it is complete with that."""
    nobody = {"fence": 0, "held": False, "token": "", "orphans": "", "command": "", "owner": ""}
    nobody |= {"host": "", "machine": "", "server": ""}
    return (
        (lock, {"name": LOCK, **nobody}),
        (heartbeat, {"name": LOCK, "fence": 0}),
        (meta, {"name": "ledger", "version": VERSION}),
    )


def _add_columns(connection: Connection, table: Table) -> None:
    """Add columns that a later version brought; another process may be adding them as well."""

    def present() -> set[str]:
        return {column["name"] for column in inspect(connection).get_columns(table.name)}

    there = present()
    for column in table.columns:
        if column.name in there:
            continue
        declared = CreateColumn(column).compile(dialect=connection.dialect)
        try:
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {declared}")
        except DBAPIError:
            if column.name not in present():
                raise


def _insert_once(connection: Connection, dialect: Dialect, row: Insert) -> None:
    try:
        connection.execute(row)
    except DBAPIError as error:
        if not dialect.is_duplicate_key(error):
            raise
