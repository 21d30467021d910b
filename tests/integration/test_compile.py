"""Clauses do to a template and to a month what Alembic itself does to a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql

import shardctl.op
from shardctl.catalog import Member, names_for, references
from shardctl.clause import AlterColumn, Clause, ObjectName, Param, Sql, TableName
from shardctl.dialects import Database, execute, open_database
from shardctl.errors import RevisionRefused
from shardctl.family import Family
from shardctl.migrate.capture import capture
from shardctl.migrate.compile import compile_ops
from shardctl.month import Month
from shardctl.structure import Structure, differences

FAMILIES = {name: Family(name) for name in ("t_order", "t_user", "t_log")}
JANUARY = Month(2026, 1)
CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

BEFORE = (
    "CREATE TABLE t_user (id INTEGER NOT NULL, name VARCHAR(40), PRIMARY KEY (id))",
    """CREATE TABLE t_order (
        order_id VARCHAR(64) NOT NULL,
        coin DECIMAL(32,2) DEFAULT '0.00' NOT NULL,
        user_id INTEGER DEFAULT 0 NOT NULL,
        status SMALLINT DEFAULT 1,
        note VARCHAR(100) DEFAULT 'x',
        old INTEGER,
        CONSTRAINT ck_old CHECK (old > 3),
        CONSTRAINT fk_old FOREIGN KEY (old) REFERENCES t_user (id),
        PRIMARY KEY (order_id)
    )""",
    "CREATE INDEX ix_status ON t_order (status)",
    "CREATE UNIQUE INDEX uq_note ON t_order (note)",
    "CREATE TABLE plain (id INTEGER NOT NULL, coin INTEGER, PRIMARY KEY (id))",
)
TABLES = ("t_order", "t_user", "plain", "t_log", "other", "renamed")


@dataclass(frozen=True)
class Road:
    """A database, and one revision's way through it."""

    database: Database
    connection: Connection
    convention: bool = False

    @property
    def context(self) -> MigrationContext:
        metadata = sa.MetaData(naming_convention=CONVENTION if self.convention else None)
        return MigrationContext.configure(self.connection, opts={"target_metadata": metadata})

    @property
    def sqlite(self) -> bool:
        return self.database.dialect.name == "sqlite"

    def fresh(self) -> None:
        """The tables as they are before every revision."""
        if not self.sqlite:
            self.connection.exec_driver_sql("SET foreign_key_checks = 0")
        for name in self.database.dialect.table_names(self.connection):
            self.connection.exec_driver_sql(f"DROP TABLE {self.database.dialect.quote(name)}")
        if not self.sqlite:
            self.connection.exec_driver_sql("SET foreign_key_checks = 1")
        for statement in BEFORE:
            self.connection.exec_driver_sql(statement)

    def clauses(self, revision: Callable[[], None]) -> tuple[Clause, ...]:
        dialect, connection = self.database.dialect, self.connection
        return compile_ops(
            capture(revision, self.context),
            self.context,
            FAMILIES,
            dialect,
            structure_of=lambda name: dialect.structures(connection, [name]).get(name),
        )

    def run(self, clauses: Sequence[Clause], month: Month | None) -> None:
        """What the clauses of families do to the templates or to a month's tables."""
        dialect, connection = self.database.dialect, self.connection
        for clause in clauses:
            family = FAMILIES.get(clause.table)
            if month is not None and family is None:
                continue
            table = family.table_name(month) if family and month else clause.table
            names = names_for(FAMILIES, Member(clause.table, table, month), dialect)
            for action in clause.actions:
                whole = not isinstance(action, Sql)
                definition = dialect.definition(connection, table) if whole else None
                for statement in dialect.render(action, table, names, definition):
                    execute(connection, statement)

    def months(self) -> None:
        """January of every family, as a copy of its template."""
        dialect, connection = self.database.dialect, self.connection
        for name in ("t_user", "t_order"):
            member = Member(name, FAMILIES[name].table_name(JANUARY), JANUARY)
            names = names_for(FAMILIES, member, dialect)
            definition = dialect.definition(connection, name)
            for statement in dialect.copy(definition, member.table, names):
                execute(connection, statement)

    def structures(self, month: Month | None) -> dict[str, Structure]:
        dialect, connection = self.database.dialect, self.connection
        words = references(FAMILIES, month)
        tables = {
            FAMILIES[name].table_name(month) if month and name in FAMILIES else name: name
            for name in TABLES
            if month is None or name in FAMILIES
        }
        found = dialect.structures(connection, tables)
        return {tables[table]: found[table].referring(words) for table in found}

    def texts(self) -> dict[str, list[str]]:
        """The text of each table, its lines sorted: an index may come before another."""
        dialect, connection = self.database.dialect, self.connection
        present = dialect.table_names(connection)
        definitions = [dialect.definition(connection, name) for name in TABLES if name in present]
        return {
            item.table: sorted(
                line.rstrip(",") for line in [*item.create.splitlines(), *item.further]
            )
            for item in definitions
        }


