"""What goes wrong on a server at work: real processes, real locks, lost connections."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

import shardctl
from shardctl import lock
from shardctl.dialects import LOCK_WAIT
from shardctl.errors import LockLost, StepFailed
from shardctl.lifecycle.premake import premake
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import LOCK_RETRIES, Restraint
from shardctl.structure import differences
from tests.blocking import ended, read_by_another, started, waiting
from tests.breaking import breaking_at_commit
from tests.conftest import RunCli
from tests.nursery import Nursery
from tests.project import ORDERS, Project, until

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
MIDDLE = MONTHS[1]


@pytest.fixture
def project(tmp_path: Path, turn_url: str) -> Project:
    """Three months, and a revision that adds a column to them."""
    project = Project.make(tmp_path, turn_url, "[families.t_order]\npremake = 1")
    for table in ("t_order", *MONTHS):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id, create_time) VALUES ('a', '2020-01-01')")
    project.revision(
        "r1", 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger, nullable=False))'
    )
    return project


def sessions(project: Project) -> list[int]:
    """All sessions in the database but the one that asks."""
    return [
        int(str(session))
        for (session,) in project.rows(
            "SELECT id FROM information_schema.processlist "
            "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        )
    ]


def columns(project: Project, table: str) -> list[str]:
    return [column.name for column in project.structure(table).columns]


def assert_done(project: Project) -> None:
    """Everything is as an undisturbed upgrade leaves it."""
    assert project.version() == "r1"
    found = project.structures("t_order", *MONTHS)
    assert [column.name for column in found["t_order"].columns].count("room_id") == 1
    assert not [month for month in MONTHS if differences(found["t_order"], found[month])]
    rows = project.ledger_rows("r1")
    assert set(rows) == {(0, table) for table in ("t_order", *MONTHS)}
    assert all(row.done for row in rows.values())
    assert project.left_behind() == []
    assert project.rows("SELECT held FROM shardctl_lock") == [(0,)]
    assert waiting(project) == []


# -- statements that wait for others ----------------------------------------------------------


def test_a_waiting_alter_of_a_killed_upgrade_takes_effect_once(
    project: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    with (
        read_by_another(project, MIDDLE),
        started(nursery, project, "upgrade", "--lock-wait", "60") as process,
    ):
        until(lambda: waiting(project))
        process.kill()
        process.wait()
        # MySQL's ALTER is still there, and comes true when the reader has ended.
    assert run_cli("upgrade", cwd=project.folder).returncode == 0
    assert_done(project)


def test_after_a_killed_upgrade_the_next_waits_in_vain_and_the_one_after_is_through(
    project: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    with read_by_another(project, MIDDLE):
        with started(nursery, project, "upgrade", "--lock-wait", "60") as process:
            until(lambda: waiting(project))
            process.kill()
            process.wait()
        briefly = ("--lock-wait", "1", "--lock-retries", "0")
        again = run_cli("upgrade", *briefly, cwd=project.folder)
        assert again.returncode == 4
        assert again.stderr.startswith(f"error: {MIDDLE}: clause 1 of r1 r1 failed: (1205) ")
        assert "run again" in again.stderr
        assert len(again.stderr.splitlines()) == 2
        assert waiting(project) == []
    assert "room_id" not in columns(project, MIDDLE)
    assert run_cli("upgrade", cwd=project.folder).returncode == 0
    assert_done(project)


def test_a_statement_waits_as_many_seconds_as_it_is_told(project: Project) -> None:
    with read_by_another(project, "t_order"):
        begun = time.monotonic()
        with pytest.raises(StepFailed, match="1205"):
            commands.upgrade(project.config, restraint=Restraint(lock_wait=2, lock_retries=0))
        assert 2 <= time.monotonic() - begun < 30
    assert columns(project, "t_order") == columns(project, MIDDLE)


@pytest.mark.parametrize(
    ("given", "words"), [("1", "t_order: clause 1 of r1 r1 failed: (1205)"), ("0", "1 or more")]
)
def test_alembic_is_told_how_long_to_wait_too(
    project: Project, nursery: Nursery, given: str, words: str
) -> None:
    with read_by_another(project, "t_order"):
        words_given = ("-x", f"lock_wait={given}", "-x", "lock_retries=0", "upgrade", "head")
        done = nursery.start("alembic", *words_given, cwd=project.folder).completed()
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert columns(project, "t_order") == columns(project, MIDDLE)


def test_the_command_line_waits_as_the_library_does(run_cli: RunCli) -> None:
    for command in ("upgrade", "downgrade", "premake"):
        shown = run_cli(command, "--help").stdout
        assert "--lock-wait SECONDS" in shown
        assert f"[default: {LOCK_WAIT};" in " ".join(shown.split())
        if command != "premake":
            assert f"[default: {LOCK_RETRIES};" in " ".join(shown.split())


def test_ctrl_c_ends_the_statement_that_waits(
    project: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    with read_by_another(project, MIDDLE):
        with started(nursery, project, "upgrade", "--lock-wait", "60") as process:
            until(lambda: waiting(project))
            process.send_signal(signal.SIGINT)
            code, errors = ended(process)
        assert code == 130
        assert "run it again" in errors
        assert waiting(project) == []
    assert "room_id" not in columns(project, MIDDLE)
    assert run_cli("upgrade", cwd=project.folder).returncode == 0
    assert_done(project)


# -- lost connections ---------------------------------------------------------------------------


@pytest.mark.parametrize("killed", ["the session at work", "every session"])
def test_an_upgrade_whose_session_is_killed_says_so_and_the_next_goes_on(
    project: Project, nursery: Nursery, run_cli: RunCli, killed: str
) -> None:
    with read_by_another(project, MIDDLE) as reader:
        with started(nursery, project, "upgrade", "--lock-wait", "60", "--jobs", "1") as process:
            until(lambda: waiting(project))
            at_work = waiting(project)
            others = [each for each in sessions(project) if each not in (reader, *at_work)]
            for session in [*others, *at_work] if killed == "every session" else at_work:
                project.sql(f"KILL {session}")
            code, errors = ended(process)
        assert code == 4
        assert errors.startswith(f"error: {MIDDLE}: the connection was lost in clause 1 of r1")
        assert "run again" in errors
        assert len(errors.splitlines()) == 2
    assert run_cli("upgrade", cwd=project.folder).returncode == 0
    assert_done(project)


@pytest.mark.parametrize("delivered", [False, True])
def test_a_data_clause_whose_commit_is_lost_is_applied_once(
    project: Project, turn_url: str, delivered: bool
) -> None:
    project.revision("r2", 'op.execute("UPDATE t_order SET coin = coin + 1")')
    with breaking_at_commit(turn_url, delivered=delivered) as url:
        config = shardctl.load(project.folder / "shardctl.toml", url=url)
        with pytest.raises(StepFailed, match=f"{MONTHS[0]}: the connection was lost in clause 1"):
            commands.upgrade(config)
    # What the server got is done, and recorded as done; what it did not get is neither.
    rows = project.ledger_rows("r2")
    assert project.rows(f"SELECT coin FROM {MONTHS[0]}") == [(int(delivered),)]
    assert [row.done for row in rows.values()] == [True] * delivered
    assert project.version() == "r1"

    project.upgrade()

    assert [project.rows(f"SELECT coin FROM {month}") for month in MONTHS] == [[(1,)]] * 3
    assert project.version() == "r2"


# -- the lock -----------------------------------------------------------------------------------


def test_an_upgrade_goes_on_when_the_session_of_its_signs_of_life_is_killed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.lock.lease.BEAT", 0.05)
    beat = "SELECT beat_at FROM shardctl_heartbeat"
    with ThreadPoolExecutor(1) as pool:
        with read_by_another(project, MIDDLE):
            running = pool.submit(
                commands.upgrade, project.config, restraint=Restraint(lock_wait=60)
            )
            until(lambda: waiting(project))
            ((session,),) = project.rows("SELECT connection_id FROM shardctl_lock")
            project.sql(f"KILL {session}")
            killed_at = project.rows("SELECT UTC_TIMESTAMP(6)")
            until(lambda: project.rows(beat) > killed_at)
        running.result(timeout=60)
    assert_done(project)


def test_an_upgrade_that_was_taken_over_writes_no_more(project: Project) -> None:
    with ThreadPoolExecutor(1) as pool, read_by_another(project, MIDDLE):
        patient, alone = Restraint(lock_wait=60), Course(jobs=1)
        running = pool.submit(commands.upgrade, project.config, restraint=patient, course=alone)
        until(lambda: waiting(project))
        project.sql("UPDATE shardctl_lock SET started = 0")  # as if its process were gone
        with lock.acquire(project.database, command="upgrade", wait=30):
            assert isinstance(running.exception(timeout=60), StepFailed | LockLost)
            assert project.rows("SELECT held FROM shardctl_lock") == [(1,)]
            rows = project.ledger_rows("r1")
            assert {table for (_, table), row in rows.items() if row.done} == {
                "t_order",
                MONTHS[0],
            }
            assert project.version() is None
    for month in MONTHS[1:]:
        assert "room_id" not in columns(project, month)
    project.upgrade()
    assert_done(project)


def test_a_second_upgrade_is_told_who_is_at_work_and_a_premake_waits(
    project: Project, nursery: Nursery, run_cli: RunCli
) -> None:
    with ExitStack() as read:
        read.enter_context(read_by_another(project, MIDDLE))
        with started(nursery, project, "upgrade", "--lock-wait", "60") as first:
            until(lambda: waiting(project))
            second = run_cli("upgrade", cwd=project.folder)
            assert second.returncode == 3
            assert f"pid {first.pid}: shardctl upgrade, since " in second.stderr
            before = len(sessions(project))
            with started(nursery, project, "premake", "--quiet") as waits:
                # One session reads, another has asked for the lock and looks at it again.
                until(lambda: len(sessions(project)) >= before + 2)
                read.close()
                assert ended(waits) == (0, "")
            assert ended(first)[0] == 0
    assert_done(project)


def test_two_premakes_at_once_make_one_set(project: Project, nursery: Nursery) -> None:
    premake(project.config, months=0)
    ((first,),) = project.rows("SELECT table_name FROM shardctl_month")
    project.sql(f"DROP TABLE {first}", "DELETE FROM shardctl_month")
    with started(nursery, project, "premake") as one, started(nursery, project, "premake") as other:
        outputs = [process.communicate()[0] for process in (one, other)]
        assert [one.returncode, other.returncode] == [0, 0]
    made = [line for output in outputs for line in output.splitlines() if line.endswith(": made")]
    months = [table for table in project.tables() if table not in ("t_order", *MONTHS)]
    assert sorted(made) == [f"{month}: made" for month in months]
    assert len(months) == 2
    found = project.structures("t_order", *months)
    assert not [month for month in months if differences(found["t_order"], found[month])]
    assert project.left_behind() == []


# -- the server refuses ----------------------------------------------------------------------------


def test_the_seventeenth_of_twenty_months_refuses(
    tmp_path: Path, turn_url: str, run_cli: RunCli
) -> None:
    project = Project.make(tmp_path, turn_url, "t_order")
    months = [f"t_order_{year}{month:02}" for year in (2020, 2021) for month in range(1, 13)][:20]
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *months)))
    refusing = months[16]
    project.sql(
        f"INSERT INTO {refusing} (order_id, create_time) VALUES ('a', '2021-05-01'), "
        "('b', '2021-05-01')",
        f"INSERT INTO {months[0]} (order_id, create_time) VALUES ('a', '2020-01-01')",
    )
    project.revision("r1", 'op.create_unique_constraint("uq_user", "t_order", ["user_id"])')

    failed = run_cli("upgrade", cwd=tmp_path)

    assert failed.returncode == 4
    assert failed.stderr.startswith(f"error: {refusing}: clause 1 of r1 r1 failed: (1062) ")
    assert "Duplicate entry '0' for key" in failed.stderr
    assert len(failed.stderr.splitlines()) == 2
    found = project.structures("t_order", *months)
    changed = [table for table in found if len(found[table].indexes) == 2]
    assert sorted(changed) == ["t_order", *(month for month in months if month != refusing)]
    rows = project.ledger_rows("r1")
    assert {table for (_, table), row in rows.items() if row.done} == set(changed)
    assert project.version() is None

    project.sql(f"DELETE FROM {refusing} WHERE order_id = 'b'")
    assert run_cli("upgrade", cwd=tmp_path).returncode == 0
    assert len(set(project.structures("t_order", *months).values())) == 1
    assert project.version() == "r1"
