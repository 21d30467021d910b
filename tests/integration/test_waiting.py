"""What waits for an unfinished revision is told as that, and as no drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import StepFailed
from shardctl.lifecycle.check import check
from shardctl.lifecycle.status import FamilyStatus, status
from shardctl.lifecycle.verify import verify
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.selection import Selection
from shardctl.migrate.skip import skip
from tests.conftest import RunCli
from tests.project import ORDERS, Project

FIRST, SECOND, THIRD = MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
ADD_NOTE = 'op.add_column("t_order", sa.Column("note", sa.String(20)))\n'
DROP_NOTE = 'op.drop_column("t_order", "note")\n'
ADD_ROOM = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
DROP_ROOM = 'op.drop_column("t_order", "room_id")\n'
PAY = 'op.execute("UPDATE t_order SET coin = coin + 1")\n'
FIRST_ONLY = Course(months=Selection.parse("202001"))


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    """Three months at r0, and r1, which adds another column."""
    project = Project.make(tmp_path, sqlite_url, "t_order", "t_item")
    for table in ("t_order", *MONTHS, "t_item", "t_item_202001"):
        project.sql(ORDERS.format(table=table, comment_id=""))
    project.revision("r0", ADD_NOTE, DROP_NOTE)
    project.upgrade()
    project.revision("r1", ADD_ROOM + PAY, DROP_ROOM)
    return project


def one(project: Project, family: str = "t_order") -> FamilyStatus:
    (found,) = status(project.config, family)
    return found


def told(project: Project) -> list[tuple[str | None, str, tuple[str, ...]]]:
    """Of each month the revision, what it waits for, and its drift."""
    return [
        (month.revision, month.waiting, tuple(map(str, month.differences)))
        for month in one(project).months
    ]


def test_a_month_that_waits_is_no_drift_and_one_that_is_done_shows_the_new_revision(
    project: Project, run_cli: RunCli
) -> None:
    assert commands.upgrade(project.config, course=FIRST_ONLY).outcomes[0].waiting
    assert told(project) == [("r1", "", ()), ("r0", "r1", ()), ("r0", "r1", ())]
    assert one(project).revision == "r0"
    assert [str(run) for run in one(project).unfinished] == [
        "upgrade to r1: 2 tables done, 2 waiting: 2020-02 to 2020-03 (2 months)"
    ]
    assert [month.revision for month in one(project, "t_item").months] == ["r0"]
    assert one(project, "t_item").unfinished == ()
    assert [each for each in check(project.config) if each.table in MONTHS] == []
    assert verify(project.config).problems == (
        "the upgrade of revision r1 is unfinished: run shardctl upgrade to go on",
        f"{SECOND}: it waits for r1",
        f"{THIRD}: it waits for r1",
    )
    shown = run_cli("status").stdout
    assert [
        line.endswith("waiting for r1") for line in shown.splitlines() if "t_order_" in line
    ] == [
        False,
        True,
        True,
    ]
    assert "room_id" not in shown
    checked = run_cli("check")
    assert checked.returncode == 1
    assert (
        "; waiting: t_order 2020-02 to 2020-03 (2 months): run 'shardctl upgrade'" in checked.stdout
    )


def test_drift_of_a_month_that_waits_is_told_beside_it(project: Project, run_cli: RunCli) -> None:
    project.sql(f"ALTER TABLE {THIRD} ADD COLUMN extra int")
    commands.upgrade(project.config, course=FIRST_ONLY)
    assert told(project)[1:] == [("r0", "r1", ()), ("r0", "r1", ("column extra extra",))]
    assert f"{THIRD}: column extra extra" in run_cli("status").stdout
    assert "drifted (1), waiting for r1" in run_cli("status").stdout
    (problem,) = (each for each in check(project.config) if each.table in MONTHS)
    assert (problem.table, problem.severity) == (THIRD, "error")


def test_a_month_that_contradicts_the_revision_shows_all_its_differences(project: Project) -> None:
    commands.upgrade(project.config, course=FIRST_ONLY)
    project.sql(f"ALTER TABLE {THIRD} ADD COLUMN room_id varchar(3)")
    _, second, third = told(project)
    assert second == ("r0", "r1", ())
    assert third[:2] == ("r0", "r1")
    assert [each[:31] for each in third[2]] == ["column room_id: type VARCHAR(3)"]


def test_a_month_whose_rows_are_still_to_be_changed_waits_too(project: Project) -> None:
    project.sql(
        f"CREATE TRIGGER t_no BEFORE UPDATE ON {FIRST} BEGIN SELECT RAISE(ABORT, 'no'); END",
        f"INSERT INTO {FIRST} (order_id, create_time) VALUES ('1', '2020-01-01')",
    )
    with pytest.raises(StepFailed):
        commands.upgrade(project.config, course=FIRST_ONLY)
    assert told(project)[0] == ("r0", "r1", ())


def test_on_the_way_back_it_is_told_likewise(project: Project) -> None:
    project.upgrade()
    commands.downgrade(project.config, "-1", allow_destructive=True, course=FIRST_ONLY)
    waits = ("r1", "the downgrade of r1", ())
    assert told(project) == [("r0", "", ()), waits, waits]


def test_while_a_revision_is_given_up_only_months_wait_where_it_ran(project: Project) -> None:
    commands.upgrade(project.config, course=Course(months=Selection.parse("202001..202002")))
    commands.downgrade(project.config, "-1", allow_destructive=True, course=FIRST_ONLY)
    assert told(project) == [("r0", "", ()), ("r0", "the downgrade of r1", ()), ("r0", "", ())]
    (problem,) = (each for each in check(project.config) if "is unfinished" in each.message)
    assert "the downgrade of revision r1" in problem.message


def test_a_month_that_is_left_out_does_not_wait(project: Project) -> None:
    commands.upgrade(project.config, course=FIRST_ONLY)
    skip(project.config, "202002", reason="archived")
    assert told(project)[1:] == [("r0", "", ("column room_id missing",)), ("r0", "r1", ())]
