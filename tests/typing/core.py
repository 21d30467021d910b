"""Core as a user types it. `# E:` is what mypy says about the line, other lines are right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, assert_type

from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shardctl import DigitsGene, Family, Month
from shardctl.tables import MonthlyTable

orders = Family("t_order", key=("order_id",), gene=DigitsGene(0, "%Y%m%d"))
t_order = Table("t_order", MetaData(), Column("order_id", String(28), primary_key=True))


class Base(DeclarativeBase):
    pass


class Log(Base):
    __tablename__ = "t_log"
    log_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


table = MonthlyTable(orders, t_order)
january = Month(2020, 1)

assert_type(table.month(january), Table)
assert_type(table.for_id("2020010100000001"), Table)
assert_type(table.for_id(2020010100000001), Table)
assert_type(table.for_instant(datetime(2020, 1, 1, tzinfo=UTC)), Table)
assert_type(table.template, Table)
assert_type(MonthlyTable(orders, Log), MonthlyTable[Table])
assert_type(table.for_id("2020010100000001").c.order_id, Column[Any])


class OrderTable(Table):
    """A table of the user's own kind stays of that kind in every month."""


assert_type(MonthlyTable(orders, OrderTable("t_order", MetaData())).month(january), OrderTable)


def watched(engine: Engine, async_engine: AsyncEngine) -> None:
    table.watch(engine)
    table.watch(async_engine)


# The month was forgotten.
select(table)  # E: [call-overload]
print(table.c)  # E: [attr-defined]
table.insert()  # E: [attr-defined]
table.month()  # E: [call-arg]
table.for_instant()  # E: [call-arg]

# What names no month.
table.month(202001)  # E: [arg-type]
table.month("202001")  # E: [arg-type]
table.for_id(2020.0)  # E: [arg-type]
table.for_id(b"2020010100000001")  # E: [arg-type]
table.for_id(None)  # E: [arg-type]
table.for_instant("2020-01-01")  # E: [arg-type]

# What is no family, no gene, no table.
MonthlyTable("t_order", t_order)  # E: [call-overload]
MonthlyTable(orders, "t_order")  # E: [call-overload]
MonthlyTable(orders, t_order, siblings=[t_order])  # E: [list-item]
Family("t_order", gene="digits 0 %Y%m%d")  # E: [arg-type]
Family("t_order", key="order_id")  # E: [arg-type]
