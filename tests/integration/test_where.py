"""where: from an ID or a time to the month, the table and the row."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.errors import ConfigError, ImplausibleGene, InvalidId, InvalidMonth, UnknownFamily
from shardctl.lifecycle.where import where
from shardctl.month import Month
from tests.conftest import RunCli
from tests.project import ORDERS, Project

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
ORDER = "2026020109364399365840049582"
FAMILY = """[families.t_order]
gene = "digits 0 %Y%m%d"
length = 28
key = "order_id"
time = "create_time"
"""


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A family of two months, and one order in February."""
    project = Project.make(tmp_path / "project", flow_url, FAMILY)
    for table in ("t_order", "t_order_202601", "t_order_202602"):
        project.sql(ORDERS.format(table=table, comment_id=""))
    project.sql(
        "INSERT INTO t_order_202602 (order_id, coin, create_time) "
        f"VALUES ('{ORDER}', 1.50, '2026-02-01 09:36:43')"
    )
    return project


def test_an_id_leads_to_its_row(project: Project) -> None:
    found = where(project.config, ORDER, fetch=True, now=NOW)

    assert (found.family, found.month, found.table) == (
        *("t_order", Month(2026, 2), "t_order_202602"),
    )
    assert ("characters 0 to 7, %Y%m%d", "20260201") in found.steps
    assert found.exists
    assert found.status
    assert found.status.differences == ()
    (row,) = found.rows
    assert list(row) == ["order_id", "coin", "user_id", "status", "create_time"]
    assert row["order_id"] == ORDER
    assert str(row["coin"]).startswith("1.5")
    assert row["user_id"] == "0"


@pytest.mark.parametrize(
    ("time", "table"),
    [
        ("2026-01-31", "t_order_202601"),
        ("2026-01-31T23:59:59.999999", "t_order_202601"),
        ("2026-02-01 00:00", "t_order_202602"),
        ("2026-01-31T16:00:00+00:00", "t_order_202602"),
        ("2026-01-31T15:59:59.999999Z", "t_order_202601"),
    ],
)
def test_a_time_is_by_the_clock_in_the_familys_zone(
    project: Project, time: str, table: str
) -> None:
    found = where(project.config, time, now=NOW)
    assert (found.table, found.exists, found.rows) == (table, True, ())
    assert found.steps[0] == ("time", time)


def test_a_month_that_is_not_there_and_a_row_that_is_not(project: Project) -> None:
    found = where(project.config, "20260301" + "0" * 20, fetch=True, now=NOW)
    assert (found.table, found.exists, found.status, found.rows) == (
        *("t_order_202603", False, None, ()),
    )
    found = where(project.config, ORDER[:-1] + "3", fetch=True, now=NOW)
    assert (found.exists, found.rows) == (True, ())


def test_a_drifted_month_says_so(project: Project) -> None:
    project.sql("ALTER TABLE t_order_202602 ADD COLUMN extra int")
    found = where(project.config, ORDER, now=NOW)
    assert found.status
    assert [str(difference) for difference in found.status.differences] == ["column extra extra"]


def test_what_leads_nowhere_is_an_error(project: Project) -> None:
    for wrong, error in (
        ("2026-02-30", InvalidMonth),
        ("20260230" + "0" * 20, InvalidId),
        ("20990101" + "0" * 20, ImplausibleGene),
        (ORDER + "0", InvalidId),
    ):
        with pytest.raises(error):
            where(project.config, wrong, now=NOW)
    with pytest.raises(InvalidId, match="give its ID"):
        where(project.config, "2026-02-01", fetch=True, now=NOW)
    with pytest.raises(UnknownFamily):
        where(project.config, ORDER, family="t_oder", now=NOW)


def test_of_several_families_one_is_named(tmp_path: Path, sqlite_url: str) -> None:
    project = Project.make(tmp_path / "project", sqlite_url, FAMILY, "t_log")
    with pytest.raises(
        ConfigError, match="name the family with --family; declared: t_order, t_log"
    ):
        where(project.config, ORDER, now=NOW)
    assert where(project.config, ORDER, family="t_order", now=NOW).table == "t_order_202602"
    with pytest.raises(InvalidId, match="bears no gene"):
        where(project.config, ORDER, family="t_log", now=NOW)
    with pytest.raises(ConfigError, match=r"t_log\.key is to name the column that holds IDs"):
        where(project.config, ORDER, family="t_log", fetch=True, now=NOW)


