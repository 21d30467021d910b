"""What the log, the screen and retry say of what broke off."""

from __future__ import annotations

import json
import re
import signal
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import StepFailed
from shardctl.lifecycle.check import check
from shardctl.lifecycle.log import log
from shardctl.migrate import commands
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.patience.window import Window
from shardctl.report import Event, Progress, Step
from tests.conftest import RunCli
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import ORDERS, Project

MONTH = "t_order_202001"


def test_a_run_that_goes_on_and_its_log_count_clauses_alike(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", MONTH)))
    project.sql(
        *(
            f"INSERT INTO {MONTH} (order_id, user_id, create_time) VALUES ('{n}', 7, '2020-01-01')"
            for n in (1, 2)
        )
    )
    project.revision(
        "r1",
        'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
        'op.create_index("uq_user", "t_order", ["user_id"], unique=True)',
    )
    with pytest.raises(StepFailed, match="clause 2 of r1"):
        project.upgrade()
    project.sql(f"DELETE FROM {MONTH} WHERE order_id = '2'")
    events: list[Event] = []
    project.upgrade(report=events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.table, step.clauses) for step in steps] == [(MONTH, (2,))]
    assert [entry.clauses for entry in log(project.config, revision="r1")][-1] == (2,)


# -- backfills ------------------------------------------------------------------------------------

COUNT = 'shardctl.op.backfill("t_order", set_={"n": "n + 1"}, chunk=2)'
TABLE = "CREATE TABLE {} (id bigint NOT NULL, n int NOT NULL DEFAULT '0', PRIMARY KEY (id))"
OTHER = "t_order_202002"


@pytest.fixture
def filled(tmp_path: Path, sqlite_url: str) -> Project:
    """A month of three chunks and one of one, and a backfill of both."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql(*(TABLE.format(table) for table in ("t_order", MONTH, OTHER)))
    project.sql(f"INSERT INTO {MONTH} (id) VALUES (1), (2), (30), (31), (32)")
    project.sql(f"INSERT INTO {OTHER} (id) VALUES (1)")
    project.revision("r1", COUNT, COUNT.replace("+", "-"), head="import shardctl.op")
    return project


def numbers(project: Project, table: str) -> list[object]:
    return [n for (n,) in project.rows(f"SELECT n FROM {table} ORDER BY id")]


def stop(event: Event) -> None:
    """Presses Ctrl-C after the first chunk."""
    if isinstance(event, Progress):
        signal.raise_signal(signal.SIGINT)


def test_a_backfill_that_was_killed_is_told_and_tried_again(
    filled: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    filled.upgrade()  # which makes the ledger
    filled.downgrade("-1")
    trials, upgrade = Trials(nursery, filled.folder), "commands.upgrade(config)"
    writes = trials.through(upgrade).writes
    filled.downgrade("-1")
    chunks = [n for n, write in enumerate(writes) if write.startswith("/* shardctl")]
    assert trials.run(upgrade, kill_at=chunks[1]).killed
    assert numbers(filled, MONTH) == [1, 1, 0, 0, 0]
    (entry,) = log(filled.config, failed=True)
    assert (entry.table, entry.how, entry.rows, entry.reached) == (MONTH, None, 2, {"id": 2})
    assert entry.session is not None
    assert entry.session.begun_at.utcoffset() == entry.begun_at.utcoffset() == timedelta(hours=8)
    (told,) = json.loads(run_cli("log", "--failed", "--json").stdout)
    for instant in (told["begun_at"], told["session"]["begun_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+08:00", instant)
    (problem,) = (each for each in check(filled.config) if "is unfinished" in each.message)
    assert re.search(r"begun \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+08:00,", problem.message)
    assert entry.statement is not None
    assert "UPDATE" in entry.statement
    line = run_cli("log", "--failed").stdout
    assert "r1 (1) begun, end unknown, 2 rows up to id 2 in " in line
    assert MONTH in line.split(": ", 1)[1], "the statement is the month's own"
    assert commands.retry(filled.config).outcomes[0].waiting == (OTHER,)
    assert (numbers(filled, MONTH), numbers(filled, OTHER)) == ([1] * 5, [0])
    assert log(filled.config, failed=True) == ()
    assert "r1 (1) ran, 5 rows in " in run_cli("log").stdout


def test_a_backfill_that_ctrl_c_has_stopped_says_so_and_its_log_outlives_it(
    filled: Project,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        filled.upgrade(report=stop)
    (entry,) = log(filled.config, failed=True)
    assert (entry.table, entry.how, entry.rows, entry.reached) == (MONTH, "ended", 2, {"id": 2})
    filled.downgrade("-1")
    assert numbers(filled, MONTH) == [0] * 5
    first, *_ = log(filled.config, revision="r1")
    assert (first.table, first.how, first.rows, first.counts) == (MONTH, "ended", 2, False)


def test_a_backfill_that_cannot_be_carried_out_on_a_month_has_failed_there(
    filled: Project,
) -> None:
    filled.sql(f"DROP TABLE {MONTH}", f"CREATE TABLE {MONTH} (id bigint, n int NOT NULL DEFAULT 0)")
    filled.sql(f"INSERT INTO {MONTH} (id) VALUES (1)")
    with pytest.raises(StepFailed, match="it has no key") as failed:
        filled.upgrade()
    (entry,) = log(filled.config, failed=True)
    assert (entry.table, entry.how) == (MONTH, "failed")
    assert entry.words == str(failed.value).partition("\n")[0]
    filled.sql(f"DROP TABLE {MONTH}", TABLE.format(MONTH))
    assert commands.retry(filled.config).outcomes[0].waiting == (OTHER,)


def test_a_backfill_that_its_window_has_stopped_is_tried_again(
    filled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter([2, 2, 6])
    zone = ZoneInfo("Asia/Shanghai")
    monkeypatch.setattr(
        "shardctl.migrate.patience.gate.local_time",
        lambda _: datetime(2026, 1, 1, next(hours, 6), tzinfo=zone),
    )
    with pytest.raises(StepFailed, match="outside of the window"):
        commands.upgrade(filled.config, restraint=Restraint(window=Window.parse("01:00-05:00")))
    (entry,) = log(filled.config)
    assert (entry.table, entry.how) == (MONTH, "failed")
    assert "outside of the window" in str(entry.words)
    assert commands.retry(filled.config).outcomes[0].waiting == (OTHER,)


def test_a_chunk_that_failed_says_up_to_where_the_others_came(
    filled: Project, run_cli: RunCli
) -> None:
    no = "BEGIN SELECT RAISE(ABORT, 'no such price'); END"
    filled.sql(f"CREATE TRIGGER t_no BEFORE UPDATE ON {MONTH} WHEN NEW.id = 31 {no}")
    with pytest.raises(StepFailed, match="no such price"):
        filled.upgrade()
    (entry,) = log(filled.config, failed=True)
    assert (entry.table, entry.how, entry.rows, entry.reached) == (MONTH, "failed", 2, {"id": 2})
    line = run_cli("log", "--failed").stdout
    assert "r1 (1) failed, 2 rows up to id 2 in " in line
    assert "no such price" in line
    filled.sql("DROP TRIGGER t_no")
    assert commands.retry(filled.config).outcomes[0].waiting == (OTHER,)
    assert numbers(filled, MONTH) == [1] * 5
