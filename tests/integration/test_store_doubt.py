"""A connection that breaks off while a row is stored: what is known, what is in doubt, and how a
doubt is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from shardctl.errors import InDoubt, TransactionLost
from shardctl.store import Store
from shardctl.store.transaction import Retry, settle
from tests.breaking import Breaking, When, breaking
from tests.orders import MODES, made, order, order_id, orders, stored
from tests.project import until

TABLE = orders()
AUTOCOMMIT = [mode for mode in MODES if mode != "normal"]


def commits(sent: Sequence[str]) -> bool:
    """The COMMIT after an INSERT."""
    return sent[-1] == "COMMIT" and sent[-2].startswith("INSERT")


def inserts(sent: Sequence[str]) -> bool:
    return sent[-1].startswith("INSERT")


def never(sent: Sequence[str]) -> bool:
    return not sent


@contextmanager
def broken_at(
    url: str, at: Callable[[Sequence[str]], bool], when: When, mode: str = "normal"
) -> Iterator[tuple[Breaking, Engine]]:
    """A database with months, and an engine to it that breaks off."""
    plain = create_engine(url)
    made(TABLE, plain)
    plain.dispose()
    with breaking(url, at, when) as broken:
        engine = create_engine(broken.url, **MODES[mode])
        yield broken, engine
        engine.dispose()


# -- own transactions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "kinds"),
    [("before", {"created"}), ("during", {"created", "replayed"}), ("after", {"replayed"})],
)
def test_a_lost_commit_is_in_doubt_and_resolved(
    server_url: str, when: When, kinds: set[str]
) -> None:
    store = Store(TABLE)
    with broken_at(server_url, commits, when) as (_, engine):
        with pytest.raises(InDoubt, match="resolve"):
            store.create(engine, order(1))
        assert store.resolve(engine, order(1)).kind in kinds
        assert store.resolve(engine, order(1)).kind == "replayed"
    assert stored(server_url, TABLE) == [order_id(1)]


@pytest.mark.parametrize("mode", AUTOCOMMIT)
@pytest.mark.parametrize(
    ("when", "kinds"),
    [("before", {"created"}), ("during", {"created", "replayed"}), ("after", {"replayed"})],
)
def test_a_lost_insert_that_commits_by_itself_is_in_doubt_and_resolved(
    server_url: str, mode: str, when: When, kinds: set[str]
) -> None:
    store = Store(TABLE)
    with broken_at(server_url, inserts, when, mode) as (_, engine):
        with pytest.raises(InDoubt):
            store.create(engine, order(1))
        assert store.resolve(engine, order(1)).kind in kinds
    assert stored(server_url, TABLE) == [order_id(1)]


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_an_insert_lost_before_commit_is_no_doubt_and_sent_again(
    server_url: str, when: When
) -> None:
    with broken_at(server_url, inserts, when) as (broken, engine):
        assert Store(TABLE).create(engine, order(1)).kind == "created"
        assert broken.met.is_set()
    assert stored(server_url, TABLE) == [order_id(1)]


@pytest.mark.parametrize("mode", AUTOCOMMIT)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_begin_and_a_commit_sent_by_hand_are_in_doubt_only_at_commit(
    server_url: str, mode: str, when: When
) -> None:
    def work(connection: Connection) -> None:
        for number in (1, 2):
            connection.execute(
                TABLE.month(TABLE.family.month(id=order_id(number))).insert(), order(number)
            )

    with broken_at(server_url, commits, when, mode) as (_, engine), pytest.raises(InDoubt):
        settle(engine, work, Retry(), "two orders")
    assert stored(server_url, TABLE) == [order_id(1), order_id(2)] * (when == "after")


@pytest.mark.parametrize("mode", MODES)
def test_a_connection_lost_after_the_commit_changes_no_outcome(server_url: str, mode: str) -> None:
    def rolls_back(sent: Sequence[str]) -> bool:
        return sent[-1] == "ROLLBACK" and any(each.startswith("INSERT") for each in sent)

    with broken_at(server_url, rolls_back, "before", mode) as (broken, engine):
        assert Store(TABLE).create(engine, order(1)).kind == "created"
        assert broken.met.is_set()
        assert Store(TABLE).create(engine, order(1)).kind == "replayed"


@pytest.mark.parametrize("mode", MODES)
def test_the_first_error_is_told_where_the_rollback_fails(server_url: str, mode: str) -> None:
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(text("SELECT 1"))
        raise KeyError("the first")

    def rolls_back(sent: Sequence[str]) -> bool:
        return sent[-2:] == ["SELECT 1", "ROLLBACK"]

    with broken_at(server_url, rolls_back, "before", mode) as (broken, engine):
        with pytest.raises(KeyError, match="the first"):
            settle(engine, work, Retry(), "nothing")
        assert broken.met.is_set()
    assert len(tries) == 1


# -- what lives on, on the server ------------------------------------------------------------------


@pytest.mark.parametrize(("end", "kind"), [("COMMIT", "replayed"), ("ROLLBACK", "created")])
def test_resolve_waits_for_a_transaction_that_outlives_its_client(
    server_url: str, end: str, kind: str
) -> None:
    store, direct = Store(TABLE), create_engine(server_url)
    with (
        broken_at(server_url, inserts, "orphaned") as (broken, engine),
        ThreadPoolExecutor() as pool,
    ):
        with pytest.raises(TransactionLost), engine.begin() as connection:
            store.create(connection, order(1))
        answer = pool.submit(store.resolve, direct, order(1))
        until(lambda: waits(direct))
        assert not answer.done()
        assert stored(server_url, TABLE) == []  # what a SELECT would have said
        broken.finish(end)
        assert answer.result(30).kind == kind
    assert stored(server_url, TABLE) == [order_id(1)]
    direct.dispose()


def waits(engine: Engine) -> bool:
    """Whether a session in the database carries an INSERT out, which no INSERT does for long."""
    query = (
        "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = DATABASE() AND info LIKE 'INSERT%'"
    )
    with engine.connect() as connection:
        return bool(connection.execute(text(query)).scalar())


# -- connections of a pool that the server has closed --------------------------------------------


def test_a_closed_connection_of_the_pool_is_replaced(server_url: str) -> None:
    store, direct = Store(TABLE), create_engine(server_url)
    with broken_at(server_url, never, "before") as (_, engine):
        with engine.connect() as connection:
            session = connection.execute(text("SELECT connection_id()")).scalar()
        with direct.connect() as connection:
            connection.execute(text(f"KILL {session}"))
        assert store.create(engine, order(1)).kind == "created"
    direct.dispose()


@pytest.mark.parametrize("mode", MODES)
def test_what_could_not_even_be_sent_is_no_doubt(server_url: str, mode: str) -> None:
    with broken_at(server_url, never, "before", mode) as (broken, engine):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        broken.reset()
        assert Store(TABLE).create(engine, order(1)).kind == "created"


def idle(engine: Engine, url: str) -> None:
    """Leave a pool's session idle until the server has closed it."""
    with engine.connect() as connection:
        session = connection.execute(text("SELECT connection_id()")).scalar()
        connection.execute(text("SET SESSION wait_timeout = 1"))
    direct = create_engine(url, isolation_level="AUTOCOMMIT")
    query = text("SELECT count(*) FROM information_schema.processlist WHERE id = :id")

    def closed() -> bool:
        with direct.connect() as connection:
            return connection.execute(query, {"id": session}).scalar() == 0

    until(closed)
    direct.dispose()


