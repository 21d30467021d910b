"""No statement begins while a replica is too far behind, or where that cannot be told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymysql.cursors import DictCursor
from sqlalchemy import make_url

from shardctl.dialects import Database, Lag, open_database
from shardctl.errors import ConfigError, Refused, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.patience.replicas import Replica, Replicas
from shardctl.migrate.patience.restraint import Restraint, restraint_of
from shardctl.report import Event, Note, TableDone
from tests.conftest import SETTINGS, RunCli
from tests.nursery import Nursery
from tests.project import ORDERS, Project, until
from tests.servers import FAST, FLAVOURS, Own, Server, Unusable, private, user_with

MONTHS = ("t_order_202001", "t_order_202002")
TABLES = ("t_order", *MONTHS)
ALONE = Course(jobs=1)
NOBODY = "mysql+pymysql://root:hunter2@127.0.0.1:1/"


def made(folder: Path, url: str) -> Project:
    """Two months and a revision that adds a column."""
    project = Project.make(folder, url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    project.revision("r1", 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))')
    return project


def having(project: Project) -> list[str]:
    """The tables that have got the column."""
    found = project.structures(*TABLES)
    return [table for table in TABLES if "room_id" in {each.name for each in found[table].columns}]


# -- two servers of our own ----------------------------------------------------------------------


def reached(own: Own) -> Database:
    """A server, by a database that every one has."""
    return open_database(make_url(own.server.url).set(database="mysql"))


@dataclass(frozen=True)
class Pair:
    """A primary and its replica."""

    primary: Own
    replica: Own

    @property
    def name(self) -> str:
        """The replica's, as it is told."""
        return f"127.0.0.1:{make_url(self.replica.server.url).port}"

    def on_replica(self, *statements: str) -> list[dict[str, Any]]:
        connection = self.replica.server.connect()
        with closing(connection), connection.cursor(DictCursor) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def lag(self) -> float | None:
        """In seconds; None as long as the replica has not got what was written before."""
        primary, replica = map(reached, (self.primary, self.replica))
        with primary.connect() as one, replica.connect() as other:
            written = primary.dialect.written(one)
            assert written
            lag = replica.dialect.replica_lag(other, written)
        assert lag
        return lag.seconds if lag.fetched else None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Replication does not run."""
        self.on_replica("STOP REPLICA SQL_THREAD")
        try:
            yield
        finally:
            self.on_replica("START REPLICA")

    def follow(self) -> None:
        """Let the replica follow the primary."""
        port = make_url(self.primary.server.url).port
        connection = self.primary.server.connect()
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("CREATE USER replica@'%' IDENTIFIED BY 'secret'")
            cursor.execute("GRANT REPLICATION SLAVE ON *.* TO replica@'%'")
        said = (
            f"{{0}}_HOST='127.0.0.1', {{0}}_PORT={port}, "
            "{0}_USER='replica', {0}_PASSWORD='secret'"
        )
        if self.primary.server.flavour == "mysql":
            source = f"CHANGE REPLICATION SOURCE TO {said.format('SOURCE')}"
            self.on_replica(f"{source}, GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")
        else:
            self.on_replica(f"CHANGE MASTER TO {said.format('MASTER')}", "START REPLICA")
        until(lambda: self.lag() == 0)
        database = reached(self.primary)
        with database.connect() as connection:
            until(lambda: database.dialect.replica_hosts(connection))


@pytest.fixture(scope="module", params=FLAVOURS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A primary and a replica that names itself to it."""
    settings = request.config.stash[SETTINGS]
    fast = [option for option in FAST if option != "--skip-log-bin"]
    servers = [
        private(request.param, settings, *fast, "--log-bin=bin", f"--server-id={number}", *more)
        for number, more in ((1, ()), (2, ("--report-host=127.0.0.1",)))
    ]
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        try:
            pair = Pair(*pool.map(stack.enter_context, servers))
        except Unusable as error:
            if settings.get("CI"):
                raise
            pytest.skip(f"no servers of our own: {error}")
        pair.follow()
        yield pair


@pytest.fixture
def project(tmp_path: Path, pair: Pair) -> Iterator[Project]:
    """A database on the primary, which the replica has, too."""
    with pair.primary.server.fresh_database() as url:
        project = made(tmp_path, url)
        name = make_url(url).database
        arrived = (
            "SELECT 1 FROM information_schema.tables "
            f"WHERE table_schema = '{name}' AND table_name = '{MONTHS[-1]}'"
        )
        until(partial(pair.on_replica, arrived))
        until(lambda: pair.lag() == 0)
        yield project


