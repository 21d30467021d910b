"""A column's own line is read once for all tables that look alike, and no table gets another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import Restraint
from shardctl.report import Event, Step
from tests.project import ORDERS, Project

MONTHS = tuple(f"t_order_2020{month:02}" for month in range(1, 9))
FIRST, THIRD = MONTHS[0], MONTHS[2]
WIDER = 'op.alter_column("t_order", "status", type_=sa.BigInteger())'
LONGER = 'op.alter_column("t_order", "order_id", type_=sa.String(160))'
NAMED = 'op.alter_column("t_order", "order_id", comment="of the shop")'
ALONE = Course(jobs=1)
AGAIN = Restraint(lock_wait=1, lock_retries=1)


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    project = Project.make(tmp_path, server_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    project.sql(f"INSERT INTO {FIRST} (order_id, create_time) VALUES ('a', '2020-01-01')")
    return project


def with_comment(project: Project, comment: str, *tables: str) -> None:
    """Give the column `status` a comment, by hand."""
    line = f"status smallint NOT NULL DEFAULT '0' COMMENT '{comment}'"
    project.sql(*(f"ALTER TABLE {table} MODIFY {line}" for table in tables))


def columns(project: Project, name: str) -> dict[str, tuple[str, str]]:
    """A column's type and comment, by month."""
    found = project.structures(*MONTHS)
    return {
        month: (column.type, column.comment)
        for month in MONTHS
        for column in found[month].columns
        if column.name == name
    }


@contextmanager
def listening() -> Iterator[list[str]]:
    """The tables whose text is asked for, but for scratch copies."""
    asked: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if found := re.fullmatch("SHOW CREATE TABLE `(t_order.*)`", statement):
            asked.append(found[1])

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


def test_of_months_that_look_alike_none_but_the_first_is_asked_for_its_text(
    project: Project,
) -> None:
    project.revision("r1", WIDER)
    with listening() as asked:
        commands.upgrade(project.config, course=ALONE)
    assert not set(asked) & set(MONTHS)  # they look like the template
    assert set(columns(project, "status").values()) == {("bigint", "")}


@pytest.mark.parametrize("course", [ALONE, Course(jobs=4, rebuild_jobs=2)])
def test_months_of_several_kinds_each_keep_what_is_their_own(
    project: Project, course: Course
) -> None:
    with_comment(project, "one", *MONTHS[::3])
    with_comment(project, "two", *MONTHS[1::3])
    before = {month: comment for month, (_, comment) in columns(project, "status").items()}
    project.revision("r1", WIDER)
    commands.upgrade(project.config, course=course)
    assert columns(project, "status") == {m: ("bigint", before[m]) for m in MONTHS}
    assert set(before.values()) == {"one", "two", ""}


def test_a_later_step_finds_what_an_earlier_one_has_made_of_the_column(project: Project) -> None:
    project.revision("r1", f"{NAMED}\n{LONGER}")
    events: list[Event] = []
    commands.upgrade(project.config, course=ALONE, report=events.append)
    assert set(columns(project, "order_id").values()) == {("varchar(160)", "of the shop")}
    steps = [each for each in events if isinstance(each, Step) and each.state == "run"]
    assert len(steps) == len({(step.table, step.sql) for step in steps})  # nothing done twice
    if project.database.dialect.name == "mysql":
        assert {each.algorithm for each in steps} == {"INSTANT", "INPLACE"}


def test_what_is_changed_by_the_one_who_keeps_a_month_locked_is_kept(project: Project) -> None:
    project.revision("r1", WIDER)
    with project.connect() as other:
        other.exec_driver_sql(f"LOCK TABLES {THIRD} WRITE")

        def report(event: Event) -> None:
            if isinstance(event, Step) and event.state == "waiting":
                changed = "status smallint NOT NULL DEFAULT '0' COMMENT 'by hand'"
                other.exec_driver_sql(f"ALTER TABLE {THIRD} MODIFY {changed}")
                other.exec_driver_sql("UNLOCK TABLES")

        commands.upgrade(project.config, restraint=AGAIN, course=ALONE, report=report)
    expected = dict.fromkeys(MONTHS, ("bigint", "")) | {THIRD: ("bigint", "by hand")}
    assert columns(project, "status") == expected
