"""Orders that had ended invalid, tried again under their number as new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    select,
    text,
    update,
)

from shardctl import DigitsGene, Family, Month
from shardctl.errors import ConfigError, ShardctlError
from shardctl.ledger import schema
from shardctl.store import (
    Conflict,
    LedgerMissing,
    Neighbours,
    Outcome,
    OwnTransactionNeeded,
    Registry,
    Store,
)
from shardctl.tables import MonthlyTable

MONTH = Month(2026, 11)
PENDING, PAID, INVALID = 1, 2, 4
RACES = 50
ID = "2026113023595900000000000001"
AT = datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC)

DECLARED = Table(
    "t_order",
    MetaData(),
    Column("order_id", String(28), primary_key=True),
    Column("user_id", Integer, nullable=False, unique=True),
    Column("coin", Numeric(32, 2), nullable=False),
    Column("seal", LargeBinary(8)),
    Column("status", Integer, nullable=False, server_default="1"),
    Column("create_time", DateTime, nullable=False),
)
FAMILY = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    key=("order_id",),
    time="create_time",
)
ORDERS = MonthlyTable(FAMILY, DECLARED)
ROW = {"order_id": ID, "user_id": 7, "coin": Decimal("19.90"), "seal": b"\x00\xff"}


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=8)
    for table in (ORDERS.month(MONTH), ORDERS.month(MONTH + 1), schema.journal, schema.registry):
        table.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ"])
def in_transactions(engine: Engine, request: pytest.FixtureRequest) -> Engine:
    """An engine whose connections commit when they are told."""
    level = "SERIALIZABLE" if engine.dialect.name == "sqlite" else request.param
    return engine.execution_options(isolation_level=level)


def store_of(**changed: Any) -> Store:
    return Store(ORDERS, **{"state": "status", "reopen_from": (INVALID,), **changed})


def put_state(engine: Engine, state: int, month: Month = MONTH) -> None:
    with engine.begin() as connection:
        connection.execute(update(ORDERS.month(month)).values(status=state))


def stored(engine: Engine, month: Month = MONTH) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(ORDERS.month(month))).mappings()]


def kept(engine: Engine) -> list[dict[str, Any]]:
    """What the journal has."""
    with engine.connect() as connection:
        rows = connection.execute(select(schema.journal).order_by(schema.journal.c.id))
        return [dict(row) for row in rows.mappings()]


def test_an_order_that_ended_invalid_is_tried_again_as_new(engine: Engine) -> None:
    store = store_of()
    store.create(engine, ROW)
    put_state(engine, INVALID)
    new = ROW | {"coin": Decimal("25.00"), "create_time": AT + timedelta(hours=1)}
    outcome = store.create(engine, new)
    assert outcome.kind == "reopened"
    (row,) = stored(engine)
    assert outcome.row == row
    assert row == new | {"status": PENDING, "create_time": AT}
    assert store.create(engine, new).kind == "replayed"
    with pytest.raises(Conflict, match="coin"):
        store.create(engine, ROW)


def test_a_connection_that_commits_by_itself_would_keep_a_half(engine: Engine) -> None:
    store = store_of()
    store.create(engine, ROW)
    put_state(engine, INVALID)
    with engine.connect() as connection, pytest.raises(OwnTransactionNeeded):
        store.create(connection, ROW)
    assert kept(engine) == []


def test_the_journal_keeps_all_that_the_order_was(engine: Engine) -> None:
    store = store_of(secret=["coin"])
    store.create(engine, ROW)
    put_state(engine, INVALID)
    store.create(engine, ROW | {"coin": Decimal("25.00")})
    put_state(engine, INVALID)
    store.create(engine, ROW | {"coin": Decimal("30.00")})
    first, second = kept(engine)
    assert (first["family"], first["month"], first["order_id"]) == ("t_order", "202611", ID)
    assert abs(datetime.now(UTC) - first["reopened_at"]) < timedelta(minutes=5)
    assert json.loads(first["row"]) == {
        "order_id": ID,
        "user_id": 7,
        "coin": "19.90",
        "seal": "00ff",
        "status": INVALID,
        "create_time": "2026-11-30T15:59:59+00:00",
    }
    assert json.loads(second["row"])["coin"] == "25.00"


def test_an_order_in_another_state_is_judged_as_ever(engine: Engine) -> None:
    store = store_of()
    store.create(engine, ROW)
    put_state(engine, PAID)
    assert store.create(engine, ROW).kind == "replayed"
    with pytest.raises(Conflict, match="coin"):
        store.create(engine, ROW | {"coin": Decimal("1")})
    assert stored(engine)[0]["status"] == PAID
    assert kept(engine) == []


def test_without_reopen_from_an_invalid_order_stays_what_it_is(engine: Engine) -> None:
    store = Store(ORDERS, state="status")
    store.create(engine, ROW)
    put_state(engine, INVALID)
    assert store.create(engine, ROW).kind == "replayed"
    assert stored(engine)[0]["status"] == INVALID


def test_a_request_that_is_invalid_itself_is_a_repetition(engine: Engine) -> None:
    store = store_of()
    imported = ROW | {"status": INVALID}
    assert [store.create(engine, imported).kind for _ in range(2)] == ["created", "replayed"]
    assert kept(engine) == []


def test_the_state_that_is_given_is_taken(engine: Engine) -> None:
    store = store_of()
    store.create(engine, ROW | {"status": INVALID})
    assert store.create(engine, ROW | {"status": PAID}).row["status"] == PAID
    assert stored(engine)[0]["status"] == PAID


def test_of_two_who_reopen_at_once_one_does(in_transactions: Engine) -> None:
    engine, store = in_transactions, store_of()
    for number in range(RACES):
        row = ROW | {"order_id": f"20261130235959{number:014d}", "user_id": number}
        store.create(engine, row | {"status": INVALID})
        together = Barrier(2)

        def reopen(coin: int, row: dict[str, Any] = row, together: Barrier = together) -> Any:
            together.wait(timeout=30)
            try:
                return store.create(engine, row | {"coin": Decimal(coin)})
            except Conflict as conflict:
                return conflict

        coins = (1, 1) if number % 2 else (1, 2)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(reopen, coins))
        kinds = sorted(r.kind if isinstance(r, Outcome) else "conflict" for r in results)
        assert kinds == (["reopened", "replayed"] if number % 2 else ["conflict", "reopened"])
        done = next(i for i, r in enumerate(results) if getattr(r, "kind", "") == "reopened")
        assert results[done].row["coin"] == coins[done]
    assert len(kept(engine)) == RACES
    assert {row["status"] for row in stored(engine)} == {PENDING}


def test_reopening_within_the_callers_transaction_is_undone_with_it(
    in_transactions: Engine,
) -> None:
    engine, store = in_transactions, store_of()
    store.create(engine, ROW | {"status": INVALID})
    with engine.connect() as connection:
        assert store.create(connection, ROW).kind == "reopened"
        connection.rollback()
    assert (stored(engine)[0]["status"], kept(engine)) == (INVALID, [])
    with engine.begin() as connection:
        assert store.create(connection, ROW).kind == "reopened"
    assert (stored(engine)[0]["status"], len(kept(engine))) == (PENDING, 1)


def test_a_value_that_another_row_has_leaves_all_as_it_was(in_transactions: Engine) -> None:
    engine, store = in_transactions, store_of()
    store.create(engine, ROW | {"status": INVALID})
    store.create(engine, ROW | {"order_id": ID[:-1] + "2", "user_id": 8})
    with engine.connect() as connection:
        with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
            store.create(connection, ROW | {"user_id": 8})
        connection.commit()
    assert kept(engine) == []
    assert [row["user_id"] for row in stored(engine)] == [7, 8]


def test_without_a_journal_nothing_is_reopened(in_transactions: Engine) -> None:
    engine, store = in_transactions, store_of()
    schema.journal.drop(engine)
    store.create(engine, ROW | {"status": INVALID})
    with engine.connect() as connection:
        with pytest.raises(LedgerMissing, match="shardctl upgrade"):
            store.create(connection, ROW)
        connection.commit()
    assert stored(engine)[0]["status"] == INVALID


@pytest.mark.parametrize("placing", [Neighbours(), Registry()])
def test_an_order_is_reopened_in_the_month_where_it_is(engine: Engine, placing: Any) -> None:
    family = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time")
    table = MonthlyTable(family, DECLARED)
    store = Store(table, state="status", reopen_from=(INVALID,), placing=placing)
    store.create(engine, ROW | {"create_time": AT})
    put_state(engine, INVALID)
    later = ROW | {"create_time": AT + timedelta(minutes=1), "coin": Decimal("5.00")}
    outcome = store.create(engine, later)
    assert (outcome.kind, outcome.month) == ("reopened", MONTH)
    assert stored(engine) == [ROW | {"create_time": AT, "coin": Decimal("5.00"), "status": PENDING}]
    assert stored(engine, MONTH + 1) == []
    assert store.create(engine, later).kind == "replayed"
    assert len(kept(engine)) == 1


def test_a_state_that_cannot_be_reopened_is_refused() -> None:
    with pytest.raises(ConfigError, match="new rows of t_order have status 1"):
        store_of(reopen_from=(PENDING, INVALID))
    for one in (INVALID, "invalid"):
        with pytest.raises(ConfigError, match="a list of states"):
            store_of(reopen_from=one)
    for state in ("", "colour"):
        with pytest.raises(ShardctlError, match="column"):
            store_of(state=state)


def test_columns_that_are_not_given_again_are_as_in_a_new_row(url: str) -> None:
    declared = Table(
        "t_order",
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("note", String(9)),
        Column("kind", Integer, nullable=False, server_default="3"),
        Column("rank", Integer, nullable=False, server_default=text("4")),
        Column("size", Integer, default=5),
        Column("reason", String(9)),
        Column("status", Integer, nullable=False, server_default=text("1")),
    )
    table = MonthlyTable(Family("t_order", gene=FAMILY.gene, length=(28,)), declared)
    engine = create_engine(url)
    for each in (table.month(MONTH), schema.journal):
        each.create(engine)
    store = Store(table, state="status", reopen_from=(INVALID,), mutable=("reason",))
    given = {"note": "x", "kind": 30, "rank": 40, "size": 50, "reason": "no money"}
    store.create(engine, {"order_id": ID, "status": INVALID, **given})
    outcome = store.create(engine, {"order_id": ID})
    assert outcome.kind == "reopened"
    assert list(outcome.row.values()) == [ID, None, 3, 4, 5, None, PENDING]
    assert store.create(engine, {"order_id": ID}).kind == "replayed"
    engine.dispose()


def test_a_state_without_a_known_default_has_to_be_given(url: str) -> None:
    declared = Table(
        "t_order",
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("status", Integer, nullable=False, default=lambda: PENDING),
    )
    table = MonthlyTable(Family("t_order", gene=FAMILY.gene, length=(28,)), declared)
    engine = create_engine(url)
    for each in (table.month(MONTH), schema.journal):
        each.create(engine)
    store = Store(table, state="status", reopen_from=(INVALID,))
    store.create(engine, {"order_id": ID, "status": INVALID})
    with pytest.raises(ConfigError, match="give its status"):
        store.create(engine, {"order_id": ID})
    assert store.create(engine, {"order_id": ID, "status": 1}).kind == "reopened"
    engine.dispose()
