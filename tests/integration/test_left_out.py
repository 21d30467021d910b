"""A month that was left out, and is equal again: plan and run treat it alike, as any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import StepFailed
from shardctl.lifecycle.status import status
from shardctl.lifecycle.verify import verify
from shardctl.migrate import commands
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.skip import skip
from shardctl.report import Event, Note
from tests.project import ORDERS, Project

FIRST, SECOND = MONTHS = ("t_order_202001", "t_order_202002")
UP = """
op.create_index("uq_user", "t_order", ["user_id"], unique=True)
op.execute("UPDATE t_order SET coin = coin + 1")
"""
DOWN = """
op.execute("UPDATE t_order SET coin = coin - 1")
op.drop_index("uq_user", "t_order")
"""
BY_HAND = f"CREATE UNIQUE INDEX uq_user__202002 ON {SECOND} (user_id)"


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    """Two months at r1, of which the second was left out, for two rows of one user."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    for month, count in ((FIRST, 1), (SECOND, 2)):
        row = f"INSERT INTO {month} (order_id, user_id, create_time) VALUES "
        project.sql(*(f"{row} ('{n}', 7, '2020-01-01')" for n in range(count)))
    project.revision("r1", UP, DOWN)
    with pytest.raises(StepFailed):
        project.upgrade()
    skip(project.config, "202002", reason="archived")
    project.upgrade()
    project.sql(f"DELETE FROM {SECOND} WHERE order_id = '1'")
    return project


def down(project: Project) -> Plan:
    return commands.plan(project.config, "-1", direction="down")


def planned(plan: Plan) -> dict[str, tuple[set[int], set[int]]]:
    """By table the clauses to run, and those that are there already."""
    (revision,) = plan.revisions
    return {
        share.table: ({n for step in share.steps for n in step.numbers}, set(share.found))
        for share in revision.shares
    }


def done(project: Project) -> tuple[dict[str, tuple[set[int], set[int]]], list[str]]:
    """The same of the downgrade itself, and its notes."""
    events: list[Event] = []
    ran = commands.downgrade(
        project.config, "-1", allow_destructive=True, report=events.append
    ).outcomes[0]
    notes = [event.text for event in events if isinstance(event, Note) and "left out" in event.text]
    return {table: (set(ran.ran[table]), set(ran.found[table])) for table in ran.ran}, notes


def coins(project: Project, table: str) -> list[int]:
    return [int(float(str(coin))) for (coin,) in project.rows(f"SELECT coin FROM {table}")]


def indexes(project: Project, table: str) -> int:
    return sum(index.kind == "unique" for index in project.structure(table).indexes)


def test_one_that_is_equal_again_is_taken_back_like_any_other(project: Project) -> None:
    project.sql(BY_HAND)
    assert [(m.revision, m.left_out) for m in status(project.config)[0].months] == [("r1", "")] * 2
    assert verify(project.config).problems == ()
    plan = down(project)
    assert planned(plan) == {"t_order": ({1}, set()), FIRST: ({0, 1}, set()), SECOND: ({1}, set())}
    foreseen, (note,) = planned(plan), [each for each in plan.warnings if "left out" in each]
    assert note == (
        f"{SECOND}: clause 1 of downgrade of r1 r1 left out, as there is nothing to take back: "
        "it was left out of the upgrade, 'archived'"
    )
    assert done(project) == (foreseen, [note])
    assert [indexes(project, table) for table in ("t_order", *MONTHS)] == [0, 0, 0]
    assert (coins(project, FIRST), coins(project, SECOND)) == ([0], [0])
    project.upgrade()
    assert (coins(project, FIRST), coins(project, SECOND)) == ([1], [1])


def test_one_that_lacks_the_change_still_is_found_so_by_both(project: Project) -> None:
    foreseen = planned(down(project))
    assert foreseen[SECOND] == (set(), {1})
    assert done(project)[0] == foreseen
    assert coins(project, SECOND) == [0]


def test_one_that_looks_like_nothing_known_is_let_alone_by_both(project: Project) -> None:
    project.sql(f"CREATE INDEX uq_user__202002 ON {SECOND} (status)")
    foreseen = planned(down(project))
    assert foreseen[SECOND] == (set(), set())
    ran, (note,) = done(project)
    assert ran == foreseen
    assert f"{SECOND}: clauses 1, 2 of downgrade of r1" in note
    assert len(project.structure(SECOND).indexes) == 2
