"""Many rows at once: what came of each, in as few statements as may be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, String, create_engine, insert, text
from sqlalchemy.exc import IntegrityError

from shardctl import Month
from shardctl.errors import (
    Conflict,
    GeneMismatch,
    InDoubt,
    InvalidId,
    MonthMissing,
    NotStored,
    OwnTransactionNeeded,
    TransactionLost,
)
from shardctl.store import Neighbours, Store
from shardctl.store.transaction import Retry
from tests.breaking import breaking
from tests.orders import (
    FAMILY,
    FEBRUARY,
    JANUARY,
    MODES,
    NOON,
    made,
    order,
    order_id,
    orders,
    stored,
)
from tests.project import until

TABLE = orders()
STORE = Store(TABLE)
LATER = datetime(2020, 2, 3, tzinfo=UTC)  # February


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    made(TABLE, engine)
    yield engine
    engine.dispose()


def kinds(results: list[Any]) -> list[str]:
    """Outcomes by kind, errors by class."""
    return [getattr(each, "kind", type(each).__name__) for each in results]


def test_new_rows_of_two_months_are_stored_in_the_order_given(engine: Engine, url: str) -> None:
    rows = [order(3, LATER), order(2), order(4, LATER), order(1)]
    results = STORE.create_many(engine, rows)
    assert kinds(results) == ["created"] * 4
    assert [each.row["order_id"] for each in results] == [row["order_id"] for row in rows]
    assert [each.month for each in results] == [FEBRUARY, JANUARY, FEBRUARY, JANUARY]
    assert stored(url, TABLE, JANUARY) == [order_id(1), order_id(2)]
    assert stored(url, TABLE, FEBRUARY) == [order_id(3, LATER), order_id(4, LATER)]


def test_nothing_given_is_nothing_done(engine: Engine) -> None:
    assert STORE.create_many(engine, []) == []
    assert STORE.create_many(engine, iter([])) == []


def test_each_row_has_what_create_would_give_or_raise(engine: Engine, url: str) -> None:
    STORE.create(engine, order(1, coin=1))
    STORE.create(engine, order(2, coin=2))
    results = STORE.create_many(
        engine,
        [
            order(5),
            order(1, coin=1),
            order(2, coin=3),
            {**order(6), "create_time": NOON + timedelta(minutes=1)},
            {**order(1, coin=1), "create_time": NOON + timedelta(days=40)},
            {"order_id": "x"},
            order(7, datetime(2020, 3, 3, tzinfo=UTC)),
            order(4),
        ],
    )
    expected = "created replayed Conflict GeneMismatch replayed InvalidId MonthMissing created"
    assert kinds(results) == expected.split()
    conflict, missing = results[2], results[6]
    assert isinstance(conflict, Conflict)
    assert conflict.fields == {"coin": (2, 3)}
    assert isinstance(results[3], GeneMismatch)
    assert isinstance(results[5], InvalidId)
    assert isinstance(missing, MonthMissing)
    assert "2020-03" in str(missing)
    assert stored(url, TABLE) == [order_id(number) for number in (1, 2, 4, 5)]


def test_the_second_of_two_with_one_id_is_judged_against_the_first(
    engine: Engine, url: str
) -> None:
    rows = [order(1, coin=1), order(2), order(1, coin=1), order(1, coin=2), order(2)]
    results = STORE.create_many(engine, rows)
    assert kinds(results) == ["created", "created", "replayed", "Conflict", "replayed"]
    assert results[3].fields == {"coin": (1, 2)}  # type: ignore[union-attr]
    assert stored(url, TABLE) == [order_id(1), order_id(2)]


def test_a_batch_repeated_is_replayed(engine: Engine) -> None:
    rows = [order(number, coin=number) for number in range(30)]
    assert kinds(STORE.create_many(engine, rows)) == ["created"] * 30
    assert kinds(STORE.create_many(engine, reversed(rows))) == ["replayed"] * 30


def test_rows_with_different_columns_have_each_its_defaults(engine: Engine) -> None:
    rows = [order(1), {"order_id": order_id(2)}, order(3, coin=3), {"order_id": order_id(4)}]
    assert kinds(STORE.create_many(engine, rows)) == ["created"] * 4
    with engine.connect() as connection:
        found = connection.execute(TABLE.month(JANUARY).select()).all()
    assert [(row.user_id, row.coin, row.create_time) for row in found] == [
        (1, 0, NOON),
        (0, 0, NOON),
        (3, 3, NOON),
        (0, 0, NOON),
    ]


def test_more_rows_than_one_insert_takes(engine: Engine, url: str) -> None:
    rows = [order(number) for number in range(7_000)]
    assert kinds(STORE.create_many(engine, rows)) == ["created"] * 7_000
    assert len(stored(url, TABLE)) == 7_000


def test_a_row_that_violates_another_key_fails_alone(url: str) -> None:
    table = orders(FAMILY, Column("number", Integer, unique=True))
    engine = create_engine(url)
    made(table, engine)
    rows = [order(1, number=1), order(2, number=1), order(3, number=3)]
    results = Store(table).create_many(engine, rows)
    assert kinds(results) == ["created", "IntegrityError", "created"]
    assert isinstance(results[1], IntegrityError)
    assert stored(url, table) == [order_id(1), order_id(3)]
    engine.dispose()


def test_a_row_that_its_column_cannot_hold_fails_alone(server_url: str) -> None:
    table = orders(FAMILY, Column("note", String(3)))
    engine = create_engine(server_url)
    made(table, engine)
    results = Store(table).create_many(engine, [order(1, note="abc"), order(2, note="abcd")])
    assert kinds(results) == ["created", "DataError"]
    assert stored(server_url, table) == [order_id(1)]
    engine.dispose()


def test_a_row_that_the_driver_cannot_send_fails_alone(server_url: str) -> None:
    table = orders(FAMILY, Column("note", String(9)))
    engine = create_engine(server_url)
    made(table, engine)
    wrong = [order(3, LATER, note="\ud800"), order(4, LATER, note={})]
    rows = [order(1), order(2, LATER), *wrong]
    failed = ["UnicodeEncodeError", "TypeError"]
    assert kinds(Store(table).create_many(engine, rows)) == ["created", "created", *failed]
    assert stored(server_url, table) == [order_id(1), order_id(2, LATER)]
    with engine.begin() as connection:
        results = Store(table).create_many(connection, rows)
    assert kinds(results) == ["replayed", "replayed", *failed]
    engine.dispose()


# -- transactions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_month_takes_one_insert_in_one_transaction(server_url: str, mode: str) -> None:
    with breaking(server_url, lambda sent: not sent, "before") as way:
        engine = create_engine(way.url, **MODES[mode])
        made(TABLE, engine)
        begun = len(way.sent)
        STORE.create_many(engine, [*(order(n) for n in (4, 0, 3, 1, 2)), order(9, LATER)])
        sent = [statement.split()[0] for statement in way.sent[begun:]]
        (together,) = (each for each in way.sent if each.startswith("INSERT INTO t_order_202001"))
        places = [together.index(order_id(number)) for number in range(5)]
        assert places == sorted(places)  # so that batches wait for each other in one order
        engine.dispose()
    begin = [] if mode == "normal" else ["BEGIN"]
    # SQLAlchemy rolls back what comes back to its pool.
    assert sent == [*begin, "INSERT", "COMMIT", "ROLLBACK"] * 2


@pytest.mark.parametrize("mode", MODES)
def test_a_month_in_doubt_leaves_the_others_known(server_url: str, mode: str) -> None:
    def second_commit(sent: Any) -> bool:
        return sent[-1] == "COMMIT" and "202002" in sent[-2]

    plain = create_engine(server_url)
    made(TABLE, plain, JANUARY, FEBRUARY, Month(2020, 3))
    plain.dispose()
    rows = [order(1), order(2, LATER), order(3, datetime(2020, 3, 3, tzinfo=UTC)), order(4, LATER)]
    with breaking(server_url, second_commit, "after") as way:
        engine = create_engine(way.url, **MODES[mode])
        results = STORE.create_many(engine, rows)
        assert kinds(results) == ["created", "InDoubt", "created", "InDoubt"]
        assert isinstance(results[1], InDoubt)
        again = STORE.create_many(engine, rows)
        engine.dispose()
    assert kinds(again) == ["replayed"] * 4


def test_a_month_that_others_hold_leaves_the_others_stored(server_url: str) -> None:
    engine = create_engine(
        server_url, connect_args={"init_command": "SET SESSION innodb_lock_wait_timeout = 1"}
    )
    made(TABLE, engine)
    store = Store(TABLE, retry=Retry(patience=timedelta(0)))
    with engine.connect() as holder:
        store.create(holder, order(1))
        results = store.create_many(engine, [order(1), order(2), order(3, LATER)])
    assert kinds(results) == ["NotStored", "NotStored", "created"]
    assert isinstance(results[0], NotStored)
    assert stored(server_url, TABLE) == [order_id(3, LATER)]
    engine.dispose()


def test_all_is_in_the_callers_transaction(engine: Engine, url: str) -> None:
    rows = [order(1), order(2, LATER), order(1)]
    with engine.connect() as connection:
        assert kinds(STORE.create_many(connection, rows)) == ["created", "created", "replayed"]
        connection.rollback()
    assert stored(url, TABLE) == []
    with engine.begin() as connection:
        assert kinds(STORE.create_many(connection, rows)) == ["created", "created", "replayed"]
    assert len(stored(url, TABLE)) == 2


def test_rows_that_others_hold_leave_the_callers_transaction(server_url: str) -> None:
    engine = create_engine(
        server_url, connect_args={"init_command": "SET SESSION innodb_lock_wait_timeout = 1"}
    )
    made(TABLE, engine)
    with engine.connect() as holder, engine.begin() as connection:
        STORE.create(holder, order(1))
        results = STORE.create_many(connection, [order(1), order(2), order(3, LATER)])
        assert kinds(results) == ["NotStored", "NotStored", "created"]
        holder.rollback()
    assert stored(server_url, TABLE) == [order_id(3, LATER)]
    engine.dispose()


def test_a_deadlock_loses_the_callers_transaction_with_all_rows(server_url: str) -> None:
    engine = create_engine(server_url)
    made(TABLE, engine)
    month, ready, go = TABLE.month(JANUARY), Event(), Event()

    def other() -> None:
        with engine.connect() as connection:  # of two, the one that changed less is rolled back
            connection.execute(insert(month), [order(number) for number in range(100, 200)])
            ready.set()
            go.wait(60)
            connection.execute(insert(month), order(1))

    query = (
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = DATABASE() AND info LIKE 'INSERT%'"
    )
    with ThreadPoolExecutor(1) as pool, engine.connect() as connection, engine.connect() as look:
        running = pool.submit(other)
        ready.wait(60)
        STORE.create_many(connection, [order(1), order(2)])
        go.set()
        until(lambda: look.execute(text(query)).scalar() == 1)
        with pytest.raises(TransactionLost):
            STORE.create_many(connection, [order(3), order(100)])
        running.result(60)
        assert not connection.in_transaction()
    assert stored(server_url, TABLE) == []
    engine.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"])
def test_batches_that_race_store_each_row_once(server_url: str, level: str) -> None:
    engine = create_engine(server_url, isolation_level=level)
    made(TABLE, engine)
    sessions, times, size = 4, 10, 20
    start = Barrier(sessions, timeout=60)

    def run(seed: int) -> list[list[str]]:
        random, found = Random(seed), []
        for time in range(times):
            rows = [order(time * size + number) for number in range(size)]
            some = random.sample(rows, size - seed)  # in any order, not all of them
            start.wait()
            by_id = dict(
                zip((row["order_id"] for row in some), STORE.create_many(engine, some), strict=True)
            )
            found.append([getattr(each, "kind", repr(each)) for each in by_id.values()])
        return found

    with ThreadPoolExecutor(sessions) as pool:
        results = list(pool.map(run, range(sessions)))
    told = [kind for each in results for batch in each for kind in batch]
    assert set(told) == {"created", "replayed"}
    assert told.count("created") == times * size == len(stored(server_url, TABLE))
    engine.dispose()


def test_a_placing_that_needs_its_own_transactions_has_one_for_each_row(engine: Engine) -> None:
    store = Store(orders(FAMILY), placing=Neighbours())
    with engine.connect() as connection, pytest.raises(OwnTransactionNeeded):
        store.create_many(connection, [order(1)])
    assert kinds(store.create_many(engine, [order(1), order(2)])) == ["created", "created"]
    assert kinds(store.create_many(engine, [order(1), order(3)])) == ["replayed", "created"]
