"""A saved plan beside the run of it: learned once, compared by a dry run, called by its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.errors import Destructive, PlanChanged
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.plan.saved import load, save
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.selection import Selection
from shardctl.report import Event, Note
from tests.conftest import RunCli
from tests.project import Project

MONTHS = ("t_order_202001", "t_order_202002")
ALL = ("t_order", *MONTHS)
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  kind smallint NOT NULL DEFAULT 0,
  body varchar(200) DEFAULT NULL,
  PRIMARY KEY (order_id)
)
"""
ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
DROP = 'op.drop_column("t_order", "body")\n'


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    return made(tmp_path, sqlite_url)


def made(folder: Path, url: str) -> Project:
    project = Project.make(folder, url, "t_order")
    for table in ALL:
        project.sql(TABLE.format(table=table))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id) VALUES ('a')")
    return project


def saved(project: Project, target: str = "head") -> Plan:
    save(commands.plan(project.config, target), project.folder / "plan.json")
    return load(project.folder / "plan.json")


@contextmanager
def sent() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    statements: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def columns(project: Project) -> dict[str, list[str]]:
    found = project.structures(*ALL).items()
    return {table: [column.name for column in structure.columns] for table, structure in found}


def test_a_run_of_a_plan_learns_and_lints_each_revision_once(
    tmp_path: Path, mariadb_url: str
) -> None:
    project = made(tmp_path, mariadb_url)
    called = project.folder / "called"
    note = f"with open({str(called)!r}, 'a') as file: file.write('.')\n"
    unique = 'op.create_unique_constraint("uq", "t_order", ["kind"])\n'
    project.revision("r1", note + ROOM + unique)
    project.revision("r2", note + 'op.create_index("ix_room", "t_order", ["room"])\n')
    with sent() as for_the_plan:
        plan = saved(project)
    called.unlink()
    with sent() as for_the_run:
        commands.upgrade(project.config, plan=plan)
    assert project.version() == "r2"
    assert called.read_text() == ".."
    for part in ("CREATE TABLE `shardctl_scratch_", "ALTER TABLE `shardctl_scratch_", "GROUP BY"):
        count = sum(part in statement for statement in for_the_plan)
        assert 0 < count == sum(part in statement for statement in for_the_run), part
    assert project.left_behind() == []


def test_what_lint_has_found_for_the_plan_is_refused_and_told_in_its_run(
    project: Project,
) -> None:
    project.revision("r1", DROP)
    plan = saved(project)
    with pytest.raises(Destructive, match="column body of t_order"):
        commands.upgrade(project.config, plan=plan)
    assert all("body" in names for names in columns(project).values())
    events: list[Event] = []
    commands.upgrade(project.config, plan=plan, allow_destructive=True, report=events.append)
    told = [one.text for one in events if isinstance(one, Note) and "body" in one.text]
    assert len(told) == 1
    assert not any("body" in names for names in columns(project).values())


def test_a_dry_run_of_a_plan_is_refused_where_it_differs(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ROOM)
    shown = run_cli("plan", "--out", "plan.json", cwd=project.folder)
    dry = ("upgrade", "--plan", "plan.json", "--dry-run")
    ended = run_cli(*dry, cwd=project.folder)
    assert (ended.returncode, ended.stdout) == (0, shown.stdout)
    some = Course(Selection.parse("202001"))
    part = commands.plan(project.config, course=some, agreed=load(project.folder / "plan.json"))
    assert [share.table for share in part.revisions[0].shares] == ["t_order", MONTHS[0]]
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN by_hand INT")
    ended = run_cli(*dry, cwd=project.folder)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert f"{MONTHS[1]}: its structure is not what the plan saw: column by_hand extra" in (
        ended.stderr
    )
    assert not any("room" in names for names in columns(project).values())


def test_a_plan_goes_by_every_name_of_its_end(project: Project) -> None:
    for name in ("a1b2c3", "d4e5f6"):
        project.revision(name, f'op.add_column("t_order", sa.Column("c_{name}", sa.Integer))\n')
    plan = saved(project)
    for other in ("a1b2c3", "+1", "nowhere", "base"):
        with pytest.raises(PlanChanged, match=r"leads to head \(d4e5f6\), not to"):
            commands.upgrade(project.config, other, plan=plan)
    project.revision("later", ROOM)
    with pytest.raises(PlanChanged, match="leads to head"):
        commands.plan(project.config, "later", agreed=plan)
    commands.upgrade(project.config, "d4e5", plan=plan)
    assert project.version() == "d4e5f6"
    commands.upgrade(project.config, "d4e5f6", plan=plan)
    assert project.version() == "d4e5f6"


def test_a_plan_to_a_revision_accepts_head_where_that_is_it(project: Project) -> None:
    project.revision("r1", ROOM)
    commands.upgrade(project.config, "head", plan=saved(project, "r1"))
    assert project.version() == "r1"
    nothing = saved(project)
    commands.upgrade(project.config, "r1", plan=nothing)
