"""A family of orders whose IDs bear their second, and its tables in two months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    select,
)

from shardctl import DigitsGene, Family, Month
from shardctl.tables import MonthlyTable

JANUARY, FEBRUARY = Month(2020, 1), Month(2020, 2)
NOON: Final = datetime(2020, 1, 21, 4, tzinfo=UTC)  # in Shanghai
MODES: Final[dict[str, dict[str, Any]]] = {
    "normal": {},
    "autocommit": {"isolation_level": "AUTOCOMMIT"},
    "autocommit of the driver": {"connect_args": {"autocommit": True}},
}
"""How an engine may commit: each statement by itself, or not."""

FAMILY: Final = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    key=("order_id",),
    time="create_time",
)


def orders(family: Family = FAMILY, *more: Any, time: Any = None) -> MonthlyTable[Table]:
    """Tables of orders with further columns, and with a time column of another type."""
    return MonthlyTable(
        family,
        Table(
            family.name,
            MetaData(),
            Column("order_id", String(28), primary_key=True),
            Column("user_id", Integer, nullable=False, default=0),
            Column("coin", Numeric(32, 2), nullable=False, default=Decimal(0)),
            Column("create_time", time or DateTime, nullable=False),
            *more,
        ),
    )


def items(*more: Any) -> MonthlyTable[Table]:
    """Tables of what orders consist of: a sibling family, with further columns."""
    return MonthlyTable(
        Family("t_item", timezone="Asia/Shanghai", gene=FAMILY.gene, key=("item_id",)),
        Table(
            "t_item",
            MetaData(),
            Column("item_id", String(28), primary_key=True),
            Column("order_id", String(28), nullable=False),
            *more,
        ),
    )


def made(table: MonthlyTable[Table], engine: Engine, *months: Month) -> None:
    """Make a family's months."""
    for month in months or (JANUARY, FEBRUARY):
        table.month(month).create(engine)


def order_id(number: int, at: datetime = NOON) -> str:
    """An ID with the gene of an instant."""
    wall = at.astimezone(FAMILY.zone)
    return f"{wall:%Y%m%d%H%M%S}{number:014d}"


def order(number: int, at: datetime = NOON, /, **more: Any) -> dict[str, Any]:
    """A row as an application gives it."""
    return {"order_id": order_id(number, at), "user_id": number, "create_time": at, **more}


def stored(url: str, table: MonthlyTable[Table], *months: Month) -> list[str]:
    """The IDs that are committed."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [
                id
                for month in months or (JANUARY, FEBRUARY)
                for id in connection.scalars(
                    select(table.month(month).c.order_id).order_by("order_id")
                )
            ]
    finally:
        engine.dispose()


def later(seconds: float) -> datetime:
    """An instant after noon."""
    return NOON + timedelta(seconds=seconds)
