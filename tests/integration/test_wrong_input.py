"""What people do wrong, and what goes wrong for them: told in a line or two, nothing half done.

What needs no tables (configuration, server, password, usage) is in `test_cli_frame`.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from shardctl import ledger, lock
from shardctl.cli import main
from tests.nursery import Nursery
from tests.project import ORDERS, Project, until
from tests.servers import Server, user_with

TABLES = ("t_order", "t_order_202601", "t_order_202602")
ADD_COLUMN = 'op.add_column("t_order", sa.Column("note", sa.String(20)))'


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A family with a template and two months, a row in each month."""
    project = Project.make(tmp_path / "project", flow_url, "t_order")
    fill(project)
    return project


def fill(project: Project) -> None:
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    for table in TABLES[1:]:
        project.sql(f"INSERT INTO {table} (order_id, create_time) VALUES ('1', '2026-01-01')")


def ended(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    project: Project,
    *arguments: str,
) -> tuple[object, str]:
    """How the command line ends in the project's folder: its code, and what it says on stderr."""
    monkeypatch.chdir(project.folder)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code, capsys.readouterr().err


def files(project: Project) -> list[Path]:
    """All of its folder, but for what Python writes when it loads a revision."""
    found = project.folder.rglob("*.*")
    return sorted(path for path in found if "__pycache__" not in path.parts)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must fail: its code first; gives its error of one or two lines."""

    def run(code: int, project: Project, *arguments: str) -> str:
        before = project.structures(*project.tables()), files(project)
        found, err = ended(monkeypatch, capsys, project, *arguments)
        assert found == code, err
        assert err.startswith("error: ")
        assert 1 <= len(err.splitlines()) <= 2, err
        assert (
            project.structures(*project.tables()),
            files(project),
        ) == before
        assert project.left_behind() == []
        return err

    return run


# -- revisions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ('op.add_column("t_oder", sa.Column("note", sa.String(20)))', "neither a family nor"),
        ('op.execute("ALTER TABLE t_oder ADD COLUMN note int")', "neither a family nor"),
        ('op.add_column("t_order_202601", sa.Column("note", sa.String(20)))', "t_order_202601"),
        ('op.drop_table("t_order")', "drop a family with all its months"),
        ('op.drop_column("t_order", "coin")', "--allow-destructive"),
        ("1 / 0", "ZeroDivisionError: division by zero; nothing was changed"),
    ],
)
def test_a_revision_that_cannot_be_meant_changes_nothing(
    told: Callable[..., str], project: Project, operation: str, words: str
) -> None:
    project.revision("r1", operation)
    assert words in told(3, project, "upgrade")
    assert project.rows("SELECT * FROM alembic_version") == []


def test_a_data_clause_that_the_server_never_took_may_be_mended_in_the_file(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project.revision("r1", 'op.execute("UPDATE t_order SET coin = NULL")')
    code, err = ended(monkeypatch, capsys, project, "upgrade")
    assert code == 4
    assert "coin" in err.splitlines()[0]
    assert "run again to go on, or give it up with 'shardctl downgrade -1'" in err

    file.write_text(file.read_text().replace("NULL", "8"))
    project.upgrade()
    assert [project.rows(f"SELECT coin FROM {table}")[0][0] for table in TABLES[1:]] == [8, 8]


def test_a_revision_file_that_is_no_python(told: Callable[..., str], project: Project) -> None:
    project.revision("r1", "pass").write_text("def upgrade(:\n")
    for command in ("upgrade", "history", "revision"):
        more = ["-m", "next"] if command == "revision" else []
        assert "a revision file cannot be loaded: SyntaxError" in told(2, project, command, *more)


@pytest.mark.parametrize("message", ["", "  "])
def test_a_revision_without_a_message(
    told: Callable[..., str], project: Project, message: str
) -> None:
    assert "wants a message" in told(2, project, "revision", "-m", message)


def test_a_relative_target_is_no_option(
    project: Project, monkeypatch: pytest.MonkeyPatch, told: Callable[..., str]
) -> None:
    project.revision("r1", "pass")
    project.revision("r2", "pass")
    project.upgrade()
    assert "No such option: --nope" in told(2, project, "downgrade", "--nope")
    assert "No such option: -x" in told(2, project, "downgrade", "-x")
    assert "-9" in told(2, project, "downgrade", "-9")
    monkeypatch.chdir(project.folder)
    with pytest.raises(SystemExit) as caught:
        main(["downgrade", "-1"])
    assert (caught.value.code, project.version()) == (0, "r1")


def test_a_dry_run_says_what_would_lose_data(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.revision("r1", 'op.drop_column("t_order", "coin")')
    monkeypatch.chdir(project.folder)
    with pytest.raises(SystemExit) as caught:
        main(["upgrade", "--dry-run"])
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert "column coin of t_order and its values" in out
    assert "--allow-destructive" in out


# -- months -----------------------------------------------------------------------------------


def test_a_month_that_does_not_exist(tmp_path: Path, url: str, told: Callable[..., str]) -> None:
    project = Project.make(tmp_path / "project", url)
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES[1:]))
    words = told(3, project, "adopt", "t_order", "--from", "202512")
    assert "t_order_202512 does not exist" in words
    assert "2026-01 to 2026-02 (2 months)" in words
    assert "there is no month of t_user" in told(3, project, "adopt", "t_user")


# -- privileges -------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", ["ALTER", "CREATE", "INSERT"])
def test_a_user_without_a_privilege(
    server: Server, tmp_path: Path, told: Callable[..., str], lacking: str
) -> None:
    with server.fresh_database() as url:
        project = Project.make(tmp_path / "project", url, "t_order")
        fill(project)
        project.revision("r1", ADD_COLUMN)
        with lock.acquire(project.database, command="upgrade"):
            pass  # the ledger is there: what is denied below is denied to the upgrade
        all_of_them = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX"}
        privileges = ", ".join(all_of_them - {lacking})
        with user_with(server, project.database.engine.url.database or "", privileges) as limited:
            for command in ("upgrade", "premake"):
                words = told(2, project, command, "--url", limited)
                assert f"{lacking} command denied" in words
                assert "hunter2" not in words


# -- at the same time -------------------------------------------------------------------------


def test_a_second_upgrade_is_told_who_holds_the_lock(
    project: Project, told: Callable[..., str]
) -> None:
    project.revision("r1", ADD_COLUMN)
    with lock.acquire(project.database, command="upgrade"):
        words = told(3, project, "upgrade")
        assert f"pid {os.getpid()}: shardctl upgrade" in words
        assert "is locked by" in told(3, project, "premake", "--wait", "0")


# -- Ctrl-C -----------------------------------------------------------------------------------


@contextmanager
def interrupted(at: int, *, sent: bool) -> Iterator[None]:
    """Ctrl-C while the driver is busy with the statement of this number, before or after it."""
    main_thread, numbers = threading.get_ident(), itertools.count(1)

    def execute(cursor: Any, statement: str, *rest: Any) -> None:
        if threading.get_ident() == main_thread and next(numbers) == at:
            if sent:
                cursor.execute(statement, *rest[:-1])
            raise KeyboardInterrupt

    events = ("do_execute", "do_execute_no_params")
    for name in events:
        event.listen(Engine, name, execute)
    try:
        yield
    finally:
        for name in events:
            event.remove(Engine, name, execute)


@pytest.mark.parametrize("sent", [False, True])
def test_interrupted_at_any_statement_it_says_so_and_goes_on_next_time(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sent: bool,
) -> None:
    data = 'op.execute("UPDATE t_order SET coin = coin + 1")'
    project.revision("r1", f'{ADD_COLUMN}\n{data}\nop.create_index("ix", "t_order", ["user_id"])')
    with lock.acquire(project.database, command="upgrade"):
        pass  # the ledger is there
    codes = []
    # Each run comes a little further than the one before, until one is through. On SQLite none
    # ends in a SELECT: this process would hold the file, and wait five seconds for itself.
    for at in itertools.count(5, 23):
        with interrupted(at, sent=sent):
            code, err = ended(monkeypatch, capsys, project, "upgrade")
        codes.append(code)
        if code == 0:
            break
        if project.is_sqlite:  # the process, which a real Ctrl-C ends, lives on and holds files
            gc.collect()
            project.sql("UPDATE shardctl_lock SET held = 0")
        assert (code, err) == (
            130,
            "interrupted; what was done is recorded: run it again to go on\n",
        )
    assert len(codes) > 3
    ended(monkeypatch, capsys, project, "upgrade")

    assert project.version() == "r1"
    assert len(set(project.structures(*TABLES).values())) == 1
    assert [project.rows(f"SELECT coin FROM {table}")[0][0] for table in TABLES[1:]] == [1, 1]
    assert project.left_behind() == []
    with project.connect() as connection:
        assert ledger.unfinished(connection) == ()


def test_ctrl_c_while_the_server_is_at_work(
    tmp_path: Path, server_url: str, nursery: Nursery
) -> None:
    project = Project.make(tmp_path / "project", server_url, "t_order")
    fill(project)
    project.revision("r1", ADD_COLUMN)
    waiting = (
        "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() "
        "AND info LIKE '/* shardctl %' AND state = 'Waiting for table metadata lock'"
    )
    with project.connect() as reader, project.database.dialect.transaction(reader):
        reader.exec_driver_sql("SELECT * FROM t_order_202602").all()
        process = nursery.start("shardctl", "upgrade", cwd=project.folder)
        until(lambda: process.poll() is not None or project.rows(waiting) == [(1,)])
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert (process.wait(), err.splitlines()[-1:]) == (
        130,
        ["interrupted; what was done is recorded: run it again to go on"],
    )
    project.upgrade()
    assert len(set(project.structures(*TABLES).values())) == 1


# -- pipes ------------------------------------------------------------------------------------


def test_a_reader_of_the_pipe_that_has_seen_enough_stops_no_upgrade(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = Project.make(tmp_path / "project", sqlite_url, "t_order")
    fill(project)
    project.revision("r1", ADD_COLUMN)
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "shardctl", "upgrade"],
            cwd=project.folder,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
    assert project.version() == "r1"
