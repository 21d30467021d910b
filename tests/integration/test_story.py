"""The story that shardctl is made for, by the commands that a user types."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from shardctl.dialects import open_database
from shardctl.structure import Structure
from tests.conftest import RunCli
from tests.nursery import Nursery
from tests.project import Project

TABLE = """
CREATE TABLE `t_order_{month}` (
  `order_id` varchar(128) NOT NULL COMMENT '订单id',
  `coin` decimal(32,2) NOT NULL DEFAULT '0.00' COMMENT '支付币数',
  `user_id` bigint(20) unsigned NOT NULL DEFAULT '0' COMMENT '用户id',
  `create_time` datetime NOT NULL COMMENT '创建时间',
  `update_time` datetime NOT NULL COMMENT '更新时间',
  PRIMARY KEY (`order_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='订单表'
"""
BY_HAND = (
    "ALTER TABLE t_order_{month} ADD COLUMN `room_id` bigint(20) NOT NULL DEFAULT '0' "
    "COMMENT '动作发生的所在房间ID'"
)
ADD_ROOM = """op.add_column("t_order", sa.Column("room_id", sa.BigInteger, nullable=False,
                  server_default="0", comment="动作发生的所在房间ID"))"""
MONTHS = ("202002", "202003", "202004")


def as_sqlite(sql: str) -> str:
    """The same without what only MySQL knows."""
    return re.sub(r" unsigned| COMMENT '[^']*'| ENGINE=.*", "", sql)


def make_tables(url: str) -> None:
    """Three months, two of them altered by hand already."""
    plain = url.startswith("sqlite")
    database = open_database(url)
    with database.connect() as connection:
        for month in MONTHS:
            statements = [TABLE.format(month=month)]
            if month != "202002":
                statements.append(BY_HAND.format(month=month))
            for sql in statements:
                connection.exec_driver_sql(as_sqlite(sql) if plain else sql)


def structures(url: str) -> dict[str, Structure]:
    """How all of the user's tables look."""
    database = open_database(url)
    with database.connect() as connection:
        names = [
            name
            for name in database.dialect.table_names(connection)
            if not name.startswith("shardctl_") and name != "alembic_version"
        ]
        return database.dialect.structures(connection, names)


def write_revision(folder: Path) -> None:
    """What the user writes into the file that `shardctl revision` made."""
    (file,) = (folder / "migrations" / "versions").glob("*_add_room_id.py")
    text = file.read_text(encoding="utf-8")
    head, _, tail = text.partition("    pass\n")
    tail = tail.replace("    pass\n", '    op.drop_column("t_order", "room_id")\n')
    file.write_text(f"{head}    {ADD_ROOM}\n{tail}", encoding="utf-8")


@pytest.mark.parametrize("upgrade", ["shardctl", "alembic"])
def test_the_story(
    url: str, upgrade: str, tmp_path: Path, run_cli: RunCli, nursery: Nursery
) -> None:
    make_tables(url)
    env = {"DATABASE_URL": url}

    def run(*args: str, code: int = 0) -> str:
        done = run_cli(*args, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    run("init")
    adopted = run("adopt", "t_order", "--from", "202002")
    assert "t_order_202003: column room_id extra" in adopted
    assert "t_order_202004: column room_id extra" in adopted
    run("revision", "-m", "add room_id")
    write_revision(tmp_path)

    foreseen = run("upgrade", "--dry-run")
    how = ", writes wait" if url.startswith("sqlite") else " INSTANT"
    assert re.search(
        rf"  t_order: template, 1 month \(2020-02\)\n.* rows.*\n    to run: 1{how}\n"
        r"  t_order: 2 months \(2020-03..2020-04\)\n.* rows.*\n    already so: 1\n",
        foreseen,
    )
    assert "room_id" not in [c.name for c in structures(url)["t_order_202002"].columns]

    if upgrade == "shardctl":
        run("upgrade")
    else:
        process = nursery.start("alembic", "upgrade", "head", cwd=tmp_path, env=env)
        process.completed().check_returncode()
    assert "nothing to do" in run("upgrade")
    made = run("premake")
    assert made.count(": made") == 5
    before = structures(url)
    assert "nothing to do" in run("premake")
    assert structures(url) == before

    families = json.loads(run("status", "--json"))
    assert all(month["differences"] == [] for month in families[0]["months"])
    assert len(families[0]["months"]) == 8
    with open_database(url).connect() as connection:
        for table in before:
            connection.execute(sa.text(f"SELECT order_id, room_id FROM {table}")).all()
    assert len(set(map(repr, before.values()))) == 1, "all tables are alike"
    run("check")


def test_the_same_project_makes_the_same_tables_on_an_empty_database(
    server_url: str, tmp_path: Path, run_cli: RunCli
) -> None:
    make_tables(server_url)
    run_cli("init")
    first = {"DATABASE_URL": server_url}
    for args in (("adopt", "t_order", "--from", "202002"), ("revision", "-m", "add room_id")):
        assert run_cli(*args, env=first).returncode == 0
    write_revision(tmp_path)
    for args in (("upgrade",), ("premake",)):
        assert run_cli(*args, env=first).returncode == 0
    grown = structures(server_url)

    project = Project.make(tmp_path / "unused", server_url)
    name = f"{sa.make_url(server_url).database}_second"
    project.sql(f"CREATE DATABASE {name}")
    try:
        second = server_url.replace(str(sa.make_url(server_url).database), name)
        for args in (("upgrade",), ("premake",)):
            done = run_cli(*args, env={"DATABASE_URL": second})
            assert done.returncode == 0, done.stderr
        fresh = structures(second)
    finally:
        project.sql(f"DROP DATABASE {name}")
    assert fresh.keys() == grown.keys() - {f"t_order_{month}" for month in MONTHS}
    assert all(fresh[table] == grown[table] for table in fresh)
