"""What is asked of information_schema, the whole of a database or some of its tables at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row

from shardctl.dialects.mysql.server import Server

FEW = 200
"""Up to so many tables are asked for by name; of more, all rows are read and sifted here."""

TABLES = "TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
"""Tables, MariaDB's system-versioned ones among them, but no views and no sequences."""

Rows: TypeAlias = dict[str, list[Row[Any]]]


def rows(connection: Connection, tables: Collection[str], query: str) -> Rows:
    """The rows of a query by table, which it gives as its column `table`.

    Args:
        query: a SELECT that ends in its conditions; it is sent once, whatever `tables` are.
    """
    found: Rows = defaultdict(list)
    wanted = frozenset(tables)
    if not wanted:
        return found
    values: tuple[str, ...] = ()
    if len(wanted) <= FEW:
        values = tuple(wanted)
        query += f" AND TABLE_NAME IN ({', '.join(['%s'] * len(values))})"
    for row in connection.exec_driver_sql(query, values):
        if row.table in wanted:  # the server may take no account of case
            found[row.table].append(row)
    return found


def queries(server: Server) -> dict[str, str]:
    """What is asked, by part.

    Never CARDINALITY and the like, for which the server opens every table. No ORDER BY, as
    servers sort such rows slowly.
    """
    if server.is_mariadb:
        srid, expression, invisible = "NULL", "NULL", "IGNORED = 'YES'"
        checks = """SELECT TABLE_NAME AS `table`, CONSTRAINT_NAME AS name, CHECK_CLAUSE AS clause,
                1 AS enforced
            FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()"""
    else:
        srid, expression, invisible = "SRS_ID", "EXPRESSION", "IS_VISIBLE = 'NO'"
        checks = """SELECT TABLE_NAME AS `table`, CONSTRAINT_NAME AS name, CHECK_CLAUSE AS clause,
                ENFORCED = 'YES' AS enforced
            FROM information_schema.TABLE_CONSTRAINTS
            JOIN information_schema.CHECK_CONSTRAINTS USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)
            WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_TYPE = 'CHECK'"""
    return {
        "tables": f"""SELECT TABLE_NAME AS `table`, TABLE_TYPE AS type, ENGINE AS engine,
                ROW_FORMAT AS row_format, TABLE_COLLATION AS collation, TABLE_COMMENT AS comment,
                CREATE_OPTIONS AS options
            FROM information_schema.TABLES WHERE {TABLES}""",
        "columns": f"""SELECT TABLE_NAME AS `table`, ORDINAL_POSITION AS position,
                COLUMN_NAME AS name, COLUMN_TYPE AS type, IS_NULLABLE = 'YES' AS nullable,
                COLUMN_DEFAULT AS `default`, CHARACTER_SET_NAME AS charset,
                COLLATION_NAME AS collation, EXTRA AS extra, GENERATION_EXPRESSION AS formula,
                COLUMN_COMMENT AS comment, {srid} AS srid
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()""",
        "indexes": f"""SELECT TABLE_NAME AS `table`, INDEX_NAME AS name, SEQ_IN_INDEX AS position,
                NON_UNIQUE AS several, INDEX_TYPE AS type, COLUMN_NAME AS `column`,
                {expression} AS expression, SUB_PART AS length, COLLATION = 'D' AS descending,
                {invisible} AS invisible, INDEX_COMMENT AS comment
            FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()""",
        "checks": checks,
        "keys": """SELECT TABLE_NAME AS `table`, CONSTRAINT_NAME AS name,
                ORDINAL_POSITION AS position, COLUMN_NAME AS `column`,
                NULLIF(REFERENCED_TABLE_SCHEMA, DATABASE()) AS other_schema,
                REFERENCED_TABLE_NAME AS referred, REFERENCED_COLUMN_NAME AS reference
            FROM information_schema.KEY_COLUMN_USAGE
            WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL""",
        "rules": """SELECT TABLE_NAME AS `table`, CONSTRAINT_NAME AS name,
                UPDATE_RULE AS on_update, DELETE_RULE AS on_delete
            FROM information_schema.REFERENTIAL_CONSTRAINTS
            WHERE CONSTRAINT_SCHEMA = DATABASE()""",
        "partitions": """SELECT TABLE_NAME AS `table`, PARTITION_ORDINAL_POSITION AS position,
                SUBPARTITION_ORDINAL_POSITION AS subposition, PARTITION_METHOD AS method,
                PARTITION_EXPRESSION AS expression, SUBPARTITION_METHOD AS submethod,
                SUBPARTITION_EXPRESSION AS subexpression, PARTITION_NAME AS name,
                SUBPARTITION_NAME AS subname, PARTITION_DESCRIPTION AS description,
                PARTITION_COMMENT AS comment
            FROM information_schema.PARTITIONS
            WHERE TABLE_SCHEMA = DATABASE() AND PARTITION_NAME IS NOT NULL""",
    }
