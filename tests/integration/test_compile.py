"""Clauses do to a template and to a month what Alembic itself does to a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm
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
    zero = {"existing_nullable": False, "existing_server_default": sa.text("'0'")}
    op.alter_column("t_order", "user_id", type_=sa.BigInteger, **zero)
    one = {"existing_type": sa.SmallInteger, "existing_server_default": sa.text("1")}
    op.alter_column("t_order", "status", nullable=False, **one)
    op.alter_column("t_order", "coin", server_default="1.50")
    op.alter_column("t_order", "note", server_default=None)
    key = {"existing_type": sa.String(64), "existing_nullable": False}
    op.alter_column("t_order", "order_id", new_column_name="id", **key)


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
    note = {"existing_type": sa.String(100), "existing_server_default": "x"}
    op.alter_column("t_order", "note", comment=TRICKY, **note)


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
    moment = sa.text("CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)")
    op.add_column("t_order", sa.Column("d", mysql.DATETIME(fsp=3), server_default=moment))
    op.add_column("t_order", sa.Column("e", mysql.TIMESTAMP, server_default=sa.func.now()))
    latin = mysql.VARCHAR(90, charset="latin1")
    op.alter_column("t_order", "note", type_=latin, existing_server_default="x")
    kinds = mysql.ENUM("a%", "it's", "t_order", charset="latin1")
    op.alter_column("t_order", "note", type_=kinds, server_default="a%")
    op.add_column("t_order", sa.Column("f", mysql.DATETIME))
    op.alter_column("t_order", "f", type_=mysql.DATETIME, server_default=sa.func.now())


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


@pytest.mark.parametrize("revision", NATIVE, ids=lambda revision: revision.__name__)
def test_template_and_month_become_what_alembic_makes_of_a_table(
    url: str, revision: Callable[[], None]
) -> None:
    compare(url, revision)


@pytest.mark.parametrize(
    "revision", CONSTRAINED + OF_SERVERS, ids=lambda revision: revision.__name__
)
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


@pytest.mark.parametrize("revision", CONSTRAINED, ids=lambda revision: revision.__name__)
def test_on_sqlite_a_month_gets_the_same_constraints_and_columns_as_the_template(
    sqlite_url: str, revision: Callable[[], None]
) -> None:
    with road(sqlite_url) as way:
        before = way.structures(None)
        way.months()
        clauses = way.clauses(revision)
        way.run(clauses, None)
        way.run(clauses, JANUARY)
        after = way.structures(None)
        assert after["t_order"] != before["t_order"]
        families = {name: after[name] for name in ("t_order", "t_user")}
        assert _unlike(families, way.structures(JANUARY)) == {}


def test_sqlite_gets_the_constraints_that_alembic_cannot_give_it(sqlite_url: str) -> None:
    with road(sqlite_url) as way:
        way.run(way.clauses(add_keys_and_checks), None)
        way.run(way.clauses(drop_constraints), None)
        found = way.structures(None)["t_order"]
        assert {index.name for index in found.indexes} >= {"uq_coin", "ix_status"}
        assert "uq_note" not in {index.name for index in found.indexes}
        assert {check.name for check in found.checks} == {"ck_coin", "ck_status"}
        assert [(key.name, key.table, key.on_delete) for key in found.foreign_keys] == [
            ("fk_user", "<t_user>", "CASCADE")
        ]


# -- names -------------------------------------------------------------------------------------


def conventional() -> None:
    op.add_column("t_order", sa.Column("a", sa.Integer, sa.ForeignKey("t_user.id"), index=True))
    op.add_column("t_order", sa.Column("b", sa.Boolean(create_constraint=True, name="flag")))
    op.create_unique_constraint(None, "t_order", ["coin", "user_id"])
    op.create_check_constraint("positive", "t_order", "coin >= 0")
    op.create_foreign_key(None, "t_order", "t_user", ["user_id"], ["id"])
    op.create_index(None, "t_order", ["note", "coin"])
    op.create_check_constraint("gone", "t_order", "coin <> 1")
    op.drop_constraint("gone", "t_order", type_="check")


def test_naming_conventions_hold_on_template_and_month(server_url: str) -> None:
    compare(server_url, conventional, convention=True)


def test_a_convention_puts_the_declared_name_into_a_name_and_the_month_behind_it(
    here: Road,
) -> None:
    way = Road(here.database, here.connection, convention=True)
    way.months()
    clauses = way.clauses(conventional)
    way.run(clauses, JANUARY)
    names = [
        part.name
        for clause in clauses
        for action in clause.actions
        for part in getattr(action, "parts", ())
        if isinstance(part, ObjectName) and not part.existing and part.kind == "check"
    ]
    assert names[-2:] == ["ck_t_order_positive", "ck_t_order_gone"]
    month = way.database.dialect.definition(way.connection, "t_order_202601").create
    assert "ck_t_order_positive_202601" in month
    assert "ck_t_order_gone" not in month
    assert "shardctl" not in month


def test_a_foreign_key_of_a_month_refers_to_that_month(server_url: str) -> None:
    with road(server_url) as way:
        way.months()
        way.run(way.clauses(add_keys_and_checks), JANUARY)
        month = way.database.dialect.definition(way.connection, "t_order_202601").create
        assert "REFERENCES `t_user_202601` (`id`)" in month
        assert "CONSTRAINT `fk_user_202601`" in month


def test_an_index_or_constraint_is_found_where_its_table_or_kind_is_left_out(here: Road) -> None:
    def upgrade() -> None:
        op.drop_index("ix_status")
        op.drop_constraint("ck_old", "t_order")
        op.drop_constraint("fk_old", "t_order")
        op.drop_constraint("uq_note", "t_order")

    here.run(here.clauses(upgrade), None)
    found = here.structures(None)["t_order"]
    assert not found.checks
    assert not found.foreign_keys
    assert {index.name for index in found.indexes} & {"ix_status", "uq_note"} == set()


def test_a_foreign_key_has_no_second_index_where_there_is_one(server_url: str) -> None:
    def upgrade() -> None:
        op.create_index("ix_user", "t_order", ["user_id", "coin"])
        op.create_foreign_key("fk_user", "t_order", "t_user", ["user_id"], ["id"])
        op.create_foreign_key("fk_status", "t_order", "t_order", ["note"], ["order_id"])

    with road(server_url) as way:
        way.run(way.clauses(upgrade), None)
        indexes = {index.name for index in way.structures(None)["t_order"].indexes}
        assert {name for name in indexes if "user" in name} == {"ix_user"}
        assert {name for name in indexes if "note" in name} == {"uq_note"}


def test_dropping_a_foreign_key_leaves_its_index_under_the_same_name_everywhere(
    server_url: str,
) -> None:
    def upgrade() -> None:
        op.create_foreign_key("fk_user", "t_order", "t_user", ["user_id"], ["id"])
        op.drop_constraint("fk_user", "t_order", type_="foreignkey")
        op.drop_constraint("fk_old", "t_order", type_="foreignkey")

    with road(server_url) as way:
        way.months()
        clauses = way.clauses(upgrade)
        for month in (None, JANUARY):
            way.run(clauses, month)
            names = {index.name for index in way.structures(month)["t_order"].indexes}
            assert {name for name in names if name.startswith("f")} == {"fk_user", "fk_old"}


def test_if_exists_and_if_not_exists_are_left_out(here: Road) -> None:
    def upgrade() -> None:
        op.create_index("ix_a", "t_order", ["coin"], if_not_exists=True)
        op.drop_index("ix_status", "t_order", if_exists=True)
        op.add_column("t_order", sa.Column("a", sa.Integer), if_not_exists=True)
        op.drop_column("t_order", "note", if_exists=True)
        op.create_table("other", sa.Column("id", sa.Integer), if_not_exists=True)
        op.drop_table("plain", if_exists=True)

    text = repr(here.clauses(upgrade))
    assert "EXISTS" not in text
    assert "DROP TABLE" in text


# -- columns -----------------------------------------------------------------------------------


def test_a_column_stands_where_the_revision_says(server_url: str) -> None:
    def upgrade() -> None:
        shardctl.op.add_column("t_order", sa.Column("a", sa.Integer, comment=TRICKY), after="coin")
        shardctl.op.add_column("t_order", sa.Column("b", sa.Integer, index=True), first=True)
        shardctl.op.add_column("t_order", sa.Column("c", sa.Integer))
        with op.batch_alter_table("t_order") as batch_op:
            batch_op.add_column(sa.Column("d", sa.Integer), insert_after="a")
            batch_op.alter_column("status", type_=sa.BigInteger, insert_after="order_id")

    with road(server_url) as way:
        way.months()
        clauses = way.clauses(upgrade)
        for month in (None, JANUARY):
            way.run(clauses, month)
            names = [column.name for column in way.structures(month)["t_order"].columns]
            assert " ".join(names) == "b order_id status coin a d user_id note old c"


def test_a_place_is_ignored_on_sqlite(sqlite_url: str) -> None:
    def upgrade() -> None:
        shardctl.op.add_column("t_order", sa.Column("a", sa.Integer), first=True)

    with road(sqlite_url) as way:
        way.run(way.clauses(upgrade), None)
        assert way.structures(None)["t_order"].columns[-1].name == "a"


def test_alter_column_says_what_the_revision_says_and_no_more(server_url: str) -> None:
    def upgrade() -> None:
        op.alter_column("t_order", "a", nullable=False, existing_type=sa.Integer)
        op.alter_column("t_order", "a", type_=mysql.VARCHAR(9, charset="latin1"))
        op.alter_column("t_order", "a", type_=sa.Enum("a%", "it's", ":x"))
        op.alter_column("t_order", "a", server_default=None)
        op.alter_column("t_order", "a", server_default="it's 50% :x \\")
        op.alter_column("t_order", "a", server_default=sa.text("(uuid())"))
        op.alter_column("t_order", "a", server_default=sa.func.now())
        op.alter_column("t_order", "a", comment=TRICKY)
        op.alter_column("t_order", "a", comment=None, existing_comment="x")
        op.alter_column("t_order", "a", new_column_name="t_order")
        op.alter_column("t_order", "a", existing_type=sa.Integer)

    with road(server_url) as way:
        actions = [action for clause in way.clauses(upgrade) for action in clause.actions]
    assert actions == [
        AlterColumn("a", nullable=False),
        AlterColumn("a", type="VARCHAR(9) CHARACTER SET latin1"),
        AlterColumn("a", type="ENUM('a%','it''s',':x')"),
        AlterColumn("a", default=""),
        AlterColumn("a", default="'it''s 50% :x \\\\'"),
        AlterColumn("a", default="(uuid())"),
        AlterColumn("a", default="now()"),
        AlterColumn("a", comment=TRICKY),
        AlterColumn("a", comment=""),
        AlterColumn("a", name="t_order"),
    ]


def test_a_type_with_a_check_brings_it(here: Road) -> None:
    def upgrade() -> None:
        flag = sa.Boolean(create_constraint=True, name="ck_bool")
        op.alter_column("t_order", "status", type_=flag)
        op.alter_column("t_order", "user_id", type_=sa.Boolean())

    here.run(here.clauses(upgrade), None)
    assert [check.name for check in here.structures(None)["t_order"].checks] == [
        "ck_old",
        "ck_bool",
    ]


# -- rows --------------------------------------------------------------------------------------

ORDERS = sa.table(
    "t_order",
    sa.column("order_id", sa.String),
    sa.column("coin", sa.Numeric(32, 2)),
    sa.column("user_id", sa.Integer),
    sa.column("note", sa.String),
    sa.column("t_order", sa.String),
)
USERS = sa.table("t_user", sa.column("id", sa.Integer), sa.column("name", sa.String))


def changed_rows(way: Road, revision: Callable[[], None]) -> list[tuple[Any, ...]]:
    """The rows of January's orders, three before, after a revision; the template stays empty."""
    way.connection.exec_driver_sql("ALTER TABLE t_order ADD COLUMN t_order VARCHAR(40)")
    way.months()
    for user in (1, 2):
        way.connection.exec_driver_sql(f"INSERT INTO t_user_202601 VALUES ({user}, 'n{user}')")
    for number, user in ((1, 1), (2, 2), (3, 3)):
        way.connection.exec_driver_sql(
            "INSERT INTO t_order_202601 (order_id, user_id, note, t_order)"
            f" VALUES ('{number}', {user}, '{number}', 't_order')"
        )
    way.run(way.clauses(revision), JANUARY)
    count = way.connection.exec_driver_sql("SELECT count(*) FROM t_order").scalar()
    assert count == 0
    rows = way.connection.exec_driver_sql(
        "SELECT order_id, coin, note, t_order FROM t_order_202601 ORDER BY order_id"
    )
    return [(row[0], int(row[1]), row[2], row[3]) for row in rows]


