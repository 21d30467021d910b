"""The lock on a table that every ALTER TABLE needs for itself, at its beginning and at its end."""

from __future__ import annotations

from sqlalchemy import Connection

from shardctl.dialects.base import execute
from shardctl.dialects.mysql.text import quote
from shardctl.dialects.values import Statement


def wait(connection: Connection, seconds: int) -> None:
    """Set how long the session's statements wait for it, each time that they do."""
    connection.exec_driver_sql("SET SESSION lock_wait_timeout = %s", (seconds,))


def probe(connection: Connection, table: str, mark: str) -> None:
    """Have it for a moment, and change nothing: InnoDB's keys cannot be switched.

    Unlike this one, an ALTER TABLE of which nothing is asked takes no exclusive lock. It needs no
    privilege beyond ALTER.
    """
    execute(connection, Statement(f"ALTER TABLE {quote(table)} ENABLE KEYS"), mark)
