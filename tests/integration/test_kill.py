"""Killed at any statement, the next run ends where an undisturbed one would have ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.killing import Trials, spaced
from tests.nursery import Nursery
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002")
# Hundreds of trials: on a machine that is busy with other things they take their time.
pytestmark = pytest.mark.timeout(600)

UPGRADE = "commands.upgrade(config, course=Course(jobs=1))"
DOWNGRADE = "commands.downgrade(config, 'base', allow_destructive=True, course=Course(jobs=1))"
FOUR = "course=Course(jobs=4, rebuild_jobs=4)"


@dataclass(frozen=True)
class State:
    """All that an interrupted run must have in common with an undisturbed one."""

    version: str | None
    structures: object
    coins: tuple[object, ...]
    rooms: tuple[object, ...]
    done: frozenset[tuple[int, str]]

    @classmethod
    def of(cls, project: Project) -> State:
        rows = {**project.ledger_rows("r1", "up"), **project.ledger_rows("r1", "down")}
        assert all(row.done for row in rows.values())
        assert project.left_behind() == []
        tables = project.tables()
        return cls(
            project.version(),
            project.structures(*tables),
            tuple(
                project.rows(f"SELECT order_id, coin FROM {month} ORDER BY order_id")
                for month in MONTHS
            ),
            tuple(project.rows("SELECT * FROM room")) if "room" in tables else (),
            frozenset(rows),
        )


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    """A revision of every kind of clause: on a family and a plain table, structure and data."""
    project = Project.make(tmp_path, url, "t_order")
    project.revision(
        "r1",
        """
        op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
        op.execute("UPDATE t_order SET coin = coin + 1")
        op.create_table("room", sa.Column("id", sa.Integer, primary_key=True))
        op.bulk_insert(sa.table("room", sa.column("id")), [{"id": 7}])
        op.create_index("ix_room", "t_order", ["room_id"])
        """,
        """
        op.drop_index("ix_room", "t_order")
        op.drop_table("room")
        op.execute("UPDATE t_order SET coin = coin - 1")
        op.drop_column("t_order", "room_id")
        """,
    )
    return project


def reset(project: Project) -> None:
    """A template and two months with a row each, and an empty ledger (its tables stay)."""
    with project.connect() as connection:
        dialect = project.database.dialect
        names = dialect.table_names(connection)
        dialect.drop(connection, [name for name in names if not name.startswith("shardctl_")])
    if "shardctl_clause" in names:
        project.sql("DELETE FROM shardctl_clause", "DELETE FROM shardctl_run")
    for table in ("t_order", *MONTHS):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for month in MONTHS:
        project.sql(
            f"INSERT INTO {month} (order_id, create_time) VALUES ('a', '2020-01-01 00:00:00')"
        )


def test_an_upgrade_killed_at_any_statement_is_finished_by_the_next(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)
    reset(project)
    trials.again(UPGRADE)
    expected = State.of(project)
    assert expected.rooms == ((7,),)
    often = spaced(project, 3 if project.is_sqlite else 9)
    for kill_at, last in trials.killed(UPGRADE, **often, before=lambda: reset(project)):
        trials.again(UPGRADE)
        assert State.of(project) == expected, (kill_at, last)
    assert kill_at > 40


def test_four_sessions_killed_at_any_statement_are_followed_by_one_that_finishes(
    project: Project, nursery: Nursery
) -> None:
    """On SQLite there is one session, whatever is asked for."""
    if project.is_sqlite:
        pytest.skip("a file has one session that writes")
    trials = Trials(nursery, project.folder)
    upgrade = f"commands.upgrade(config, {FOUR})"
    reset(project)
    trials.through(upgrade)
    expected = State.of(project)
    often = spaced(project, 8)
    for kill_at, last in trials.killed(upgrade, **often, before=lambda: reset(project)):
        trials.again(upgrade)
        assert State.of(project) == expected, (kill_at, last)
    assert kill_at > 30


def test_a_downgrade_killed_at_any_statement_is_finished_by_the_next(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)
    reset(project)
    trials.again(UPGRADE)
    trials.again(DOWNGRADE)
    expected = State.of(project)
    often = spaced(project, 5 if project.is_sqlite else 14)
    upgraded = partial(trials.again, UPGRADE)
    for kill_at, last in trials.killed(DOWNGRADE, **often, before=upgraded):
        trials.again(DOWNGRADE)
        assert State.of(project) == expected, (kill_at, last)
    assert kill_at > 30


def test_an_upgrade_killed_at_any_statement_can_be_given_up(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)
    reset(project)
    before = project.structures("t_order", *MONTHS)
    often = spaced(project, 5 if project.is_sqlite else 14)
    for kill_at, last in trials.killed(UPGRADE, **often):
        trials.again(DOWNGRADE)
        state = State.of(project)
        assert state.version is None, (kill_at, last)
        assert project.structures(*project.tables()) == before, (kill_at, last)
        assert state.coins == ([("a", 0)], [("a", 0)]), (kill_at, last)
    assert kill_at > 30


def test_killed_right_after_the_version_has_moved_there_is_a_way_on_and_back(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)

    def after_the_move(command: str) -> int:
        """The number of the write that follows the version's, found in an undisturbed run."""
        writes = trials.through(command).writes
        return 1 + max(n for n, write in enumerate(writes) if "alembic_version" in write)

    reset(project)
    for command in (UPGRADE, DOWNGRADE):  # which make the ledger, and Alembic's table
        trials.again(command)
    up, above = after_the_move(UPGRADE), State.of(project)
    down, below = after_the_move(DOWNGRADE), State.of(project)

    assert trials.run(UPGRADE, kill_at=up).killed
    assert project.version() == "r1"
    trials.again(DOWNGRADE)
    assert State.of(project) == below

    trials.again(UPGRADE)
    assert trials.run(DOWNGRADE, kill_at=down).killed
    assert project.version() is None
    trials.again(UPGRADE)
    assert State.of(project) == above


def test_killed_while_the_ledger_is_made_the_next_run_makes_it(
    project: Project, nursery: Nursery
) -> None:
    trials = Trials(nursery, project.folder)
    for kill_at in range(0, 12, 1 if project.is_sqlite else 4):
        reset(project)
        with project.connect() as connection:
            dialect = project.database.dialect
            dialect.drop(connection, dialect.table_names(connection))
        reset(project)
        assert trials.run(UPGRADE, kill_at=kill_at).killed
        trials.again(UPGRADE)
        assert project.version() == "r1"