def untouched(*numbers: int) -> list[tuple[Any, ...]]:
    return [(str(number), 0, str(number), "t_order") for number in numbers]


def test_an_update_expression_changes_its_month(here: Road) -> None:
    def upgrade() -> None:
        statement = ORDERS.update().where(ORDERS.c.order_id.in_(["1", "t_order"]))
        op.execute(statement.values(coin=5, note=TRICKY, t_order="50% t_order"))

    assert changed_rows(here, upgrade) == [("1", 5, TRICKY, "50% t_order"), *untouched(2, 3)]


def test_subqueries_aliases_and_ctes_read_from_the_same_month(here: Road) -> None:
    def upgrade() -> None:
        users = USERS.alias("t_order_users")
        known = sa.select(users.c.id).where(users.c.id == ORDERS.c.user_id)
        op.execute(ORDERS.update().where(sa.exists(known)).values(coin=2))
        greatest = sa.select(sa.func.max(USERS.c.id).label("id"))
        source = greatest.subquery() if mariadb else greatest.cte()  # MariaDB: no WITH … UPDATE
        found = sa.select(source.c.id).scalar_subquery()
        op.execute(ORDERS.update().where(ORDERS.c.user_id == found).values(note="recent"))

    mariadb = here.database.dialect.name == "mariadb"
    assert changed_rows(here, upgrade) == [
        ("1", 2, "1", "t_order"),
        ("2", 2, "recent", "t_order"),
        *untouched(3),
    ]


