"""A month whose table is missing, told as what it is and with what makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite
from shardctl.errors import InvalidMonth, MonthMissing
from shardctl.family import Family
from shardctl.month import Month

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


def watch(engine: Engine | AsyncEngine, family: Family) -> None:
    """Let an engine raise `MonthMissing` where a statement meets a month that has no table."""

    def translate(context: ExceptionContext) -> MonthMissing | None:
        error, statement = context.sqlalchemy_exception, context.execution_context
        # `Inspector.has_table` asks by a DESCRIBE that fails, and asks to be left alone; SQLAlchemy
        # 2.1 looks for that among the connection's options, and not among the statement's.
        if statement and statement.execution_options.get("skip_user_error_events"):
            return None
        return missing(family, error) if isinstance(error, DBAPIError) else None

    event.listen(getattr(engine, "sync_engine", engine), "handle_error", translate)


def missing(family: Family, error: DBAPIError) -> MonthMissing | None:
    """What an error means where a family's month has no table; None where it is another one."""
    name = mysql.missing_table(error) or sqlite.missing_table(error)
    month = _month(family, name) if name else None
    return None if month is None else MonthMissing(_words(family, month))


def _month(family: Family, table: str) -> Month | None:
    if not table.startswith(family.name):
        return None
    try:
        return family.suffix.parse(table.removeprefix(family.name))
    except InvalidMonth:
        return None


def _words(family: Family, month: Month) -> str:
    ahead = month - family.current_month()
    command = f"shardctl premake {family.name}"
    if ahead < 0:
        command += " --fill-gaps"
    elif ahead > family.premake:
        command += f" --months {ahead}"
    return (
        f"{family.name} has no table for {month} ({family.table_name(month)}): '{command}' makes it"
    )
