"""demo: the whole story, by the command that a stranger runs first."""

from __future__ import annotations

import time

from shardctl.dialects import open_database
from tests.conftest import RunCli


def tables(url: str) -> tuple[str, ...]:
    database = open_database(url)
    with database.connect() as connection:
        return database.dialect.table_names(connection)


def test_the_demo_plays_on_sqlite_in_under_five_seconds(run_fresh: RunCli) -> None:
    begun = time.monotonic()
    played = run_fresh("demo")
    assert played.returncode == 0, played.stderr
    assert time.monotonic() - begun < 5


def test_the_demo_plays_and_leaves_a_database_as_it_was(url: str, run_cli: RunCli) -> None:
    played = run_cli("demo", "--url", url)

    assert played.returncode == 0, played.stderr
    for command in (
        "init",
        "adopt",
        "revision",
        "upgrade --dry-run",
        "upgrade",
        "premake",
        "status",
    ):
        assert f"$ shardctl {command}" in played.stdout
    assert "column room_id extra" in played.stdout
    assert played.stdout.count("drifted") == 0
    assert tables(url) == ()


def test_the_demo_touches_no_database_that_has_such_tables(url: str, run_cli: RunCli) -> None:
    with open_database(url).connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t_order_202601 (id int)")
    played = run_cli("demo", "--url", url)
    assert played.returncode == 3
    assert "t_order_202601 is there already" in played.stderr
    assert tables(url) == ("t_order_202601",)


def test_the_demo_minds_no_variables_of_a_project(url: str, run_cli: RunCli) -> None:
    nowhere = {"SHARDCTL_URL": "sqlite:////nowhere/at.all", "SHARDCTL_MIGRATIONS": "/nowhere"}
    assert run_cli("demo", "--url", url, env=nowhere).returncode == 0
