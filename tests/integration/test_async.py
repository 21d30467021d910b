"""The same tables and models under asyncio, by every driver that people use there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    MetaData,
    String,
    Table,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, selectinload
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month
from shardctl.errors import InvalidId, MonthMissing
from shardctl.tables import MonthlyModel, MonthlyTable, relationship
from tests.servers import Server

GENE = DigitsGene(0, "%Y%m%d")
ORDERS = Family("t_order", key=("order_id",), gene=GENE)
ITEMS = Family("t_item", key=("item_id",), gene=GENE)
MONTHS = [Month(2020, 1) + n for n in range(4)]
IDS = [f"{month:%Y%m}01{1:020}" for month in MONTHS]


class Base(DeclarativeBase):
    pass


class Order(MonthlyModel, Base):
    __family__ = ORDERS

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    coin: Mapped[int]
    items: Mapped[list[Item]] = relationship(lambda: Item, back_populates="order")


class Item(MonthlyModel, Base):
    __family__ = ITEMS

    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("t_order.order_id"))
    order: Mapped[Order] = relationship(lambda: Order, back_populates="items")


@pytest.fixture(
    params=[
        ("sqlite", "aiosqlite"),
        ("mysql", "asyncmy"),
        ("mysql", "aiomysql"),
        ("mariadb", "asyncmy"),
        ("mariadb", "aiomysql"),
    ],
    ids="-".join,
)
def async_url(request: pytest.FixtureRequest) -> str:
    """An empty database, reached by a driver for asyncio."""
    database, driver = request.param
    return reached_by(driver, request.getfixturevalue(f"{database}_url"))


def reached_by(driver: str, url: str) -> str:
    """The same database by another driver, without what PyMySQL alone is told."""
    plain = make_url(url).difference_update_query(["ssl_disabled"])
    named = plain.set(drivername=f"{plain.get_backend_name()}+{driver}")
    return named.render_as_string(hide_password=False)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine, closed in the loop that used it."""
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        yield engine
    finally:
        await engine.dispose()


async def create(engine: AsyncEngine) -> None:
    """The months as a database has them."""
    async with engine.begin() as connection:
        for month in MONTHS:
            for model in (Order, Item):
                table = model.monthly_table().month(month)
                plain = [Column(column.name, column.type) for column in table.c]
                await connection.run_sync(Table(table.name, MetaData(), *plain).create)


def test_core_finds_a_row_by_its_id(async_url: str) -> None:
    orders = MonthlyTable(ORDERS, Base.metadata.tables["t_order"])

    async def run() -> list[int]:
        async with opened(async_url) as engine:
            await create(engine)
            async with engine.begin() as connection:
                for coin, order_id in enumerate(IDS):
                    values = {"order_id": int(order_id), "coin": coin}
                    await connection.execute(insert(orders.for_id(order_id)).values(values))
            async with engine.connect() as connection:
                found = []
                for order_id in IDS:
                    t = orders.for_id(order_id)
                    query = select(t.c.coin).where(t.c.order_id == int(order_id))
                    found.append((await connection.execute(query)).scalar_one())
                with pytest.raises(InvalidId):
                    await connection.execute(query.where(t.c.order_id == 1.5))
                return found

    assert asyncio.run(run()) == [0, 1, 2, 3]


def test_sessions_at_once_keep_their_months_apart(async_url: str) -> None:
    async def fill(engine: AsyncEngine, number: int) -> None:
        order_id, item = IDS[number], Item.at(MONTHS[number])
        async with AsyncSession(engine) as session, session.begin():
            items = [item(item_id=20200101000 + n) for n in range(number)]
            session.add(Order.for_id(order_id)(order_id=order_id, coin=number, items=items))

    async def read(engine: AsyncEngine, number: int) -> tuple[int, int, bool]:
        model = Order.at(MONTHS[number])
        async with AsyncSession(engine) as session:
            query = select(model).options(selectinload(model.items))
            found = (await session.scalars(query)).one()
            again = await session.get_one(model, IDS[number])
            return found.coin, len(found.items), again is found

    async def run() -> list[tuple[int, int, bool]]:
        async with opened(async_url) as engine:
            await create(engine)
            if engine.dialect.name == "sqlite":  # which has one writer
                for number in range(4):
                    await fill(engine, number)
            else:
                await asyncio.gather(*(fill(engine, number) for number in range(4)))
            return await asyncio.gather(*(read(engine, number) for number in range(4)))

    assert asyncio.run(run()) == [(n, n, True) for n in range(4)]


def test_the_same_id_in_two_months_is_two_objects(async_url: str) -> None:
    async def run() -> list[int]:
        async with opened(async_url) as engine:
            await create(engine)
            async with AsyncSession(engine, expire_on_commit=False) as session:
                pair = [Order.at(month)(order_id=IDS[0], coin=9) for month in MONTHS[:2]]
                session.add_all(pair)
                await session.commit()
                pair[0].coin = 10
                await session.commit()
                counts = [select(func.sum(Order.at(month).coin)) for month in MONTHS[:2]]
                return [int(await session.scalar(count) or 0) for count in counts]

    assert asyncio.run(run()) == [10, 9]


def test_a_missing_month_is_told_under_asyncio_too(async_url: str) -> None:
    async def core(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(select(Order.monthly_table().month(MONTHS[0])))

    async def orm(engine: AsyncEngine) -> None:
        async with AsyncSession(engine) as session:
            await session.get(Order.at(MONTHS[0]), IDS[0])

    async def run(ask: Callable[[AsyncEngine], Awaitable[None]]) -> None:
        async with opened(async_url) as engine:
            Order.monthly_table().watch(engine)
            await ask(engine)

    for ask in (core, orm):
        with pytest.raises(MonthMissing, match="t_order has no table for 2020-01"):
            asyncio.run(run(ask))


@pytest.fixture
def secured_url(mysql_url: str) -> Iterator[str]:
    """MySQL's database of a user who has a password, by its default `caching_sha2_password`."""
    url = make_url(mysql_url)
    user, password = f"u_{secrets.token_hex(6)}", secrets.token_hex(12)
    with Server("mysql", mysql_url).connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE USER {user} IDENTIFIED BY %s", (password,))
        cursor.execute(f"GRANT ALL ON {url.database}.* TO {user}")
        try:
            yield url.set(username=user, password=password).render_as_string(hide_password=False)
        finally:
            cursor.execute(f"DROP USER {user}")


@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
def test_a_driver_logs_in_with_mysql_s_default_password_plugin(
    secured_url: str, driver: str
) -> None:
    address = reached_by(driver, secured_url)

    async def run() -> int:
        async with opened(address) as engine, engine.connect() as connection:
            return (await connection.execute(select(func.abs(-7)))).scalar_one()

    assert asyncio.run(run()) == 7
