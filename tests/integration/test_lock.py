"""The lock: one holder at a time, and what becomes of one that is gone. Real processes."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from shardctl import ledger, lock
from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.errors import LockHeld, LockLost, Refused
from shardctl.month import Month
from tests.nursery import Nursery
from tests.owner import owner
from tests.project import until


@pytest.fixture
def database(url: str) -> Database:
    return open_database(url)


@pytest.fixture
def server_database(server_url: str) -> Database:
    return open_database(server_url)


BEAT = "SELECT beat_at FROM shardctl_heartbeat"


@pytest.fixture
def beating(
    server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[lock.Lease, Connection]]:
    """The lock, held with a sign of life every now and then, and a session beside it."""
    monkeypatch.setattr("shardctl.lock.lease.BEAT", 0.05)
    with (
        lock.acquire(server_database, command="upgrade") as lease,
        server_database.connect() as connection,
    ):
        yield lease, connection


def as_on_another_machine(connection: Connection) -> None:
    """Make the owner's process one that cannot be seen from here."""
    connection.exec_driver_sql("UPDATE shardctl_lock SET machine = 'another'")


def test_while_one_process_holds_the_lock_another_is_told_who(
    url: str, database: Database, nursery: Nursery
) -> None:
    with (
        owner(nursery, url) as process,
        pytest.raises(LockHeld) as refusal,
        lock.acquire(database, command="premake"),
    ):
        pass
    assert refusal.value.exit_code == 3
    message = str(refusal.value)
    for told in (f"pid {process.pid}", "shardctl upgrade", "UTC", "try again"):
        assert told in message
    assert ("last sign of life" in message) == (database.dialect.name != "sqlite")


def test_the_lock_is_free_again_when_its_holder_has_ended(
    url: str, database: Database, nursery: Nursery
) -> None:
    with owner(nursery, url) as process:
        process.tell("release")
        assert process.answer() == "released"
        with lock.acquire(database, command="premake"):
            pass
    with pytest.raises(ZeroDivisionError), lock.acquire(database, command="premake"):
        raise ZeroDivisionError
    with lock.acquire(database, command="premake"):
        pass


def test_one_who_waits_gets_the_lock_when_it_comes_free(
    url: str, database: Database, nursery: Nursery
) -> None:
    with owner(nursery, url) as process, ThreadPoolExecutor(1) as pool:

        def wait() -> int:
            with lock.acquire(database, command="premake", wait=60) as lease:
                return lease.fence

        waiting = pool.submit(wait)
        process.tell("write")
        assert process.answer() == "done"
        assert not waiting.done()
        process.tell("release")
        assert waiting.result(timeout=60) == 2


def test_one_who_waits_in_vain_is_told_so_in_time(
    url: str, database: Database, nursery: Nursery
) -> None:
    with owner(nursery, url):
        begun = time.monotonic()
        with pytest.raises(LockHeld), lock.acquire(database, command="premake", wait=0.6):
            pass
        assert 0.6 <= time.monotonic() - begun < 10


def test_the_lock_of_a_killed_process_is_taken_over_at_once(
    url: str, database: Database, nursery: Nursery
) -> None:
    with owner(nursery, url) as process:
        process.kill()
        until(process.is_zombie)
        with lock.acquire(database, command="upgrade") as lease:
            assert lease.fence == 2


def test_the_lock_of_a_process_whose_session_is_gone_is_taken_over_before_its_time(
    server_url: str, server_database: Database, nursery: Nursery
) -> None:
    with owner(nursery, server_url) as process, server_database.connect() as connection:
        as_on_another_machine(connection)
        with pytest.raises(LockHeld), lock.acquire(server_database, command="upgrade"):
            pass
        process.kill()
        # Silence alone would take 25 seconds at least.
        with lock.acquire(server_database, command="upgrade", wait=15) as lease:
            assert lease.fence == 2


def test_a_process_that_sleeps_is_taken_over_and_writes_no_more(
    server_url: str, server_database: Database, nursery: Nursery
) -> None:
    with owner(nursery, server_url) as process, server_database.connect() as connection:
        as_on_another_machine(connection)
        process.send_signal(signal.SIGSTOP)
        connection.exec_driver_sql(
            "UPDATE shardctl_heartbeat SET beat_at = beat_at - INTERVAL 31 SECOND"
        )
        with lock.acquire(server_database, command="upgrade") as lease:
            process.send_signal(signal.SIGCONT)
            lease.ledger.register(
                connection,
                "t_order_202601",
                family="t_order",
                month=Month(2026, 1),
                revision="r7",
                origin="found",
            )
            # The session that was to do its work is ended: not even a statement is left to it.
            process.tell("write")
            assert process.answer() != "done"
        assert ledger.months(connection)["t_order_202601"].revision == "r7"