@contextmanager
def road(url: str, *, convention: bool = False) -> Iterator[Road]:
    database = open_database(url)
    with database.connect() as connection:
        made = Road(database, connection, convention)
        made.fresh()
        yield made


@pytest.fixture
def here(url: str) -> Iterator[Road]:
    with road(url) as made:
        yield made


@pytest.fixture
def on_server(server_url: str) -> Iterator[Road]:
    with road(server_url) as made:
        yield made


# -- the oracle: Alembic itself, on a table of its own -----------------------------------------

TRICKY = "100% `t_order` t_order :x %s \\ 'q' \"d\" 订单"


def add_room() -> None:
    column = sa.Column("room_id", sa.BigInteger, nullable=False, server_default="0", comment=TRICKY)
    op.add_column("t_order", column)


def add_column_called_like_the_table() -> None:
    op.add_column(
        "t_order", sa.Column("t_order", sa.String(40), server_default="t_order", index=True)
    )
    op.create_index("ix_t_order", "t_order", ["t_order", "coin"])


def add_enum() -> None:
    kind = sa.Enum("a%", "t_order", "it's", ":x", "%(y)s", "新", name="kind")
    op.add_column("t_order", sa.Column("kind", kind, server_default="it's"))


def add_columns_of_many_kinds() -> None:
    op.add_column("t_order", sa.Column("a", sa.JSON))
    op.add_column("t_order", sa.Column("b", sa.DateTime, server_default=sa.text("'2026-01-01'")))
    op.add_column(
        "t_order", sa.Column("c", sa.Integer, sa.Computed("user_id % 7", persisted=False))
    )
    op.add_column("t_order", sa.Column("d", sa.String(9), server_default="%", unique=False))
    op.add_column("t_order", sa.Column("e", sa.Boolean, server_default=sa.text("0")))
    op.add_column("t_order", sa.Column("f", sa.LargeBinary(3)))
    op.add_column("t_order", sa.Column("g", sa.Numeric(10, 3), index=True))


def drop_column_and_index() -> None:
    op.drop_index("ix_status", table_name="t_order")
    op.drop_column("t_order", "status")


def create_indexes() -> None:
    op.create_index("ix_a", "t_order", ["coin", "user_id"])
    op.create_index("ix_b", "t_order", ["coin", sa.text("order_id DESC")], unique=True)


def batch() -> None:
    with op.batch_alter_table("t_order") as batch_op:
        batch_op.add_column(sa.Column("a", sa.Integer))
        batch_op.create_index("ix_a", ["a"])


def plain_tables() -> None:
    other = op.create_table(
        "other",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("plain_id", sa.Integer, sa.ForeignKey("plain.id", name="fk_plain")),
        sa.Column("name", sa.String(60), comment=TRICKY, index=True),
        sa.CheckConstraint("name <> 't_order'", name="ck_name"),
        comment=TRICKY,
    )
    op.bulk_insert(other, [{"id": 1, "name": TRICKY}, {"id": 2, "name": None}])
    op.add_column("plain", sa.Column("more", sa.Integer, server_default="7"))
    op.create_index("ix_more", "plain", ["more"])
    op.rename_table("plain", "renamed")


