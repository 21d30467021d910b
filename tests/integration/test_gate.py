"""When new code may name a column: `ready` for applications, `gate` for deployments."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shardctl.aio import call
from shardctl.catalog import lacking, ready
from shardctl.errors import UnsupportedServer
from shardctl.family import Family
from tests.integration.test_async import async_url
from tests.project import ORDERS, Project

__all__ = ["async_url"]  # a fixture

FIRST, SECOND, THIRD = MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
ORDER = Family("t_order")
ADD_ROOM = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
DROP_ROOM = 'op.drop_column("t_order", "room_id")\n'


def made(project: Project, *tables: str) -> Project:
    for table in tables:
        project.sql(ORDERS.format(table=table, comment_id=""))
    return project


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    """Two families; one of three months, one of a single month."""
    project = Project.make(tmp_path, url, "t_order", "t_item")
    return made(project, "t_order", *MONTHS, "t_item", "t_item_202001")


@pytest.fixture
def local(tmp_path: Path, sqlite_url: str) -> Project:
    """The same on SQLite alone."""
    project = Project.make(tmp_path, sqlite_url, "t_order", "t_item")
    return made(project, "t_order", *MONTHS, "t_item", "t_item_202001")


def engine_of(project: Project) -> Engine:
    """An application's own engine."""
    return create_engine(project.database.engine.url, poolclass=NullPool)


# -- ready ------------------------------------------------------------------------------------


def test_a_column_is_ready_when_every_month_and_the_template_have_it(project: Project) -> None:
    engine = engine_of(project)
    assert not ready(engine, ORDER, "room_id")
    for table in MONTHS:
        project.sql(f"ALTER TABLE {table} ADD COLUMN room_id int")
    assert not ready(engine, ORDER, "room_id"), "the next month is made of the template"
    assert lacking(engine, ORDER, "room_id") == {"t_order": ("room_id",)}
    project.sql("ALTER TABLE t_order ADD COLUMN room_id int")
    assert ready(engine, ORDER, "room_id")
    assert ready(engine, ORDER, "room_id", "coin", "status")


def test_it_names_what_each_table_lacks(project: Project) -> None:
    project.sql(
        f"ALTER TABLE {FIRST} ADD COLUMN room_id int",
        "ALTER TABLE t_order ADD COLUMN room_id int",
        "ALTER TABLE t_order ADD COLUMN area int",
    )
    found = lacking(engine_of(project), ORDER, "room_id", "area", "coin")
    both = ("room_id", "area")
    assert list(found.items()) == [(FIRST, ("area",)), (SECOND, both), (THIRD, both)]


def test_what_only_resembles_a_month_does_not_matter(project: Project) -> None:
    others = ("t_order_202013", "_t_order_202001_new", "t_orderly_202001", "t_order_202001_bak")
    made(project, *others, "txorder_202001")
    project.sql("CREATE VIEW t_order_202004 AS SELECT coin FROM t_order_202001")
    assert ready(engine_of(project), ORDER, "user_id")
    assert ready(engine_of(project), ORDER, "User_ID"), "the servers take no account of case"


def test_a_view_in_a_months_place_is_no_month(project: Project) -> None:
    project.sql("CREATE VIEW t_order_202004 AS SELECT coin FROM t_order_202001")
    assert lacking(engine_of(project), ORDER, "order_id") == {}


def test_a_generated_column_is_one(project: Project) -> None:
    for table in ("t_order", *MONTHS):
        project.sql(f"ALTER TABLE {table} ADD COLUMN twice int GENERATED ALWAYS AS (status * 2)")
    assert ready(engine_of(project), ORDER, "twice")


def test_a_family_without_its_template_is_not_ready(project: Project) -> None:
    project.sql("DROP TABLE t_order")
    assert lacking(engine_of(project), ORDER, "coin", "status") == {"t_order": ("coin", "status")}


def test_a_template_of_another_name_counts(project: Project) -> None:
    made(project, "model_of_orders")
    family = Family("t_order", template="model_of_orders")
    project.sql("DROP TABLE t_order")
    assert ready(engine_of(project), family, "coin")
    for month in MONTHS:
        project.sql(f"ALTER TABLE {month} ADD COLUMN room_id int")
    assert lacking(engine_of(project), family, "room_id") == {"model_of_orders": ("room_id",)}


def test_it_takes_one_statement_and_a_connection_stays_the_callers(project: Project) -> None:
    statements: list[str] = []
    engine = engine_of(project)
    with engine.connect() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        begun = connection.begin()
        assert ready(connection, ORDER, "coin", "user_id")
        assert begun.is_active
    assert len(statements) == 1


def test_under_asyncio_too(async_url: str) -> None:
    async def main() -> None:
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.connect() as connection:
            for table in ("t_order", FIRST):
                await connection.exec_driver_sql(ORDERS.format(table=table, comment_id=""))
            await connection.commit()
            assert await call(ready, connection, ORDER, "coin")
        assert not await call(ready, engine, ORDER, "room_id")
        await engine.dispose()

    asyncio.run(main())


def test_another_kind_of_server_is_refused(local: Project) -> None:
    engine = engine_of(local)
    engine.dialect.name = "postgresql"
    with pytest.raises(UnsupportedServer, match="postgresql"):
        ready(engine, ORDER, "coin")
