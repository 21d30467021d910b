"""The store under asyncio: the same code, by every driver that people use there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import greenlet_spawn

from shardctl.aio import call
from shardctl.errors import Conflict
from shardctl.store import Retry, Store
from shardctl.tables import MonthlyTable
from tests.integration.test_async import async_url, reached_by
from tests.integration.test_http import DECLARED, MONTH, ORDERS

__all__ = ["async_url"]  # a fixture

TABLE = MonthlyTable(ORDERS, DECLARED)
ROW = {"order_id": "2026112109364300000000000001", "user_id": 7, "coin": Decimal("19.90")}


def run(url: str, test: Callable[[AsyncEngine], Awaitable[None]]) -> None:
    """A test with an engine on a database that has one month."""

    async def main() -> None:
        async with reached(url) as engine:
            await test(engine)

    asyncio.run(main())


@asynccontextmanager
async def reached(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(TABLE.month(MONTH).create)
    try:
        yield engine
    finally:
        await engine.dispose()


async def count(connection: AsyncConnection) -> int:
    found: int = await connection.scalar(select(func.count()).select_from(TABLE.month(MONTH)))
    return found


def test_an_engine_creates_repeats_and_refuses(async_url: str) -> None:
    store = Store(TABLE, mutable=["status"])

    async def test(engine: AsyncEngine) -> None:
        kinds = [(await call(store.create, engine, ROW)).kind for _ in range(2)]
        assert kinds == ["created", "replayed"]
        with pytest.raises(Conflict) as caught:
            await call(store.create, engine, ROW | {"user_id": 8})
        assert caught.value.fields == {"user_id": (7, 8)}
        async with engine.connect() as connection:
            assert await count(connection) == 1

    run(async_url, test)


def test_a_connection_stays_in_the_callers_transaction(async_url: str) -> None:
    store = Store(TABLE, mutable=["status"])

    async def test(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            assert (await call(store.create, connection, ROW)).kind == "created"
            await connection.rollback()
        async with engine.begin() as connection:
            assert await count(connection) == 0
            assert (await call(store.create, connection, ROW)).kind == "created"
        async with engine.connect() as connection:
            assert await count(connection) == 1

    run(async_url, test)


def test_twenty_at_once_store_one_row(mysql_url: str) -> None:
    store = Store(TABLE, mutable=["status"])

    async def test(engine: AsyncEngine) -> None:
        tries = [call(store.create, engine, ROW) for _ in range(20)]
        kinds = sorted(outcome.kind for outcome in await asyncio.gather(*tries))
        assert kinds == ["created", *["replayed"] * 19]

    run(reached_by("asyncmy", mysql_url), test)


def test_others_run_while_the_store_pauses_between_attempts() -> None:
    ended = []

    async def pausing() -> None:
        await greenlet_spawn(Retry().sleep, 0.05)
        ended.append("pause")

    async def other() -> None:
        await asyncio.sleep(0)
        ended.append("other")

    async def test() -> None:
        await asyncio.gather(pausing(), other())

    asyncio.run(test())
    assert ended == ["other", "pause"]
