"""Not hurting production: locked months, Ctrl-C, hours of the day, a busy server."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from shardctl import ledger
from shardctl.dialects import open_database
from shardctl.errors import Refused, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.patience.window import Window
from shardctl.report import Event, Note, Step, TableDone
from tests.blocking import ended, read_by_another, started, waiting
from tests.conftest import RunCli
from tests.nursery import Nursery
from tests.project import ORDERS, Project, until
from tests.servers import Server, user_with

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
FIRST, MIDDLE, LAST = MONTHS
TABLES = ("t_order", *MONTHS)
ADD_COLUMN = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))'
ADD_COIN = 'op.execute("UPDATE t_order SET coin = coin + 1")'
ONCE = Restraint(lock_wait=1, lock_retries=0)
AGAIN = Restraint(lock_wait=1, lock_retries=1)
ALONE = Course(jobs=1)


def made(tmp_path: Path, url: str) -> Project:
    """Three months with a row each."""
    project = Project.make(tmp_path, url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id, create_time) VALUES ('a', '2020-01-01')")
    return project


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    return made(tmp_path, server_url)


@pytest.fixture
def anywhere(tmp_path: Path, flow_url: str) -> Project:
    """The same, on SQLite too."""
    return made(tmp_path, flow_url)


def upgrade(project: Project, restraint: Restraint, events: list[Event] | None = None) -> None:
    report = (lambda _: None) if events is None else events.append
    commands.upgrade(project.config, restraint=restraint, course=ALONE, report=report)


def done(events: list[Event]) -> list[str]:
    return [event.table for event in events if isinstance(event, TableDone)]


def having(project: Project, column: str = "room_id") -> list[str]:
    """The tables that have a column."""
    found = project.structures(*TABLES)
    return [table for table in TABLES if column in {each.name for each in found[table].columns}]


def coins(project: Project) -> list[object]:
    return [project.rows(f"SELECT coin FROM {month}")[0][0] for month in MONTHS]


def named(session: int) -> str:
    """How the one who holds a table is told; MariaDB does not say for certain who it is."""
    return f"held by session {session} (root@localhost"


# -- locked months -------------------------------------------------------------------------------


def test_a_month_in_a_long_transaction_is_named_and_left_while_the_others_are_done(
    project: Project, run_cli: RunCli
) -> None:
    project.revision("r1", ADD_COLUMN)
    with read_by_another(project, MIDDLE) as reader:
        options = ("--lock-wait", "1", "--lock-retries", "1", "--jobs", "1")
        ended = run_cli("upgrade", *options, cwd=project.folder)
        assert having(project) == ["t_order", FIRST, LAST]
    assert ended.returncode == 4
    error, way_on = ended.stderr.splitlines()
    assert error.startswith(f"error: {MIDDLE}: clause 1 of r1 r1 failed: (1205) ")
    assert named(reader) in error
    assert "run again when that has ended to go on" in way_on
    if project.database.dialect.name == "mysql":
        assert error.endswith(f"s): SELECT * FROM {MIDDLE}")
    first, later, others, second, given_up = ended.stdout.splitlines()[-5:]
    for wait in (first, second):
        assert wait.startswith(f"  {MIDDLE} (1): waiting: ")
        assert named(reader) in wait
    assert (
        later == f"  {MIDDLE} (1): waiting: it stays locked, its turn comes again after the others"
    )
    assert others.startswith(f"  {LAST} (1): ")
    assert given_up.startswith(f"  {MIDDLE} (1): failed: (1205) ")
    assert project.version() is None
    assert {t for (_, t), row in project.ledger_rows("r1").items() if row.done} == {
        *("t_order", FIRST, LAST)
    }
    assert project.left_behind() == []

    again = run_cli("upgrade", cwd=project.folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert project.version() == "r1"
    assert len(set(project.structures(*TABLES).values())) == 1


def test_a_month_that_comes_free_meanwhile_is_done_in_its_turn(project: Project) -> None:
    project.revision("r1", ADD_COLUMN)
    events: list[Event] = []
    with ExitStack() as read:
        read.enter_context(read_by_another(project, MIDDLE))

        def report(event: Event) -> None:
            events.append(event)
            if isinstance(event, Step) and event.state == "waiting":
                read.close()

        commands.upgrade(project.config, restraint=AGAIN, course=ALONE, report=report)
    assert done(events) == list(TABLES)
    assert having(project) == list(TABLES)


def test_a_locked_month_has_a_second_turn_after_the_others(project: Project) -> None:
    project.revision("r1", f"{ADD_COLUMN}\n{ADD_COIN}")
    events: list[Event] = []
    with ExitStack() as read:
        read.enter_context(read_by_another(project, MIDDLE))

        def report(event: Event) -> None:
            events.append(event)
            if event == TableDone(LAST):
                read.close()

        migration = commands.upgrade(project.config, restraint=ONCE, course=ALONE, report=report)
    assert done(events) == ["t_order", FIRST, LAST, MIDDLE]
    assert coins(project) == [1, 1, 1]
    assert project.version() == "r1"
    assert migration.outcomes[0].ran == {"t_order": (0,)} | dict.fromkeys(MONTHS, (0, 1))


def test_while_the_template_is_locked_nothing_is_done(project: Project) -> None:
    project.revision("r1", ADD_COLUMN)
    events: list[Event] = []
    with (
        read_by_another(project, "t_order") as reader,
        pytest.raises(StepFailed, match=f"^t_order: clause 1.*session {reader} "),
    ):
        upgrade(project, AGAIN, events)
    assert (done(events), having(project)) == ([], [])
    upgrade(project, ONCE)
    assert having(project) == list(TABLES)


def test_what_comes_after_a_segment_waits_for_all_of_its_months(project: Project) -> None:
    rooms = 'op.create_table("room", sa.Column("id", sa.Integer, primary_key=True))'
    index = 'op.create_index("ix_room", "t_order", ["room_id"])'
    project.revision("r1", f"{ADD_COLUMN}\n{rooms}\n{index}")
    with read_by_another(project, MIDDLE), pytest.raises(StepFailed, match=MIDDLE):
        upgrade(project, ONCE)
    assert having(project) == ["t_order", FIRST, LAST]
    assert "room" not in project.tables()
    upgrade(project, ONCE)
    assert "room" in project.tables()
    assert len(set(project.structures(*TABLES).values())) == 1
    assert len(project.structure(MIDDLE).indexes) == 2


def test_all_months_that_stay_locked_are_told(project: Project) -> None:
    project.revision("r1", ADD_COLUMN)
    with (
        read_by_another(project, FIRST) as one,
        read_by_another(project, LAST) as two,
        pytest.raises(StepFailed) as failed,
    ):
        upgrade(project, ONCE)
    first, second, way_on = str(failed.value).splitlines()
    assert first.startswith(f"{FIRST}: ")
    assert f"session {one} " in first
    assert second.startswith(f"{LAST}: ")
    assert f"session {two} " in second
    assert "run again" in way_on
    assert having(project) == ["t_order", MIDDLE]


def test_rows_that_another_changes_hold_a_data_clause_up_and_it_is_applied_once(
    project: Project,
) -> None:
    project.revision("r1", ADD_COIN)
    events: list[Event] = []
    with project.connect() as writer, ExitStack() as written:
        written.enter_context(project.database.dialect.transaction(writer))
        writer.exec_driver_sql(f"UPDATE {MIDDLE} SET user_id = 8")

        def report(event: Event) -> None:
            events.append(event)
            if event == TableDone(LAST):
                written.close()

        commands.upgrade(project.config, restraint=ONCE, course=ALONE, report=report)
    (later,) = (event for event in events if isinstance(event, Step) and event.state == "waiting")
    assert (later.table, "after the others" in later.detail) == (MIDDLE, True)
    assert done(events) == ["t_order", FIRST, LAST, MIDDLE]
    assert coins(project) == [1, 1, 1]
    assert all(row.done for row in project.ledger_rows("r1").values())


def test_one_who_only_reads_is_not_told_to_hold_rows(project: Project) -> None:
    dialect = project.database.dialect
    with (
        read_by_another(project, MIDDLE) as reader,
        project.connect() as writer,
        dialect.transaction(writer),
        project.connect() as connection,
    ):
        writer.exec_driver_sql(f"UPDATE {MIDDLE} SET user_id = 8")
        found = {
            rows: dialect.blockers(connection, MIDDLE, rows=rows, waited=0, ours=None)
            for rows in (False, True)
        }
        session = dialect.connection_id(writer)
    if dialect.name == "mysql":
        assert {each.session for each in found[False]} == {reader, session}
        assert [(each.session, each.certain) for each in found[True]] == [(session, False)]
    for each in found[True]:
        assert not each.certain


def test_a_data_clause_that_a_deadlock_undid_is_applied_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.migrate.patience.restraint.LONGEST_PAUSE", 0.1)
    project.revision("r1", ADD_COIN)
    project.sql(f"INSERT INTO {MIDDLE} (order_id, create_time) VALUES ('b', '2020-01-01')")
    dialect, events = project.database.dialect, list[Event]()
    asks = (
        "SELECT COUNT(*) FROM information_schema.innodb_trx t "
        "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
        "WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()"
    )

    def rests() -> None:
        # InnoDB tells nothing new to one who has asked less than 100 ms ago:
        # https://dev.mysql.com/doc/refman/8.4/en/innodb-information-schema-internal-data.html
        time.sleep(0.15)

    with ThreadPoolExecutor(1) as pool:
        with project.connect() as other, dialect.transaction(other):
            # It has changed more than ours when the two meet: ours is the one that is undone.
            other.exec_driver_sql(f"UPDATE {MIDDLE} SET user_id = 8")
            other.exec_driver_sql("CREATE TEMPORARY TABLE weight (n INT) ENGINE=InnoDB")
            many = ", ".join(f"({n})" for n in range(100))
            other.exec_driver_sql(f"INSERT INTO weight VALUES {many}")
            restraint = Restraint(lock_wait=30, lock_retries=2)
            running = pool.submit(upgrade, project, restraint, events)
            until(lambda: running.done() or rests() or project.rows(asks) == [(1,)])
            other.exec_driver_sql(
                f"SELECT * FROM shardctl_clause WHERE table_name = '{MIDDLE}' FOR UPDATE"
            )
            until(lambda: any(isinstance(e, Step) and e.state == "waiting" for e in events))
        running.result(timeout=60)
    (waited,) = (e for e in events if isinstance(e, Step) and e.state == "waiting")
    assert waited.detail.startswith("(1213) Deadlock found")
    assert project.rows(f"SELECT coin FROM {MIDDLE}") == [(1,), (1,)]
    assert coins(project) == [1, 1, 1]


def test_who_came_after_the_wait_began_is_not_told(project: Project) -> None:
    dialect = project.database.dialect
    with (
        read_by_another(project, MIDDLE) as old,
        read_by_another(project, MIDDLE) as young,
        project.connect() as connection,
    ):

        def told(waited: int) -> set[int]:
            found = dialect.blockers(connection, MIDDLE, rows=False, waited=waited, ours=None)
            return {blocker.session for blocker in found}

        assert {old, young} <= told(0)
        # Whoever has locked it, nobody has for an hour: on MySQL these are known to hold it now.
        assert told(3600) == ({old, young} if dialect.name == "mysql" else set())


@pytest.fixture
def lock_info(mariadb_url: str) -> Iterator[str]:
    """A database on MariaDB with the plugin that tells metadata locks."""
    with open_database(mariadb_url).connect() as connection:
        try:
            connection.exec_driver_sql("INSTALL SONAME 'metadata_lock_info'")
        except DBAPIError as error:
            pytest.skip(f"the plugin metadata_lock_info cannot be had: {error.orig}")
        try:
            yield mariadb_url
        finally:
            connection.exec_driver_sql("UNINSTALL SONAME 'metadata_lock_info'")


def test_on_mariadb_a_plugin_tells_for_certain_who_holds_a_month(
    lock_info: str, tmp_path: Path
) -> None:
    project = made(tmp_path, lock_info)
    dialect = project.database.dialect
    with (
        read_by_another(project, FIRST),
        read_by_another(project, MIDDLE) as reader,
        project.connect() as connection,
    ):
        found = dialect.blockers(connection, MIDDLE, rows=False, waited=0, ours=None)
        assert [(each.session, each.certain) for each in found] == [(reader, True)]
        others = dialect.blockers(connection, MIDDLE, rows=False, waited=0, ours=reader)
        assert not any(each.certain for each in others)


def test_a_user_who_may_not_see_who_holds_a_month_is_told_what_that_takes(
    server: Server, tmp_path: Path
) -> None:
    with server.fresh_database() as url:
        project = made(tmp_path, url)
        database = project.database.engine.url.database or ""
        with (
            user_with(server, database, "SELECT") as limited,
            read_by_another(project, MIDDLE),
            open_database(limited).connect() as connection,
        ):
            dialect = project.database.dialect
            assert dialect.blockers(connection, MIDDLE, rows=False, waited=0, ours=None) == ()
            assert "PROCESS" in dialect.unseen_blocker


# -- Ctrl-C -------------------------------------------------------------------------------------


def slow(seconds: int) -> str:
    """A data clause that takes its time on every row."""
    return f'op.execute("UPDATE t_order SET coin = coin + 1 + 0 * SLEEP({seconds})")'


def asleep(project: Project) -> bool:
    return in_state(project, "User sleep")


def in_state(project: Project, state: str) -> bool:
    return project.rows(
        "SELECT COUNT(*) FROM information_schema.processlist "
        f"WHERE db = DATABASE() AND state = '{state}'"
    ) == [(1,)]


def test_ctrl_c_lets_the_statement_under_way_finish_and_stops(
    project: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    update = "UPDATE t_order SET coin = coin + 1 + 0 * GET_LOCK(DATABASE(), 60)"
    project.revision("r1", f'op.execute("{update}")')
    with project.connect() as holder:
        holder.exec_driver_sql("SELECT GET_LOCK(DATABASE(), 0)")
        with started(nursery, project, "upgrade", "--jobs", "1") as process:
            said = process.streams / "out"
            until(lambda: process.poll() is not None or in_state(project, "User lock"))
            process.send_signal(signal.SIGINT)
            until(lambda: process.poll() is not None or "once more ends it" in said.read_text())
            holder.exec_driver_sql("SELECT RELEASE_LOCK(DATABASE())")
            code, errors = ended(process)
    assert (code, errors) == (
        130,
        "interrupted; what was done is recorded: run it again to go on\n",
    )
    assert coins(project) == [1, 0, 0]
    assert [table for (_, table), row in project.ledger_rows("r1").items() if row.done] == [FIRST]
    assert project.left_behind() == []
    assert run_cli("upgrade", "--jobs", "1", cwd=project.folder).returncode == 0
    assert coins(project) == [1, 1, 1]


def test_a_service_manager_stops_it_like_ctrl_c(project: Project, nursery: Nursery) -> None:
    update = "UPDATE t_order SET coin = coin + 1 + 0 * GET_LOCK(DATABASE(), 60)"
    project.revision("r1", f'op.execute("{update}")')
    with project.connect() as holder:
        holder.exec_driver_sql("SELECT GET_LOCK(DATABASE(), 0)")
        with started(nursery, project, "upgrade", "--jobs", "1") as process:
            said = process.streams / "out"
            until(lambda: process.poll() is not None or in_state(project, "User lock"))
            process.send_signal(signal.SIGTERM)
            until(lambda: process.poll() is not None or "once more ends it" in said.read_text())
            holder.exec_driver_sql("SELECT RELEASE_LOCK(DATABASE())")
            assert ended(process)[0] == 130
    assert coins(project) == [1, 0, 0]


def test_a_second_ctrl_c_ends_the_statement_on_the_server(
    project: Project, nursery: Nursery
) -> None:
    file = project.revision("r1", slow(600))
    with started(nursery, project, "upgrade", "--jobs", "1") as process:
        said = process.streams / "out"
        until(lambda: process.poll() is not None or asleep(project))
        process.send_signal(signal.SIGINT)
        until(lambda: process.poll() is not None or "Ctrl-C once more ends it" in said.read_text())
        assert asleep(project)
        process.send_signal(signal.SIGINT)
        code, errors = ended(process)
        out, _ = process.communicate()
    assert (code, errors.splitlines()[-1][:11]) == (130, "interrupted")
    assert f"{FIRST} (1): failed: ended by Ctrl-C, the table is as it was" in out
    assert not asleep(project)
    assert coins(project) == [0, 0, 0]
    assert not any(row.done for row in project.ledger_rows("r1").values())

    file.write_text(file.read_text().replace("600", "0"))
    upgrade(project, ONCE)
    assert coins(project) == [1, 1, 1]


def test_ctrl_c_ends_an_alter_that_waits_and_the_ledger_says_so(
    project: Project, nursery: Nursery
) -> None:
    project.revision("r1", ADD_COLUMN)
    with (
        read_by_another(project, MIDDLE),
        started(nursery, project, "upgrade", "--lock-wait", "60", "--jobs", "1") as process,
    ):
        until(lambda: process.poll() is not None or waiting(project))
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 130
        row = project.ledger_rows("r1")[0, MIDDLE]
        assert (row.how, row.done) == ("ended", False)
        assert having(project) == ["t_order", FIRST]
    upgrade(project, ONCE)
    assert project.ledger_rows("r1")[0, MIDDLE].how == "ran"
    assert having(project) == list(TABLES)


def test_ctrl_c_while_a_pause_is_made_stops_at_once(project: Project) -> None:
    project.revision("r1", ADD_COLUMN)

    def report(event: Event) -> None:
        if isinstance(event, Step) and event.state == "waiting":
            signal.raise_signal(signal.SIGINT)

    with read_by_another(project, MIDDLE), pytest.raises(KeyboardInterrupt):
        commands.upgrade(project.config, restraint=AGAIN, course=ALONE, report=report)
    assert having(project) == ["t_order", FIRST]


def test_a_clause_that_was_done_before_it_could_be_recorded_is_given_up_with_the_others(
    project: Project,
) -> None:
    project.revision("r1", ADD_COLUMN, 'op.drop_column("t_order", "room_id")')

    def breaks_off(cursor: Any, statement: str, _: object) -> None:
        if f"ALTER TABLE `{FIRST}`" in statement:
            cursor.execute(statement)
            raise KeyboardInterrupt

    event.listen(Engine, "do_execute_no_params", breaks_off)
    try:
        with pytest.raises(KeyboardInterrupt):
            project.upgrade()
    finally:
        event.remove(Engine, "do_execute_no_params", breaks_off)
    assert not project.ledger_rows("r1")[0, FIRST].done
    with read_by_another(project, LAST), pytest.raises(StepFailed):
        upgrade(project, ONCE)
    assert project.ledger_rows("r1")[0, FIRST].how == "ran", "it was begun here, and is our own"
    assert having(project) == ["t_order", FIRST, MIDDLE]
    project.downgrade("base")
    assert having(project) == []


@pytest.mark.parametrize("at", ["t_order", FIRST, LAST])
def test_ctrl_c_between_two_tables_stops_before_the_next(anywhere: Project, at: str) -> None:
    anywhere.revision("r1", ADD_COLUMN)
    anywhere.revision("r2", ADD_COIN)
    pressed = signal.getsignal(signal.SIGINT)

    def report(event: Event) -> None:
        if event == TableDone(at):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        commands.upgrade(anywhere.config, course=ALONE, report=report)
    assert signal.getsignal(signal.SIGINT) is pressed
    assert having(anywhere) == list(TABLES[: TABLES.index(at) + 1])
    assert anywhere.rows("SELECT * FROM alembic_version") == []
    assert anywhere.left_behind() == []
    anywhere.upgrade()
    assert coins(anywhere) == [1, 1, 1]


def test_the_third_ctrl_c_breaks_off_where_it_stands(anywhere: Project) -> None:
    anywhere.revision("r1", ADD_COLUMN)
    reached: list[Event] = []

    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
            reached.append(event)

    with pytest.raises(KeyboardInterrupt):
        commands.upgrade(anywhere.config, course=ALONE, report=report)
    assert reached == []
    anywhere.upgrade()
    assert having(anywhere) == list(TABLES)


def test_an_application_keeps_its_own_handler(anywhere: Project) -> None:
    anywhere.revision("r1", ADD_COLUMN)
    caught: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    try:
        anywhere.upgrade(report=lambda event: event == TableDone(FIRST) and signal.raise_signal(2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught == [2]
    assert anywhere.version() == "r1"


# -- hours of the day ------------------------------------------------------------------------------


def window(hours: float) -> str:
    """A window of an hour that begins in some hours in the project's zone."""
    start = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")) + timedelta(hours=hours)
    return f"{start:%H:%M}-{start + timedelta(hours=1):%H:%M}"


