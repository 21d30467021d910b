"""Big months are rebuilt by a tool: nothing is lost, nothing is hidden, and it can be ended."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from shardctl.catalog import Member
from shardctl.errors import ConfigError, LockLost, Refused, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.online.alter import alter
from shardctl.migrate.online.engine import EngineName, Limits, Online
from shardctl.migrate.patience.interrupt import Interrupt
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.site import opened
from shardctl.month import Month
from shardctl.report import Event, Note, Progress, Report, Step, silent
from shardctl.structure import differences
from tests.blocking import read_by_another, started, waiting
from tests.conftest import SETTINGS, RunCli
from tests.nursery import Nursery
from tests.project import Project, until
from tests.servers import Server, private, user_with

BIG, SMALL = "t_order_202001", "t_order_202002"
ROWS = 600
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  kind smallint NOT NULL DEFAULT 0,
  note varchar(20) DEFAULT NULL,
  body varchar(300) NOT NULL DEFAULT '',
  PRIMARY KEY (order_id){more}
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
WIDER = 'op.alter_column("t_order", "kind", type_=sa.BigInteger())\n'
FROM = 96 * 1024
"""Bytes; the big month has more, the small one a page."""

pytestmark = pytest.mark.usefixtures("pt_osc")


def made(folder: Path, url: str, more: str = "") -> Project:
    """A template, a month of some hundred rows, and one of one row."""
    project = Project.make(folder, url, "t_order")
    for table in ("t_order", BIG, SMALL):
        project.sql(
            TABLE.format(table=table, more=more.replace("#", table.removeprefix("t_order")))
        )
    grown(project, BIG)
    project.sql(f"INSERT INTO {SMALL} (order_id) VALUES ('a')", f"ANALYZE TABLE {SMALL}")
    return project


def grown(project: Project, month: str) -> None:
    """Fill a month with so much that the tool is to rebuild it."""
    rows = ", ".join(f"('{number:05}', {number}, REPEAT('x', 300))" for number in range(ROWS))
    project.sql(
        f"INSERT INTO {month} (order_id, kind, body) VALUES {rows}", f"ANALYZE TABLE {month}"
    )


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    return made(tmp_path, server_url)


@pytest.fixture
def on_one(tmp_path: Path, mariadb_url: str) -> Project:
    """The same on one server, for what hangs on the tool and on us alone."""
    return made(tmp_path, mariadb_url)


@pytest.fixture
def slowly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool takes a second or two for the big month, as the user's own file says."""
    configured(tmp_path, monkeypatch, "chunk-size=25", "sleep=0.07")


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    home = folder / "home"
    home.mkdir()
    (home / ".pt-online-schema-change.conf").write_text("\n".join([*lines, ""]))
    monkeypatch.setenv("HOME", str(home))


def upgrade(project: Project, report: Report = silent, *, lock_wait: int = 5) -> None:
    restraint = Restraint(lock_wait, 0, online=Online("pt-osc", FROM))
    commands.upgrade(project.config, allow_destructive=True, restraint=restraint, report=report)


def how(events: list[Event]) -> dict[str, str]:
    """By what each table was altered."""
    return {e.table: e.algorithm for e in events if isinstance(e, Step) and e.state == "run"}


def triggers(project: Project) -> list[tuple[object, ...]]:
    return project.rows(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    )


def assert_equal_and_clean(project: Project) -> None:
    template = project.structure("t_order")
    for month in (BIG, SMALL):
        assert differences(template, project.structure(month)) == ()
    assert project.tables() == ("t_order", BIG, SMALL)
    assert project.left_behind() == []
    assert triggers(project) == []


