"""What tables have come to is read while the last of them still has its turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, event

from shardctl.errors import StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.month import Month
from shardctl.report import Event, TableDone
from tests.project import ORDERS, Project

HISTORY = ("t_order_202001", "t_order_202002", "t_order_202003")


@pytest.fixture
def current() -> str:
    month = Month.of(datetime.now(UTC), ZoneInfo("Asia/Shanghai"))
    return f"t_order_{month:%Y%m}"


@pytest.fixture
def project(tmp_path: Path, turn_url: str, current: str) -> Project:
    project = Project.make(tmp_path, turn_url, "t_order")
    tables = ("t_order", *HISTORY, current)
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))
    project.revision("r1", 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))')
    return project


@dataclass(frozen=True)
class Asked:
    """A query for the columns of tables."""

    tables: frozenset[str]
    session: int


@contextmanager
def listening() -> Iterator[list[Asked]]:
    asked: list[Asked] = []

    def heard(
        connection: Connection, _: object, statement: str, given: tuple[str, ...], *__: object
    ) -> None:
        if "information_schema.COLUMNS" in statement:
            driver: Any = connection.connection.driver_connection
            asked.append(Asked(frozenset(given), driver.thread_id()))

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


def lacking(project: Project, current: str) -> list[str]:
    """The months without the column."""
    found = project.structures(*HISTORY, current).items()
    return [month for month, own in found if "room_id" not in {each.name for each in own.columns}]


def test_in_the_end_only_the_current_month_is_still_to_be_looked_at(
    project: Project, current: str
) -> None:
    with listening() as asked:
        commands.upgrade(project.config)
    others = frozenset(("t_order", *HISTORY))
    assert [each.tables for each in asked[-2:]] == [others, frozenset((current,))]
    assert lacking(project, current) == []


def test_what_was_read_meanwhile_is_read_anew_where_the_last_turn_has_taken_long(
    project: Project, current: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.migrate.run.looks.FRESH", -1.0)
    with listening() as asked:
        commands.upgrade(project.config)
    assert asked[-1].tables == frozenset(("t_order", *HISTORY, current))


def test_a_month_that_has_lost_its_change_again_by_then_gets_it_anew(
    project: Project, current: str
) -> None:
    lost: list[str] = []

    def report(event: Event) -> None:
        if event == TableDone(HISTORY[1]) and not lost:
            lost.append(HISTORY[1])
            project.sql(f"ALTER TABLE {HISTORY[1]} DROP COLUMN room_id")

    commands.upgrade(project.config, report=report)
    assert lost
    assert lacking(project, current) == []


def test_where_the_server_does_not_tell_the_run_says_so_and_the_next_goes_on(
    project: Project, current: str
) -> None:
    """Whoever ends the session that reads has not ended those that change the months."""
    with listening() as asked:

        def report(event: Event) -> None:
            if event == TableDone(HISTORY[-1]):
                (session,) = {each.session for each in asked if each.tables.issuperset(HISTORY)}
                project.sql(f"KILL {session}")

        with pytest.raises(StepFailed, match="run again to go on"):
            commands.upgrade(project.config, report=report, course=Course(jobs=1))
    assert lacking(project, current) == []
    assert project.version() is None
    commands.upgrade(project.config)
    assert project.version() == "r1"
