"""An upgrade as a file of SQL that is run by hand, and what `verify` says of it afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
from pymysql.constants import CLIENT

from shardctl.errors import Refused, Unwritable
from shardctl.lifecycle.verify import verify
from shardctl.migrate import commands
from shardctl.migrate.plan.saved import load, save
from tests.conftest import RunCli
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
TABLES = ("t_order", *MONTHS)
NOTE = "50% of 'it'\\ ; -- \n:x %s"
FIRST = f"""
op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
op.add_column("t_order", sa.Column("note", sa.String(40)))
op.create_index("ix_room", "t_order", ["room_id"])
t = sa.table("t_order", sa.column("coin"), sa.column("note"))
op.execute(t.update().values(coin=t.c.coin + 1, note={NOTE!r}))
"""
FIRST_DOWN = """
op.drop_index("ix_room", "t_order")
op.drop_column("t_order", "note")
op.drop_column("t_order", "room_id")
"""
SECOND = 'op.alter_column("t_order", "status", type_=sa.BigInteger())'
HALL = 'op.add_column("t_order", sa.Column("hall", sa.BigInteger))'
"""SQLite makes a table anew for another type, for which it wants the whole of its text."""


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """Three months with a row each, of which one has a column by hand already."""
    project = Project.make(tmp_path, flow_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id, create_time) VALUES ('a', '2020-01-01')")
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN room_id BIGINT")
    project.revision("r1", FIRST, FIRST_DOWN)
    project.revision("r2", HALL if project.is_sqlite else SECOND, "pass")
    return project


def run(project: Project, text: str) -> None:
    """What a DBA's client does with a file; it stops at the first error."""
    url = project.database.engine.url
    if project.is_sqlite:
        with closing(sqlite3.connect(str(url.database))) as file:
            file.executescript(text)
        return
    with (
        closing(
            pymysql.connect(
                host=url.host,
                port=url.port or 3306,
                user=url.username,
                password=url.password or "",
                database=url.database,
                client_flag=CLIENT.MULTI_STATEMENTS,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(text)
        while cursor.nextset():
            pass


def through(project: Project) -> None:
    """Everything is as an upgrade leaves it."""
    assert project.version() == "r2"
    looks = project.structures(*TABLES)
    if not project.is_sqlite:  # which knows no order of columns to be restored
        assert len({frozenset(look.columns) for look in looks.values()}) == 1
    for month in MONTHS:
        assert project.rows(f"SELECT coin, note FROM {month}") == [(1, NOTE)]
    assert verify(project.config).problems == ()
    events = project.dry_run()
    assert events == []


def test_a_file_brings_every_month_to_where_an_upgrade_would(
    project: Project, run_cli: RunCli
) -> None:
    written = run_cli("upgrade", "--sql", cwd=project.folder)
    assert (written.returncode, written.stderr) == (0, "")
    assert "expects: it has had (1) already" in written.stdout
    assert project.tables() == TABLES
    run(project, written.stdout)
    through(project)
    said = run_cli("verify", cwd=project.folder)
    assert (said.returncode, said.stdout) == (0, "4 tables at r2\n")
    assert run_cli("upgrade", cwd=project.folder).stdout == "nothing to do\n"
    # What was run by hand can be taken back like anything else.
    project.downgrade("base")
    assert "note" not in [column.name for column in project.structure(MONTHS[0]).columns]


def test_a_saved_plan_is_written_without_a_connection(project: Project, run_cli: RunCli) -> None:
    folder = project.folder
    assert run_cli("plan", "--out", "plan.json", cwd=folder).returncode == 0
    nowhere = ("--url", "mysql+pymysql://root@127.0.0.1:1/nowhere")
    written = run_cli("upgrade", "--sql", "--plan", "plan.json", *nowhere, cwd=folder)
    assert (written.returncode, written.stderr) == (0, "")
    run(project, written.stdout)
    through(project)


def test_a_plan_without_statements_is_refused(project: Project, tmp_path: Path) -> None:
    save(commands.plan(project.config), tmp_path / "plan.json")
    with pytest.raises(Refused, match="holds no statements"):
        commands.script(project.config, saved=load(tmp_path / "plan.json"))


@pytest.mark.parametrize("at", ["-- t_order\n", f"-- {MONTHS[1]}\n", "-- r1: every", "-- r2 "])
def test_a_file_that_was_run_in_part_is_gone_on_with_by_an_upgrade(
    project: Project, at: str
) -> None:
    text = commands.script(project.config)
    run(project, text[: text.index(at)])
    problems = verify(project.config).problems
    assert bool(problems) or at == "-- r2 "
    project.upgrade()
    through(project)


def test_the_same_file_does_no_row_twice(project: Project) -> None:
    text = commands.script(project.config)
    run(project, text)
    with pytest.raises((pymysql.Error, sqlite3.Error)):
        run(project, text)
    through(project)


def test_what_a_month_refuses_is_left_to_the_server_and_told(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    project.sql(f"ALTER TABLE {MONTHS[1]} ROW_FORMAT=COMPRESSED")
    project.revision("r1", 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))')
    text = commands.script(project.config)
    part = text[text.index(f"-- {MONTHS[1]}\n") : text.index(f"-- {MONTHS[2]}\n")]
    assert "-- this table refuses INSTANT, unlike others" in part
    assert "ADD COLUMN room_id BIGINT;" in part
    assert text.count("ADD COLUMN room_id BIGINT, ALGORITHM=INSTANT") >= 3
    run(project, text)
    assert project.upgrade().outcomes == ()


def test_what_cannot_be_known_beforehand_is_refused(tmp_path: Path, server_url: str) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in TABLES))
    project.sql(f"ALTER TABLE {MONTHS[1]} MODIFY status smallint NOT NULL DEFAULT '7'")
    project.revision("r1", 'op.alter_column("t_order", "status", type_=sa.Integer())')
    project.revision("r2", 'op.alter_column("t_order", "status", comment="what it is")')
    with pytest.raises(Unwritable, match=f"^{MONTHS[1]}: it is unlike the template"):
        commands.script(project.config)
    run(project, commands.script(project.config, "r1"))
    assert project.version() == "r1"
    run(project, commands.script(project.config))
    assert project.version() == "r2"
    (column,) = (c for c in project.structure(MONTHS[1]).columns if c.name == "status")
    assert (column.type, column.comment) == ("int", "what it is")


def test_what_is_destructive_is_written_only_when_that_is_allowed(
    project: Project, run_cli: RunCli
) -> None:
    project.revision("r3", 'op.drop_column("t_order", "user_id")')
    assert run_cli("plan", "--out", "plan.json", cwd=project.folder).returncode == 0
    for further in ((), ("--plan", "plan.json")):
        refused = run_cli("upgrade", "--sql", *further, cwd=project.folder)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert "user_id" in refused.stderr
        allowed = run_cli("upgrade", "--sql", "--allow-destructive", *further, cwd=project.folder)
        assert "DROP COLUMN" in allowed.stdout
    some = run_cli("upgrade", "--sql", "--only", "202001", cwd=project.folder)
    assert some.returncode == 2


def test_verify_names_what_is_not_as_it_should_be(project: Project, run_cli: RunCli) -> None:
    project.upgrade()
    assert verify(project.config).problems == ()
    project.sql(f"ALTER TABLE {MONTHS[0]} ADD COLUMN own INT")
    project.sql(f"DELETE FROM shardctl_clause WHERE n = 3 AND table_name = '{MONTHS[2]}'")
    said = run_cli("verify", cwd=project.folder)
    assert said.returncode == 1
    assert said.stdout.splitlines() == [
        f"{MONTHS[0]}: column own extra",
        f"{MONTHS[2]}: clause 4 of r1 is not recorded",
    ]
