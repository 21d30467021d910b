"""One protocol in every transaction: races, deadlocks, snapshots, locks that are held too long."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, insert, text, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError, SAWarning
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from shardctl.errors import NotStored, TransactionLost
from shardctl.store import Outcome, Store
from shardctl.store.transaction import Retry, settle
from tests.orders import JANUARY, MODES, made, order, order_id, orders, stored
from tests.project import until
from tests.servers import FAST, Unusable, private

TABLE = orders()
MONTH = TABLE.month(JANUARY)
STORE = Store(TABLE)
IMPATIENT = Store(TABLE, retry=Retry(patience=timedelta(0)))
RACES = 100


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    yield from engine_of(url)


@pytest.fixture
def server_engine(server_url: str) -> Iterator[Engine]:
    yield from engine_of(server_url)


def engine_of(url: str, **options: Any) -> Iterator[Engine]:
    engine = create_engine(url, **options)
    made(TABLE, engine)
    yield engine
    engine.dispose()


def race(times: int, *runners: Callable[[int], Any]) -> list[list[Any]]:
    """What each runner gives, time after time, when all begin at once."""
    start = Barrier(len(runners), timeout=60)

    def run(runner: Callable[[int], Any]) -> list[Any]:
        found = []
        for number in range(times):
            start.wait()
            found.append(runner(number))
        return found

    with ThreadPoolExecutor(len(runners)) as pool:
        return list(zip(*pool.map(run, runners), strict=True))  # type: ignore[arg-type]


# -- races -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"])
def test_of_two_that_race_on_engines_one_creates(server_url: str, level: str) -> None:
    engine = create_engine(server_url, isolation_level=level)
    made(TABLE, engine)
    kinds = race(RACES, *[lambda number: STORE.create(engine, order(number)).kind] * 2)
    assert Counter(frozenset(pair) for pair in kinds) == {frozenset({"created", "replayed"}): RACES}
    assert stored(server_url, TABLE) == [order_id(number) for number in range(RACES)]
    engine.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_of_two_that_race_in_their_callers_transactions_one_creates(
    server_url: str, level: str
) -> None:
    engine = create_engine(server_url, isolation_level=level)
    made(TABLE, engine)

    def create(number: int) -> str:
        with engine.begin() as connection:
            return STORE.create(connection, order(number)).kind

    kinds = race(RACES, create, create)
    assert Counter(frozenset(pair) for pair in kinds) == {frozenset({"created", "replayed"}): RACES}
    assert stored(server_url, TABLE) == [order_id(number) for number in range(RACES)]
    engine.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"])
def test_where_the_winner_rolls_back_one_of_those_that_waited_creates(
    server_url: str, level: str
) -> None:
    """One of them is the victim of a deadlock, and is repeated."""
    engine, winner = create_engine(server_url, isolation_level=level), create_engine(server_url)
    made(TABLE, engine)
    with ThreadPoolExecutor(2) as pool:
        for number in range(10):
            with winner.connect() as connection:
                STORE.create(connection, order(number))
                answers = [pool.submit(STORE.create, engine, order(number)) for _ in range(2)]
                until(lambda: waiting(winner) == 2)
                connection.rollback()
            assert {answer.result(60).kind for answer in answers} == {"created", "replayed"}
    assert stored(server_url, TABLE) == [order_id(number) for number in range(10)]
    engine.dispose()
    winner.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_two_that_replay_at_once_do_not_wait_for_each_other(server_url: str, level: str) -> None:
    """Both hold the row's shared lock since their INSERT; what asked for more would deadlock."""
    engine, met = create_engine(server_url, isolation_level=level), Barrier(2, timeout=60)
    made(TABLE, engine)
    for number in range(20):
        STORE.create(engine, order(number))

    @event.listens_for(engine, "before_cursor_execute")
    def meet(*given: Any) -> None:
        if given[2].startswith("SELECT"):
            met.wait()

    def replay(number: int) -> str:
        with engine.begin() as connection:
            return STORE.create(connection, order(number)).kind

    assert race(20, replay, replay) == [("replayed", "replayed")] * 20
    engine.dispose()


