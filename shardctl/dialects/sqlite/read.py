"""Reading tables: one query for all of them, then their texts taken apart.

https://www.sqlite.org/schematab.html: the text is complete, ALTER TABLE edits it in place.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from shardctl.dialects.base.sending import send
from shardctl.dialects.sqlite.describe import describe
from shardctl.dialects.sqlite.parse import CreateIndex, create_index, create_table
from shardctl.dialects.sqlite.text import quote
from shardctl.dialects.values import Definition, Size, Statement
from shardctl.structure import Column, Structure

_INSTRUCTIONS = 10_000
"""Of SQLite's machine between two looks at the clock: less than a millisecond."""

_TABLES = """\
SELECT name FROM sqlite_master
WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"""
_TEXTS = """\
SELECT type, tbl_name, sql FROM sqlite_master
WHERE sql IS NOT NULL AND type IN ('table', 'index', 'trigger') ORDER BY rowid"""
_TEXTS_OF_ONE = """\
SELECT type, sql FROM sqlite_master
WHERE tbl_name = ? AND sql IS NOT NULL AND type IN ('table', 'index', 'trigger') ORDER BY rowid"""
_BYTES = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"
_TREES = "SELECT name, tbl_name FROM sqlite_master WHERE rootpage > 0"


def table_names(connection: Connection) -> tuple[str, ...]:
    """All tables of the file, without SQLite's own and without virtual ones."""
    return tuple(connection.exec_driver_sql(_TABLES).scalars())


def definition(connection: Connection, table: str) -> Definition:
    """The texts of one table, of its indexes and of its triggers, as SQLite keeps them."""
    texts = connection.exec_driver_sql(_TEXTS_OF_ONE, (table,)).all()
    creates = [sql for kind, sql in texts if kind == "table"]
    if not creates:  # let SQLite say so: no such table
        connection.exec_driver_sql(f"SELECT 1 FROM {quote(table)} LIMIT 0")
        raise ValueError(f"{table} is no table")
    return Definition(table, creates[0], tuple(sql for kind, sql in texts if kind != "table"))


def structures(connection: Connection, tables: Collection[str]) -> dict[str, Structure]:
    """How tables look, in one query; tables of the same text share one structure."""
    wanted = frozenset(tables)
    creates: dict[str, str] = {}
    indexes: dict[str, list[CreateIndex]] = {}
    names: dict[str, str] = {}
    for kind, table, sql in connection.exec_driver_sql(_TEXTS):
        if kind == "table":
            names[table.lower()] = table
        if table not in wanted:
            continue
        if kind == "table":
            creates[table] = sql
        elif kind == "index" and (index := create_index(sql)):
            indexes.setdefault(table, []).append(index)
    known: dict[str, Structure] = {}
    found: dict[str, Structure] = {}
    for table, sql in creates.items():
        # The table's own name further down in the text may be a value, or what a key refers to.
        alike = sql.count(table) == 1 and table not in indexes
        key = sql.replace(table, "") if alike else table
        if key not in known:
            known[key] = describe(table, create_table(sql), indexes.get(table, ()), names)
        found[table] = known[key]
    return found


def columns(connection: Connection, tables: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """The columns of tables, in one query; tables that do not exist are left out."""
    return {table: found.columns for table, found in structures(connection, tables).items()}


def sizes(connection: Connection, tables: Collection[str]) -> dict[str, Size]:
    """Rows by the highest rowid, which costs one look into the tree; bytes where dbstat is there.

    A rowid higher than the file has bytes is an ID of the application's own: it tells nothing
    of the number of rows, and neither does a table WITHOUT ROWID.
    """
    wanted = frozenset(tables)
    creates = {
        table: sql
        for kind, table, sql in connection.exec_driver_sql(_TEXTS)
        if kind == "table" and table in wanted
    }
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    file = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    used: dict[str, int] = {}
    if connection.exec_driver_sql(
        "SELECT sqlite_compileoption_used('ENABLE_DBSTAT_VTAB')"
    ).scalar_one():
        # Joined here: SQLite goes through the whole file once for each tree.
        table_of = {row[0]: row[1] for row in connection.exec_driver_sql(_TREES)}
        for name, held in connection.exec_driver_sql(_BYTES):
            table = table_of.get(name, name)
            used[table] = used.get(table, 0) + held
    return {
        table: Size(_rows(connection, table, sql, file), used.get(table))
        for table, sql in creates.items()
    }


def has(connection: Connection, query: str, seconds: float) -> bool:
    """Whether a SELECT gives a row; it is interrupted where it takes longer.

    SQLite asks now and then whether to go on: https://www.sqlite.org/c3ref/progress_handler.html
    """
    driver: Any = connection.connection.driver_connection
    until = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > until, _INSTRUCTIONS)
    try:
        return send(connection, Statement(query)).first() is not None
    finally:
        driver.set_progress_handler(None, 0)


def _rows(connection: Connection, table: str, create: str, file: int) -> int | None:
    if "without" in create.lower() and not create_table(create).has_rowid:
        return None
    sql = f"SELECT max(_rowid_) FROM {quote(table)}"
    highest: int = connection.exec_driver_sql(sql).scalar_one() or 0
    return highest if 0 <= highest <= file else None
