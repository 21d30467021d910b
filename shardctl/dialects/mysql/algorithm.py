"""By which algorithm a server alters a table: asked of it on an empty copy.

The order is that of what it costs a table with rows: INSTANT changes metadata, MariaDB's NOCOPY
and MySQL's INPLACE may build an index, INPLACE may also write the table anew while others read
and write, LOCK=SHARED keeps writers out, COPY too. MySQL refuses INSTANT with LOCK=NONE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.clause import Algorithm, Names
from shardctl.dialects.base import execute
from shardctl.dialects.mysql import errors, text
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Statement

_INPLACE = Algorithm("INPLACE", "NONE")
_SHARED = Algorithm("INPLACE", "SHARED")
_COPY = Algorithm("COPY", rebuilds=True)
_MYSQL = (Algorithm("INSTANT"), _INPLACE, _SHARED, _COPY)
_MARIADB = (
    Algorithm("INSTANT", "NONE"),
    Algorithm("NOCOPY", "NONE"),
    replace(_INPLACE, rebuilds=True),
    _SHARED,
    _COPY,
)


def of(server: Server) -> tuple[Algorithm, ...]:
    """The algorithms of a server, the cheapest first.

    What MySQL does INPLACE may or may not rebuild the table; MariaDB's NOCOPY never does.
    """
    return _MARIADB if server.is_mariadb else _MYSQL


def ask(
    connection: Connection,
    server: Server,
    table: str,
    alter: Callable[[str, Algorithm], Statement],
    allowed: Sequence[Algorithm],
) -> Algorithm:
    """Alter a copy by the first of some algorithms that the server takes (see `Dialect.ask`)."""
    refused: DBAPIError | None = None
    for algorithm in allowed:
        try:
            if algorithm.name == "INPLACE" and not server.is_mariadb:
                return _inplace(connection, table, alter, algorithm)
            execute(connection, alter(table, algorithm))
        except DBAPIError as error:
            if not errors.is_algorithm_refused(error):
                raise
            refused = error
        else:
            return algorithm
    assert refused is not None, "no algorithm is allowed"
    raise refused


def _inplace(
    connection: Connection,
    table: str,
    alter: Callable[[str, Algorithm], Statement],
    algorithm: Algorithm,
) -> Algorithm:
    """Alter a copy in place, and see whether that rebuilt it."""
    before = _table_ids(connection, table)
    rebuilds = before is None and _is_refused_with_fulltext(connection, table, alter, algorithm)
    execute(connection, alter(table, algorithm))
    if before is not None:
        rebuilds = _table_ids(connection, table) != before
    return replace(algorithm, rebuilds=rebuilds)


def _table_ids(connection: Connection, table: str) -> str | None:
    """InnoDB's ids of a table and its partitions; None without the privilege to see them.

    A table that is rebuilt gets new ones.
    """
    query = (
        "SELECT COALESCE(GROUP_CONCAT(TABLE_ID ORDER BY TABLE_ID), '') "
        "FROM information_schema.INNODB_TABLES "
        "WHERE SUBSTRING_INDEX(SUBSTRING_INDEX(NAME, '/', -1), '#', 1) = %s"
    )
    try:
        return str(connection.exec_driver_sql(query, (table,)).scalar_one())
    except DBAPIError as error:
        if not errors.is_access_denied(error):
            raise
        return None


def _is_refused_with_fulltext(
    connection: Connection,
    table: str,
    alter: Callable[[str, Algorithm], Statement],
    algorithm: Algorithm,
) -> bool:
    """Whether the same is refused on a twin with a FULLTEXT index.

    MySQL rebuilds no such table without a lock: what it does in place on the copy and refuses
    on the twin rebuilds. Where no twin can be had (a partitioned table), nothing is known.
    """
    twin = f"{table}_fulltext"
    words = "ADD COLUMN shardctl_text TEXT, ADD FULLTEXT INDEX shardctl_text (shardctl_text)"
    source = text.definition(connection, table)
    try:
        execute(connection, text.copy(source, twin, Names(tag="_f")))
        execute(connection, Statement(f"ALTER TABLE {text.quote(twin)} {words}"))
        execute(connection, alter(twin, algorithm))
    except DBAPIError as error:
        if errors.is_connection_lost(error):
            raise
        return errors.is_algorithm_refused(error) and algorithm.lock == "NONE"
    finally:
        execute(connection, Statement(f"DROP TABLE IF EXISTS {text.quote(twin)}"))
    return False
