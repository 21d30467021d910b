"""What a store refuses before a database is asked, since it would store other than was meant."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
)

from shardctl import Family
from shardctl.errors import ConfigError
from shardctl.store import Store
from shardctl.tables import MonthlyTable
from tests.orders import FAMILY, order, orders


def store(*parts: Any, key: tuple[str, ...] = ("order_id",)) -> Store:
    family = Family("t_order", gene=FAMILY.gene, key=key, time="create_time")
    return Store(MonthlyTable(family, Table("t_order", MetaData(), *parts)))


def number() -> Column[Any]:
    return Column("id", BigInteger, primary_key=True)


def order_id(**more: Any) -> Column[Any]:
    return Column("order_id", String(28), nullable=False, **more)


def added(**more: Any) -> Column[Any]:
    return Column("create_time", DateTime, nullable=False, **more)


@pytest.mark.parametrize(
    "parts",
    [
        [number(), order_id(index=True), added()],
        [number(), order_id(), added(), UniqueConstraint("order_id", "create_time")],
        [order_id(), added()],
    ],
    ids=["an index", "a wider key", "none"],
)
def test_a_table_whose_ids_no_unique_key_holds_is_refused(parts: list[Any]) -> None:
    with pytest.raises(ConfigError, match="no primary or unique key on order_id"):
        store(*parts)


@pytest.mark.parametrize(
    "parts",
    [
        [number(), order_id(unique=True), added()],
        [number(), order_id(), added(), UniqueConstraint("order_id")],
        [number(), order_id(), added(), Index("ux", "order_id", unique=True)],
        [order_id(primary_key=True), added()],
        [order_id(primary_key=True), added(primary_key=True), UniqueConstraint("order_id")],
    ],
)
def test_any_unique_key_on_the_id_will_do(parts: list[Any]) -> None:
    store(*parts)


@pytest.mark.parametrize("key", [(), ("order_id", "create_time")])
def test_a_key_with_the_add_time_in_it_is_refused(key: tuple[str, ...]) -> None:
    parts = [added(primary_key=True), order_id(primary_key=True)]
    with pytest.raises(ConfigError, match="create_time is part of the key"):
        store(*parts, key=key)


@pytest.mark.parametrize("column", ["order_id", "create_time"])
def test_what_tells_where_a_row_is_cannot_be_mutable(column: str) -> None:
    with pytest.raises(ConfigError, match=f"{column} cannot be mutable"):
        Store(orders(), mutable=["user_id", column])


def test_a_column_that_the_table_has_not_is_refused_and_not_left_out() -> None:
    engine = create_engine("sqlite://")  # which nothing is sent to
    with pytest.raises(ConfigError, match="no column 'coins'"):
        Store(orders()).create(engine, order(1, coins="19.90"))
    with pytest.raises(ConfigError, match="no column 'coins'"):
        Store(orders(Family("t_order", key=("order_id",), time="create_time"))).create(
            engine, order(1, coins="19.90")
        )
    [failed] = Store(orders()).create_many(engine, [order(1, coins="19.90")])
    assert isinstance(failed, ConfigError)
    engine.dispose()
