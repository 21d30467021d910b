"""A revision runs once, is recorded, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import alembic.op
import pytest
import sqlalchemy as sa
from alembic import op
from alembic.operations import MigrateOperation, Operations, ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.orm import Session

import shardctl.op
from shardctl.dialects import open_database
from shardctl.errors import RevisionRefused
from shardctl.migrate.capture import capture


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with open_database(url).connect() as connection:
        connection.execute(sa.text("CREATE TABLE t_order (id INTEGER NOT NULL PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO t_order VALUES (7)"))
        yield connection


@pytest.fixture
def context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection)


ORDERS = sa.table("t_order", sa.column("id"))


def everything() -> None:
    op.add_column("t_order", sa.Column("a", sa.Integer, index=True))
    op.add_column("t_order", sa.Column("b", sa.Integer, sa.ForeignKey("t_order.id")))
    shardctl.op.add_column("t_order", sa.Column("c", sa.Integer), after="a")
    shardctl.op.add_column("t_order", sa.Column("d", sa.Integer), first=True)
    op.alter_column("t_order", "a", nullable=False)
    op.alter_column("t_order", "a", type_=sa.BigInteger, existing_type=sa.Integer)
    op.alter_column("t_order", "a", new_column_name="e", existing_type=sa.Integer)
    op.alter_column("t_order", "e", server_default="1")
    op.alter_column("t_order", "e", comment="t_order")
    op.drop_column("t_order", "d")
    op.create_index(op.f("ix_e"), "t_order", ["e"])
    op.create_index("ix_lower", "t_order", [sa.text("lower(e)")], unique=True)
    op.drop_index("ix_e", "t_order")
    op.drop_index("ix_lower")
    op.create_unique_constraint("uq", "t_order", ["e"])
    op.create_check_constraint("ck", "t_order", "e > 0")
    op.create_check_constraint("ck2", "t_order", sa.column("e") > 1)
    op.create_foreign_key("fk", "t_order", "t_order", ["e"], ["id"])
    op.create_primary_key("pk", "t_order", ["id", "e"])
    op.drop_constraint("uq", "t_order", type_="unique")
    op.drop_constraint("ck", "t_order")
    op.create_table_comment("t_order", "t_order")
    op.drop_table_comment("t_order")
    with op.batch_alter_table("t_order", recreate="always") as batch:
        batch.add_column(sa.Column("f", sa.Integer), insert_after="a")
        batch.alter_column("f", type_=sa.BigInteger, insert_after="b")
        batch.drop_column("f")
        batch.create_index(batch.f("ix_f"), ["f"])
        batch.drop_index("ix_f")
        batch.create_unique_constraint("uq_f", ["f"])
        batch.create_check_constraint("ck_f", "f > 0")
        batch.create_foreign_key("fk_f", "t_order", ["f"], ["id"])
        batch.create_primary_key("pk_f", ["f"])
        batch.drop_constraint("uq_f", type_="unique")
        batch.create_table_comment("f")
        batch.drop_table_comment()
        batch.execute("UPDATE t_order SET f = 1")
    plain = op.create_table("plain", sa.Column("id", sa.Integer, primary_key=True))
    op.bulk_insert(plain, [{"id": 1}])
    op.rename_table("plain", "plainer")
    op.drop_table("plainer")
    op.execute("UPDATE t_order SET a = 1")
    op.execute(sa.text("UPDATE t_order SET a = :a").bindparams(a=1))
    op.execute(ORDERS.update().where(ORDERS.c.id == op.inline_literal(1)).values(id=2))
    shardctl.op.execute("INSERT INTO summary SELECT * FROM t_order", each_month=True)


def names(operations: tuple[MigrateOperation, ...]) -> list[str]:
    return [type(operation).__name__.removesuffix("Op") for operation in operations]


def tables_and_rows(connection: Connection) -> tuple[list[str], list[Any]]:
    inspector = sa.inspect(connection)
    columns = [column["name"] for column in inspector.get_columns("t_order")]
    rows = connection.execute(sa.text("SELECT * FROM t_order")).all()
    return [*inspector.get_table_names(), *columns], [tuple(row) for row in rows]


def test_every_operation_is_recorded_in_order_and_none_is_run(
    context: MigrationContext, connection: Connection
) -> None:
    before = tables_and_rows(connection)
    recorded = capture(everything, context)
    assert names(recorded) == (
        ["AddColumn"] * 4
        + ["AlterColumn"] * 5
        + ["DropColumn"]
        + ["CreateIndex"] * 2
        + ["DropIndex"] * 2
        + ["CreateUniqueConstraint"]
        + ["CreateCheckConstraint"] * 2
        + ["CreateForeignKey", "CreatePrimaryKey"]
        + ["DropConstraint"] * 2
        + ["CreateTableComment", "DropTableComment"]
        + ["AddColumn", "AlterColumn", "DropColumn", "CreateIndex", "DropIndex"]
        + ["CreateUniqueConstraint", "CreateCheckConstraint", "CreateForeignKey"]
        + ["CreatePrimaryKey", "DropConstraint", "CreateTableComment", "DropTableComment"]
        + ["ExecuteSQL", "CreateTable", "BulkInsert", "RenameTable", "DropTable"]
        + ["ExecuteSQL"] * 4
    )
    assert tables_and_rows(connection) == before
    assert vars(alembic.op).get("_proxy") is None


def test_operations_of_a_batch_bear_the_table_and_the_place_of_a_column(
    context: MigrationContext,
) -> None:
    recorded = capture(everything, context)
    batch = [item for item in recorded if getattr(item, "column_name", "") == "f"]
    assert [item.table_name for item in batch if isinstance(item, ops.AlterTableOp)] == [
        "t_order",
        "t_order",
    ]
    placed = [item.kw["insert_after"] for item in recorded if "insert_after" in _kw(item)]
    assert placed == ["a", "", "a", "b"]


def _kw(operation: Any) -> dict[str, Any]:
    return getattr(operation, "kw", None) or {}


def test_a_revision_that_raises_leaves_no_proxy_behind(context: MigrationContext) -> None:
    def upgrade() -> None:
        op.add_column("t_order", sa.Column("a", sa.Integer))
        raise LookupError("of the revision's own")

    with pytest.raises(LookupError, match="own"):
        capture(upgrade, context)
    assert vars(alembic.op).get("_proxy") is None
    assert names(capture(everything, context))[0] == "AddColumn"


@pytest.mark.parametrize("fails", [False, True])
def test_a_capture_inside_a_running_upgrade_gives_the_proxy_back(
    context: MigrationContext, connection: Connection, fails: bool
) -> None:
    def upgrade() -> None:
        op.execute("CREATE TABLE inner_table (id INTEGER)")
        if fails:
            raise LookupError

    with Operations.context(context):
        if fails:
            with pytest.raises(LookupError):
                capture(upgrade, context)
        else:
            assert names(capture(upgrade, context)) == ["ExecuteSQL"]
        op.execute("CREATE TABLE outer_table (id INTEGER)")
    assert sorted(sa.inspect(connection).get_table_names()) == ["outer_table", "t_order"]


def test_a_revision_may_read(context: MigrationContext) -> None:
    seen: list[Any] = []

    def upgrade() -> None:
        bind = op.get_bind()
        seen.append(sa.inspect(bind).get_table_names())
        seen.append([column["name"] for column in sa.inspect(bind).get_columns("t_order")])
        seen.append(bind.execute(sa.text("/* why */ SELECT id FROM t_order")).scalar())
        seen.append(
            bind.execute(sa.text("WITH x AS (SELECT id FROM t_order) SELECT * FROM x")).scalar()
        )
        seen.append(bind.execute(sa.text("EXPLAIN SELECT id FROM t_order")).fetchone() is not None)
        with Session(bind) as session:
            seen.append(session.execute(sa.select(ORDERS.c.id)).scalar())
        connection = op.get_context().connection
        assert connection is not None
        seen.append(connection.execute(sa.select(sa.func.count()).select_from(ORDERS)).scalar())

    assert capture(upgrade, context) == ()
    assert seen == [["t_order"], ["id"], 7, 7, True, 7, 1]


def _bind(sql: str) -> Callable[[], object]:
    return lambda: op.get_bind().execute(sa.text(sql))


def _in_session() -> None:
    with Session(op.get_bind()) as session:
        session.execute(ORDERS.insert().values(id=1))


WRITES: dict[str, Callable[[], object]] = {
    "DML": _bind("UPDATE t_order SET id = 8"),
    "DDL": _bind("ALTER TABLE t_order ADD COLUMN a INTEGER"),
    "behind a comment": _bind("/* SELECT */ DELETE FROM t_order"),
    "DML behind WITH": _bind(
        "WITH x AS (SELECT 7 AS a) DELETE FROM t_order WHERE id IN (SELECT a FROM x)"
    ),
    "DML behind WITH and a string": _bind("WITH x AS (SELECT ') SELECT') DELETE FROM t_order"),
    "a setting": _bind("PRAGMA user_version = 3"),
    "a Core construct": lambda: op.get_bind().execute(ORDERS.delete()),
    "a Session": _in_session,
    "a Table": lambda: sa.Table("x", sa.MetaData(), sa.Column("i", sa.Integer)).create(
        op.get_bind()
    ),
    "the context": lambda: op.get_context().execute("DELETE FROM t_order"),
    "the context's connection": lambda: op.get_context().connection.execute(ORDERS.delete()),  # type: ignore[union-attr]
    "another connection": lambda: op.get_bind().engine.connect().execute(ORDERS.delete()),
    "run_async": lambda: op.run_async(lambda _: None),
}


@pytest.mark.parametrize("way", WRITES)
def test_a_revision_may_not_write_past_the_operations(
    context: MigrationContext, connection: Connection, way: str
) -> None:
    before = tables_and_rows(connection)
    with pytest.raises(RevisionRefused, match=r"op\.execute"):
        capture(lambda: WRITES[way]() and None, context)
    assert tables_and_rows(connection) == before
    connection.execute(ORDERS.insert().values(id=9))  # allowed again


def test_a_custom_operation_is_recorded_as_what_it_consists_of(context: MigrationContext) -> None:
    class MarkOp(MigrateOperation):
        pass

    @Operations.implementation_for(MarkOp)
    def mark(operations: Operations, _: MarkOp) -> None:
        operations.add_column("t_order", sa.Column("mark", sa.Integer))
        operations.execute("UPDATE t_order SET mark = 1")

    recorded = capture(lambda: op.invoke(MarkOp()), context)
    assert names(recorded) == ["AddColumn", "ExecuteSQL"]


def test_a_batch_that_describes_a_copied_table_is_refused(context: MigrationContext) -> None:
    def upgrade() -> None:
        with op.batch_alter_table("t_order", partial_reordering=[("a", "b")], recreate="always"):
            pass

    with pytest.raises(RevisionRefused, match="insert_after"):
        capture(upgrade, context)


def test_both_places_of_a_column_at_once_are_refused(context: MigrationContext) -> None:
    column = sa.Column("a", sa.Integer)
    with pytest.raises(ValueError, match="either"):
        capture(lambda: shardctl.op.add_column("t_order", column, after="id", first=True), context)
