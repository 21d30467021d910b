"""Models as a user types them. `# E:` is what mypy says about the line, other lines are right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import assert_type

from sqlalchemy import BigInteger, ForeignKey, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    Session,
    foreign,
    mapped_column,
)

from shardctl import DigitsGene, Family, Month
from shardctl.tables import MonthlyModel, relationship

orders = Family("t_order", key=("order_id",), gene=DigitsGene(0, "%Y%m%d"))
items = Family("t_item", key=("item_id",), gene=DigitsGene(0, "%Y%m%d"))


class Base(DeclarativeBase):
    pass


class Order(MonthlyModel, Base):
    __family__ = orders

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    coin: Mapped[int]
    items: Mapped[list[Item]] = relationship(
        lambda: Item,
        back_populates="order",
        primaryjoin=lambda order, item: order.order_id == foreign(item.order_id),
    )


class Item(MonthlyModel, Base):
    __family__ = items

    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("t_order.order_id"))
    order: Mapped[Order] = relationship(lambda: Order, back_populates="items")


month = Month(2020, 1)
january = Order.at(month)

assert_type(january, type[Order])
assert_type(Order.for_id("2020010100000001"), type[Order])
assert_type(Order.for_instant(datetime(2020, 1, 1, tzinfo=UTC)), type[Order])
assert_type(january.coin, InstrumentedAttribute[int])
assert_type(january(order_id="2020010100000001", coin=3), Order)
assert_type(january(coin=3).items[0].order.coin, int)


def read(session: Session) -> None:
    assert_type(session.scalars(select(january).where(january.coin > 3)).one(), Order)
    assert_type(session.scalars(select(january.coin)).all()[0], int)
    assert_type(session.get(january, "2020010100000001"), Order | None)


async def read_async(session: AsyncSession) -> None:
    found = await session.scalars(select(january))
    assert_type(found.one(), Order)


def report(model: type[Order]) -> str:
    """What a user writes for any month."""
    return model.__name__


report(january)

# The month was forgotten.
Order(coin=3)  # E: [abstract]
report(Order)  # E: [type-abstract]
Order.at()  # E: [call-arg]
select(Order)  # not seen by mypy, since `select` takes more than classes; SQLAlchemy refuses it

# What names no month.
Order.at(202001)  # E: [arg-type]
Order.for_id(2020.0)  # E: [arg-type]
Order.for_instant("2020-01-01")  # E: [arg-type]

# Columns have their types in every month.
january(coin=3).coin = "3"  # E: [assignment]
print(january(coin=3).cion)  # E: [attr-defined]
print(january.cion)  # E: [attr-defined]
relationship(Item.at(month).order)  # E: [arg-type]


class Wrong(MonthlyModel, Base):
    __family__ = "t_order"  # E: [assignment]
