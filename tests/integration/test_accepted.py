"""What a month was let be rebuilt for is no drift any more; whatever else differs is."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import StepFailed
from shardctl.lifecycle.check import check
from shardctl.lifecycle.log import log
from shardctl.lifecycle.status import status
from shardctl.lifecycle.verify import verify
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.selection import Listed
from shardctl.month import Month
from tests.conftest import RunCli
from tests.project import ORDERS, Project

FIRST, SECOND = MONTHS = ("t_order_202001", "t_order_202002")
REBUILD = Course(let_rebuild=Listed.parse("let_rebuild", "202002"))


@pytest.fixture
def project(tmp_path: Path, mysql_url: str) -> Project:
    """Two months, of which the second is compressed, and a revision that adds columns."""
    project = Project.make(tmp_path, mysql_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    project.sql(f"ALTER TABLE {SECOND} ROW_FORMAT=COMPRESSED")
    project.revision(
        "r1",
        'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
        'op.create_index("ix_room", "t_order", ["room"])',
        'op.drop_index("ix_room", "t_order")\nop.drop_column("t_order", "room")',
    )
    return project


def test_a_compressed_month_that_was_let_be_rebuilt_is_equal(
    project: Project, run_cli: RunCli
) -> None:
    with pytest.raises(StepFailed, match=SECOND):
        project.upgrade()
    assert any("row_format" in problem for problem in verify(project.config).problems)
    commands.upgrade(project.config, course=REBUILD)
    assert verify(project.config).problems == ()
    first, second = status(project.config)[0].months
    assert (first.differences, first.accepted) == ((), ())
    assert (second.differences, [str(each)[:17] for each in second.accepted]) == (
        (),
        ["option row_format"],
    )
    assert not [problem for problem in check(project.config) if problem.table in MONTHS]
    shown = run_cli("status").stdout
    assert "equal (1 accepted)" in shown
    assert f"{SECOND}: option row_format: COMPRESSED, expected DYNAMIC (accepted)" in shown
    told = log(project.config, month=Month(2020, 2))[0].words
    assert told is not None
    assert told.startswith("let be rebuilt, as it cannot be INSTANT: ")


def test_real_drift_is_not_hidden(project: Project) -> None:
    project.sql(f"ALTER TABLE {SECOND} ADD COLUMN before_it int")
    commands.upgrade(project.config, course=REBUILD)
    project.sql(f"ALTER TABLE {SECOND} DROP INDEX ix_room, COMMENT = 'mine'")
    assert sorted(problem.split(": ", 1)[1] for problem in verify(project.config).problems) == [
        "column before_it extra",
        "index ix_room missing",
        "option comment: mine, expected ''",
    ]
    project.sql(f"ALTER TABLE {SECOND} ROW_FORMAT=REDUNDANT")
    assert any("row_format: REDUNDANT" in problem for problem in verify(project.config).problems)


def test_what_was_not_let_be_rebuilt_is_not_accepted(project: Project) -> None:
    project.sql(f"ALTER TABLE {FIRST} ROW_FORMAT=COMPRESSED")
    with pytest.raises(StepFailed, match=FIRST):
        commands.upgrade(project.config, course=REBUILD)
    project.sql(f"ALTER TABLE {FIRST} ADD COLUMN room bigint, ADD INDEX ix_room (room)")
    commands.upgrade(project.config, course=REBUILD)
    (problem,) = verify(project.config).problems
    assert problem.startswith(f"{FIRST}: option row_format")


def test_a_downgrade_accepts_what_it_lets_be_rebuilt_itself(project: Project) -> None:
    commands.upgrade(project.config, course=REBUILD)
    commands.downgrade(project.config, "base", allow_destructive=True, course=REBUILD)
    assert verify(project.config).problems == ()
