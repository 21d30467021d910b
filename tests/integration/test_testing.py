"""What shardctl gives to the tests of applications."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, Index, MetaData, inspect

from shardctl import Family, Minter, Month, SnowflakeGene
from shardctl.store import Outcome, Store
from shardctl.tables import MonthlyTable
from shardctl.testing import (
    MovableClock,
    movable_clock,
    repeat_over_midnight,
    sqlite_months,
    stored,
)
from tests.integration.test_http import DECLARED, MONTH, ORDERS

__all__ = ["movable_clock", "sqlite_months"]  # fixtures

Made = Callable[[MonthlyTable[Any], Iterable[Month]], Engine]

TABLE = MonthlyTable(ORDERS, DECLARED)
NO_GENE = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time")
ROW = {"order_id": "2026113023595900000000000001", "user_id": 7, "coin": Decimal("1")}


def test_a_request_over_midnight_finds_its_first_row(
    sqlite_months: Made, movable_clock: MovableClock
) -> None:
    engine = sqlite_months(TABLE, [MONTH, MONTH + 1])
    store = Store(TABLE, mutable=["status"], clock=movable_clock)
    repeat_over_midnight(lambda: store.create(engine, ROW), movable_clock, TABLE, MONTH)
    assert stored(engine, TABLE, {"order_id": ROW["order_id"]}) == {MONTH: 1}


def test_a_program_that_takes_a_new_add_time_each_time_is_found_out(
    sqlite_months: Made, movable_clock: MovableClock
) -> None:
    table = MonthlyTable(NO_GENE, DECLARED)
    engine = sqlite_months(table, [MONTH, MONTH + 1])
    store = Store(table, mutable=["status"], clock=movable_clock)

    def create() -> Outcome:
        return store.create(engine, ROW | {"create_time": movable_clock()})

    with pytest.raises(AssertionError, match="stored a second time"):
        repeat_over_midnight(create, movable_clock, table, MONTH)
    assert stored(engine, table, {"user_id": 7}) == {MONTH: 1, MONTH + 1: 1}


def test_the_kit_wants_an_id_that_is_new(sqlite_months: Made, movable_clock: MovableClock) -> None:
    engine = sqlite_months(TABLE, [MONTH])
    store = Store(TABLE, mutable=["status"], clock=movable_clock)
    store.create(engine, ROW)
    with pytest.raises(AssertionError, match="take a new ID"):
        repeat_over_midnight(lambda: store.create(engine, ROW), movable_clock, TABLE, MONTH)


def test_months_have_their_indexes_and_what_stores_keep_in_the_ledger(
    sqlite_months: Made, movable_clock: MovableClock
) -> None:
    declared = DECLARED.to_metadata(MetaData())
    Index("status_time", declared.c.status, declared.c.create_time)
    table = MonthlyTable(ORDERS, declared)
    engine = sqlite_months(table, [MONTH, MONTH + 1])
    store = Store(table, state="status", reopen_from=[4], clock=movable_clock)
    store.create(engine, ROW | {"status": 4})
    assert store.create(engine, ROW | {"status": 1}).kind == "reopened"
    movable_clock.move_to(datetime(2026, 12, 2, tzinfo=UTC))
    assert [stuck.month for stuck in store.sweep(engine, states=[1])] == [MONTH]
    assert inspect(engine).get_indexes("t_order_202612")


def test_a_clock_is_moved_for_stores_and_minters_alike(movable_clock: MovableClock) -> None:
    movable_clock.move_to(datetime(2026, 11, 30, 16, tzinfo=UTC))
    movable_clock.let_pass(-timedelta(milliseconds=1))
    family = Family("t", timezone="Asia/Shanghai", gene=SnowflakeGene(41, (10,), 12))
    minted = Minter(family, worker=1, clock=movable_clock.nanoseconds)()
    assert family.month(id=minted.id, now=movable_clock()) == MONTH
    assert minted.instant == movable_clock()


def test_a_clock_takes_no_naive_time(movable_clock: MovableClock) -> None:
    with pytest.raises(ValueError, match="naive"):
        movable_clock.move_to(datetime(2026, 11, 30, 16))  # noqa: DTZ001
