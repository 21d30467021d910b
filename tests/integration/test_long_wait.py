"""A statement that takes long is not lost at its end, and keeps nobody waiting at its beginning."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from shardctl.errors import ConfigError, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.commands import Migration
from shardctl.migrate.patience.restraint import Restraint, restraint_of
from shardctl.report import Event, Report, Step, silent
from tests.blocking import read_by_another, waiting
from tests.project import ORDERS, Project, until

BIG, SMALL = "t_order_202001", "t_order_202002"
HOURS = Restraint(lock_wait=1, lock_retries=0, lock_wait_long=3600)
SHORT = Restraint(lock_wait=1, lock_retries=1, lock_wait_long=1)


@pytest.fixture
def project(tmp_path: Path, turn_url: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Two months, of which only one counts as big, and a revision that adds an index."""
    monkeypatch.setattr("shardctl.migrate.patience.long_wait.LONG_FROM", 64 * 1024)
    project = Project.make(tmp_path, turn_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", BIG, SMALL)))
    project.sql(f"INSERT INTO {BIG} (order_id, create_time) VALUES ('a', '2020-01-01')")
    grow(project, 0, 10)
    project.revision(
        "r1", 'op.create_index("ix_order", "t_order", ["coin", "order_id", "user_id"])'
    )
    return project


@pytest.fixture
def big(project: Project) -> Project:
    """The big month has so many rows that the index takes a second or more."""
    grow(project, 10, 17)
    return project


def grow(project: Project, since: int, until: int) -> None:
    """Double the rows of the big month a number of times."""
    for times in range(since, until):
        project.sql(
            f"INSERT INTO {BIG} (order_id, user_id, create_time) "
            f"SELECT SHA2(user_id + {2**times}, 256), user_id + {2**times}, create_time FROM {BIG}"
        )
    project.sql(f"ANALYZE TABLE {BIG}")


def having(project: Project) -> list[str]:
    """The tables that have the index."""
    found = project.structures("t_order", BIG, SMALL)
    return [
        table
        for table, structure in sorted(found.items())
        if "ix_order" in {index.name for index in structure.indexes}
    ]


@contextmanager
def upgrading(
    project: Project, restraint: Restraint, report: Report = silent
) -> Iterator[Future[Migration]]:
    """An upgrade that builds the index at this moment."""
    building = (
        "SELECT id FROM information_schema.processlist WHERE db = DATABASE() "
        f"AND info LIKE '/* shardctl % */ ALTER TABLE `{BIG}` ADD%' AND state = 'altering table'"
    )
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(commands.upgrade, project.config, restraint=restraint, report=report)
        until(lambda: project.rows(building) or run.done())
        yield run


def test_a_transaction_that_opens_meanwhile_does_not_lose_what_was_built(big: Project) -> None:
    with upgrading(big, HOURS) as run:
        with read_by_another(big, BIG):
            until(lambda: waiting(big) or run.done())
            since = time.monotonic()
            until(lambda: run.done() or time.monotonic() > since + 2 * HOURS.lock_wait)
            assert not run.done()
        run.result()
    assert having(big) == ["t_order", BIG, SMALL]
    assert big.version() == "r1"


def test_what_was_lost_at_the_end_is_told(big: Project) -> None:
    events: list[Event] = []
    with (
        upgrading(big, SHORT, events.append) as run,
        read_by_another(big, BIG) as reader,
        pytest.raises(StepFailed, match=rf"^{BIG}: .*\(1205\)"),
    ):
        run.result()
    told = [e.detail for e in events if isinstance(e, Step) and e.state == "waiting"]
    assert re.match(
        r"after \d+ s, at its end, and what it had built is lost; a longer --lock-wait-long "
        rf"waits longer there; .*session {reader} ",
        told[0],
    )
    assert having(big) == ["t_order", SMALL]


def test_at_the_beginning_it_waits_no_longer_than_others(project: Project) -> None:
    with read_by_another(project, BIG) as reader, pytest.raises(StepFailed) as failed:
        commands.upgrade(project.config, restraint=HOURS)
    assert f"{BIG}: clause 1 of r1 r1 failed: (1205)" in str(failed.value)
    assert f"session {reader} " in str(failed.value)
    assert "lost" not in str(failed.value)
    assert having(project) == ["t_order", SMALL]


def test_what_comes_after_it_waits_as_long_as_before(project: Project) -> None:
    with read_by_another(project, SMALL), pytest.raises(StepFailed, match=rf"^{SMALL}: "):
        commands.upgrade(project.config, restraint=HOURS)
    assert having(project) == ["t_order", BIG]


def test_alembic_says_the_same_and_what_cannot_be_meant_is_refused() -> None:
    assert restraint_of({"lock_wait_long": "7"}) == Restraint(lock_wait_long=7)
    with pytest.raises(ConfigError, match="lock_wait_long=0"):
        Restraint(lock_wait_long=0)
