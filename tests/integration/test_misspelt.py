"""Misspelt and impossible values: refused before anything is done, with what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from shardctl.dialects import open_database
from shardctl.errors import ConfigError, UnknownFamily
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.selection import Selection
from shardctl.migrate.skip import skip
from tests.conftest import RunCli
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002")


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Project:
    """A revision that one of two months has had."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    add = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))'
    project.revision("r1", add, 'op.drop_column("t_order", "room_id")')
    commands.upgrade(project.config, course=Course(months=Selection.parse("202001")))
    return project


@pytest.mark.parametrize("target", ["r9", "-3", "bsae"])
def test_a_target_that_there_is_not_undoes_nothing(project: Project, target: str) -> None:
    with pytest.raises(ConfigError):
        project.downgrade(target)
    with pytest.raises(ConfigError):
        commands.plan(project.config, target, direction="down")
    assert len(project.structure(MONTHS[0]).columns) == 6


@pytest.mark.parametrize("target", ["-1", "base"])
def test_one_that_there_is_undoes_what_is_unfinished(project: Project, target: str) -> None:
    project.downgrade(target)
    assert len(project.structure(MONTHS[0]).columns) == 5


def test_a_family_that_is_not_declared_is_told_with_the_one_that_was_meant(
    project: Project, run_cli: RunCli
) -> None:
    with pytest.raises(UnknownFamily, match=r"did you mean 't_order'"):
        skip(project.config, "202002", reason="archived", family="t_odrer")
    asked = run_cli("log", "--revision", "r2").stdout
    assert asked == "nothing of the kind has run; of revision 'r2' nothing has, of r1 something\n"
    assert run_cli("log", "--month", "202002").stdout == "nothing of the kind has run\n"


@pytest.mark.parametrize(
    "query",
    ["connect_timeout=sesame", "read_timeout=-1", "ssl_ca=/none/sesame", "local_infile=sesame"],
)
def test_what_the_driver_does_not_take_is_no_bug_of_ours(mysql_url: str, query: str) -> None:
    name = query.partition("=")[0]
    url = make_url(mysql_url).set(query={}).render_as_string(hide_password=False)
    with pytest.raises(ConfigError, match=f"does not take what it says of one of {name}") as told:
        open_database(f"{url}?{query}")
    assert "sesame" not in str(told.value)


def test_a_server_without_a_database_is_told_as_such(mysql_url: str) -> None:
    for database in ("", None):
        url = make_url(mysql_url)._replace(database=database)
        with pytest.raises(ConfigError, match="it names no database"):
            open_database(url)