def test_eight_that_race_on_sqlite_leave_one_row_each(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    made(TABLE, engine)
    kinds = race(5, *[lambda number: STORE.create(engine, order(number)).kind] * 8)
    assert [Counter(each) for each in kinds] == [Counter(created=1, replayed=7)] * 5
    engine.dispose()


def waiting(engine: Engine) -> int:
    """How many sessions in the database carry an INSERT out, which no INSERT does for long."""
    query = (
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = DATABASE() AND info LIKE 'INSERT%'"
    )
    with engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


# -- snapshots -------------------------------------------------------------------------------------


def test_a_caller_with_an_older_snapshot_sees_the_row_that_is_stored(server_url: str) -> None:
    engine = create_engine(server_url, isolation_level="REPEATABLE READ")
    made(TABLE, engine)
    with engine.connect() as connection:
        assert connection.execute(MONTH.select()).all() == []
        STORE.create(engine, order(1, user_id=7))
        assert connection.execute(MONTH.select()).all() == []
        found = STORE.create(connection, order(1, user_id=7))
        assert (found.kind, found.row["user_id"]) == ("replayed", 7)
    engine.dispose()


def test_a_snapshot_that_mariadb_refuses_to_read_past_loses_the_transaction(
    mariadb_url: str,
) -> None:
    engine = create_engine(mariadb_url, isolation_level="REPEATABLE READ")
    made(TABLE, engine)
    with engine.connect() as connection:
        connection.execute(text("SET SESSION innodb_snapshot_isolation = ON"))
        connection.execute(MONTH.select())
        STORE.create(connection, order(2))
        STORE.create(engine, order(1))
        with pytest.raises(TransactionLost, match="changed since last read"):
            STORE.create(connection, order(1))
        assert not connection.in_transaction()
    assert stored(mariadb_url, TABLE) == [order_id(1)]
    engine.dispose()


def test_races_where_mariadb_refuses_to_read_past_a_snapshot(mariadb_url: str) -> None:
    engine = create_engine(
        mariadb_url, connect_args={"init_command": "SET SESSION innodb_snapshot_isolation = ON"}
    )
    made(TABLE, engine)
    kinds = race(RACES, *[lambda number: STORE.create(engine, order(number)).kind] * 2)
    assert Counter(frozenset(pair) for pair in kinds) == {frozenset({"created", "replayed"}): RACES}
    engine.dispose()


# -- the caller's transaction ----------------------------------------------------------------------


def test_nothing_is_committed_in_the_callers_transaction(engine: Engine, url: str) -> None:
    with engine.connect() as connection:
        assert STORE.create(connection, order(1)).kind == "created"
        assert STORE.create(connection, order(1)).kind == "replayed"
        connection.rollback()
    assert stored(url, TABLE) == []
    with engine.begin() as connection:
        assert STORE.create(connection, order(1)).kind == "created"
    assert stored(url, TABLE) == [order_id(1)]


@contextmanager
def deadlocked(engine: Engine) -> Iterator[Event]:
    """Another session that wants order 1, which the caller will have, and has order 2.

    It has changed many rows, so that it is not the one to be rolled back. The event is set when
    the caller has order 1.
    """
    go, ready = Event(), Event()

    def other() -> None:
        with engine.connect() as connection:
            connection.execute(insert(MONTH), [order(number) for number in range(100, 200)])
            connection.execute(insert(MONTH), order(2))
            ready.set()
            go.wait(60)
            connection.execute(insert(MONTH), order(1))
            connection.rollback()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(other)
        ready.wait(60)
        yield go
        running.result(60)


def lose(engine: Engine, connection: Connection, go: Event) -> None:
    """Let the caller's transaction be rolled back for a deadlock."""
    STORE.create(connection, order(1))
    go.set()
    until(lambda: waiting(engine) == 1)
    with pytest.raises(TransactionLost, match="from its beginning"):
        STORE.create(connection, order(2))


def test_a_deadlock_loses_the_callers_transaction(server_engine: Engine, server_url: str) -> None:
    with deadlocked(server_engine) as go, server_engine.connect() as connection:
        lose(server_engine, connection, go)
        assert not connection.in_transaction()
        connection.commit()
    assert stored(server_url, TABLE) == []


def test_a_lost_transaction_cannot_be_gone_on_with(server_engine: Engine, server_url: str) -> None:
    with deadlocked(server_engine) as go, server_engine.connect() as connection:
        transaction = connection.begin()
        lose(server_engine, connection, go)
        with pytest.raises(InvalidRequestError), transaction:
            transaction.commit()
    with deadlocked(server_engine) as go, server_engine.begin() as connection:
        lose(server_engine, connection, go)
        with pytest.raises(InvalidRequestError):
            connection.execute(insert(MONTH), order(3))
    assert stored(server_url, TABLE) == []


def test_a_deadlock_inside_a_savepoint_loses_the_whole_transaction(
    server_engine: Engine, server_url: str
) -> None:
    with deadlocked(server_engine) as go, server_engine.connect() as connection:
        connection.execute(insert(MONTH), order(3))
        with connection.begin_nested() as savepoint:
            lose(server_engine, connection, go)
            assert not savepoint.is_active
        assert not connection.in_transaction()
        connection.commit()
    assert stored(server_url, TABLE) == []


def test_a_deadlock_in_an_orm_session_cannot_be_committed(
    server_engine: Engine, server_url: str
) -> None:
    with deadlocked(server_engine) as go, Session(server_engine) as session:
        connection = session.connection()
        lose(server_engine, connection, go)
        with pytest.raises(InvalidRequestError):
            session.commit()
        with pytest.warns(SAWarning, match="already deassociated"):
            session.rollback()
        assert STORE.create(session.connection(), order(4)).kind == "created"
        session.commit()
    assert stored(server_url, TABLE) == [order_id(4)]


def test_a_row_that_others_hold_too_long_leaves_the_callers_transaction(
    server_engine: Engine, server_url: str
) -> None:
    with server_engine.connect() as holder, server_engine.begin() as connection:
        connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        STORE.create(connection, order(1))
        STORE.create(holder, order(2))
        with pytest.raises(NotStored, match="Lock wait timeout"):
            STORE.create(connection, order(2))
        STORE.create(connection, order(3))
    assert stored(server_url, TABLE) == [order_id(1), order_id(3)]


def test_a_server_that_undoes_transactions_on_timeouts_loses_the_callers() -> None:
    """MariaDB's and MySQL's innodb_rollback_on_timeout, which is set when the server starts."""
    try:
        running = private("mariadb", os.environ, *FAST, "--innodb-rollback-on-timeout")
        with running as own, own.server.fresh_database() as url:
            undone_on_timeout(url)
    except Unusable as error:
        pytest.skip(str(error))


def undone_on_timeout(url: str) -> None:
    engine = create_engine(url)
    made(TABLE, engine)
    with engine.connect() as holder, engine.connect() as connection:
        connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        STORE.create(connection, order(1))
        STORE.create(holder, order(2))
        with pytest.raises(TransactionLost, match="Lock wait timeout"):
            STORE.create(connection, order(2))
        assert not connection.in_transaction()
        connection.commit()
        assert stored(url, TABLE) == []
    engine.dispose()


def test_a_savepoint_of_the_callers_is_theirs(server_engine: Engine, server_url: str) -> None:
    with server_engine.begin() as connection:
        STORE.create(connection, order(1))
        savepoint = connection.begin_nested()
        STORE.create(connection, order(2))
        savepoint.rollback()
    assert stored(server_url, TABLE) == [order_id(1)]


# -- own transactions ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_deadlocks_of_own_transactions_are_repeated(server_url: str, mode: str) -> None:
    engine = create_engine(server_url, **MODES[mode])
    made(TABLE, engine)
    for number in (1, 2):
        STORE.create(engine, order(number))
    met = Barrier(2, timeout=60)

    def work(first: int, second: int) -> Callable[[Connection], int]:
        tries = []

        def change(connection: Connection) -> int:
            tries.append(1)
            add(connection, first)
            if len(tries) == 1:
                met.wait()
            add(connection, second)
            return len(tries)

        return change

    def add(connection: Connection, number: int) -> None:
        row = update(MONTH).where(MONTH.c.order_id == order_id(number))
        connection.execute(row.values(user_id=MONTH.c.user_id + 10))

    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(settle, engine, work(*pair), Retry(), "two") for pair in ((1, 2), (2, 1))
        ]
        assert sorted(each.result(60) for each in both) == [1, 2]
    with engine.connect() as connection:
        assert connection.scalars(MONTH.select().with_only_columns(MONTH.c.user_id)).all() == [
            21,
            22,
        ]
    engine.dispose()