def test_outside_of_its_window_an_upgrade_begins_nothing(
    anywhere: Project, run_cli: RunCli
) -> None:
    anywhere.revision("r1", ADD_COLUMN)
    closed, open_now = window(2), window(-0.5)
    refused = run_cli("upgrade", "--window", closed, cwd=anywhere.folder)
    assert refused.returncode == 4
    assert f"outside of the window {closed}, so nothing more is begun" in refused.stderr
    assert "run again to go on when the window opens, 20" in refused.stderr
    assert len(refused.stderr.splitlines()) == 2
    assert having(anywhere) == []
    with anywhere.connect() as connection:
        assert ledger.unfinished(connection) == ()
    planned = run_cli("upgrade", "--dry-run", "--window", closed, cwd=anywhere.folder)
    assert (planned.returncode, "to run" in planned.stdout) == (0, True)

    assert run_cli("upgrade", "--window", open_now, cwd=anywhere.folder).returncode == 0
    assert having(anywhere) == list(TABLES)
    nothing = run_cli("upgrade", "--window", closed, cwd=anywhere.folder)
    assert (nothing.returncode, nothing.stdout) == (0, "nothing to do\n")
    wrong = run_cli("upgrade", "--window", "1-5", cwd=anywhere.folder)
    assert (wrong.returncode, "01:00-05:00" in wrong.stderr) == (2, True)