@pytest.mark.parametrize("mode", AUTOCOMMIT)
def test_a_session_closed_while_idle_is_a_doubt_like_any_other(mysql_url: str, mode: str) -> None:
    """Nothing was stored, but what the client sees is a connection that broke off."""
    store, engine = Store(TABLE), create_engine(mysql_url, **MODES[mode])
    made(TABLE, engine)
    idle(engine, mysql_url)
    with pytest.raises(InDoubt):
        store.create(engine, order(1))
    assert store.resolve(engine, order(1)).kind == "created"
    engine.dispose()


@pytest.mark.parametrize("mode", AUTOCOMMIT)
def test_a_ping_before_use_spares_the_doubt_about_a_closed_session(
    server_url: str, mode: str
) -> None:
    engine = create_engine(server_url, pool_pre_ping=True, **MODES[mode])
    made(TABLE, engine)
    idle(engine, server_url)
    assert Store(TABLE).create(engine, order(1)).kind == "created"
    engine.dispose()


# -- the caller's connection -----------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_callers_transaction_that_breaks_off_is_lost_and_nothing_repeated(
    server_url: str, when: When
) -> None:
    with broken_at(server_url, inserts, when) as (broken, engine):
        with engine.connect() as connection:
            with pytest.raises(TransactionLost):
                Store(TABLE).create(connection, order(1))
            assert not connection.in_transaction()
        assert sum(inserts([each]) for each in broken.sent) == 1
    assert stored(server_url, TABLE) == []


@pytest.mark.parametrize("mode", AUTOCOMMIT)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_callers_connection_that_commits_by_itself_is_in_doubt(
    server_url: str, mode: str, when: When
) -> None:
    store = Store(TABLE)
    with broken_at(server_url, inserts, when, mode) as (_, engine):
        with pytest.raises(InDoubt), engine.connect() as connection:
            store.create(connection, order(1))
        assert store.resolve(engine, order(1)).kind == (
            "created" if when == "before" else "replayed"
        )
    assert stored(server_url, TABLE) == [order_id(1)]


def test_the_callers_lost_commit_is_the_callers_to_resolve(server_url: str) -> None:
    store = Store(TABLE)
    with broken_at(server_url, commits, "after") as (_, engine):
        with pytest.raises(Exception, match="Lost connection"), engine.begin() as connection:
            store.create(connection, order(1))
        assert store.resolve(engine, order(1)).kind == "replayed"
