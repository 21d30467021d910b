"""What ran on which month, when, for how long, by whom, with which statement."""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shardctl import __version__, ledger, lock
from shardctl.cli import main
from shardctl.errors import InvalidMonth, StepFailed, UnknownFamily
from shardctl.ledger import schema
from shardctl.lifecycle.log import Entry, log
from shardctl.migrate.skip import skip
from shardctl.month import Month
from tests.conftest import RunCli
from tests.project import ORDERS, Project

FIRST, SECOND = MONTHS = ("t_order_202001", "t_order_202002")
ADD_ROOM = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
ADD_HALL = 'op.add_column("t_order", sa.Column("hall_id", sa.BigInteger))\n'
DROP = 'op.drop_column("t_order", "room_id")\n'
PAY = "op.execute(\"UPDATE t_order SET coin = coin + 1 WHERE order_id LIKE '%-a'\")\n"
UNIQUE = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)\n'
ROW = "INSERT INTO {} (order_id, create_time) VALUES ('{}', '2020-01-01')"


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A template and two months, each with a row; in China."""
    project = Project.make(tmp_path, flow_url, "t_order", "t_item")
    for table in ("t_order", *MONTHS):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for month in MONTHS:
        project.sql(ROW.format(month, "1-a"))
    return project


def short(entries: tuple[Entry, ...]) -> list[tuple[str, tuple[int, ...], str | None, bool]]:
    return [(each.table, each.clauses, each.how, each.counts) for each in entries]


def test_a_database_without_a_ledger_has_no_log(project: Project) -> None:
    assert log(project.config) == ()
    with project.connect() as connection:
        assert ledger.version(connection) is None


def test_an_upgrade_is_told_statement_by_statement(project: Project) -> None:
    before = datetime.now(UTC) - timedelta(minutes=5)
    project.revision("r1", ADD_ROOM + PAY)
    project.upgrade()
    entries = log(project.config)
    assert short(entries) == [
        ("t_order", (1,), "ran", True),
        *((month, (number,), "ran", True) for month in MONTHS for number in (1, 2)),
    ]
    ddl, data = entries[1:3]
    assert (ddl.family, ddl.month, ddl.revision, ddl.direction) == (
        "t_order",
        Month(2020, 1),
        "r1",
        "up",
    )
    assert ddl.statement is not None
    assert re.match(rf"ALTER TABLE .?{FIRST}.? ADD COLUMN .?room_id.? BIGINT", ddl.statement)
    assert "shardctl" not in ddl.statement, "the mark of the session is not part of it"
    assert data.statement is not None
    assert data.statement.endswith("LIKE '%-a'")
    assert (data.rows, ddl.rows) == (1, None)
    assert ddl.seconds is not None
    assert 0 < ddl.seconds < 60
    assert ddl.begun_at.utcoffset() == timedelta(hours=8), "the family's zone"
    assert ddl.done_at is not None
    assert before < ddl.begun_at <= ddl.done_at < before + timedelta(minutes=10)
    assert ddl.words is None
    who = ddl.session
    assert who is not None
    assert (who.command, who.pid, who.version) == ("upgrade", os.getpid(), __version__)
    assert who.begun_at <= ddl.begun_at
    assert who.ended_at is not None


def test_clauses_in_one_statement_are_one_entry(tmp_path: Path, server_url: str) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    for table in ("t_order", FIRST):
        project.sql(ORDERS.format(table=table, comment_id=""))
    project.revision("r1", ADD_ROOM + ADD_HALL)
    project.upgrade()
    assert short(log(project.config)) == [(t, (1, 2), "ran", True) for t in ("t_order", FIRST)]
    statement = log(project.config)[1].statement
    assert statement is not None
    assert "room_id" in statement
    assert "hall_id" in statement
    assert "ALGORITHM=INSTANT" in statement


def test_bound_values_are_not_kept(project: Project) -> None:
    table = 'sa.table("t_order", sa.column("order_id"), sa.column("user_id"))'
    project.revision("r1", f"t = {table}\nop.execute(t.update().values(user_id=4711123))")
    project.upgrade()
    assert project.rows(f"SELECT user_id FROM {FIRST}") == [(4711123,)]
    (entry, _) = log(project.config)
    assert entry.statement is not None
    assert entry.statement.startswith("UPDATE")
    columns = [column.name for column in schema.clause.columns]
    assert "4711123" not in str(project.rows(f"SELECT {', '.join(columns)} FROM shardctl_clause"))


def test_what_a_downgrade_takes_back_stays_in_the_log(project: Project) -> None:
    project.revision("r1", ADD_ROOM + PAY, DROP)
    project.upgrade()
    up = log(project.config)
    project.downgrade("-1")
    entries = log(project.config)
    assert short(entries) == [
        *((table, clauses, how, False) for table, clauses, how, _ in short(up)),
        *((table, (1,), "ran", True) for table in ("t_order", *MONTHS)),
    ]
    assert [each.direction for each in entries] == ["up"] * 5 + ["down"] * 3
    for before, after in zip(up, entries, strict=False):
        assert (after.statement, after.session, after.begun_at, after.seconds, after.rows) == (
            before.statement,
            before.session,
            before.begun_at,
            before.seconds,
            before.rows,
        )
    project.upgrade()
    entries = log(project.config)
    assert [each.counts for each in entries] == [False] * 8 + [True] * 5
    assert [each.session.command for each in entries if each.session] == (
        ["upgrade"] * 5 + ["downgrade"] * 3 + ["upgrade"] * 5
    )


def test_failures_and_what_is_left_out_are_told_with_the_reason(project: Project) -> None:
    project.sql(ROW.format(SECOND, "2-a"))
    project.revision("r1", UNIQUE)
    with pytest.raises(StepFailed):
        project.upgrade()
    assert short(log(project.config, failed=True)) == [(SECOND, (1,), "failed", True)]
    (entry,) = log(project.config, failed=True)
    assert entry.failed
    assert entry.done_at is None
    assert entry.statement is not None
    assert entry.statement.startswith(("CREATE UNIQUE INDEX", "ALTER TABLE"))
    assert "unique" in str(entry.words).lower() or "(1062)" in str(entry.words)
    skip(project.config, "202002", reason="archived")
    assert log(project.config, failed=True) == ()
    entry = log(project.config)[-1]
    assert (entry.table, entry.how, entry.words) == (SECOND, "skipped", "archived")
    assert entry.session is not None
    assert entry.session.command == "skip"
    skip(project.config, "202002", undo=True)
    assert short(log(project.config))[-1] == (SECOND, (1,), "skipped", False)


def test_it_can_be_asked_for_less(project: Project) -> None:
    project.sql("CREATE TABLE plain (id int PRIMARY KEY)")
    project.revision("r1", ADD_ROOM)
    project.revision("r2", ADD_HALL + 'op.add_column("plain", sa.Column("x", sa.Integer))\n')
    project.upgrade()
    assert len(log(project.config)) == 7
    assert len(log(project.config, "t_order")) == 6
    assert log(project.config, "t_item") == ()
    assert {each.revision for each in log(project.config, revision="r2")} == {"r2"}
    assert len(log(project.config, revision="r2")) == 4
    assert log(project.config, revision="r") == ()
    assert {each.table for each in log(project.config, month=Month(2020, 2))} == {SECOND}
    (plain,) = (each for each in log(project.config) if each.table == "plain")
    assert (plain.family, plain.month) == ("", None)
    assert plain.begun_at.utcoffset() == timedelta(hours=8), "the configuration's zone"
    with pytest.raises(UnknownFamily):
        log(project.config, "t_odrer")


def test_what_broke_off_is_told_as_such(project: Project) -> None:
    with (
        lock.acquire(project.database, command="upgrade") as lease,
        project.connect() as connection,
    ):
        lease.ledger.begin_clauses(connection, "r1", "up", [0], SECOND, token=f"{lease.token}.2")
    (entry,) = log(project.config, failed=True)
    assert (entry.how, entry.statement, entry.done_at) == (None, None, None)
    assert entry.session is not None, "a session beside others is the same command's"


def test_rows_are_archived_together_with_being_voided_or_not_at_all(project: Project) -> None:
    project.revision("r1", ADD_ROOM, DROP)
    project.upgrade()
    failing = (
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
        if project.is_sqlite
        else "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'"
    )
    project.sql(
        f"CREATE TRIGGER t_no BEFORE DELETE ON shardctl_clause FOR EACH ROW {failing}",
    )
    with pytest.raises(StepFailed):
        project.downgrade("-1")
    assert project.rows("SELECT * FROM shardctl_log") == []
    assert len(project.ledger_rows("r1")) == 3


def test_the_command_line_shows_it(
    project: Project,
    run_cli: RunCli,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_cli("log").stdout == "nothing of the kind has run\n"
    project.sql(ROW.format(SECOND, "2-a"))
    project.revision("r1", UNIQUE)
    assert run_cli("upgrade").returncode == 4
    lines = run_cli("log").stdout.splitlines()
    assert len(lines) == 3
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00"
    who = r"by \S+@\S+ pid \d+ \(shardctl upgrade\): "
    ran = rf"{instant} {FIRST} r1 \(1\) ran in \d+\.\d{{3}} s, {who}.*uq_user.*"
    assert re.fullmatch(ran, lines[1])
    assert re.fullmatch(rf"{instant} {SECOND} r1 \(1\) failed, {who}.*uq_user.* -- .+", lines[2])
    assert run_cli("log", "--failed").stdout.splitlines() == [lines[2]]
    assert run_cli("log", "t_order", "--month", "202001").stdout.splitlines() == [lines[1]]
    (first, *_) = json.loads(run_cli("log", "--revision", "r1", "--json").stdout)
    assert (first["table"], first["how"], first["clauses"]) == ("t_order", "ran", [1])
    assert first["session"]["command"] == "upgrade"
    assert first["begun_at"].endswith("+08:00")
    assert run_cli("log", "--month", "202013").returncode == InvalidMonth.exit_code

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["--config", str(project.folder / "shardctl.toml"), "log"])
    drawn = capsys.readouterr().out
    assert "│" in drawn
    assert SECOND in drawn
