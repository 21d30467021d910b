"""Core as a user types it. `# E:` is what mypy says about the line, other lines are right."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, assert_type

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
    MetaData,
    Named,
    Select,
    String,
    Table,
    TypedColumns,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shardctl import DigitsGene, Family, Month
from shardctl.tables import InstantType, MonthlyTable

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


class Columns(TypedColumns):
    """Columns whose types mypy knows are known in every month."""

    order_id = Column(String(28), primary_key=True)
    coin: Named[int]
    create_time = Column(DateTime)


typed = MonthlyTable(orders, Table("t_order", MetaData(), Columns))
assert_type(typed.month(january), Table[Columns])
assert_type(typed.for_id("2020010100000001").c.coin, Column[int])
assert_type(typed.template.c.create_time, Column[datetime])
assert_type(
    select(typed.month(january).c.order_id, typed.month(january).c.create_time),
    Select[str, datetime],
)

instants = InstantType(DateTime(), orders.zone)
assert_type(instants.stored(datetime(2020, 1, 1, tzinfo=UTC)), date)


def watched(engine: Engine, async_engine: AsyncEngine) -> None:
    table.watch(engine)
    table.watch(async_engine)


# The month was forgotten.
select(table)  # E: [call-overload]
print(table.c)  # E: [attr-defined]
table.insert()  # E: [attr-defined]
table.month()  # E: [call-arg]
table.for_instant()  # E: [call-arg]
print(typed.c.coin)  # E: [attr-defined]

# What names no month.
table.month(202001)  # E: [arg-type]
table.month("202001")  # E: [arg-type]
table.for_id(2020.0)  # E: [arg-type]
table.for_id(b"2020010100000001")  # E: [arg-type]
table.for_id(None)  # E: [arg-type]
table.for_instant("2020-01-01")  # E: [arg-type]
table.for_instant(date(2020, 1, 1))  # E: [arg-type]
instants.stored("2020-01-01")  # E: [arg-type]

# What is no family, no gene, no table.
MonthlyTable("t_order", t_order)  # E: [call-overload]
MonthlyTable(orders, "t_order")  # E: [call-overload]
MonthlyTable(orders, t_order, siblings=[t_order])  # E: [list-item]
Family("t_order", gene="digits 0 %Y%m%d")  # E: [arg-type]
Family("t_order", key="order_id")  # E: [arg-type]