def test_signs_of_life_keep_the_lock(beating: tuple[lock.Lease, Connection]) -> None:
    lease, connection = beating
    first = connection.exec_driver_sql(BEAT).scalar_one()
    until(lambda: connection.exec_driver_sql(BEAT).scalar_one() > first)
    lease.check()


def test_a_lease_that_was_taken_over_finds_out_by_itself(
    server_database: Database,
    beating: tuple[lock.Lease, Connection],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shardctl.lock.lease.STALE", float("inf"))  # not by its own silence
    old, connection = beating
    connection.exec_driver_sql("UPDATE shardctl_lock SET started = 0")  # as if it were gone
    # It is taken over between two signs of life, of which a true one would send none.
    with lock.acquire(server_database, command="upgrade", wait=30) as new:

        def lost() -> bool:
            try:
                old.check()
            except LockLost:
                return True
            return False

        until(lost)
        new.check()


def test_the_signs_of_life_go_on_after_their_session_was_killed(
    server_database: Database, beating: tuple[lock.Lease, Connection]
) -> None:
    lease, connection = beating
    session = connection.exec_driver_sql("SELECT connection_id FROM shardctl_lock").scalar_one()
    connection.exec_driver_sql(f"KILL {session}")
    at_kill = connection.exec_driver_sql("SELECT UTC_TIMESTAMP(6)").scalar_one()
    until(lambda: connection.exec_driver_sql(BEAT).scalar_one() > at_kill)
    lease.check()
    _, holder = server_database.dialect.claimed(connection, lock.holder.claim_of(lease.token))
    assert holder not in (None, session)


def test_a_lease_that_cannot_reach_the_server_for_too_long_is_lost(
    server_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lock.acquire(server_database, command="upgrade") as lease:
        lease.check()
        monkeypatch.setattr("shardctl.lock.lease.STALE", 0.0)
        with pytest.raises(LockLost):
            lease.check()


def test_a_data_clause_under_way_holds_up_no_sign_of_life(
    server_database: Database, beating: tuple[lock.Lease, Connection]
) -> None:
    lease, connection = beating
    dialect = server_database.dialect
    with server_database.connect() as working, dialect.transaction(working):
        assert lease.ledger.record_data(working, "r1", "up", 0, "t_order_202601")
        first = connection.exec_driver_sql(BEAT).scalar_one()
        until(lambda: connection.exec_driver_sql(BEAT).scalar_one() > first)


@pytest.mark.parametrize("before", ["nothing", "a killed owner"])
def test_of_many_at_once_one_gets_the_lock(
    url: str, database: Database, before: str, nursery: Nursery
) -> None:
    if before == "a killed owner":
        with owner(nursery, url) as process:
            process.kill()
    many = 4
    together, others = Barrier(many), Barrier(many)

    def attempt(_: int) -> bool:
        together.wait(timeout=30)
        try:
            with lock.acquire(database, command="upgrade"):
                others.wait(timeout=30)  # until all the others have been refused
                return True
        except LockHeld:
            others.wait(timeout=30)
            return False

    with ThreadPoolExecutor(many) as pool:
        assert sorted(pool.map(attempt, range(many))) == [False, False, False, True]


# -- orphans -----------------------------------------------------------------------------------


def test_what_was_ended_is_not_looked_for_again(
    url: str, database: Database, nursery: Nursery
) -> None:
    with owner(nursery, url) as process:
        process.kill()
    for _ in range(2):
        with lock.acquire(database, command="upgrade"), database.connect() as connection:
            orphans = connection.exec_driver_sql("SELECT orphans FROM shardctl_lock").scalar_one()
            assert orphans == ""


def make_table(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE t_order_202601 (id INT PRIMARY KEY)")


def columns(connection: Connection) -> list[str]:
    shown = connection.exec_driver_sql("SHOW COLUMNS FROM t_order_202601")
    return [row[0] for row in shown]


@contextmanager
def blocked(database: Database) -> Iterator[Connection]:
    """Another session that has read the table and has not ended its transaction yet."""
    with database.connect() as reader, database.dialect.transaction(reader):
        reader.exec_driver_sql("SELECT * FROM t_order_202601").all()
        yield reader


def waiting(connection: Connection) -> list[int]:
    """The sessions that wait to alter the table."""
    return list(
        connection.exec_driver_sql(
            "SELECT id FROM information_schema.processlist "
            "WHERE db = DATABASE() AND info LIKE '/* shardctl %%' "
            "AND state = 'Waiting for table metadata lock'"
        ).scalars()
    )


def test_a_killed_clients_alter_is_ended_before_the_lock_is_given(
    server_url: str, server_database: Database, nursery: Nursery
) -> None:
    with server_database.connect() as connection:
        make_table(connection)
        with owner(nursery, server_url) as process, blocked(server_database):
            process.tell("alter")
            until(lambda: bool(waiting(connection)))
            process.kill()
            with lock.acquire(server_database, command="upgrade"):
                assert waiting(connection) == []
        assert columns(connection) == ["id"]


def test_an_alter_that_its_client_gave_up_is_ended_too(server_database: Database) -> None:
    """Its client lost the connection, told so and gave the lock back as it should."""
    with server_database.connect() as connection, ThreadPoolExecutor(1) as pool:
        make_table(connection)
        with server_database.connect() as working, blocked(server_database):
            with lock.acquire(server_database, command="upgrade") as lease:
                server_database.dialect.claim(working, lease.token)
                statement = Statement("ALTER TABLE t_order_202601 ADD COLUMN room_id INT")
                altering = pool.submit(execute, working, statement, f"shardctl {lease.token}")
                until(lambda: bool(waiting(connection)))
            with lock.acquire(server_database, command="upgrade"):
                assert waiting(connection) == []
            with pytest.raises(DBAPIError):
                altering.result(timeout=30)
        assert columns(connection) == ["id"]


def test_without_named_locks_an_orphan_is_found_by_its_mark(server_database: Database) -> None:
    dialect = server_database.dialect
    with server_database.connect() as connection, ThreadPoolExecutor(1) as pool:
        make_table(connection)
        with server_database.connect() as working, blocked(server_database):
            session = dialect.connection_id(working)
            statement = Statement("ALTER TABLE t_order_202601 ADD COLUMN room_id INT")
            altering = pool.submit(execute, working, statement, "shardctl 0123abcd")
            until(lambda: waiting(connection) == [session])
            assert dialect.end_orphan(connection, "0123abc") is None
            assert dialect.end_orphan(connection, "0123abcd") == session
            assert dialect.end_orphan(connection, "0123abcd") is None
            with pytest.raises(DBAPIError):
                altering.result(timeout=30)
        assert columns(connection) == ["id"]


def test_a_session_is_found_by_its_claim_whatever_it_does(server_database: Database) -> None:
    dialect = server_database.dialect
    with server_database.connect() as connection, server_database.connect() as idle:
        dialect.claim(idle, "0123abcd")
        with pytest.raises(Refused, match="0123abcd"):
            dialect.claim(connection, "0123abcd")
        session = dialect.connection_id(idle)
        assert dialect.end_orphan(idle, "0123abcd") is None  # never itself
        assert dialect.end_orphan(connection, "0123abcd") == session
        with pytest.raises(DBAPIError):
            idle.exec_driver_sql("SELECT 1")


@contextmanager
def user_of_one_database(connection: Connection, url: str) -> Iterator[str]:
    """The URL of a user who may do everything in one database and nothing beside it."""
    parsed = make_url(url)
    name = f"u{secrets.token_hex(6)}"
    # MariaDB's own set-up has an anonymous user at localhost, who comes before one of anywhere.
    accounts = f"{name}, {name}@localhost"
    connection.exec_driver_sql(f"CREATE USER {accounts}")
    try:
        connection.exec_driver_sql(f"GRANT ALL ON {parsed.database}.* TO {accounts}")
        yield parsed.set(username=name, password=None).render_as_string()
    finally:
        connection.exec_driver_sql(f"DROP USER {accounts}")


def test_an_orphan_that_this_user_may_not_end_is_named(
    server_url: str, server_database: Database
) -> None:
    dialect = server_database.dialect
    with (
        server_database.connect() as connection,
        server_database.connect() as working,
        user_of_one_database(connection, server_url) as limited_url,
    ):
        with lock.acquire(server_database, command="upgrade") as lease:
            dialect.claim(working, lease.token)
        limited = open_database(limited_url)
        for _ in range(2):  # the lock is not left behind, and the orphan is not forgotten
            with (
                pytest.raises(Refused, match=f"KILL {dialect.connection_id(working)}"),
                lock.acquire(limited, command="upgrade"),
            ):
                pass
        with lock.acquire(server_database, command="upgrade"), pytest.raises(DBAPIError):
            working.exec_driver_sql("SELECT 1")
        with lock.acquire(limited, command="upgrade") as lease:
            assert lease.fence == 5


def test_another_users_session_that_cannot_be_seen_is_not_taken_for_gone(
    server_url: str, server_database: Database
) -> None:
    with (
        server_database.connect() as connection,
        user_of_one_database(connection, server_url) as limited_url,
        lock.acquire(server_database, command="upgrade"),
    ):
        as_on_another_machine(connection)
        with (
            pytest.raises(LockHeld),
            lock.acquire(open_database(limited_url), command="upgrade"),
        ):
            pass
