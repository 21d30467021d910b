"""A ledger that an earlier shardctl made: read as it is, and brought up to date by commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import Connection, inspect

from shardctl import ledger, lock
from shardctl.dialects import Database, open_database
from shardctl.errors import LockHeld, Refused
from shardctl.ledger import creation, schema
from shardctl.lock.process import Process
from shardctl.structure import Structure

# As version 4 made them on MySQL and MariaDB.
FOURTH = """
CREATE TABLE shardctl_clause (
  revision VARCHAR(255) NOT NULL, direction VARCHAR(4) NOT NULL, n INTEGER NOT NULL,
  table_name VARCHAR(64) NOT NULL, how VARCHAR(8), token VARCHAR(64) NOT NULL,
  connection_id BIGINT, begun_at DATETIME(6) NOT NULL, done_at DATETIME(6),
  seconds FLOAT(53), row_count BIGINT,
  PRIMARY KEY (revision, direction, n, table_name));
CREATE TABLE shardctl_family (
  family VARCHAR(64) NOT NULL, fingerprint VARCHAR(64) NOT NULL, routing LONGTEXT NOT NULL,
  registered_at DATETIME(6) NOT NULL,
  PRIMARY KEY (family));
CREATE TABLE shardctl_heartbeat (
  name VARCHAR(64) NOT NULL, fence BIGINT NOT NULL, beat_at DATETIME(6),
  PRIMARY KEY (name));
CREATE TABLE shardctl_journal (
  id BIGINT NOT NULL AUTO_INCREMENT, family VARCHAR(64) NOT NULL, month VARCHAR(6) NOT NULL,
  order_id VARCHAR(191) NOT NULL, `row` LONGTEXT NOT NULL, reopened_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id), CONSTRAINT shardctl_journal_order UNIQUE (family, order_id, id));
CREATE TABLE shardctl_lock (
  name VARCHAR(64) NOT NULL, fence BIGINT NOT NULL, held BOOL NOT NULL,
  token VARCHAR(64) NOT NULL, orphans LONGTEXT NOT NULL, command VARCHAR(255) NOT NULL,
  owner VARCHAR(255) NOT NULL, host VARCHAR(255) NOT NULL, machine VARCHAR(255) NOT NULL,
  pid BIGINT, started BIGINT, server VARCHAR(255) NOT NULL, connection_id BIGINT,
  acquired_at DATETIME(6),
  PRIMARY KEY (name));
CREATE TABLE shardctl_meta (
  name VARCHAR(64) NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY (name));
CREATE TABLE shardctl_month (
  table_name VARCHAR(64) NOT NULL, family VARCHAR(64) NOT NULL, month VARCHAR(6) NOT NULL,
  revision VARCHAR(255), origin VARCHAR(8) NOT NULL, registered_at DATETIME(6) NOT NULL,
  PRIMARY KEY (table_name));
CREATE TABLE shardctl_registry (
  family VARCHAR(64) NOT NULL, business VARCHAR(64) NOT NULL, client_id VARCHAR(191) NOT NULL,
  order_id VARCHAR(191) NOT NULL, month VARCHAR(6) NOT NULL, registered_at DATETIME(6) NOT NULL,
  PRIMARY KEY (family, business, client_id),
  CONSTRAINT shardctl_registry_month UNIQUE (family, month, business, client_id));
CREATE TABLE shardctl_run (
  revision VARCHAR(255) NOT NULL, direction VARCHAR(4) NOT NULL, source LONGTEXT NOT NULL,
  digest VARCHAR(64) NOT NULL, clauses LONGTEXT NOT NULL, states LONGTEXT NOT NULL,
  token VARCHAR(64) NOT NULL, begun_at DATETIME(6) NOT NULL, finished_at DATETIME(6),
  PRIMARY KEY (revision, direction));
CREATE TABLE shardctl_sweep (
  family VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, until DATETIME(6) NOT NULL,
  PRIMARY KEY (family, name));
CREATE TABLE shardctl_worker (
  pool VARCHAR(64) NOT NULL, number INTEGER NOT NULL, until_ms BIGINT NOT NULL,
  host VARCHAR(255) NOT NULL, pid BIGINT NOT NULL, renewed_at DATETIME(6) NOT NULL,
  PRIMARY KEY (pool, number));
