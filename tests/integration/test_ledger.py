"""The ledger: what is written is read again, by the holder of the lock alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from shardctl import ledger, lock
from shardctl.clause import Clause, Param, Sql, TableName
from shardctl.dialects import Database, open_database
from shardctl.errors import LockLost, Refused
from shardctl.ledger import Ledger, Sent, schema
from shardctl.lock import Lease
from shardctl.month import Month
from shardctl.structure import Column, Structure

SOURCE = "def upgrade():\n    '订单 100% \\ \"'\n"
CLAUSES = (
    Clause("t_order", (Sql(("ALTER TABLE ", TableName("t_order"), " ADD `房间` INT")),)),
    Clause("t_order", (Sql(("UPDATE ", TableName("t_order"), " SET x = ", Param(b"\0"))),), True),
)
STATES = {"t_order": (None, Structure((Column("id", "int", comment="订单'id"),)), None)}


@pytest.fixture
def database(url: str) -> Database:
    return open_database(url)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect(lock_wait=5) as connection:
        yield connection


@pytest.fixture
def lease(database: Database) -> Iterator[Lease]:
    with lock.acquire(database, command="upgrade") as lease:
        yield lease


@pytest.fixture
def writer(lease: Lease) -> Ledger:
    return lease.ledger


def begin(writer: Ledger, connection: Connection, direction: ledger.Direction = "up") -> None:
    writer.begin_run(connection, "r1", direction, source=SOURCE, clauses=CLAUSES, states=STATES)


def everything(connection: Connection) -> list[Any]:
    tables = ("run", "clause", "month")
    return [connection.exec_driver_sql(f"SELECT * FROM shardctl_{t}").all() for t in tables]


def test_reading_a_database_without_a_ledger_gives_nothing_and_makes_nothing(
    database: Database, connection: Connection
) -> None:
    assert ledger.version(connection) is None
    assert ledger.run(connection, "r1", "up") is None
    assert ledger.unfinished(connection) == ()
    assert ledger.rows_of(connection, "r1", "up") == {}
    assert ledger.months(connection) == {}
    assert ledger.begun_tokens(connection) == frozenset()
    assert database.dialect.table_names(connection) == ()


def test_making_the_ledger_twice_leaves_it_as_it_is(
    database: Database, connection: Connection
) -> None:
    with lock.acquire(database, command="upgrade") as lease:
        begin(lease.ledger, connection)
    before = everything(connection)
    ledger.ensure(connection, database.dialect)
    assert everything(connection) == before
    assert ledger.version(connection) == ledger.VERSION


def test_a_ledger_of_the_third_version_gets_the_tables_of_the_fourth(
    database: Database, connection: Connection
) -> None:
    ledger.ensure(connection, database.dialect)
    complete = database.dialect.table_names(connection)
    for name in ("registry", "journal", "sweep"):
        connection.exec_driver_sql(f"DROP TABLE shardctl_{name}")
    connection.exec_driver_sql("UPDATE shardctl_meta SET version = 3")
    ledger.ensure(connection, database.dialect)
    assert ledger.version(connection) == ledger.VERSION
    assert database.dialect.table_names(connection) == complete
    for table in (schema.registry, schema.journal, schema.sweep):
        assert connection.execute(table.select()).all() == []


def test_the_journal_numbers_its_rows(connection: Connection, database: Database) -> None:
    ledger.ensure(connection, database.dialect)
    row = {"family": "t_order", "month": "202611", "order_id": "1", "row": "{}"}
    for _ in range(2):
        connection.execute(schema.journal.insert().values(row))
    assert [number for (number,) in connection.execute(select(schema.journal.c.id))] == [1, 2]


def test_many_make_the_ledger_at_once(database: Database, connection: Connection) -> None:
    together = Barrier(4)

    def ensure(_: int) -> None:
        with database.connect() as own:
            together.wait(timeout=30)
            ledger.ensure(own, database.dialect)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure, range(4)))
    assert ledger.version(connection) == ledger.VERSION
    assert connection.exec_driver_sql("SELECT COUNT(*) FROM shardctl_lock").scalar() == 1


def test_a_ledger_of_a_newer_version_is_neither_read_nor_written(
    database: Database, connection: Connection
) -> None:
    ledger.ensure(connection, database.dialect)
    connection.exec_driver_sql("UPDATE shardctl_meta SET version = 7")
    for use in (
        lambda: ledger.ensure(connection, database.dialect),
        lambda: ledger.unfinished(connection),
        lambda: ledger.months(connection),
        lambda: lock.acquire(database, command="upgrade").__enter__(),
    ):
        with pytest.raises(Refused, match="version 7"):
            use()


def test_the_tables_tell_names_apart_by_every_byte(server_url: str) -> None:
    database = open_database(server_url)
    with database.connect() as connection:
        ledger.ensure(connection, database.dialect)
        found = connection.exec_driver_sql(
            "SELECT table_name, engine, table_collation FROM information_schema.tables "
            "WHERE table_schema = DATABASE()"
        ).all()
    assert len(found) == len(schema.metadata.tables)
    for name, engine, collation in found:
        assert name.startswith("shardctl_")
        assert (engine, collation) == ("InnoDB", "utf8mb4_bin")


def test_a_run_is_read_as_it_was_begun(
    connection: Connection, writer: Ledger, lease: Lease
) -> None:
    begin(writer, connection)
    run = ledger.run(connection, "r1", "up")
    assert run is not None
    assert (run.source, run.clauses, run.states) == (SOURCE, CLAUSES, STATES)
    assert run.digest == hashlib.sha256(SOURCE.encode()).hexdigest()
    assert run.token == lease.token
    assert abs(run.begun_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert not run.finished
    assert ledger.unfinished(connection) == (run,)
    assert ledger.run(connection, "r1", "down") is None


def test_a_run_is_begun_once(connection: Connection, writer: Ledger) -> None:
    begin(writer, connection)
    with pytest.raises(Refused, match="r1"):
        begin(writer, connection)
    writer.finish_run(connection, "r1", "up")
    with pytest.raises(Refused, match="r1"):
        begin(writer, connection)
    writer.abandon(connection, "r1", "up")
    begin(writer, connection)
    assert len(ledger.unfinished(connection)) == 1


def test_finishing_a_run_that_was_not_begun_is_an_error(
    connection: Connection, writer: Ledger
) -> None:
    with pytest.raises(LookupError, match="r1"):
        writer.finish_run(connection, "r1", "up")


def test_finishing_a_run_voids_the_opposite_direction(
    connection: Connection, writer: Ledger
) -> None:
    begin(writer, connection)
    writer.done_clauses(connection, "r1", "up", [0, 1], "t_order_202601", how="ran")
    writer.done_clauses(connection, "r2", "up", [0], "t_order_202601", how="ran")
    writer.finish_run(connection, "r1", "up")
    begin(writer, connection, "down")
    writer.done_clauses(connection, "r1", "down", [0], "t_order_202601", how="ran")
    writer.finish_run(connection, "r1", "down")

    down = ledger.run(connection, "r1", "down")
    assert down is not None
    assert down.finished
    assert ledger.run(connection, "r1", "up") is None
    assert ledger.rows_of(connection, "r1", "up") == {}
    assert set(ledger.rows_of(connection, "r1", "down")) == {(0, "t_order_202601")}
    assert set(ledger.rows_of(connection, "r2", "up")) == {(0, "t_order_202601")}


def test_finishing_and_voiding_happen_together_or_not_at_all(
    database: Database, connection: Connection, writer: Ledger
) -> None:
    begin(writer, connection)
    writer.done_clauses(connection, "r1", "up", [0], "t_order_202601", how="ran")
    writer.finish_run(connection, "r1", "up")
    begin(writer, connection, "down")
    before = everything(connection)
    failing = (
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
        if database.dialect.name == "sqlite"
        else "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'"
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER t_no BEFORE DELETE ON shardctl_run FOR EACH ROW {failing}"
    )
    with pytest.raises(DBAPIError, match="no"):
        writer.finish_run(connection, "r1", "down")
    assert everything(connection) == before


def test_a_clause_is_begun_and_done(connection: Connection, writer: Ledger, lease: Lease) -> None:
    writer.begin_clauses(
        connection, "r1", "up", [0, 2], "t_order_202601", token="other", connection_id=4711
    )
    rows = ledger.rows_of(connection, "r1", "up")
    assert set(rows) == {(0, "t_order_202601"), (2, "t_order_202601")}
    begun = rows[0, "t_order_202601"]
    assert (begun.done, begun.how, begun.token, begun.connection_id) == (False, None, "other", 4711)
    assert ledger.begun_tokens(connection) == {"other"}

    writer.begin_clauses(connection, "r1", "up", [0, 1, 2], "t_order_202601")
    assert ledger.begun_tokens(connection) == {lease.token}
    writer.done_clauses(connection, "r1", "up", [0, 1], "t_order_202601", how="ran", seconds=1.25)
    rows = ledger.rows_of(connection, "r1", "up")
    done = rows[1, "t_order_202601"]
    assert (done.done, done.how, done.seconds, done.rows) == (True, "ran", 1.25, None)
    assert done.done_at is not None
    assert done.begun_at <= done.done_at
    assert not rows[2, "t_order_202601"].done


def test_one_tables_end_is_recorded_together_with_the_next_ones_beginning(
    connection: Connection, writer: Ledger
) -> None:
    first, second = "t_order_202601", "t_order_202602"
    writer.begin_clauses(connection, "r1", "up", [0, 1], first, token="x", connection_id=7)
    before = ledger.rows_of(connection, "r1", "up")
    writer.begin_clauses(
        connection,
        "r1",
        "up",
        [0, 1],
        second,
        token="x",
        connection_id=7,
        done={first: [Sent((0, 1), 1.5, "ALTER TABLE")]},
    )
    rows = ledger.rows_of(connection, "r1", "up")
    for n in (0, 1):
        done, begun = rows[n, first], rows[n, second]
        assert (done.how, done.seconds, done.statement) == ("ran", 1.5, "ALTER TABLE")
        assert (done.begun_at, done.token) == (before[n, first].begun_at, "x")
        assert done.done_at is not None
        assert done.begun_at <= done.done_at
        assert (begun.done, begun.how, begun.token, begun.connection_id) == (False, None, "x", 7)


def test_a_clause_that_a_table_had_already_is_recorded_as_found(
    connection: Connection, writer: Ledger
) -> None:
    writer.done_clauses(connection, "r1", "up", [0, 1], "t_order_202601", how="found")
    rows = ledger.rows_of(connection, "r1", "up")
    assert [(key, row.how, row.done) for key, row in rows.items()] == [
        ((0, "t_order_202601"), "found", True),
        ((1, "t_order_202601"), "found", True),
    ]


def test_a_data_clause_is_recorded_with_its_rows(connection: Connection, writer: Ledger) -> None:
    with writer.dialect.transaction(connection):
        assert writer.record_data(connection, "r1", "up", 1, "t_order_202601")
        writer.done_clauses(
            connection, "r1", "up", [1], "t_order_202601", how="ran", seconds=0.5, rows=2**40
        )
    row = ledger.rows_of(connection, "r1", "up")[1, "t_order_202601"]
    assert (row.done, row.how, row.rows) == (True, "ran", 2**40)


def test_a_data_clause_that_was_rolled_back_is_not_recorded(
    connection: Connection, writer: Ledger
) -> None:
    def fail() -> None:
        with writer.dialect.transaction(connection):
            writer.record_data(connection, "r1", "up", 1, "t_order_202601")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ledger.rows_of(connection, "r1", "up") == {}
    with writer.dialect.transaction(connection):
        assert writer.record_data(connection, "r1", "up", 1, "t_order_202601")


def test_of_two_sessions_at_once_one_applies_a_data_clause(
    database: Database, connection: Connection, writer: Ledger
) -> None:
    connection.exec_driver_sql("CREATE TABLE t_order_202601 (x INTEGER)")
    connection.exec_driver_sql("INSERT INTO t_order_202601 VALUES (0)")
    together = Barrier(2)

    def apply(_: int) -> bool:
        with database.connect() as own:
            together.wait(timeout=30)
            with database.dialect.transaction(own):
                first = writer.record_data(own, "r1", "up", 0, "t_order_202601")
                if first:
                    own.exec_driver_sql("UPDATE t_order_202601 SET x = x + 1")
                return first

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(apply, range(2))) == [False, True]
    assert connection.exec_driver_sql("SELECT x FROM t_order_202601").scalar() == 1


def test_months_are_registered_moved_and_forgotten(connection: Connection, writer: Ledger) -> None:
    for month in (Month(2026, 1), Month(2026, 2), Month(2026, 3)):
        writer.register(
            connection,
            f"t_order_{month:%Y%m}",
            family="t_order",
            month=month,
            revision=None,
            origin="adopted",
        )
    writer.set_revision(connection, ["t_order_202601", "t_order_202602"], "r1")
    writer.unregister(connection, "t_order_202603")
    writer.register(
        connection,
        "t_order_202602",
        family="t_order",
        month=Month(2026, 2),
        revision="r2",
        origin="found",
    )
    assert [
        (row.table, row.family, row.month, row.revision, row.origin)
        for row in ledger.months(connection).values()
    ] == [
        ("t_order_202601", "t_order", Month(2026, 1), "r1", "adopted"),
        ("t_order_202602", "t_order", Month(2026, 2), "r2", "found"),
    ]
    (first, _) = ledger.months(connection).values()
    assert abs(first.registered_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_moving_no_month_is_no_error(connection: Connection, writer: Ledger) -> None:
    writer.set_revision(connection, [], "r1")
    writer.set_revision(connection, ["t_order_202601"], "r1")
    writer.unregister(connection, "t_order_202601")
    assert ledger.months(connection) == {}


WRITES: dict[str, Callable[[Ledger, Connection], object]] = {
    "begin_run": lambda w, c: w.begin_run(
        c, "r9", "up", source=SOURCE, clauses=CLAUSES, states=STATES
    ),
    "finish_run": lambda w, c: w.finish_run(c, "r1", "up"),
    "abandon": lambda w, c: w.abandon(c, "r1", "up"),
    "begin_clauses": lambda w, c: w.begin_clauses(c, "r1", "up", [0, 5], "t_order_202601"),
    "begin_clauses, next": lambda w, c: w.begin_clauses(
        c, "r1", "up", [0], "t_a", "t_b", done={"t_order_202601": [Sent((0,))]}
    ),
    "done_clauses": lambda w, c: w.done_clauses(c, "r1", "up", [0], "t_order_202601", how="ran"),
    "done_clauses, new": lambda w, c: w.done_clauses(c, "r1", "up", [7], "t_a", how="found"),
    "record_data": lambda w, c: w.record_data(c, "r1", "up", 8, "t_order_202601"),
    "register": lambda w, c: w.register(
        c, "t_b", family="t", month=Month(2026, 2), revision=None, origin="found"
    ),
    "set_revision": lambda w, c: w.set_revision(c, ["t_order_202601"], "r1"),
    "unregister": lambda w, c: w.unregister(c, "t_order_202601"),
}


def test_after_a_takeover_and_after_its_end_a_lease_writes_nothing(
    database: Database, connection: Connection
) -> None:
    with lock.acquire(database, command="upgrade") as old:
        begin(old.ledger, connection)
        old.ledger.begin_clauses(connection, "r1", "up", [0], "t_order_202601")
        old.ledger.register(
            connection,
            "t_order_202601",
            family="t_order",
            month=Month(2026, 1),
            revision=None,
            origin="adopted",
        )
        before = everything(connection)
        connection.exec_driver_sql("UPDATE shardctl_lock SET started = 0")  # as if it were gone
        with lock.acquire(database, command="premake") as new:
            assert new.fence > old.fence
            for name, write in WRITES.items():
                with pytest.raises(LockLost):
                    write(old.ledger, connection)
                assert everything(connection) == before, name
    for name, write in WRITES.items():
        with pytest.raises(LockLost):
            write(new.ledger, connection)
        assert everything(connection) == before, name