def test_when_its_window_closes_an_upgrade_stops_and_goes_on_the_next_night(
    anywhere: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    anywhere.revision("r1", ADD_COLUMN)
    shown = [datetime(2026, 11, 22, 4, 59, tzinfo=ZoneInfo("Asia/Shanghai"))]
    monkeypatch.setattr("shardctl.migrate.patience.gate.local_time", lambda _: shown[0])
    night = Restraint(window=Window.parse("01:00-05:00"))

    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            shown[0] += timedelta(minutes=1)

    words = r"it is 05:00 in Asia/Shanghai(?s:.)*2026-11-23 01:00"
    with pytest.raises(StepFailed, match=words):
        commands.upgrade(anywhere.config, restraint=night, course=ALONE, report=report)
    assert having(anywhere) == ["t_order", FIRST]
    shown[0] += timedelta(hours=20)
    upgrade(anywhere, night)
    assert having(anywhere) == list(TABLES)


def test_alembic_keeps_to_a_window_too(project: Project, nursery: Nursery) -> None:
    project.revision("r1", ADD_COLUMN)
    words = ("-x", f"window={window(2)}", "-x", "jobs=1", "upgrade", "head")
    done = nursery.start("alembic", *words, cwd=project.folder).completed()
    assert done.returncode != 0
    assert "outside of the window" in done.stdout + done.stderr
    assert having(project) == []


# -- a busy server --------------------------------------------------------------------------------


@pytest.fixture
def busy(server: Server) -> Iterator[ExitStack]:
    """Twenty sessions at work on a server, until it is closed."""
    with ExitStack() as work, closing(server.connect()) as control, ThreadPoolExecutor(20) as pool:
        sessions = [work.enter_context(closing(server.connect())) for _ in range(20)]

        def end() -> None:
            with control.cursor() as cursor:
                for session in sessions:
                    cursor.execute(f"KILL QUERY {session.thread_id()}")

        work.callback(end)
        running = [
            pool.submit(session.cursor().execute, "SELECT SLEEP(60)") for session in sessions
        ]
        yield work
        work.close()
        for each in running:
            each.exception()


def test_a_busy_server_is_waited_for(
    server: Server, busy: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = Restraint(max_threads_running=12)
    with server.fresh_database() as url:
        project = made(tmp_path, url)
        project.revision("r1", ADD_COLUMN)
        monkeypatch.setattr("shardctl.migrate.patience.gate.BUSY", 0.0)
        with pytest.raises(StepFailed, match="threads run on the server, more than"):
            upgrade(project, calm)
        assert having(project) == []
        monkeypatch.undo()
        notes: list[str] = []

        def report(event: Event) -> None:
            if isinstance(event, Note):
                notes.append(event.text)
                busy.close()

        commands.upgrade(project.config, restraint=calm, course=ALONE, report=report)
        assert "threads run on the server, more than 12: looking again in 1 s" in notes[0]
        assert having(project) == list(TABLES)


def test_a_limit_that_cannot_be_told_stops_everything(tmp_path: Path, sqlite_url: str) -> None:
    project = made(tmp_path, sqlite_url)
    project.revision("r1", ADD_COLUMN)
    with pytest.raises(Refused, match="does not tell how many threads run"):
        upgrade(project, Restraint(max_threads_running=100))
    assert having(project) == []