@pytest.mark.parametrize(
    ("type", "key"),
    [
        ("bigint unsigned", "order_id"),
        ("decimal(20,0)", "a:b`c%"),
        ("varbinary(32)", "order_id"),
        ("varchar(32)", "order_id"),
    ],
)
def test_an_id_is_bound_as_its_column_holds_it(
    tmp_path: Path, server_url: str, type: str, key: str
) -> None:
    """Else the server compares text with numbers: slowly, and with the neighbours too."""
    family = f"""[families.t_order]
gene = "snowflake twitter"
key = "{key}"
"""
    project = Project.make(tmp_path / "project", server_url, family)
    quoted = "`" + key.replace("`", "``") + "`"
    id = "2018150405060708091"  # in February 2026
    for table in ("t_order", "t_order_202602"):
        project.sql(f"CREATE TABLE {table} ({quoted} {type} NOT NULL PRIMARY KEY)")
    project.sql(f"INSERT INTO t_order_202602 VALUES ('{id}'), ('2018150405060708092')")
    shown = id.encode().hex() if "binary" in type else id
    sent: list[tuple[str, object]] = []
    config = project.config

    def listen(
        _conn: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        found = where(config, id, fetch=True, now=NOW)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    assert found.rows == ({key: shown},)
    (parameters,) = [p for statement, p in sent if statement.startswith("SELECT *")]
    (value,) = parameters.values()  # type: ignore[attr-defined]
    kind = bytes if "binary" in type else str if "char" in type else int
    assert isinstance(value, kind)


def test_the_command_prints_each_step(project: Project, run_cli: RunCli) -> None:
    done = run_cli("where", ORDER, "--fetch", cwd=project.folder)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        f"ID: {ORDER}",
        "gene: digits 0 %Y%m%d",
        "characters 0 to 7, %Y%m%d: 20260201",
        "date by the clock in Asia/Shanghai: 2026-02-01 00:00:00.000",
    ]
    assert lines[4:7] == ["month: 2026-02", "table: t_order_202602", "exists: equal, revision none"]
    assert f"  order_id = {ORDER}" in lines

    done = run_cli("where", ORDER[:-1] + "3", "--fetch", "--json", cwd=project.folder)
    told = json.loads(done.stdout)
    assert (told["month"], told["table"], told["exists"], told["rows"]) == (
        *("2026-02", "t_order_202602", True, []),
    )
    done = run_cli("where", "2020-01-01", cwd=project.folder)
    assert "t_order_202001 does not exist; 'shardctl premake t_order' makes it" in done.stdout


def test_the_command_prints_the_steps_up_to_what_is_wrong(
    project: Project, run_cli: RunCli
) -> None:
    forged = "20990101" + "0" * 20
    done = run_cli("where", forged, cwd=project.folder)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        f"ID: {forged}",
        "gene: digits 0 %Y%m%d",
        "characters 0 to 7, %Y%m%d: 20990101",
        "date by the clock in Asia/Shanghai: 2099-01-01 00:00:00.000",
    ]
    assert "says 2099-01, but t_order has months from" in done.stderr
    done = run_cli("where", "２" + ORDER[1:], cwd=project.folder)
    assert (done.returncode, done.stdout) == (*(2, f"ID: ２{ORDER[1:]}\ngene: digits 0 %Y%m%d\n"),)
    done = run_cli("where", "2026-02-30", cwd=project.folder)
    assert (done.returncode, done.stdout) == (2, "time: 2026-02-30\n")
    done = run_cli("where", forged, "--json", cwd=project.folder)
    assert (done.returncode, done.stdout) == (2, "")


def test_the_month_is_told_without_a_server(project: Project, run_cli: RunCli) -> None:
    away = "mysql+pymysql://app:secret@127.0.0.1:1/orders"
    done = run_cli("where", ORDER, "--url", away, cwd=project.folder)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1] == "table: t_order_202602"
    assert "cannot connect" in done.stderr
    assert "secret" not in done.stderr


def test_of_a_key_with_several_columns_the_last_holds_the_id(
    tmp_path: Path, url: str, run_cli: RunCli
) -> None:
    family = FAMILY.replace('"order_id"', '["business", "order_id"]')
    project = Project.make(tmp_path / "project", url, family)
    for table in ("t_order", "t_order_202602"):
        project.sql(
            f"CREATE TABLE {table} (business varchar(8) NOT NULL, order_id varchar(32) NOT NULL, "
            "create_time datetime, PRIMARY KEY (business, order_id))"
        )
    other = ORDER[:-1] + "3"
    for business, id in (("food", ORDER), ("ride", ORDER), ("ride", other)):
        project.sql(
            f"INSERT INTO t_order_202602 (business, order_id) VALUES ('{business}', '{id}')"
        )

    found = where(project.config, ORDER, fetch=True, now=NOW)
    assert sorted(row["business"] or "" for row in found.rows) == ["food", "ride"]
    assert {row["order_id"] for row in found.rows} == {ORDER}
    done = run_cli("where", other, "--fetch", cwd=project.folder)
    assert "  business = ride" in done.stdout
    assert "row 1 of" not in done.stdout
    done = run_cli("where", ORDER, "--fetch", cwd=project.folder)
    assert [line for line in done.stdout.splitlines() if line.startswith("row ")] == [
        *("row 1 of 2:", "row 2 of 2:")
    ]


def test_an_id_with_letters_is_in_no_column_of_numbers(tmp_path: Path, sqlite_url: str) -> None:
    project = Project.make(
        tmp_path / "project", sqlite_url, '[families.t_log]\ngene = "ulid"\nkey = "id"\n'
    )
    for table in ("t_log", "t_log_202602"):
        project.sql(f"CREATE TABLE {table} (id bigint NOT NULL PRIMARY KEY)")
    (id, _) = project.config.families["t_log"].id_range(Month(2026, 2))
    with pytest.raises(ConfigError, match=r"(?i)column id of t_log_202602 is bigint"):
        where(project.config, str(id), fetch=True, now=NOW)
