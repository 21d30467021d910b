"""Months that need a moment are taken several at a time, with one record for all of them."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.errors import StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import Restraint
from shardctl.report import Event, Step, TableDone
from tests.blocking import read_by_another
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import ORDERS, Project

MONTHS = tuple(f"t_order_2020{month:02}" for month in range(1, 11))
FIRST, SECOND, THIRD, FOURTH, FIFTH = MONTHS[:5]
"""Ten empty months: a single session takes the first five together, then two, then each alone."""

ADD_COLUMN = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))'
DROP_COLUMN = 'op.drop_column("t_order", "room_id")'
BY_HAND = "ALTER TABLE {} ADD COLUMN room_id bigint"
ALONE = Course(jobs=1)


@pytest.fixture
def project(tmp_path: Path, turn_url: str) -> Project:
    project = Project.make(tmp_path, turn_url, "t_order")
    made_anew(project)
    project.revision("r1", ADD_COLUMN, DROP_COLUMN)
    return project


def made_anew(project: Project) -> None:
    tables = ("t_order", *MONTHS)
    project.sql(*(f"DROP TABLE IF EXISTS {table}" for table in tables))
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))


def having(project: Project) -> list[str]:
    """The months that have the column."""
    found = project.structures(*MONTHS)
    return [month for month in MONTHS if "room_id" in {each.name for each in found[month].columns}]


def recorded(project: Project) -> dict[str, str]:
    """What the ledger says of each month that it knows: how it was done, "" where it was begun."""
    rows = project.ledger_rows("r1").values()
    return {row.table: row.how or "" for row in rows if row.table != "t_order"}


def test_ten_months_are_recorded_by_fewer_writes_each_with_its_own_statement(
    project: Project,
) -> None:
    writes: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INTO shardctl_clause" in statement:
            writes.append(statement)

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        commands.upgrade(project.config, course=ALONE)
    finally:
        event.remove(Engine, "before_cursor_execute", heard)
    # The template and its end; the first five; two and the end of five; one, one, one; the end.
    assert len(writes) == 8
    for month in MONTHS:
        row = project.ledger_rows("r1")[0, month]
        assert (row.how, row.done) == ("ran", True)
        assert row.statement is not None
        assert row.statement.startswith(f"ALTER TABLE `{month}` ADD COLUMN")
        assert row.seconds is not None
        assert 0 < row.seconds < 10
    assert having(project) == list(MONTHS)


def test_killed_at_any_of_their_statements_the_next_run_finishes_and_can_be_taken_back(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)
    upgrade = "commands.upgrade(config, course=Course(jobs=1))"
    down = "commands.downgrade(config, 'base', allow_destructive=True, course=Course(jobs=1))"

    def reset() -> None:
        project.sql("DELETE FROM shardctl_clause", "DELETE FROM shardctl_run")
        project.sql("DELETE FROM alembic_version")
        made_anew(project)

    trials.again(upgrade)  # which makes the ledger
    reset()
    writes = trials.through(upgrade).writes
    met = [at for at, write in enumerate(writes) if f"ALTER TABLE `{FIRST}" in write]
    for beyond, way_on in ((-1, upgrade), (1, upgrade), (3, down), (4, upgrade), (6, down)):
        reset()
        # Before the record of the first five, between their statements, and behind the last.
        assert trials.run(upgrade, kill_at=met[0] + beyond).killed
        half = having(project)
        trials.again(way_on)
        if way_on == upgrade:
            assert having(project) == list(MONTHS)
            assert recorded(project) == dict.fromkeys(MONTHS, "ran"), half
        else:
            assert len(half) >= 3
            assert having(project) == []
            assert project.version() is None


def test_while_one_is_locked_what_was_done_is_known_and_no_other_is_said_to_be_begun(
    project: Project,
) -> None:
    waits: list[dict[str, str]] = []
    with ExitStack() as read:
        read.enter_context(read_by_another(project, THIRD))

        def report(event: Event) -> None:
            if isinstance(event, Step) and event.state == "waiting":
                waits.append(recorded(project))
                if len(waits) == 2:
                    read.close()

        patient = Restraint(lock_wait=1, lock_retries=3)
        commands.upgrade(project.config, restraint=patient, course=ALONE, report=report)
    assert waits[1] == {FIRST: "ran", SECOND: "ran", THIRD: ""}
    assert recorded(project) == dict.fromkeys(MONTHS, "ran")


def test_one_that_fails_is_told_alone_and_those_that_were_not_reached_are_not_begun(
    project: Project,
) -> None:
    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(BY_HAND.format(THIRD))

    with pytest.raises(StepFailed, match=rf"^{THIRD}: clause 1 of r1 r1 failed: \(1060\)"):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=0), report=report)
    assert recorded(project) == {FIRST: "ran", SECOND: "ran", THIRD: "failed"}
    commands.upgrade(project.config, course=ALONE)
    assert having(project) == list(MONTHS)
    assert set(recorded(project)) == set(MONTHS)


def test_the_others_of_a_handful_go_on_where_one_has_failed(project: Project) -> None:
    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(BY_HAND.format(THIRD))

    with pytest.raises(StepFailed, match=rf"^{THIRD}: "):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=1), report=report)
    others = [month for month in MONTHS if month != THIRD]
    assert recorded(project) == {THIRD: "failed", **dict.fromkeys(others, "ran")}


def test_what_is_known_of_a_month_that_failed_is_kept_until_its_own_turn(project: Project) -> None:
    by_hand = (SECOND, FIFTH)

    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(*(BY_HAND.format(month) for month in by_hand))

    with pytest.raises(StepFailed):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=5), report=report)
    project.sql(*(f"ALTER TABLE {month} DROP COLUMN room_id" for month in by_hand))

    def again(event: Event) -> None:
        if event == TableDone(FIRST):  # which has had it; the next look is still fresh
            project.sql(BY_HAND.format(SECOND))

    with pytest.raises(StepFailed, match=rf"^{SECOND}: "):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=0), report=again)
    kept = project.ledger_rows("r1")[0, FIFTH]
    assert (kept.how, kept.words is not None and "1060" in kept.words) == ("failed", True)


def test_ctrl_c_leaves_none_begun_that_was_not_sent(project: Project) -> None:
    def report(event: Event) -> None:
        if event == TableDone(SECOND):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        commands.upgrade(project.config, course=ALONE, report=report)
    assert recorded(project) == {FIRST: "ran", SECOND: "ran"}
    assert having(project) == [FIRST, SECOND]


def test_where_rows_are_changed_too_each_month_is_begun_by_itself(project: Project) -> None:
    """That takes as long as the rows do, and another session could have taken the next month."""
    add = ADD_COLUMN.replace("room_id", "hall_id")
    project.revision("r2", f"{add}\nop.execute('UPDATE t_order SET coin = 1')")
    commands.upgrade(project.config, "r1", course=ALONE)
    sent: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INTO shardctl_clause" in statement:
            sent.append("record")
        elif "_2020" in statement and "ADD COLUMN hall_id" in statement.replace("`", ""):
            sent.append("step")

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        commands.upgrade(project.config, course=ALONE)
    finally:
        event.remove(Engine, "before_cursor_execute", heard)
    assert sent.count("step") == len(MONTHS)
    assert ("step", "step") not in set(pairwise(sent))