@pytest.mark.parametrize("mode", MODES)
def test_a_row_that_others_hold_too_long_is_not_stored(server_url: str, mode: str) -> None:
    holder = create_engine(server_url)
    engine = create_engine(server_url, poolclass=NullPool, **MODES[mode])

    @event.listens_for(engine, "connect")
    def hurry(driver: Any, record: Any) -> None:  # noqa: ARG001
        driver.cursor().execute("SET SESSION innodb_lock_wait_timeout = 1")

    made(TABLE, holder)
    with holder.connect() as connection:
        STORE.create(connection, order(1))
        with pytest.raises(NotStored, match="Lock wait timeout"):
            IMPATIENT.create(engine, order(1))
    assert STORE.create(engine, order(1)).kind == "created"
    holder.dispose()


def test_a_locked_file_is_waited_for_on_sqlite(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url, connect_args={"timeout": 0})
    made(TABLE, engine)
    with ThreadPoolExecutor(1) as pool, engine.connect() as holder:
        STORE.create(holder, order(1))
        with pytest.raises(NotStored, match="locked"):
            IMPATIENT.create(engine, order(1))
        waits, free = Event(), Event()

        def sleep(seconds: float) -> None:  # noqa: ARG001
            waits.set()
            free.wait(60)

        patient = Store(TABLE, retry=Retry(sleep=sleep))
        answer = pool.submit(patient.create, engine, order(1))
        assert waits.wait(60)
        holder.commit()
        free.set()
        assert answer.result(60).kind == "replayed"
    engine.dispose()


