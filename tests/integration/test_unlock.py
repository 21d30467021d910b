"""The lock, taken away by hand: from one who is gone, and from one who lives only by force."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from shardctl import lock
from shardctl.errors import LockHeld, LockLost
from shardctl.lifecycle.unlock import unlock
from tests.conftest import RunCli
from tests.project import Project, until

OWNER = """
import sys
from sqlalchemy.exc import DBAPIError
from shardctl import lock
from shardctl.dialects import Statement, execute, open_database
from shardctl.errors import LockLost

database = open_database(sys.argv[1])
with lock.acquire(database, command="upgrade") as lease, database.connect() as connection:
    database.dialect.claim(connection, lease.token)
    lease.ledger.begin_clauses(connection, "r1", "up", [0], "t_order_202601")
    print("held", flush=True)
    sys.stdin.readline()
    try:
        execute(connection, Statement("SELECT 1"), f"shardctl {lease.token}")
        with database.connect() as other:
            lease.ledger.done_clauses(other, "r1", "up", [0], "t_order_202601", how="ran")
        print("wrote", flush=True)
    except DBAPIError:
        print("broke off", flush=True)
    except LockLost:
        print("lost", flush=True)
"""

Owner = subprocess.Popen[str]


@contextmanager
def owner(project: Project) -> Iterator[Owner]:
    """A process that holds the lock until it is told to write, and has another session besides."""
    url = project.database.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert answer(process) == "held"
            yield process
        finally:
            process.kill()


def answer(process: Owner) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    return Project.make(tmp_path, flow_url, "t_order")


def is_held(project: Project) -> bool:
    return bool(project.rows("SELECT held FROM shardctl_lock")[0][0])


def sessions(connection: Connection) -> int:
    """How many sessions are in this database."""
    return int(
        connection.exec_driver_sql(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
        ).scalar_one()
    )


def elsewhere(project: Project) -> None:
    """As if the owner's process were on another machine."""
    project.sql("UPDATE shardctl_lock SET machine = 'another', host = 'db7'")


def test_a_lock_that_nobody_holds_is_left_alone(project: Project) -> None:
    assert unlock(project.config) is None
    assert not any(name.startswith("shardctl") for name in project.tables())
    with lock.acquire(project.database, command="premake"):
        pass
    before = project.rows("SELECT * FROM shardctl_lock")
    assert unlock(project.config, force=True) is None
    assert project.rows("SELECT * FROM shardctl_lock") == before


def test_one_whose_process_lives_keeps_it(project: Project) -> None:
    with owner(project) as process:
        with pytest.raises(LockHeld) as refusal:
            unlock(project.config)
        words = str(refusal.value)
        assert f"pid {process.pid}: shardctl upgrade, since " in words
        assert "that process lives, so nothing was done" in words
        assert "shardctl unlock --force" in words
        assert is_held(project)
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
        assert answer(process) == "wrote"


def test_force_takes_it_from_one_who_lives_and_who_writes_no_more(project: Project) -> None:
    with owner(project) as process:
        freed = unlock(project.config, force=True)
        assert freed is not None
        assert f"pid {process.pid}" in freed.holder
        assert not is_held(project)
        with project.connect() as connection:
            if project.is_sqlite:
                assert freed.ended == ()
            else:
                assert len(freed.ended) == 2, "the one that works, and the one that beats"
                until(lambda: sessions(connection) == 1)
        with lock.acquire(project.database, command="premake"):
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
            assert answer(process) == ("lost" if project.is_sqlite else "broke off")
    (row,) = project.rows("SELECT how FROM shardctl_clause")
    assert row == (None,)


def test_one_that_was_killed_loses_it(project: Project) -> None:
    with owner(project) as process:
        process.kill()
        process.wait()
        assert is_held(project)
        freed = unlock(project.config)
    assert freed is not None
    assert "shardctl upgrade" in freed.holder
    assert not is_held(project)
    with lock.acquire(project.database, command="premake") as lease:
        assert lease.fence == 3


def test_on_another_machine_a_session_on_the_server_is_a_sign_of_life(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    with owner(project):
        elsewhere(project)
        with pytest.raises(LockHeld, match=r"its session \d+ is on the server"):
            unlock(project.config)
        assert is_held(project)
        freed = unlock(project.config, force=True)
        assert freed is not None
        assert "@db7" in freed.holder
        assert "last sign of life" in freed.holder


def test_on_another_machine_with_its_session_gone_it_loses_it(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    with owner(project) as process:
        elsewhere(project)
        process.kill()
        process.wait()
        with project.connect() as connection:
            until(lambda: sessions(connection) == 1)
        freed = unlock(project.config)
        assert freed is not None
        assert freed.ended == ()
        assert not is_held(project)


def test_where_sessions_cannot_be_claimed_a_beat_is_a_sign_of_life(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    with owner(project) as process:
        process.kill()
        process.wait()
        with project.connect() as connection:
            until(lambda: sessions(connection) == 1)
        elsewhere(project)
        project.sql("UPDATE shardctl_lock SET server = ''")
        with pytest.raises(LockHeld, match="it has given a sign of life"):
            unlock(project.config)
        project.sql("UPDATE shardctl_heartbeat SET beat_at = beat_at - INTERVAL 30 SECOND")
        assert unlock(project.config) is not None


def test_a_file_on_another_machine_is_unlocked_by_hand(tmp_path: Path, sqlite_url: str) -> None:
    """Nothing tells whether its owner lives: this is what the command is for."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    with lock.acquire(project.database, command="upgrade") as lease:
        elsewhere(project)
        with (
            pytest.raises(LockHeld, match="shardctl unlock"),
            lock.acquire(project.database, command="premake"),
        ):
            pass
        assert unlock(project.config) is not None
        with project.connect() as connection, pytest.raises(LockLost):
            lease.ledger.set_revision(connection, [], "r1")
    with lock.acquire(project.database, command="premake") as lease:
        assert lease.fence == 3


def test_the_end_of_a_command_is_kept(project: Project) -> None:
    with owner(project):
        unlock(project.config, force=True)
    with lock.acquire(project.database, command="premake"):
        rows = project.rows(
            "SELECT command, pid, version, ended_at FROM shardctl_session ORDER BY begun_at"
        )
    assert [(command, end is not None) for command, _, _, end in rows] == [
        ("upgrade", True),
        ("premake", False),
    ]
    assert rows[1][1] == os.getpid()
    ended = project.rows("SELECT COUNT(*) FROM shardctl_session WHERE ended_at IS NULL")
    assert ended == [(0,)]


def test_the_command_says_what_it_did(project: Project, run_cli: RunCli) -> None:
    done = run_cli("unlock")
    assert (done.returncode, done.stdout) == (0, "nothing to do: the database is not locked\n")
    with owner(project) as process:
        done = run_cli("unlock")
        assert done.returncode == 3
        assert "--force" in done.stderr
        done = run_cli("unlock", "--force")
        assert done.returncode == 0, done
        assert f"pid {process.pid}" in done.stdout
        assert "it is unlocked now" in done.stdout
        assert ("ended session" in done.stdout) is not project.is_sqlite
    done = run_cli("unlock", "--json")
    assert json.loads(done.stdout) is None