"""
OPTIONS = ") ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin"
SQLITE = {"DATETIME(6)": "DATETIME", "LONGTEXT": "TEXT", "FLOAT(53)": "FLOAT", "BOOL ": "BOOLEAN "}
SQLITE |= {"BIGINT NOT NULL AUTO_INCREMENT": "INTEGER NOT NULL"}
ROWS = (
    "INSERT INTO shardctl_lock VALUES"
    " ('database', 7, 0, 'old', '', 'upgrade', 'dba', 'db1', 'm', 17, 1, '', NULL, NULL)",
    "INSERT INTO shardctl_heartbeat VALUES ('database', 7, NULL)",
    "INSERT INTO shardctl_meta VALUES ('ledger', 4)",
    "INSERT INTO shardctl_run VALUES"
    " ('r1', 'up', 'source', 'digest', '[]', '{}', 'old', '2026-01-02 03:04:05.000006', NULL)",
    "INSERT INTO shardctl_clause VALUES ('r1', 'up', 0, 't_order_202601', 'ran', 'old', 8,"
    " '2026-01-02 03:04:05.000006', '2026-01-02 03:04:06.000006', 1.0, NULL)",
    "INSERT INTO shardctl_clause VALUES ('r1', 'up', 1, 't_order_202601', NULL, 'old', 8,"
    " '2026-01-02 03:04:07.000006', NULL, NULL, NULL)",
)


@pytest.fixture
def database(url: str) -> Database:
    return open_database(url)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


@pytest.fixture
def fourth(database: Database, connection: Connection) -> Connection:
    """A database with a ledger of version 4, in the middle of a run."""
    for statement in filter(str.strip, FOURTH.split(";")):
        if database.dialect.name == "sqlite":
            for word, spelled in SQLITE.items():
                statement = statement.replace(word, spelled)
        else:
            statement = re.sub(r"\)$", OPTIONS, statement.strip())
        connection.exec_driver_sql(statement)
    for row in ROWS:
        connection.exec_driver_sql(row)
    return connection


def structures(database: Database, connection: Connection) -> dict[str, Structure]:
    return database.dialect.structures(connection, list(schema.metadata.tables))


def test_a_ledger_of_the_fourth_version_is_read_as_it_is(
    database: Database, fourth: Connection
) -> None:
    before = database.dialect.table_names(fourth)
    assert ledger.version(fourth) == 4
    rows = ledger.rows_of(fourth, "r1", "up")
    done = rows[0, "t_order_202601"]
    assert (done.how, done.seconds, done.statement, done.words) == ("ran", 1.0, None, None)
    assert done.begun_at == datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert not rows[1, "t_order_202601"].done
    assert [run.revision for run in ledger.unfinished(fourth)] == ["r1"]
    assert ledger.begun_tokens(fourth) == {"old"}
    assert ledger.skipped(fourth) == {}
    assert ledger.sessions(fourth) == {}
    history = ledger.history(fourth)
    assert [(row.n, row.how, counts) for row, counts in history] == [(0, "ran", 1), (1, None, 1)]
    assert database.dialect.table_names(fourth) == before


def test_a_ledger_of_the_fourth_version_becomes_equal_to_one_made_anew(
    database: Database, fourth: Connection
) -> None:
    rows = ledger.rows_of(fourth, "r1", "up")
    ledger.ensure(fourth, database.dialect)
    assert ledger.version(fourth) == ledger.VERSION
    assert ledger.rows_of(fourth, "r1", "up") == rows
    brought = structures(database, fourth)
    schema.metadata.drop_all(fourth)
    ledger.ensure(fourth, database.dialect)
    assert brought == structures(database, fourth)
    assert set(brought) == set(schema.metadata.tables)


def test_many_bring_a_ledger_up_to_date_at_once(database: Database, fourth: Connection) -> None:
    together = Barrier(4)

    def ensure(_: int) -> None:
        with database.connect() as own:
            together.wait(timeout=30)
            ledger.ensure(own, database.dialect)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure, range(4)))
    assert ledger.version(fourth) == ledger.VERSION
    columns = [column["name"] for column in inspect(fourth).get_columns("shardctl_clause")]
    assert columns == [column.name for column in schema.clause.columns]


def test_one_that_is_half_way_is_brought_to_its_end(database: Database, fourth: Connection) -> None:
    text = "TEXT" if database.dialect.name == "sqlite" else "LONGTEXT"
    fourth.exec_driver_sql(f"ALTER TABLE shardctl_clause ADD COLUMN statement {text}")
    assert ledger.rows_of(fourth, "r1", "up")[0, "t_order_202601"].statement is None
    ledger.ensure(fourth, database.dialect)
    brought = structures(database, fourth)
    schema.metadata.drop_all(fourth)
    ledger.ensure(fourth, database.dialect)
    assert brought == structures(database, fourth)


def test_the_next_command_brings_it_up_to_date_and_goes_on_with_the_run(
    database: Database, fourth: Connection
) -> None:
    with lock.acquire(database, command="upgrade") as lease:
        assert lease.fence == 8
        lease.ledger.done_clauses(fourth, "r1", "up", [1], "t_order_202601", how="ran")
        lease.ledger.finish_run(fourth, "r1", "up")
    assert ledger.unfinished(fourth) == ()


def test_while_an_earlier_shardctl_is_at_work_its_ledger_stays_as_it_is(
    database: Database, fourth: Connection
) -> None:
    me = Process.this()
    holder = {"held": True, "pid": me.pid, "machine": me.machine, "started": me.started}
    fourth.execute(schema.lock.update().values(acquired_at=datetime.now(UTC), **holder))
    with pytest.raises(LockHeld), lock.acquire(database, command="premake"):
        pass
    with pytest.raises(LockHeld):
        lock.unlock(database)
    assert ledger.version(fourth) == 4
    assert lock.unlock(database, force=True) is not None
    assert ledger.version(fourth) == ledger.VERSION


def test_what_knows_the_fourth_version_only_refuses_it_from_then_on(
    database: Database, fourth: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.ensure(fourth, database.dialect)
    monkeypatch.setattr(creation, "VERSION", 4)
    with pytest.raises(Refused, match="knows versions up to 4"):
        ledger.rows_of(fourth, "r1", "up")
