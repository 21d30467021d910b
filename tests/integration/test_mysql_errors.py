"""Each error as the servers really send it, read by its meaning."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.dialects.mysql import errors
from tests.servers import Server


@pytest.fixture
def database(server_url: str) -> Database:
    """A database with a table of two rows."""
    database = open_database(server_url)
    with database.connect() as connection:
        run(connection, "CREATE TABLE t_order (id INT PRIMARY KEY, coin INT NOT NULL)")
        run(connection, "INSERT INTO t_order VALUES (1, 10), (2, 20)")
    return database


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect(lock_wait=1) as connection:
        yield connection


def run(connection: Connection, sql: str) -> None:
    execute(connection, Statement(sql))


def refused(connection: Connection, sql: str) -> DBAPIError:
    """The error by which the server refuses a statement."""
    with pytest.raises(DBAPIError) as error:
        run(connection, sql)
    return error.value


def session_of(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())


def when_it_waits(connection: Connection, session: int) -> None:
    """Return as soon as a session waits for a lock; the test's own timeout is the limit."""
    state = "SELECT state FROM information_schema.processlist WHERE id = %s"
    while "metadata lock" not in str(connection.exec_driver_sql(state, (session,)).scalar()):
        pass


def test_a_table_held_too_long_is_a_lock_timeout(
    database: Database, connection: Connection
) -> None:
    with database.connect() as other:
        run(other, "BEGIN")
        run(other, "SELECT * FROM t_order")
        error = refused(connection, "ALTER TABLE t_order ADD COLUMN room_id INT")
    assert errors.is_lock_timeout(error)
    assert not errors.is_deadlock(error)
    assert not errors.is_connection_lost(error)


def test_mariadb_without_waiting_is_a_lock_timeout_too(mariadb_url: str) -> None:
    database = open_database(mariadb_url)
    with database.connect() as one, database.connect(lock_wait=30) as two:
        run(one, "CREATE TABLE t_order (id INT)")
        run(one, "LOCK TABLES t_order WRITE")
        error = refused(two, "ALTER TABLE t_order NOWAIT ADD COLUMN room_id INT")
    assert errors.is_lock_timeout(error)


def test_two_that_wait_for_each_other_are_a_deadlock(database: Database) -> None:
    update = "UPDATE t_order SET coin = coin + 1 WHERE id = "
    with database.connect() as one, database.connect() as two, ThreadPoolExecutor(1) as thread:
        for connection, row in ((one, "1"), (two, "2")):
            run(connection, "BEGIN")
            run(connection, update + row)
        pending = thread.submit(run, one, update + "2")
        failed = []
        try:
            run(two, update + "1")
        except DBAPIError as error:
            failed.append(error)
        run(two, "ROLLBACK")
        try:
            pending.result()
        except DBAPIError as error:
            failed.append(error)
    (error,) = failed  # the server picks the one that gives way
    assert errors.is_deadlock(error)


def test_a_row_twice_is_a_duplicate_key(connection: Connection) -> None:
    assert errors.is_duplicate_key(refused(connection, "INSERT INTO t_order VALUES (1, 5)"))
    assert errors.is_duplicate_key(refused(connection, "UPDATE t_order SET id = 1"))


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM gone", "DROP TABLE gone", "ALTER TABLE gone ADD COLUMN a INT"]
)
def test_a_table_that_is_not_there_is_missing(connection: Connection, sql: str) -> None:
    error = refused(connection, sql)
    assert errors.is_missing_table(error)
    assert not errors.is_unknown_database(error)


@pytest.mark.parametrize(
    ("kill", "meaning"),
    [("KILL QUERY", errors.is_interrupted), ("KILL", errors.is_connection_lost)],
)
def test_a_killed_statement_is_interrupted_and_a_killed_session_lost(
    database: Database, kill: str, meaning: Callable[[DBAPIError], bool]
) -> None:
    with (
        database.connect() as holder,
        database.connect(lock_wait=60) as victim,
        ThreadPoolExecutor(1) as thread,
    ):
        run(holder, "LOCK TABLES t_order WRITE")
        session = session_of(victim)
        pending = thread.submit(refused, victim, "ALTER TABLE t_order ADD COLUMN room_id INT")
        when_it_waits(holder, session)
        run(holder, f"{kill} {session}")
        error = pending.result()
    meanings = (errors.is_interrupted, errors.is_connection_lost, errors.is_lock_timeout)
    assert [is_so for is_so in meanings if is_so(error)] == [meaning]


def test_a_connection_that_was_killed_while_idle_is_lost(database: Database) -> None:
    with database.connect() as connection, database.connect() as other:
        run(other, f"KILL {session_of(connection)}")
        error = refused(connection, "SELECT 1")
    assert errors.is_connection_lost(error)


def test_a_session_that_is_gone_is_missing(connection: Connection) -> None:
    assert errors.is_missing_session(refused(connection, "KILL 4294967295"))


def test_a_change_that_needs_another_algorithm_is_told(connection: Connection) -> None:
    change = "ALTER TABLE t_order MODIFY coin VARCHAR(20), ALGORITHM="
    assert errors.is_algorithm_refused(refused(connection, f"{change}INSTANT"))
    assert errors.is_algorithm_refused(refused(connection, f"{change}INPLACE, LOCK=NONE"))


def test_mysql_takes_no_lock_clause_with_instant(mysql_url: str) -> None:
    with open_database(mysql_url).connect() as connection:
        run(connection, "CREATE TABLE t_order (id INT)")
        change = "ALTER TABLE t_order ADD COLUMN a INT, ALGORITHM=INSTANT, LOCK=NONE"
        assert errors.is_algorithm_refused(refused(connection, change))


def test_what_a_user_may_not_do_is_access_denied(server: Server) -> None:
    name = f"shardctl_{uuid.uuid4().hex[:12]}"
    users = f"{name}@'%', {name}@localhost"  # an anonymous user of localhost comes before %
    with server.fresh_database() as url, open_database(url).connect() as admin:
        run(admin, "CREATE TABLE t_order (id INT)")
        run(admin, f"CREATE USER {users}")
        try:
            run(admin, f"GRANT SELECT ON {make_url(url).database}.* TO {users}")
            limited = make_url(url).set(username=name, password=None)
            with open_database(limited.render_as_string(False)).connect() as connection:
                for sql in (
                    "ALTER TABLE t_order ADD COLUMN a INT",
                    "INSERT INTO t_order VALUES (1)",
                    "SELECT * FROM mysql.user",
                    "CREATE DATABASE shardctl_test_never",
                    "SET GLOBAL lock_wait_timeout = 5",
                ):
                    assert errors.is_access_denied(refused(connection, sql)), sql
                denied = refused(connection, f"KILL {session_of(admin)}")
                assert errors.is_kill_denied(denied)
        finally:
            run(admin, f"DROP USER {users}")
