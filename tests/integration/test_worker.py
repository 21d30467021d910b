"""Worker numbers leased from the database: one number for one time is held by one process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection

from shardctl import Family, Minter, ledger
from shardctl.dialects import Database, open_database
from shardctl.errors import ClockWentBack, DatabaseUnavailable, WorkerUnavailable
from shardctl.gene import TWITTER, SnowflakeGene
from shardctl.ledger import WorkerLeases
from shardctl.mint import Grant

SECOND = 1_000_000_000
ORDERS = Family("t_order", timezone="Asia/Shanghai", gene=TWITTER)

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # at fork


@pytest.fixture
def database(url: str) -> Database:
    return open_database(url)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        ledger.ensure(connection, database.dialect)
        yield connection


@pytest.fixture
def leases(database: Database, connection: Connection) -> WorkerLeases:  # noqa: ARG001  makes it
    return WorkerLeases(database, "t_order", drift=timedelta(days=1))


def marks(connection: Connection) -> dict[int, int]:
    rows = connection.exec_driver_sql("SELECT number, until_ms FROM shardctl_worker")
    return {row[0]: row[1] for row in rows}


def test_every_process_gets_a_number_of_its_own(
    leases: WorkerLeases, connection: Connection
) -> None:
    now = time.time_ns()
    grants = [leases.take(1024, now) for _ in range(3)]
    assert [grant.number for grant in grants] == [0, 1, 2]
    assert marks(connection) == {grant.number: grant.until // 1_000_000 for grant in grants}
    assert all(now < grant.renew_at < grant.until for grant in grants)


def test_another_pool_has_its_own_numbers(leases: WorkerLeases) -> None:
    leases.take(1024, time.time_ns())
    assert replace(leases, pool="t_log").take(1024, time.time_ns()).number == 0


def test_many_at_once_get_different_numbers(leases: WorkerLeases) -> None:
    together = Barrier(8)

    def take(_: int) -> Grant:
        together.wait(timeout=30)
        return leases.take(1024, time.time_ns())

    with ThreadPoolExecutor(8) as pool:
        numbers = [grant.number for grant in pool.map(take, range(8))]
    assert sorted(numbers) == list(range(8))


def test_a_number_is_free_when_its_mark_has_passed_and_many_want_it(leases: WorkerLeases) -> None:
    now = time.time_ns()
    old = leases.take(1, now)
    with pytest.raises(WorkerUnavailable, match="all 1 worker numbers"):
        leases.take(1, old.until - 1_000_000)
    together = Barrier(4)

    def take(_: int) -> Grant | None:
        together.wait(timeout=30)
        try:
            return leases.take(1, old.until)
        except WorkerUnavailable:
            return None

    with ThreadPoolExecutor(4) as pool:
        grants = [grant for grant in pool.map(take, range(4)) if grant]
    assert len(grants) == 1
    assert (grants[0].number, grants[0].since) == (0, old.until)


def test_a_restart_with_a_lower_clock_does_not_get_its_number_again(leases: WorkerLeases) -> None:
    now = time.time_ns()
    assert leases.take(2, now).number == 0
    assert leases.take(2, now - 10 * SECOND).number == 1
    with pytest.raises(WorkerUnavailable):
        leases.take(2, now - 20 * SECOND)


def test_a_clock_that_is_not_the_servers_is_refused(leases: WorkerLeases) -> None:
    strict = replace(leases, drift=timedelta(seconds=5))
    with pytest.raises(ClockWentBack, match="behind"):
        strict.take(1024, time.time_ns() - 7 * SECOND)
    with pytest.raises(WorkerUnavailable, match="ahead"):
        strict.take(1024, time.time_ns() + 7 * SECOND)
    strict.take(1024, time.time_ns())


def test_a_lease_is_renewed_ahead_of_use(leases: WorkerLeases, connection: Connection) -> None:
    now = time.time_ns()
    first = leases.take(1024, now)
    second = leases.renew(first, 1024, first.renew_at)
    assert second.number == first.number
    assert second.until > first.until
    assert marks(connection) == {first.number: second.until // 1_000_000}


def test_a_lease_that_lapsed_goes_on_where_nobody_took_it(leases: WorkerLeases) -> None:
    first = leases.take(1024, time.time_ns())
    assert leases.renew(first, 1024, first.until + 3600 * SECOND).number == first.number


def test_a_process_that_stood_still_gets_another_number_when_its_own_was_taken(
    leases: WorkerLeases,
) -> None:
    stopped = leases.take(1024, time.time_ns())
    taker = leases.take(1024, stopped.until)
    assert taker.number == stopped.number
    assert taker.since >= stopped.until
    assert leases.renew(stopped, 1024, stopped.until).number == 1


def test_without_the_table_the_error_names_the_command_and_makes_nothing(
    database: Database,
) -> None:
    minter = Minter(ORDERS, worker=WorkerLeases(database, "t_order"))
    with pytest.raises(WorkerUnavailable, match="shardctl premake"):
        minter()
    with database.connect() as connection:
        assert database.dialect.table_names(connection) == ()


def test_a_ledger_of_the_first_version_gets_the_table(
    database: Database, connection: Connection
) -> None:
    connection.exec_driver_sql("DROP TABLE shardctl_worker")
    connection.exec_driver_sql("UPDATE shardctl_meta SET version = 1")
    ledger.ensure(connection, database.dialect)
    assert ledger.version(connection) == ledger.VERSION
    assert WorkerLeases(database, "t_order").take(1024, time.time_ns()).number == 0


def test_a_lease_outlasts_a_server_that_is_away(leases: WorkerLeases, tmp_path: Path) -> None:
    grant = leases.take(1024, time.time_ns())
    away = replace(leases, database=open_database(f"sqlite:///{tmp_path / 'no' / 'such'}"))
    later = away.renew(grant, 1024, grant.renew_at)
    assert (later.number, later.until) == (grant.number, grant.until)
    assert grant.renew_at < later.renew_at <= grant.until
    with pytest.raises(DatabaseUnavailable):
        away.renew(later, 1024, grant.until)


def test_a_server_that_is_away_is_asked_a_few_times_while_a_lease_lasts(
    leases: WorkerLeases, tmp_path: Path
) -> None:
    """Each attempt may take ten seconds, during which nobody mints."""
    grant = leases.take(1024, time.time_ns())
    away = replace(leases, database=open_database(f"sqlite:///{tmp_path / 'no' / 'such'}"))
    attempts = []
    while grant.renew_at < grant.until:
        attempts.append(grant.until - grant.renew_at)
        grant = away.renew(grant, 1024, grant.renew_at)
    assert 3 <= len(attempts) <= 8
    assert attempts[-1] <= 2 * SECOND


def in_child(work: Callable[[], int], file: Path) -> int:
    """What a forked child gives; 0 when it fails."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            file.write_text(str(work()))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return int(file.read_text() or 0)


