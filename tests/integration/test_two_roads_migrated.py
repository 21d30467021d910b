"""Two roads, same table: a month that a revision reached, and one made ahead afterwards."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from shardctl.catalog import references
from shardctl.dialects import Statement, execute
from shardctl.lifecycle.premake import premake
from shardctl.month import Month
from shardctl.structure import differences
from tests.integration.test_two_roads import SHAPES, Shape, shown
from tests.project import Project

PARENTS = (
    "CREATE TABLE parent (id bigint PRIMARY KEY)",
    "CREATE TABLE parent_int (t_order int PRIMARY KEY)",
    "CREATE TABLE parent_ab (a int, b int, PRIMARY KEY (a, b))",
)
OLD, NEW = Month(2026, 1), Month(2026, 2)
NOW = {month: datetime(month.year, month.month, 14, tzinfo=UTC) for month in (OLD, NEW)}
SUFFIXES = {"t_user_2018-01": "_%Y-%m", "t_order_2022_1": "_%Y_%-m"}

UPGRADE = """
op.add_column("{t}", sa.Column("room_id", sa.BigInteger, server_default="0", comment="房间ID"))
op.create_index("ix_room", "{t}", ["room_id"])
op.create_check_constraint("ck_room_{t}", "{t}", "room_id >= 0 AND room_id <> 13")
op.alter_column("{t}", "room_id", nullable=False, comment=r"{t} 50% \\ it's :x")
"""


def test_a_month_that_came_through_a_revision_equals_one_made_afterwards(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url)
    dialect = project.database.dialect
    families = families_of(dialect.name)
    assert len(families) >= 25
    with (project.folder / "shardctl.toml").open("a") as file:
        for family, shape in families.items():
            suffix = SUFFIXES.get(shape.month, "_%Y%m")
            file.write(f'[families.{family}]\nsuffix = "{suffix}"\npremake = 0\n')
    config = project.config

    with project.connect() as connection:
        for parent in PARENTS:
            execute(connection, Statement(parent))
        for family, shape in families.items():
            for sql in filter(None, (shape.before, create(family, shape), shape.after)):
                execute(connection, Statement(sql))
    premake(config, now=NOW[OLD])
    project.revision("r1", "".join(UPGRADE.replace("{t}", family) for family in families))
    project.upgrade()
    made = premake(config, now=NOW[NEW])
    assert {each.family for each in made if each.made and each.month == NEW} == set(families)

    problems: list[str] = []
    with project.connect() as connection:
        for family in families:
            months = {config.families[family].table_name(month): month for month in (OLD, NEW)}
            found = dialect.structures(connection, [family, *months])
            template, old, new = (
                found[table].referring(references(config.families, month))
                for table, month in {family: None, **months}.items()
            )
            assert "room_id" in template.elements()["order",]  # type: ignore[operator]
            unlike = differences(template, old) + differences(old, new)
            problems += [f"{family}, {families[family].name}: {each}" for each in unlike]
            one, other = (shown(connection, dialect, table) for table in months)
            problems += [f"{family}: {line}" for line in set(one) ^ set(other)]
    assert problems == []


def families_of(server: str) -> dict[str, Shape]:
    """A family of each shape that this server has."""
    found: dict[str, Shape] = {}
    for number, shape in enumerate(SHAPES):
        # A versioned table is altered only in sessions that say what becomes of its history.
        if shape.only in ("", server) and shape.name != "system versioning":
            own_name = "t_order" in shape.body
            found["t_order" if own_name and "t_order" not in found else f"t_{number:02}"] = shape
    return found


def create(table: str, shape: Shape) -> str:
    """The template's text; names that are unique in a schema are told apart."""
    body = re.sub(r"CONSTRAINT (\w{1,30}) ", rf"CONSTRAINT \1_{table} ", shape.body)
    return f"CREATE TABLE {table} ({body.replace('{t}', table)}) {shape.options}"
