"""Statements, sent exactly as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult

from shardctl.dialects.values import Statement


def send(connection: Connection, statement: Statement, mark: str = "") -> CursorResult[Any]:
    """Send one statement exactly as it is, and give its result.

    Without values the driver's own formatting is left out altogether: SQLAlchemy otherwise
    passes empty parameters, on which PyMySQL reads every `%` as a placeholder. The option is the
    statement's: a connection would keep it, and send SQLAlchemy's own `%%` as it is.

    Args:
        mark: a comment that is sent before the text, by which the statement can be found in the
            server's list of processes.
    """
    sql = f"/* {mark} */ {statement.sql}" if mark else statement.sql
    if statement.values:
        return connection.exec_driver_sql(sql, statement.values)
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def execute(connection: Connection, statement: Statement, mark: str = "") -> int:
    """Send one statement likewise; the number of rows that it changed."""
    return send(connection, statement, mark).rowcount


def text_of(statements: Sequence[Statement]) -> str:
    """Statements as a person reads them, one a line, without their values."""
    return ";\n".join(statement.sql for statement in statements)
