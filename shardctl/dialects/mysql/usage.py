"""What is asked before a table is changed: whether it has rows of a kind, whether an index is used.

MySQL counts the rows read by each index in performance_schema, since the server's start. MariaDB
has that off by default; there userstat=ON counts the same.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.base.sending import send
from shardctl.dialects.mysql import errors
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Statement

# https://dev.mysql.com/doc/refman/8.4/en/performance-schema-table-wait-summary-tables.html
_IS_INSTRUMENTED: Final = """
SELECT COUNT(*) FROM performance_schema.setup_instruments i, performance_schema.setup_consumers c
WHERE i.NAME = 'wait/io/table/sql/handler' AND i.ENABLED = 'YES'
  AND c.NAME = 'global_instrumentation' AND c.ENABLED = 'YES'
"""
_LOST: Final = "SHOW GLOBAL STATUS LIKE 'Performance_schema_index_stat_lost'"
_READS: Final = """
SELECT OBJECT_NAME, COUNT_READ FROM performance_schema.table_io_waits_summary_by_index_usage
WHERE OBJECT_TYPE = 'TABLE' AND OBJECT_SCHEMA = DATABASE() AND INDEX_NAME = %s
"""

# https://mariadb.com/kb/en/user-statistics/
_STATISTICS: Final = """
SELECT TABLE_NAME, ROWS_READ FROM information_schema.INDEX_STATISTICS
WHERE TABLE_SCHEMA = DATABASE() AND INDEX_NAME = %s
"""


def has(connection: Connection, server: Server, query: str, seconds: float) -> bool | None:
    """Whether a SELECT gives a row; None where that cannot be told (see `Dialect.has`)."""
    if server.is_mariadb:
        limited = f"SET STATEMENT max_statement_time = {seconds:.3f} FOR {query}"
    else:
        hint = f"SELECT /*+ MAX_EXECUTION_TIME({max(int(seconds * 1000), 1)}) */"
        limited = hint + query.removeprefix("SELECT")
    try:
        return send(connection, Statement(limited)).first() is not None
    except DBAPIError as error:
        if (
            errors.is_interrupted(error)
            or errors.is_lock_timeout(error)
            or errors.is_access_denied(error)
        ):
            return None
        raise


def index_reads(
    connection: Connection, server: Server, tables: Collection[str], index: str
) -> dict[str, int] | None:
    """By table, the rows read by an index; None where that is not counted or not to be read."""
    try:
        if connection.exec_driver_sql(_IS_INSTRUMENTED).scalar_one():
            lost = connection.exec_driver_sql(_LOST).first()
            if lost and int(lost[1]):  # there was no room for some indexes
                return None
            query = _READS
        elif server.is_mariadb and connection.exec_driver_sql("SELECT @@userstat").scalar_one():
            query = _STATISTICS
        else:
            return None
        found = connection.exec_driver_sql(query, (index,)).all()
    except DBAPIError as error:
        if errors.is_access_denied(error):
            return None
        raise
    return {table: int(reads) for table, reads in found if table in tables}
