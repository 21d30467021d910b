"""Statements, sent exactly as they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from shardctl.dialects.values import Statement


def execute(connection: Connection, statement: Statement, mark: str = "") -> int:
    """Send one statement exactly as it is, and give the number of rows that it changed.

    Without values the driver's own formatting is left out altogether: SQLAlchemy otherwise
    passes empty parameters, on which PyMySQL reads every `%` as a placeholder.

    Args:
        mark: a comment that is sent before the text, by which the statement can be found in the
            server's list of processes.
    """
    sql = f"/* {mark} */ {statement.sql}" if mark else statement.sql
    if statement.values:
        return connection.exec_driver_sql(sql, statement.values).rowcount
    exact = {"no_parameters": True}
    return connection.exec_driver_sql(sql, execution_options=exact).rowcount


def text_of(statements: Sequence[Statement]) -> str:
    """Statements as a person reads them, one a line, without their values."""
    return ";\n".join(statement.sql for statement in statements)
