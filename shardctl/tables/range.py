"""Ranges of time: which months there are, and which rows of a month fall in."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection
from sqlalchemy.types import TypeEngine

from shardctl.catalog import rosters
from shardctl.dialects.mysql import read as mysql
from shardctl.dialects.sqlite import read as sqlite
from shardctl.family import Family
from shardctl.month import Month
from shardctl.tables.instant import InstantType


def existing(connection: Connection, family: Family) -> tuple[Month, ...]:
    """The family's months that have a table, in order."""
    read = sqlite if connection.dialect.name == "sqlite" else mysql
    roster = rosters({family.name: family}, read.table_names(connection))[family.name]
    return tuple(member.month for member in roster.months if member.month)


def not_before(column: Column[Any], instant: datetime) -> ColumnElement[bool]:
    """Rows whose time column holds this instant or a later one.

    Args:
        instant: aware, as exact as it likes: the column holds what is cut to its precision, and
            a day, a second that began before the instant is before it.
    """
    return column >= instant if holds(column.type, instant) else column > instant


def before(column: Column[Any], instant: datetime) -> ColumnElement[bool]:
    """Rows whose time column holds an earlier instant: all others than `not_before` gives."""
    return column < instant if holds(column.type, instant) else column <= instant


def holds(type_: TypeEngine[Any], instant: datetime) -> bool:
    """Whether a time column holds an instant as it is, and not cut."""
    if not isinstance(type_, InstantType):
        return True
    held = type_.stored(instant)
    if isinstance(held, datetime):
        return held == instant
    return instant.astimezone(type_.zone).time() == time.min