def test_a_minter_has_a_number_from_the_database_and_a_forked_child_another(
    leases: WorkerLeases, connection: Connection, tmp_path: Path
) -> None:
    minter = Minter(ORDERS, worker=leases)
    assert marks(connection) == {}, "nothing is leased before the first ID"
    before = int(minter().id)
    forked = in_child(lambda: int(minter().id), tmp_path / "id")
    after = int(minter().id)
    workers = [TWITTER.parts(id)["worker"] for id in (before, forked, after)]
    assert workers == [0, 1, 0]
    assert sorted(marks(connection)) == [0, 1]


def test_a_restarted_minter_with_a_lower_clock_makes_no_id_again(leases: WorkerLeases) -> None:
    orders = Family("t_order", gene=SnowflakeGene(41, (1,), 12))  # two numbers
    start = time.time_ns()
    shown = start

    def mint() -> list[int]:
        minter = Minter(orders, worker=leases, clock=lambda: shown)
        return [int(minter().id) for _ in range(100)]

    made = mint()
    shown = start - 10 * SECOND
    made += mint()
    with pytest.raises(WorkerUnavailable):
        mint()
    shown = start
    with pytest.raises(WorkerUnavailable):
        mint()
    shown = start + 61 * SECOND  # past the marks of both
    made += mint() + mint()
    assert len(set(made)) == 400


def test_minting_goes_on_past_the_end_of_a_lease_and_the_mark_stays_ahead(
    leases: WorkerLeases, connection: Connection
) -> None:
    now = time.time_ns()
    minter = Minter(ORDERS, worker=leases, clock=lambda: now)
    for _ in range(6):
        minted = minter()
        assert minted.instant.timestamp() * 1000 < marks(connection)[0]
        now += 25 * SECOND
    assert sorted(marks(connection)) == [0]
