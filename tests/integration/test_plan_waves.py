"""A plan shows the waves of a run: which month is the canary, and where the run stops."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from shardctl import Month
from shardctl.cli.planned import as_text
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.selection import Selection
from shardctl.report import Step
from tests.conftest import RunCli
from tests.project import ORDERS, Project

ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
NOW = Month.of(datetime.now(UTC), ZoneInfo("Asia/Shanghai"))
HISTORY = tuple(NOW - back for back in (4, 3, 2, 1))
FUTURE = NOW + 1
CANARY = HISTORY[1]


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    """Four months of history, of which the first is empty, the current one, and one to come."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    for table in ("t_order", *map(named, (*HISTORY, NOW, FUTURE))):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for month in (*HISTORY[1:], NOW):
        insert = f"INSERT INTO {named(month)} (order_id, create_time) VALUES ('a', '2020-01-01')"
        project.sql(insert)
    project.revision("r1", ROOM)
    return project


def named(month: Month) -> str:
    return f"t_order_{month:%Y%m}"


def waves(project: Project, course: Course | None = None) -> str:
    """The line of a plan that tells them."""
    text = as_text(commands.plan(project.config, course=course or Course()))
    return " ".join(text[text.index("waves of") :].split())


def test_a_plan_names_the_canary_and_where_the_run_stops(project: Project) -> None:
    said = f"waves of t_order: template -> 1 future month -> canary {CANARY}"
    behind = f"3 months of history -> current {NOW}"
    assert waves(project) == f"{said} -> {behind}"
    assert waves(project, Course(pause_after="canary")) == f"{said} -> pause -> {behind}"
    assert waves(project, Course(pause_after="template")).startswith(
        "waves of t_order: template -> pause -> 1 future month"
    )
    assert "pause" not in waves(project, Course(pause_after="current"))
    some = Selection.parse(f"{HISTORY[2]:%Y%m}..{HISTORY[3]:%Y%m}")
    assert waves(project, Course(some, "future")) == (
        f"waves of t_order: template -> pause -> canary {HISTORY[2]} -> 1 month of history"
    )


def test_a_run_that_pauses_has_reached_what_the_plan_says(
    project: Project, run_cli: RunCli
) -> None:
    done = run_cli("plan", "--json", "--pause-after", "canary", cwd=project.folder)
    data = json.loads(done.stdout)
    assert data["pause_after"] == "canary"
    by_wave: dict[str, list[str]] = {}
    for table in data["tables"]:
        by_wave.setdefault(table["wave"], []).append(table["table"])
    assert by_wave == {
        "template": ["t_order"],
        "future": [named(FUTURE)],
        "canary": [named(CANARY)],
        "history": [named(month) for month in HISTORY if month != CANARY],
        "current": [named(NOW)],
    }
    reached: list[str] = []
    commands.upgrade(
        project.config,
        course=Course(pause_after="canary"),
        report=lambda event: (
            reached.append(event.table)
            if isinstance(event, Step) and event.state == "run"
            else None
        ),
    )
    assert reached == ["t_order", named(FUTURE), named(CANARY)]
    assert waves(project).startswith("waves of t_order: template -> 1 future month -> canary")


def test_a_plain_table_has_no_waves(project: Project) -> None:
    project.upgrade()
    project.revision("r2", 'op.create_table("plain", sa.Column("id", sa.Integer))\n')
    plan = commands.plan(project.config)
    assert [table.wave for table in plan.tables.values()] == [None]
    assert "waves" not in as_text(plan)
