"""Tables as values, read in bulk: a fixed number of queries, however many tables there are.

SHOW CREATE TABLE is asked besides for the tables that have what information_schema does not
show, or shows wrongly (see `hidden`).

It does not show either, and nothing tells that a table has it: COLUMN_FORMAT, STORAGE and an
index's KEY_BLOCK_SIZE (without effect in InnoDB), AUTOEXTEND_SIZE, DATA DIRECTORY, TABLESPACE,
KEY ALGORITHM=1 of partitions, MariaDB's application-time periods, REF_SYSTEM_ID. Tables that
differ in one of these alone read as equal. Triggers are no part of a structure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Row

from shardctl.dialects.mysql import hidden
from shardctl.dialects.mysql.information_schema import TABLES, Rows, queries, rows
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.mysql.shape import columns_of, structure_of, without_implied_names
from shardctl.structure import Column, Structure


def table_names(connection: Connection) -> tuple[str, ...]:
    """The names of all tables of the database, MariaDB's system-versioned ones among them."""
    query = f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE {TABLES}"
    return tuple(sorted(connection.exec_driver_sql(query).scalars()))


def structures(
    connection: Connection, server: Server, tables: Collection[str]
) -> dict[str, Structure]:
    """How tables look (see `Dialect.structures`).

    Tables of which information_schema tells the same, word for word, share one structure.
    """
    if not tables:
        return {}
    read = _rows(connection, server, tables)
    known: dict[object, Structure] = {}
    found: dict[str, Structure] = {}
    for table in read["tables"]:
        own = {part: rows[table] for part, rows in read.items()}
        # A foreign key to the own table is told by its name.
        key = table if own["keys"] else tuple(map(_words, own.values()))
        if key not in known:
            known[key] = structure_of(own, server)
        found[table] = known[key]
    found |= hidden.completed(connection, found)
    return {table: without_implied_names(structure) for table, structure in found.items()}


def columns(connection: Connection, tables: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """The columns of tables, in one query; tables that do not exist are left out.

    Which server it is, SQLAlchemy has asked when it first connected.
    """
    known: Any = connection.dialect
    server = Server("mariadb" if known.is_mariadb else "mysql", known.server_version_info)
    found = rows(connection, tables, queries(server)["columns"])
    return {table: columns_of(those, server) for table, those in found.items()}


def _words(rows: Iterable[Row[Any]]) -> frozenset[tuple[Any, ...]]:
    """Rows without the name of their table, which is the first."""
    return frozenset(tuple(row)[1:] for row in rows)


def _rows(connection: Connection, server: Server, tables: Collection[str]) -> dict[str, Rows]:
    """What information_schema has of tables, by part; nothing is asked that cannot be there."""
    asked = queries(server)

    def read(part: str, tables: Collection[str] = tables) -> Rows:
        return rows(connection, tables, asked[part])

    found = {part: read(part) for part in ("tables", "columns", "indexes", "checks", "keys")}
    partitioned = [
        table for table, (head,) in found["tables"].items() if "partitioned" in (head.options or "")
    ]
    rules, partitions = read("rules", found["keys"]), read("partitions", partitioned)
    return found | {"rules": rules, "partitions": partitions}
