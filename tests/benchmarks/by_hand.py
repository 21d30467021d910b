"""Reads of many months as somebody writes them with SQLAlchemy Core who has no library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Index,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    select,
    union_all,
)

SIZE: Final = 20
"""Of a page."""


@cache
def orders(name: str) -> Table:
    """A table of orders."""
    return Table(
        name,
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("status", Integer, nullable=False),
        Column("create_time", DateTime, nullable=False),
        Index(f"ix_{name}", "user_id", "create_time"),
    )


def page_of_one(
    name: str, user: int, *after: Any, range_: tuple[datetime, datetime] | None = None
) -> Select[Any]:
    """The newest orders of a user in a month, and one more: it tells whether there are more."""
    c = orders(name).c
    statement = select(c.order_id, c.coin, c.status, c.create_time).where(c.user_id == user)
    if range_:
        since, until = range_
        statement = statement.where(c.create_time >= since, c.create_time < until)
    if after:
        at, id = after
        earlier = (c.create_time < at) | ((c.create_time == at) & (c.order_id < id))
        statement = statement.where(earlier)
    return statement.order_by(c.create_time.desc(), c.order_id.desc()).limit(SIZE + 1)


def page_of_many(names: Sequence[str], user: int, wrapped: bool) -> Any:
    """The same of many months, of each of which no more than a page is read."""
    branches: list[Any] = [page_of_one(name, user) for name in names]
    if wrapped:
        branches = [select(branch.subquery()) for branch in branches]
    union = union_all(*branches)
    c = union.selected_columns
    return union.order_by(c.create_time.desc(), c.order_id.desc()).limit(SIZE + 1)


def rows_by_id(connection: Connection, family: str, ids: Sequence[str]) -> Sequence[Any]:
    """A statement for each month, which the IDs begin with, and the rows in the order of those."""
    grouped: dict[str, list[str]] = {}
    for id in ids:
        grouped.setdefault(id[:6], []).append(id)
    rows: dict[str, Any] = {}
    for month, those in grouped.items():
        table = orders(f"{family}_{month}")
        found = connection.execute(select(table).where(table.c.order_id.in_(those)))
        rows |= {row.order_id: row for row in found}
    return [rows[id] for id in ids]