def test_a_replica_that_has_stopped_is_waited_for(
    project: Project, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair.stopped():
        monkeypatch.setattr("shardctl.migrate.patience.gate.CATCHING_UP", 0.0)
        with pytest.raises(StepFailed, match=r"replication does not run on 127") as ended:
            commands.upgrade(project.config, restraint=Restraint(max_lag=10))
        assert f"t_order: replication does not run on {pair.name}, and that " in str(ended.value)
        assert "What was done before is recorded: run again" in str(ended.value)
        assert having(project) == []
    monkeypatch.undo()
    notes: list[str] = []
    with pair.stopped():

        def report(event: Event) -> None:
            if isinstance(event, Note):
                notes.append(event.text)
                if "does not run" in event.text:
                    pair.on_replica("START REPLICA")

        commands.upgrade(
            project.config, restraint=Restraint(max_lag=10), course=ALONE, report=report
        )
    assert notes[:2] == [
        f"watching the lag of {pair.name}",
        f"replication does not run on {pair.name}: looking again in 1 s",
    ]
    assert having(project) == list(TABLES)


def test_a_replica_that_is_behind_is_waited_for_between_two_months(
    project: Project, pair: Pair
) -> None:
    name = make_url(project.database.engine.url).database
    notes: list[str] = []
    had: list[list[str]] = []
    with closing(pair.replica.server.connect()) as reader, reader.cursor() as cursor:
        # What is altered on the primary waits on the replica until this has ended.
        cursor.execute(f"LOCK TABLES {name}.{MONTHS[0]} READ")

        def report(event: Event) -> None:
            if event == TableDone(MONTHS[0]):
                until(lambda: (pair.lag() or 0) > 1)
            if isinstance(event, Note) and "behind" in event.text:
                notes.append(event.text)
                had.append(having(project))
                cursor.execute("UNLOCK TABLES")

        commands.upgrade(
            project.config, restraint=Restraint(max_lag=1), course=ALONE, report=report
        )
    told = rf"{pair.name} is \d+ s behind, more than 1 s: looking again in 1 s"
    assert re.fullmatch(told, notes[0])
    assert had[0] == ["t_order", MONTHS[0]]
    assert having(project) == list(TABLES)


def test_a_replica_that_goes_away_meanwhile_stops_the_run(
    project: Project, pair: Pair, run_cli: RunCli
) -> None:
    process = pair.replica.process

    def report(event: Event) -> None:
        if event == TableDone(MONTHS[0]):
            process.terminate()
            process.wait()

    given = Restraint(max_lag=10, replicas=(pair.replica.server.url,))
    try:
        with pytest.raises(StepFailed, match=r"cannot be read.*\nWhat was done before is recorded"):
            commands.upgrade(project.config, restraint=given, course=ALONE, report=report)
    finally:
        if process.poll() is not None:
            pair.replica.restart()
    assert having(project) == ["t_order", MONTHS[0]]
    until(lambda: pair.lag() == 0)
    options = ("--max-lag", "10", "--replica", pair.replica.server.url)
    again = run_cli("upgrade", *options, cwd=project.folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert having(project) == list(TABLES)


def test_a_connection_that_was_closed_meanwhile_is_made_again(project: Project, pair: Pair) -> None:
    others = "SELECT id FROM information_schema.processlist WHERE user = 'root' AND id <> %s"

    def report(event: Event) -> None:
        if event == TableDone(MONTHS[0]):
            connection = pair.replica.server.connect()
            with closing(connection), connection.cursor() as cursor:
                cursor.execute(others, (connection.thread_id(),))
                killed = cursor.fetchall()
                assert killed
                for (session,) in killed:
                    cursor.execute(f"KILL {session}")

    commands.upgrade(project.config, restraint=Restraint(max_lag=10), course=ALONE, report=report)
    assert having(project) == list(TABLES)


def test_of_several_sources_the_one_that_is_farthest_behind_counts(pair: Pair) -> None:
    mysql = pair.primary.server.flavour == "mysql"
    channel = "FOR CHANNEL 'second'" if mysql else ""
    until(lambda: pair.lag() == 0)
    if mysql:
        pair.on_replica(f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1' {channel}")
    else:
        pair.on_replica("CHANGE MASTER 'second' TO MASTER_HOST='127.0.0.1'")
    try:
        assert pair.lag() == math.inf
    finally:
        reset = f"RESET REPLICA ALL {channel}" if mysql else "RESET REPLICA 'second' ALL"
        pair.on_replica(reset)
    assert pair.lag() == 0


def test_what_a_replica_has_not_got_yet_is_not_taken_for_done(pair: Pair) -> None:
    primary = reached(pair.primary)
    with ExitStack() as connections, primary.connect() as connection:
        replica = Replica.reached(pair.replica.server.url, primary, connections)
        written = primary.dialect.written(connection)
        assert written
        until(lambda: replica.lag(written) == Lag(0, fetched=True))
        farther = replace(written, at=written.at + 1)
        assert replica.lag(farther) == Lag(0, fetched=False)
        assert replica.lag(replace(farther, server=99)).fetched  # it follows another server
        next_file = replace(written, file=written.file + 1, at=4)
        behind = Replicas([replica], 10, lambda: next_file).behind()
        assert behind == f"{pair.name} has not got what was written 1 s ago"
        assert Replicas([replica], 10, lambda: written).behind() == ""


def test_alembic_says_the_same(project: Project, pair: Pair, nursery: Nursery) -> None:
    bad = f"replica={NOBODY}"
    good = f"replica={pair.replica.server.url}"
    words = ["-x", "max_lag=10", "-x", bad, "-x", good]
    child = nursery.start("alembic", *words, "upgrade", "head", cwd=project.folder)
    ended = child.completed()
    assert ended.returncode != 0
    assert "a replica's lag cannot be read" in ended.stderr + ended.stdout
    assert "hunter2" not in ended.stderr + ended.stdout
    assert having(project) == []
    child = nursery.start("alembic", *words[:2], *words[4:], "upgrade", "head", cwd=project.folder)
    assert child.completed().returncode == 0
    assert having(project) == list(TABLES)


# -- what cannot be told -------------------------------------------------------------------------


def test_where_there_is_no_replica_nothing_is_done(
    tmp_path: Path, url: str, run_cli: RunCli
) -> None:
    project = made(tmp_path, url)
    ended = run_cli("upgrade", "--max-lag", "10", cwd=project.folder)
    assert ended.returncode == 3
    assert "max lag: the server names no replicas; say which there are: --replica" in ended.stderr
    assert having(project) == []
    assert project.left_behind() == []


def test_without_a_limit_no_replica_is_asked_for(tmp_path: Path, url: str) -> None:
    project = made(tmp_path, url)
    commands.upgrade(project.config)
    assert having(project) == list(TABLES)


def test_a_replica_that_cannot_be_reached_stops_everything(
    tmp_path: Path, server_url: str, run_cli: RunCli
) -> None:
    project = made(tmp_path, server_url)
    options = ("--max-lag", "10", "--replica", NOBODY)
    ended = run_cli("upgrade", *options, cwd=project.folder)
    assert ended.returncode == 3
    assert "a replica's lag cannot be read: cannot connect to mysql+pymysql://root:***@127.0.0.1:1"
    assert "Nothing was changed: mend that" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert having(project) == []


def test_a_server_that_is_no_replica_stops_everything(tmp_path: Path, server_url: str) -> None:
    project = made(tmp_path, server_url)
    where = make_url(server_url)
    given = where.set(username=None, password=None, host="localhost")._replace(username=None)
    text = given.render_as_string(hide_password=False)
    assert "root" not in text  # the user is ours
    with pytest.raises(Refused, match=f"the lag of localhost:{where.port} .* it is no replica"):
        commands.upgrade(project.config, restraint=Restraint(max_lag=10, replicas=(text,)))
    assert having(project) == []


def test_a_user_who_may_not_ask_is_told_which_privilege_is_missing(
    tmp_path: Path, server_url: str
) -> None:
    server = Server("", str(make_url(server_url).set(database="", query={})))
    name = str(make_url(server_url).database)
    with user_with(server, name, "ALL") as limited:
        project = made(tmp_path, limited)
        with pytest.raises(Refused, match=r"does not name its replicas: \(1227\).* REPLICATION"):
            commands.upgrade(project.config, restraint=Restraint(max_lag=10))
        given = Restraint(max_lag=10, replicas=(limited,))
        with pytest.raises(Refused, match=r"the place where the server's log ends: \(1227\) "):
            commands.upgrade(project.config, restraint=given)
        ours = replace(project.config, url_text=server_url)
        with pytest.raises(Refused, match=r"the lag of .* cannot be read: \(1227\) "):
            commands.upgrade(ours, restraint=given)
        assert having(project) == []


def test_a_url_that_cannot_be_read_is_refused_without_its_password(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = made(tmp_path, sqlite_url)
    given = Restraint(max_lag=10, replicas=("root:hunter2@somewhere",))
    with pytest.raises(ConfigError, match=r"^replica: ") as refused:
        commands.upgrade(project.config, restraint=given)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(given)


def test_a_dry_run_asks_no_replica(tmp_path: Path, sqlite_url: str) -> None:
    project = made(tmp_path, sqlite_url)
    commands.upgrade(project.config, dry_run=True, restraint=Restraint(max_lag=0))
    assert having(project) == []


def test_what_cannot_be_meant_is_refused_by_its_name() -> None:
    for words, name in (
        ({"max_lag": "soon"}, "max_lag=soon"),
        ({"replica": NOBODY}, "replica: say with max_lag, too"),
    ):
        with pytest.raises(ConfigError, match=name):
            restraint_of(words)
    with pytest.raises(ConfigError, match="max_lag=-1"):
        Restraint(max_lag=-1)
    both = restraint_of({"max_lag": "5", "replica": f"{NOBODY} mysql+pymysql://b"})
    assert both == Restraint(max_lag=5, replicas=(NOBODY, "mysql+pymysql://b"))