def handed_over(
    project: Project,
    specification: str,
    engine: EngineName = "pt-osc",
    *,
    alive: Callable[[], object] = lambda: None,
    hold: Callable[[], str] = lambda: "",
    report: Report = silent,
) -> None:
    """The big month's change without a revision around it."""
    with (
        opened(project.config, report) as site,
        Interrupt(site.database, "none", 5, report) as interrupt,
    ):
        alter(
            Online(engine, FROM),
            site,
            Member("t_order", BIG, Month(2020, 1)),
            [specification],
            zone="Asia/Shanghai",
            limits=Limits(5),
            interrupt=interrupt,
            alive=alive,
            hold=hold,
        )


def removals(message: str) -> list[str]:
    """The statements that a message says are to be run."""
    return [line.strip(" ;") for line in message.splitlines() if line.startswith("  DROP ")]


def tools(project: Project) -> list[int]:
    """The processes of the tool that work on the project's database."""
    database = str(project.database.engine.url.database)
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode()
        except OSError:  # it has ended meanwhile
            continue
        if "pt-online-schema-change" in command and database in command:
            found.append(int(folder.name))
    return found


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Something done in another thread; what it raises is raised here."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]


# -- it is done ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("slowly")
def test_a_big_month_is_rebuilt_by_the_tool_and_no_row_written_meanwhile_is_lost(
    project: Project,
) -> None:
    project.revision(
        "r1",
        WIDER
        + 'op.add_column("t_order", sa.Column("price", sa.Integer, comment="单价, \'50%\'"))\n'
        + 'op.create_index("ix_kind", "t_order", ["kind"])\n',
    )
    events: list[Event] = []
    done = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        until(lambda: done.is_set() or len(triggers(project)) == 3)
        with project.connect() as connection:
            while not done.is_set() and written < ROWS:
                connection.exec_driver_sql(
                    f"INSERT INTO {BIG} (order_id, kind) VALUES ('{written:05}-new', 7)"
                )
                written += 1
                # What is changed is no row to copy any more: it must not be all of them.
                connection.exec_driver_sql(
                    f"UPDATE {BIG} SET note = 'changed' WHERE order_id = '{written // 10:05}'"
                )

    with meanwhile(write):
        try:
            upgrade(project, events.append)
        finally:
            done.set()
    assert how(events) == {"t_order": "COPY", BIG: "pt-osc", SMALL: "COPY"}
    assert written > 0
    assert project.rows(f"SELECT COUNT(*) FROM {BIG}") == [(ROWS + written,)]
    changed = project.rows(f"SELECT COUNT(*) FROM {BIG} WHERE note = 'changed'")
    assert changed == [(written // 10 + 1,)]
    kinds = project.rows(f"SELECT CAST(SUM(kind) AS SIGNED) FROM {BIG}")
    assert kinds == [(sum(range(ROWS)) + 7 * written,)]
    told = [event for event in events if isinstance(event, Progress)]
    assert told
    assert all(e.table == BIG and e.percent is not None and "remain" in e.text for e in told)
    assert_equal_and_clean(project)
    assert project.version() == "r1"
    assert all(row.how == "ran" and row.done for row in project.ledger_rows("r1").values())


def test_what_does_not_rebuild_is_the_servers_on_a_big_month_too(on_one: Project) -> None:
    on_one.revision("r1", 'op.create_index("ix_kind", "t_order", ["kind"])')
    events: list[Event] = []
    upgrade(on_one, events.append)
    assert "pt-osc" not in how(events).values()
    assert_equal_and_clean(on_one)


def test_a_month_that_grows_big_while_another_is_rebuilt_is_the_tools(
    on_one: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.migrate.run.attempt.FRESH", 0.0)  # else it takes that long
    late = "t_order_202003"
    on_one.sql(TABLE.format(table=late, more=""))
    on_one.revision("r1", WIDER)
    events: list[Event] = []
    with ExitStack() as held:
        held.enter_context(read_by_another(on_one, SMALL))
        with meanwhile(lambda: upgrade(on_one, events.append)):
            until(lambda: waiting(on_one) and (0, late) in on_one.ledger_rows("r1"))
            grown(on_one, late)
            held.close()
    assert how(events) == {"t_order": "COPY", BIG: "pt-osc", SMALL: "COPY", late: "pt-osc"}
    assert on_one.rows(f"SELECT COUNT(*) FROM {late}") == [(ROWS,)]
    on_one.sql(f"DROP TABLE {late}")
    assert_equal_and_clean(on_one)


def test_defaults_of_instants_are_read_in_the_familys_zone(project: Project) -> None:
    column = 'sa.Column("paid", sa.TIMESTAMP, server_default="2020-01-01 00:00:00")'
    project.revision("r1", f'{WIDER}op.add_column("t_order", {column})')
    events: list[Event] = []
    upgrade(project, events.append)
    assert how(events)[BIG] == "pt-osc"
    assert_equal_and_clean(project)
    for month in (BIG, SMALL):  # read at +00:00, written in Asia/Shanghai
        paid = project.rows(f"SELECT DISTINCT CAST(paid AS CHAR) FROM {month}")
        assert paid == [("2019-12-31 16:00:00",)]


def test_a_downgrade_goes_the_same_way(on_one: Project) -> None:
    on_one.revision("r1", "pass", 'op.execute("ALTER TABLE t_order FORCE")\n' + WIDER)
    upgrade(on_one)
    events: list[Event] = []
    commands.downgrade(
        on_one.config,
        "base",
        allow_destructive=True,
        restraint=Restraint(online=Online("pt-osc", FROM)),
        report=events.append,
    )
    assert how(events)[BIG] == "pt-osc"
    assert_equal_and_clean(on_one)


# -- the password --------------------------------------------------------------------------------


@pytest.mark.usefixtures("slowly")
def test_the_password_stands_in_a_file_of_our_own_while_the_tool_runs_and_nowhere_else(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "o'd\"d \\ #;,%=$p@ss`[漢]"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setenv("PTDEBUG", "1")
    events: list[Event] = []
    seen: list[str] = []
    files: list[tuple[int, ...]] = []
    with server.fresh_database() as plain:
        database = str(make_url(plain).database)
        with user_with(server, database, "ALL") as as_user:
            user = make_url(as_user).username
            with closing(server.connect()) as connection, connection.cursor() as cursor:
                cursor.execute(f"GRANT PROCESS, REPLICATION SLAVE ON *.* TO {user}")
                cursor.execute(f"GRANT PROCESS, REPLICATION SLAVE ON *.* TO {user}@localhost")
                for account in (user, f"{user}@localhost"):
                    word = connection.escape(password)
                    cursor.execute(f"ALTER USER {account} IDENTIFIED BY {word}")
            url = make_url(as_user).set(password=password)
            project = made(tmp_path, url.render_as_string(hide_password=False))
            project.revision("r1", WIDER)

            def report(event: Event) -> None:
                events.append(event)
                if isinstance(event, Progress):
                    seen.extend(
                        Path(f"/proc/{process}/{name}").read_text("utf-8")
                        for process in tools(project)
                        for name in ("cmdline", "environ")
                    )
                    for login in temporary.glob("*/login.cnf"):
                        modes = (path.stat().st_mode for path in (login, login.parent))
                        files.append(tuple(map(stat.S_IMODE, modes)))

            upgrade(project, report)
            assert how(events)[BIG] == "pt-osc"
    assert len(seen) >= 2
    assert not any(password in text or "o'd" in text for text in seen)
    assert set(files) == {(0o600, 0o700)}
    assert not any("o'd" in repr(event) for event in events)
    assert list(temporary.iterdir()) == []


# -- it fails ------------------------------------------------------------------------------------


def test_a_tool_that_fails_is_told_in_its_words_and_the_next_run_goes_on(
    on_one: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, monkeypatch, "tries=create_triggers:1:0.1")
    on_one.revision("r1", WIDER)
    with read_by_another(on_one, BIG), pytest.raises(StepFailed) as caught:
        upgrade(on_one, lock_wait=1)
    message = str(caught.value)
    assert message.startswith(f"{BIG}: pt-online-schema-change has not altered it (exit code")
    assert "Lock wait timeout" in message
    assert "It has left nothing behind" in message
    assert {row.how for (_, table), row in on_one.ledger_rows("r1").items() if table == BIG} == {
        "failed"
    }
    upgrade(on_one)
    assert_equal_and_clean(on_one)


def test_a_change_that_the_server_refuses_never_reaches_the_tool(on_one: Project) -> None:
    on_one.sql(f"ALTER TABLE {BIG} ADD COLUMN kind2 INT")
    on_one.revision("r1", WIDER + 'op.execute("ALTER TABLE t_order RENAME COLUMN body TO kind2")')
    with pytest.raises(Exception, match="kind2"):
        upgrade(on_one)
    assert on_one.tables() == ("t_order", BIG, SMALL)


def pretending(folder: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """In place of the tool one that ends with 0 after some words."""
    real = shutil.which("pt-online-schema-change")
    binary = folder / "bin" / "pt-online-schema-change"
    binary.parent.mkdir()
    binary.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {real} --version\necho "{words}"\nexit 0\n'
    )
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binary.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "DBD::mysql::db do failed\nThe table was not altered.",
            "has not altered it (exit code 0)",
        ),
        ("Successfully altered \\`{database}\\`.\\`{table}\\`.", "it does not look so"),
    ],
)
def test_a_tool_is_not_believed_for_its_exit_code_nor_for_its_words(
    on_one: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, told: str
) -> None:
    database = on_one.database.engine.url.database
    pretending(tmp_path, monkeypatch, words.format(database=database, table=BIG))
    on_one.revision("r1", WIDER)
    with pytest.raises(StepFailed) as caught:
        upgrade(on_one)
    assert told in str(caught.value)
    assert on_one.version() is None
    assert not any(row.done for (_, t), row in on_one.ledger_rows("r1").items() if t == BIG)


@pytest.mark.usefixtures("slowly")
def test_what_a_killed_tool_leaves_is_told_and_refused_until_it_is_removed(
    on_one: Project,
) -> None:
    on_one.revision("r1", WIDER)

    def kill() -> None:
        until(lambda: len(triggers(on_one)) == 3)
        for process in tools(on_one):
            os.kill(process, signal.SIGKILL)

    with meanwhile(kill), pytest.raises(StepFailed) as caught:
        upgrade(on_one)
    killed = str(caught.value)
    assert "signal 9" in killed
    assert len(triggers(on_one)) == 3
    assert f"_{BIG}_new" in on_one.tables()
    statements = removals(killed)
    assert len(statements) == 4

    with pytest.raises(Refused) as refused:
        upgrade(on_one)
    assert "was not begun" in str(refused.value)
    assert f"_{BIG}_new" in on_one.tables(), "nothing is removed by us"
    assert removals(str(refused.value)) == statements

    on_one.sql(*statements)
    upgrade(on_one)
    assert_equal_and_clean(on_one)
    assert on_one.rows(f"SELECT COUNT(*) FROM {BIG}") == [(ROWS,)]


@pytest.mark.usefixtures("slowly")
def test_a_tool_does_not_outlive_the_command_that_was_killed(
    on_one: Project, nursery: Nursery
) -> None:
    on_one.revision("r1", WIDER)
    with started(
        nursery, on_one, "upgrade", "--online", "pt-osc", "--online-from", f"{FROM // 1024}KiB"
    ) as process:
        until(lambda: process.poll() is not None or len(triggers(on_one)) == 3)
        process.kill()
        process.wait()
        until(lambda: tools(on_one) == [])
    assert on_one.structure(BIG).columns[1].type.startswith("smallint")
    with pytest.raises(Refused) as refused:
        upgrade(on_one)
    on_one.sql(*removals(str(refused.value)))
    upgrade(on_one)
    assert_equal_and_clean(on_one)
    assert on_one.rows(f"SELECT COUNT(*) FROM {BIG}") == [(ROWS,)]


# -- Ctrl-C --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("slowly")
def test_ctrl_c_twice_ends_the_tool_and_once_lets_it_finish(on_one: Project) -> None:
    on_one.revision("r1", WIDER)
    events: list[Event] = []
    presses = 2

    def report(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress):
            for _ in range(presses):
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        upgrade(on_one, report)
    assert tools(on_one) == []
    notes = [event.text for event in events if isinstance(event, Note)]
    told = next(text for text in notes if "ended by Ctrl-C" in text)
    statements = removals(told)
    assert statements
    assert on_one.ledger_rows("r1")[0, BIG].how == "ended"
    on_one.sql(*statements)

    presses = 1
    with pytest.raises(KeyboardInterrupt):
        upgrade(on_one, report)
    assert on_one.ledger_rows("r1")[0, BIG].done
    assert (0, SMALL) not in on_one.ledger_rows("r1")
    upgrade(on_one)
    assert_equal_and_clean(on_one)


def test_a_run_that_has_lost_its_lock_ends_the_tool_and_tells_what_that_leaves(
    on_one: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    configured(tmp_path, monkeypatch, "chunk-size=10", "sleep=0.1")  # six seconds: three looks

    def alive() -> None:
        if triggers(on_one):
            raise LockLost("another run took over")

    with pytest.raises(LockLost):
        handed_over(on_one, "FORCE", alive=alive, hold=lambda: "", report=events.append)
    assert tools(on_one) == []
    (note,) = [event.text for event in events if isinstance(event, Note)]
    assert len(removals(note)) == 4
    assert on_one.tables() == ("_" + BIG + "_new", "t_order", BIG, SMALL)


# -- a pause -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("slowly")
@pytest.mark.parametrize("told", [True, False])
def test_the_tool_pauses_while_there_is_a_reason_or_none_can_be_told(
    on_one: Project, told: bool
) -> None:
    events: list[Event] = []
    asked = 0

    def hold() -> str:
        nonlocal asked
        asked += 1
        if asked > 2:  # it has had two seconds for its twenty-four chunks
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
        if told:
            return "db2 is 9 s behind"
        raise StepFailed("the lag of db2 cannot be read\nmend that")

    with pytest.raises(KeyboardInterrupt):
        handed_over(on_one, "FORCE", hold=hold, report=events.append)
    words = "db2 is 9 s behind" if told else "the lag of db2 cannot be read"
    notes = [event.text for event in events if isinstance(event, Note)]
    assert notes[0] == f"{BIG}: pt-online-schema-change pauses: {words}"
    assert on_one.rows(f"SELECT COUNT(*) FROM _{BIG}_new") == [(0,)]


# -- what it may not be given --------------------------------------------------------------------


def test_a_change_in_which_the_tool_would_lose_something_is_refused(project: Project) -> None:
    before = project.structure(BIG)
    for specification, reason in {
        "ADD UNIQUE uq (body)": "unique key uq is new",
        "ADD UNIQUE (body)": "unique key body is new",
        "DROP PRIMARY KEY, ADD PRIMARY KEY (body, order_id)": "unique key PRIMARY is new",
        "DROP PRIMARY KEY": "no key stays",
        "RENAME COLUMN note TO text": "a renamed column",
        "CHANGE note text varchar(20)": "a renamed column",
        "ADD CHECK (kind > 5)": "CHECK .* is new",
        "MODIFY body varchar(10) NOT NULL": "do not fit",
        "MODIFY kind smallint unsigned NOT NULL": "do not fit",
        "MODIFY note varchar(20) NOT NULL": "note becomes NOT NULL",
        "ADD room int NOT NULL": "room is new, NOT NULL and has no default",
        "MODIFY order_id varchar(64) COLLATE utf8mb4_unicode_ci NOT NULL": "order_id may be one",
    }.items():
        with pytest.raises(StepFailed, match=reason) as caught:
            handed_over(project, specification)
        assert "run again without --online" in str(caught.value)
    assert project.structure(BIG) == before
    assert len(project.rows(f"SELECT * FROM {BIG}")) == ROWS
    assert project.left_behind() == []


def test_a_tool_that_alters_in_another_zone_gets_no_default_of_an_instant(
    on_one: Project,
) -> None:
    with pytest.raises(StepFailed, match="default of paid would be read in the server's time"):
        handed_over(on_one, "ADD paid TIMESTAMP DEFAULT '2020-01-01 00:00:00'", "gh-ost")


def test_a_table_whose_check_has_a_name_is_refused(tmp_path: Path, server_url: str) -> None:
    project = made(tmp_path, server_url, ", CONSTRAINT ck# CHECK (kind >= 0)")
    with pytest.raises(StepFailed, match="CHECK with a name"):
        handed_over(project, "FORCE")


def test_a_table_in_which_the_tool_would_break_something_is_refused(project: Project) -> None:
    project.sql(
        f"CREATE TABLE line (id INT PRIMARY KEY, order_id varchar(64), "
        f"CONSTRAINT fk_line FOREIGN KEY (order_id) REFERENCES {BIG} (order_id)) ENGINE=InnoDB "
        "DEFAULT CHARSET=utf8mb4"
    )
    with pytest.raises(StepFailed, match="a foreign key of line refers to the table"):
        handed_over(project, "FORCE")
    project.sql(
        "DROP TABLE line",
        f"CREATE TRIGGER mine BEFORE INSERT ON {BIG} FOR EACH ROW SET NEW.note = 'x'",
    )
    with pytest.raises(StepFailed, match="trigger mine"):
        handed_over(project, "FORCE")
    project.sql("DROP TRIGGER mine")
    handed_over(project, "FORCE")
    assert_equal_and_clean(project)


# -- beforehand ----------------------------------------------------------------------------------


def test_a_tool_that_is_not_there_is_told_before_anything_runs(
    on_one: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_one.revision("r1", WIDER)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="apt-get install percona-toolkit"):
        upgrade(on_one)
    assert on_one.structure("t_order").columns[1].type.startswith("smallint")


def test_on_sqlite_a_tool_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    with pytest.raises(ConfigError, match="for MySQL and MariaDB"):
        upgrade(project)


def test_without_a_binary_log_of_rows_gh_ost_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gh-ost").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if project.rows("SELECT @@log_bin, @@binlog_format") == [(1, "ROW")]:
        pytest.skip("this server has one")
    with pytest.raises(ConfigError, match="gh-ost needs"):
        commands.upgrade(project.config, restraint=Restraint(online=Online("gh-ost", FROM)))


def test_another_tool_is_refused_by_the_command_line(on_one: Project, run_cli: RunCli) -> None:
    done = run_cli("upgrade", "--online", "spirit", cwd=on_one.folder)
    assert (done.returncode, "pt-osc, gh-ost" in done.stderr) == (2, True)
    done = run_cli("upgrade", "--online", "pt-osc", "--online-from", "big", cwd=on_one.folder)
    assert (done.returncode, "1GiB" in done.stderr) == (2, True)


@pytest.mark.skipif(shutil.which("gh-ost") is None, reason="gh-ost is not on PATH")
def test_gh_ost_rebuilds_a_big_month(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    options = ("--log-bin", "--binlog-format=ROW", "--server-id=1")
    with (
        private("mariadb", pytestconfig.stash[SETTINGS], *options) as own,
        own.server.fresh_database() as url,
    ):
        project = made(tmp_path, url)
        project.revision("r1", WIDER)
        events: list[Event] = []
        restraint = Restraint(online=Online("gh-ost", FROM))
        commands.upgrade(project.config, restraint=restraint, report=events.append)
        assert how(events)[BIG] == "gh-ost"
        assert_equal_and_clean(project)
        assert project.rows(f"SELECT COUNT(*) FROM {BIG}") == [(ROWS,)]
