"""Months that the user has named may be altered by another algorithm than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from shardctl.errors import ConfigError, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course, course_of
from shardctl.migrate.selection import Listed
from shardctl.month import Month
from shardctl.report import Event, Step
from shardctl.structure import differences
from tests.conftest import RunCli
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
FIRST, MIDDLE, LAST = MONTHS
TABLES = ("t_order", *MONTHS)
MIDDLE_ONLY = Course(let_rebuild=Listed.parse("let_rebuild", "202002"))


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    """Three months with a row each, and a revision that adds columns."""
    project = Project.make(tmp_path, server_url, "t_order")
    project.sql(
        *(ORDERS.format(table=table, comment_id="") for table in TABLES),
        *(f"INSERT INTO {month} (order_id, create_time) VALUES ('a', NOW())" for month in MONTHS),
    )
    project.revision(
        "r1",
        'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
        'op.add_column("t_order", sa.Column("hall", sa.BigInteger))',
    )
    return project


def steps(events: Sequence[Event], state: str) -> dict[str, tuple[int, str]]:
    """Of the statement of each table: how many clauses it has, and how it is carried out."""
    return {
        event.table: (1 + len(event.further), event.algorithm)
        for event in events
        if isinstance(event, Step) and event.state == state
    }


def assert_all_equal(project: Project) -> None:
    assert project.version() == "r1"
    for month in MONTHS:
        columns = project.structure(month).columns
        assert columns == project.structure("t_order").columns
        assert len(project.rows(f"SELECT * FROM {month}")) == 1
    assert differences(project.structure("t_order"), project.structure(FIRST)) == ()
    assert project.left_behind() == []


def test_a_month_that_is_named_is_done_and_the_dry_run_says_how(project: Project) -> None:
    project.sql(f"ALTER TABLE {MIDDLE} ROW_FORMAT=COMPRESSED")
    foreseen: list[Event] = []
    commands.upgrade(project.config, dry_run=True, course=MIDDLE_ONLY, report=foreseen.append)
    assert steps(foreseen, "failed") == {}
    anyhow = (2, "any algorithm, INSTANT is refused")
    expected = {**dict.fromkeys(TABLES, (2, "INSTANT")), MIDDLE: anyhow}
    assert steps(foreseen, "pending") == expected
    done: list[Event] = []
    commands.upgrade(project.config, course=MIDDLE_ONLY, report=done.append)
    assert steps(done, "run") == expected
    assert "COMPRESSED" in str(project.rows(f"SHOW CREATE TABLE {MIDDLE}"))
    assert_all_equal(project)


def test_a_month_that_is_not_named_stops_as_before_and_names_the_way_out(
    project: Project, run_cli: RunCli
) -> None:
    project.sql(*(f"ALTER TABLE {month} ROW_FORMAT=COMPRESSED" for month in (FIRST, LAST)))
    failed = run_cli("upgrade", "--let-rebuild", "202001..202002", cwd=project.folder)
    assert failed.returncode == 4
    assert f"error: {LAST}: clauses 1, 2 of r1 r1 cannot be INSTANT here" in failed.stderr
    assert "run again with --let-rebuild 202003 (" in failed.stderr
    again = run_cli("upgrade", "--let-rebuild", "all", cwd=project.folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert_all_equal_but(project, "ROW_FORMAT")


def assert_all_equal_but(project: Project, option: str) -> None:
    for month in MONTHS:
        found = differences(project.structure("t_order"), project.structure(month))
        assert all(option.lower() in str(one).lower() for one in found)
    assert project.version() == "r1"


def test_what_only_the_month_itself_refuses_is_done_too(project: Project) -> None:
    """A FULLTEXT index leaves a hidden column behind that no copy has."""
    project.sql(
        f"ALTER TABLE {MIDDLE} ADD FULLTEXT INDEX ix_text (order_id)",
        f"ALTER TABLE {MIDDLE} DROP INDEX ix_text",
    )
    with pytest.raises(StepFailed, match=rf"^{MIDDLE}: .*\(1845\)"):
        commands.upgrade(project.config)
    done: list[Event] = []
    commands.upgrade(project.config, course=MIDDLE_ONLY, report=done.append)
    assert steps(done, "run")[MIDDLE] == (2, "any algorithm, INSTANT is refused")
    assert_all_equal(project)


def test_the_months_are_listed_as_elsewhere() -> None:
    listed = course_of({"let_rebuild": "202001..202002,202012"}).let_rebuild
    assert [month for month in range(1, 13) if Month(2020, month) in listed] == [1, 2, 12]
    assert None not in listed
    everything = course_of({"let_rebuild": "all"}).let_rebuild
    assert Month(2020, 1) in everything
    assert None in everything
    assert Month(2020, 1) not in Course().let_rebuild
    with pytest.raises(ConfigError, match="let_rebuild"):
        course_of({"let_rebuild": "some"})