def test_a_mapped_class_is_retargeted_like_a_table(here: Road) -> None:
    class Base(sa.orm.DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        order_id = sa.Column(sa.String(64), primary_key=True)
        user_id = sa.Column(sa.Integer)
        note = sa.Column(sa.String(100), onupdate="touched")
        t_order = sa.Column(sa.String(40))

    def upgrade() -> None:
        op.execute(sa.update(Order).where(Order.user_id == 1).values(t_order="x"))
        op.execute(sa.delete(Order).where(Order.user_id == 3))

    assert changed_rows(here, upgrade) == [("1", 0, "touched", "x"), *untouched(2)]
    assert Order.__table__.name == "t_order"
    assert str(sa.select(Order.order_id)) == "SELECT t_order.order_id \nFROM t_order"


def test_rows_of_a_month_may_be_copied_within_it(here: Road) -> None:
    def upgrade() -> None:
        copied = sa.select(sa.literal("9"), ORDERS.c.coin, ORDERS.c.user_id, sa.literal("new"))
        columns = ["order_id", "coin", "user_id", "note"]
        op.execute(ORDERS.insert().from_select(columns, copied.where(ORDERS.c.order_id == "3")))

    assert changed_rows(here, upgrade) == [*untouched(1, 2, 3), ("9", 0, "new", None)]


def test_text_keeps_its_literals_and_values(here: Road) -> None:
    def upgrade() -> None:
        op.execute("UPDATE t_order SET note = '50% t_order :x' WHERE t_order.order_id = '1'")
        text = "UPDATE t_order SET t_order = :value, note = '%s \\:y ?' WHERE order_id IN :ids"
        ids = sa.bindparam("ids", expanding=True)
        op.execute(sa.text(text).bindparams(ids, value="t_order %").bindparams(ids=["2", "x"]))

    assert changed_rows(here, upgrade) == [
        ("1", 0, "50% t_order :x", "t_order"),
        ("2", 0, "%s :y ?", "t_order %"),
        *untouched(3),
    ]


def test_a_plain_table_may_be_filled_once_for_each_month_where_that_is_said(here: Road) -> None:
    plain = sa.table("plain", sa.column("id"), sa.column("coin"))

    def upgrade() -> None:
        sums = sa.select(sa.func.count(), sa.func.sum(ORDERS.c.user_id))
        shardctl.op.execute(plain.insert().from_select(["id", "coin"], sums), each_month=True)
        shardctl.op.execute(
            "INSERT INTO plain SELECT max(user_id) + 7, 8 FROM t_order", each_month=True
        )

    changed_rows(here, upgrade)
    rows = here.connection.exec_driver_sql("SELECT id, coin FROM plain ORDER BY id").all()
    assert [tuple(row) for row in rows] == [(3, 6), (10, 8)]


def test_values_of_a_bulk_insert_are_as_the_driver_takes_them(here: Road) -> None:
    moment = datetime(2026, 1, 31, 23, 59, 59, 123456)  # noqa: DTZ001  as DATETIME has it

    def upgrade() -> None:
        other = op.create_table(
            "other",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("name", sa.String(99), default="by default"),
            sa.Column("at", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")),
            sa.Column("amount", sa.Numeric(20, 3)),
            sa.Column("data", sa.JSON),
            sa.Column("raw", sa.LargeBinary),
        )
        first = {"id": 1, "name": TRICKY, "at": moment, "amount": Decimal("1.005")}
        op.bulk_insert(other, [first, {**first, "id": 2, "name": None}])
        op.bulk_insert(other, [{"id": 3, "data": {"a": [1, "%"]}, "raw": b"\x00\xff'%"}])
        literal = {"id": op.inline_literal(4), "name": op.inline_literal("50%")}
        op.bulk_insert(other, [literal], multiinsert=False)

    with Operations.context(here.context):
        upgrade()
    expected = _rows(here)
    here.fresh()
    here.run(here.clauses(upgrade), None)
    assert _rows(here) == expected
    assert expected[2][1] == "by default"


# -- what a clause tells of itself --------------------------------------------------------------


def test_clauses_say_what_they_are_and_what_they_lose(here: Road) -> None:
    def upgrade() -> None:
        op.drop_column("t_order", "note")
        op.create_table("other", sa.Column("id", sa.Integer))
        op.rename_table("other", "renamed")
        op.drop_table("renamed")
        op.execute(ORDERS.delete())
        op.drop_index("ix_status", "t_order")

    told = [(c.table, c.presence, c.renamed_from, c.data, c.loses) for c in here.clauses(upgrade)]
    assert told == [
        ("t_order", "", "", False, "column note of t_order and its values"),
        ("other", "create", "", False, ""),
        ("renamed", "rename", "other", False, ""),
        ("renamed", "drop", "", False, "table renamed and all its rows"),
        ("t_order", "", "", True, "all rows of t_order"),
        ("t_order", "", "", False, ""),
    ]


def test_only_the_tables_name_becomes_a_part(on_server: Road) -> None:
    def upgrade() -> None:
        column = sa.Column("t_order", sa.String(40), server_default="t_order", comment="t_order")
        op.add_column("t_order", column)
        op.execute(ORDERS.update().values(t_order="t_order"))

    first, second = on_server.clauses(upgrade)
    assert first.actions == (
        Sql(
            (
                "ALTER TABLE ",
                TableName("t_order"),
                " ADD COLUMN t_order VARCHAR(40) COMMENT 't_order' DEFAULT 't_order'",
            )
        ),
    )
    assert second.actions == (
        Sql(("UPDATE ", TableName("t_order"), " SET t_order=", Param("t_order"))),
    )


def test_the_same_operations_may_be_compiled_twice(here: Road) -> None:
    operations = capture(new_family, here.context)

    def compiled() -> tuple[Clause, ...]:
        return compile_ops(operations, here.context, FAMILIES, here.database.dialect)

    assert compiled() == compiled()


# -- refusals ----------------------------------------------------------------------------------


def users(**words: Any) -> sa.Table:
    return sa.Table("t_user", sa.MetaData(), sa.Column("id", sa.Integer), **words)


def in_batch(act: Callable[[Any], object]) -> Callable[[], None]:
    def upgrade() -> None:
        with op.batch_alter_table("t_order") as batch_op:
            act(batch_op)

    return upgrade


REFUSED: dict[str, tuple[str, Callable[[], object]]] = {
    "drop a family": ("all its months", lambda: op.drop_table("t_order")),
    "drop a family by a construct": (
        "all its months",
        lambda: op.execute(sa.schema.DropTable(users())),
    ),
    "rename a family": ("adopt", lambda: op.rename_table("t_order", "orders")),
    "rename to a family": ("adopt", lambda: op.rename_table("plain", "t_log")),
    "bulk insert into a family": (
        "which of its months",
        lambda: op.bulk_insert(users(), [{"id": 1}]),
    ),
    "insert into a family": (
        "which of its months",
        lambda: op.execute(users().insert().values(id=1)),
    ),
    "insert strange rows into a family": (
        "each_month",
        lambda: op.execute(
            users()
            .insert()
            .from_select(["id"], sa.select(sa.column("id")).select_from(sa.table("plain")))
        ),
    ),
    "insert into a plain table from a family": (
        "each_month",
        lambda: op.execute(
            sa.table("plain", sa.column("id")).insert().from_select(["id"], sa.select(users().c.id))
        ),
    ),
    "a family's name in text in an expression": (
        "names t_order",
        lambda: op.execute(
            users().update().where(sa.text("id IN (SELECT user_id FROM t_order)")).values(id=1)
        ),
    ),
    "a SELECT": ("get_bind", lambda: op.execute(sa.select(users().c.id))),
    "a value that is missing": ("'v'", lambda: op.execute(sa.text("UPDATE t_order SET coin = :v"))),
    "a value that cannot be kept": (
        "cannot be kept",
        lambda: op.bulk_insert(sa.table("plain", sa.column("id")), [{"id": {1, 2}}]),
    ),
    "a foreign key from a plain table": (
        "plain table cannot",
        lambda: op.create_foreign_key("fk", "plain", "t_user", ["id"], ["id"]),
    ),
    "a new plain table with one": (
        "plain table cannot",
        lambda: op.create_table("other", sa.Column("id", sa.Integer, sa.ForeignKey("t_user.id"))),
    ),
    "another schema": (
        "schema",
        lambda: op.add_column("t_order", sa.Column("a", sa.Integer), schema="mine"),
    ),
    "another schema of a new table": (
        "schema",
        lambda: op.create_table("other", sa.Column("id", sa.Integer), schema="mine"),
    ),
    "another schema of a foreign key": (
        "schema",
        lambda: op.create_foreign_key(
            "fk", "t_order", "t_user", ["old"], ["id"], referent_schema="mine"
        ),
    ),
    "a temporary table": (
        "TEMPORARY",
        lambda: op.create_table("other", sa.Column("id", sa.Integer), prefixes=["TEMPORARY"]),
    ),
    "Identity": (
        "Identity",
        lambda: op.add_column("t_order", sa.Column("a", sa.Integer, sa.Identity())),
    ),
    "Computed for a column that is there": (
        "add it again",
        lambda: op.alter_column("t_order", "old", server_default=sa.Computed("1")),
    ),
    "autoincrement": ("MODIFY", lambda: op.alter_column("t_order", "old", autoincrement=True)),
    "insert_before": (
        "insert_after",
        in_batch(lambda b: b.add_column(sa.Column("a", sa.Integer), insert_before="coin")),
    ),
    "insert_before of an alteration": (
        "insert_after",
        in_batch(lambda b: b.alter_column("coin", type_=sa.Integer, insert_before="old")),
    ),
    "an unknown constraint without its kind": (
        "type_=",
        lambda: op.drop_constraint("no", "t_order"),
    ),
    "an unknown construct": (
        "CreateSchema",
        lambda: op.execute(sa.schema.CreateSchema("x")),
    ),
}


def _without_result(act: Callable[[], object]) -> Callable[[], None]:
    def upgrade() -> None:
        act()

    return upgrade


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_way_out(sqlite_url: str, what: str) -> None:
    words, revision = REFUSED[what]
    with road(sqlite_url) as way:
        with pytest.raises(RevisionRefused, match=words):
            way.clauses(_without_result(revision))
        assert set(way.database.dialect.table_names(way.connection)) == {
            "t_order",
            "t_user",
            "plain",
        }


def test_an_index_of_no_known_table_is_refused_on_servers(on_server: Road) -> None:
    with pytest.raises(RevisionRefused, match="table_name"):
        on_server.clauses(lambda: op.drop_index("ix_unknown"))


def test_a_type_that_cannot_be_compiled_is_refused(on_server: Road) -> None:
    with pytest.raises(RevisionRefused, match=r"alter_column.*length"):
        on_server.clauses(lambda: op.alter_column("t_order", "note", type_=sa.String()))
