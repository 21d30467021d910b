"""What tables take up: rows and bytes, and the row versions that INSTANT changes have used."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors
from shardctl.dialects.mysql.information_schema import TABLES, rows
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Size


def sizes(connection: Connection, server: Server, tables: Collection[str]) -> dict[str, Size]:
    """Rows and bytes (data and indexes) of each table, by the server's statistics.

    MySQL would tell those of yesterday, which it keeps for information_schema_stats_expiry: a
    month that was empty then is a big one now.
    """
    if not server.is_mariadb:
        connection.exec_driver_sql("SET SESSION information_schema_stats_expiry = 0")
    found = rows(
        connection,
        tables,
        f"""SELECT TABLE_NAME AS `table`, TABLE_ROWS AS estimate, DATA_LENGTH + INDEX_LENGTH AS size
            FROM information_schema.TABLES WHERE {TABLES}""",
    )
    return {
        table: Size(
            None if row.estimate is None else int(row.estimate),
            None if row.size is None else int(row.size),
        )
        for table, (row,) in found.items()
    }


def row_versions(connection: Connection, tables: Collection[str]) -> dict[str, int]:
    """The row versions that tables have used up, of a partitioned one's partitions the most.

    That takes the PROCESS privilege: without it nothing is found. InnoDB spells the names of
    files: `t@002d1` is `t-1`, and `#` stands before a partition.
    """
    query = (
        "SELECT NAME, TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES "
        "WHERE TOTAL_ROW_VERSIONS > 0"
    )
    schema = str(connection.exec_driver_sql("SELECT DATABASE()").scalar_one())
    try:
        read = connection.exec_driver_sql(query).all()
    except DBAPIError as error:
        if not errors.is_access_denied(error):
            raise
        return {}
    found = dict.fromkeys(tables, 0)
    for path, versions in read:
        database, _, file = path.partition("/")
        table = _unfiled(file.partition("#")[0])
        if _unfiled(database) == schema and table in found:
            found[table] = max(found[table], int(versions))
    return found


def _unfiled(name: str) -> str:
    """A name from that of its file.

    https://dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html
    """
    return re.sub("@([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), name)