def drop_plain_table() -> None:
    op.drop_table("plain")


def raw_text() -> None:
    op.execute("ALTER TABLE t_order ADD COLUMN raw VARCHAR(40) DEFAULT 't_order 50% \\:x'")
    op.execute(sa.DDL("ALTER TABLE t_order ADD COLUMN ddl VARCHAR(40) DEFAULT '50%% t_order'"))


NATIVE = (
    add_room,
    add_column_called_like_the_table,
    add_enum,
    add_columns_of_many_kinds,
    drop_column_and_index,
    create_indexes,
    batch,
    plain_tables,
    drop_plain_table,
    raw_text,
)


def add_keys_and_checks() -> None:
    op.create_unique_constraint("uq_coin", "t_order", ["coin", "user_id"])
    op.create_check_constraint("ck_coin", "t_order", "coin >= 0 AND note <> '50% t_order'")
    op.create_check_constraint("ck_status", "t_order", sa.column("status").in_([1, 2]))
    op.create_foreign_key("fk_user", "t_order", "t_user", ["user_id"], ["id"], ondelete="CASCADE")


def unnamed_keys_and_checks() -> None:
    op.create_unique_constraint(None, "t_order", ["coin", "user_id"])
    op.create_check_constraint(None, "t_order", "coin >= 0")
    op.create_foreign_key(None, "t_order", "t_user", ["user_id"], ["id"])


def foreign_key_to_itself() -> None:
    op.add_column("t_order", sa.Column("parent", sa.String(64)))
    op.create_foreign_key("fk_parent", "t_order", "t_order", ["parent"], ["order_id"])


def column_with_all_constraints() -> None:
    op.add_column("t_order", sa.Column("a", sa.Integer, sa.ForeignKey("t_user.id", name="fk_a")))
    op.add_column("t_order", sa.Column("b", sa.Integer, unique=True, index=False))
    op.add_column("t_order", sa.Column("c", sa.Integer, sa.CheckConstraint("c > 1")))
    op.add_column("t_order", sa.Column("d", sa.Boolean(create_constraint=True, name="ck_d")))


def drop_constraints() -> None:
    op.drop_constraint("ck_old", "t_order", type_="check")
    op.drop_constraint("fk_old", "t_order", type_="foreignkey")
    op.drop_constraint("uq_note", "t_order", type_="unique")


def other_primary_key() -> None:
    op.drop_constraint("t_order_pkey", "t_order", type_="primary")
    op.create_primary_key("pk_order", "t_order", ["order_id", "user_id"])


def alter_columns() -> None:
    op.alter_column("t_order", "note", type_=sa.String(200), existing_server_default="x")
    op.alter_column("t_order", "user_id", type_=sa.BigInteger, existing_nullable=False, existing_server_default=sa.text("'0'"))  # fmt: skip
    op.alter_column("t_order", "status", nullable=False, existing_type=sa.SmallInteger, existing_server_default=sa.text("1"))  # fmt: skip
    op.alter_column("t_order", "coin", server_default="1.50")
    op.alter_column("t_order", "note", server_default=None)
    op.alter_column("t_order", "order_id", new_column_name="id", existing_type=sa.String(64), existing_nullable=False)  # fmt: skip


CONSTRAINED = (
    add_keys_and_checks,
    unnamed_keys_and_checks,
    foreign_key_to_itself,
    column_with_all_constraints,
    drop_constraints,
    other_primary_key,
    alter_columns,
)


def comments() -> None:
    op.create_table_comment("t_order", TRICKY)
    op.alter_column("t_order", "note", comment=TRICKY, existing_type=sa.String(100), existing_server_default="x")  # fmt: skip