def test_a_server_that_is_away_is_not_stored(server_url: str) -> None:
    engine = create_engine(server_url)
    away = create_engine(engine.url.set(port=1))
    with pytest.raises(NotStored):
        IMPATIENT.create(away, order(1))


@pytest.mark.parametrize("mode", MODES)
def test_an_interrupted_transaction_is_undone(server_url: str, mode: str) -> None:
    engine = create_engine(server_url, pool_size=1, max_overflow=0, **MODES[mode])
    made(TABLE, engine)

    def work(connection: Connection) -> Outcome:
        STORE.create(connection, order(1))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        settle(engine, work, Retry(), "one")
    assert stored(server_url, TABLE) == []
    assert STORE.create(engine, order(1)).kind == "created"
    assert stored(server_url, TABLE) == [order_id(1)]
    engine.dispose()


def test_errors_that_do_not_pass_are_not_repeated(engine: Engine) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("SELECT nonsense"))

    with pytest.raises(DBAPIError):
        settle(engine, work, Retry(), "nothing")
    assert len(tries) == 1


def test_a_transaction_that_a_listener_begins_is_committed(sqlite_url: str) -> None:
    """SQLAlchemy's own recipe for SQLite, whose driver commits by itself then."""
    engine = create_engine(sqlite_url)

    @event.listens_for(engine, "connect")
    def by_itself(driver: Any, record: Any) -> None:  # noqa: ARG001
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    made(TABLE, engine)
    assert STORE.create(engine, order(1)).kind == "created"
    assert stored(sqlite_url, TABLE) == [order_id(1)]
    assert STORE.create(engine, order(1)).kind == "replayed"
    engine.dispose()


@pytest.mark.parametrize("mode", ["normal", "autocommit"])
def test_sqlite_stores_in_either_mode(sqlite_url: str, mode: str) -> None:
    engine = create_engine(sqlite_url, **MODES[mode])
    made(TABLE, engine)

    def work(connection: Connection) -> None:
        for number in (2, 3):
            connection.execute(insert(MONTH), order(number))
        raise KeyError

    assert STORE.create(engine, order(1)).kind == "created"
    with pytest.raises(KeyError):
        settle(engine, work, Retry(), "two")
    assert stored(sqlite_url, TABLE) == [order_id(1)]
    engine.dispose()
