"""A row for a scratch copy, so that SQLite judges a clause as it will on a month with rows.

An empty table takes what a full one refuses: ADD COLUMN with NOT NULL and no default, with
DEFAULT CURRENT_TIMESTAMP, or STORED. See https://www.sqlite.org/lang_altertable.html#altertabaddcol
"""

from __future__ import annotations

from sqlalchemy import Connection

from shardctl.dialects.sqlite.parse import CreateTable, create_table
from shardctl.dialects.sqlite.read import definition
from shardctl.dialects.sqlite.text import quote


def populate(connection: Connection, table: str) -> None:
    """Put one row into a table in place of all others, and hold no CHECK against it from now on.

    It stands for any row and is none that the application would write: a CHECK says nothing
    about it, neither one of the table nor one that a revision adds.
    """
    create = create_table(definition(connection, table).create)
    columns = ", ".join(map(quote, create.stored))
    connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
    connection.exec_driver_sql(f"DELETE FROM {quote(table)}")
    connection.exec_driver_sql(
        f"INSERT INTO {quote(table)} ({columns}) VALUES ({', '.join(_values(create))})"
    )


def _values(create: CreateTable) -> list[str]:
    """Zero fits every column but a BLOB of a STRICT table, and is valid JSON."""
    return [
        "x''" if create.is_strict and [token.word for token in item.type] == ["BLOB"] else "0"
        for item in create.columns
        if not item.constraint("generated")
    ]