def drop_table_comment() -> None:
    op.create_table_comment("t_order", TRICKY)
    op.drop_table_comment("t_order")


def indexes_of_mysql() -> None:
    op.create_index("ix_a", "t_order", ["note", "coin"], mysql_length={"note": 7})
    op.create_index("ix_b", "t_order", ["note"], mysql_prefix="FULLTEXT")
    op.create_index("ix_c", "t_order", ["coin"], mysql_using="btree")


def types_of_mysql() -> None:
    op.add_column(
        "t_order", sa.Column("a", mysql.VARCHAR(9, charset="latin1", collation="latin1_bin"))
    )
    op.add_column("t_order", sa.Column("b", mysql.BIGINT(unsigned=True), server_default="1"))
    op.add_column("t_order", sa.Column("c", mysql.SET("a%", "t_order")))
    op.add_column("t_order", sa.Column("d", mysql.DATETIME(fsp=3), server_default=sa.text("CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)")))  # fmt: skip
    op.add_column("t_order", sa.Column("e", mysql.TIMESTAMP, server_default=sa.func.now()))
    op.alter_column("t_order", "note", type_=mysql.VARCHAR(90, charset="latin1"), existing_server_default="x")  # fmt: skip
    op.alter_column("t_order", "note", type_=mysql.ENUM("a%", "it's", "t_order", charset="latin1"), existing_server_default="a%", server_default="a%")  # fmt: skip


def new_family() -> None:
    op.create_table(
        "t_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("t_user.id", name="fk_log_user")),
        sa.Column(
            "parent", sa.Integer, sa.ForeignKey("t_log.id", name="fk_log_parent"), index=True
        ),
        sa.Column("code", sa.String(20, collation="utf8mb4_bin"), unique=True, comment=TRICKY),
        sa.CheckConstraint("code <> 't_log'", name="ck_code"),
        comment=TRICKY,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


OF_SERVERS = (comments, drop_table_comment, indexes_of_mysql, types_of_mysql, new_family)

by_name = pytest.mark.parametrize


def compare(url: str, revision: Callable[[], None], *, convention: bool = False) -> None:
    with road(url, convention=convention) as way:
        with Operations.context(way.context):
            revision()
        expected, texts = way.structures(None), way.texts()
        rows = _rows(way)
        way.fresh()
        before = way.structures(None)
        way.months()
        clauses = way.clauses(revision)
        way.run(clauses, None)
        assert expected != before
        assert _unlike(expected, way.structures(None)) == {}
        if not way.sqlite:
            assert way.texts() == texts
        assert _rows(way) == rows
        if "t_log" not in expected:
            way.run(clauses, JANUARY)
            families = {name: expected[name] for name in ("t_order", "t_user")}
            assert _unlike(families, way.structures(JANUARY)) == {}


def _rows(way: Road) -> list[Any]:
    if "other" not in way.database.dialect.table_names(way.connection):
        return []
    return list(way.connection.execute(sa.text("SELECT * FROM other ORDER BY id")).all())


def _unlike(expected: dict[str, Structure], found: dict[str, Structure]) -> dict[str, list[str]]:
    assert found.keys() == expected.keys()
    unlike = {name: differences(expected[name], found[name]) for name in expected}
    return {name: [str(item) for item in items] for name, items in unlike.items() if items}


@by_name("revision", NATIVE, ids=lambda revision: revision.__name__)
def test_template_and_month_become_what_alembic_makes_of_a_table(
    url: str, revision: Callable[[], None]
) -> None:
    compare(url, revision)


@by_name("revision", CONSTRAINED + OF_SERVERS, ids=lambda revision: revision.__name__)
def test_on_servers_constraints_and_columns_become_what_alembic_makes_of_them(
    server_url: str, revision: Callable[[], None]
) -> None:
    if revision is drop_table_comment:
        with road(server_url) as way:
            before = way.structures(None)
            way.run(way.clauses(revision), None)
            assert way.structures(None) == before
            return
    compare(server_url, revision)
