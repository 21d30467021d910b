"""What a revision names is changed in a column's own line, and nothing else anywhere.

Each change is undone by its opposite: what the first had lost the second, which names the same
attribute alone, could not bring back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection

from shardctl.clause import AlterColumn, Names
from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.errors import RevisionRefused

TABLE = "t_order_202002"


@dataclass(frozen=True)
class Shape:
    """A column, and what can be done to it and undone again.

    Attributes:
        wider: another type to try, under which the rest of the column can stay.
        defaults: a new default and the SQL of the old one.
        flips: whether it can be NULL and NOT NULL.
        referred: whether another column or a constraint of the table names it, so that MySQL
            does not rename it.
        only: the one server that has it.
    """

    sql: str
    wider: str = ""
    defaults: tuple[str, str] | None = None
    flips: bool = True
    referred: bool = False
    only: str = ""


SHAPES = {
    "id": Shape("bigint unsigned NOT NULL AUTO_INCREMENT", flips=False),
    "base": Shape("int NOT NULL COMMENT 'of the generated ones'", referred=True),
    "order_id": Shape("varchar(128) NOT NULL COMMENT '订单id'", wider="varchar(140)"),
    "coin": Shape(
        "decimal(32,2) NOT NULL DEFAULT '0.00' COMMENT '支付币数'",
        wider="decimal(40,2)",
        defaults=("1.5", "'0.00'"),
    ),
    "user_id": Shape("bigint unsigned NOT NULL DEFAULT '0'", defaults=("7", "0")),
    "plain": Shape("int", wider="bigint", defaults=("-5", "NULL")),
    "required": Shape("int NOT NULL", wider="bigint"),
    "hostile": Shape(
        "int DEFAULT '5' COMMENT 'NOT NULL DEFAULT ''x'' COMMENT (`a` ON UPDATE CHECK'",
        wider="bigint",
        defaults=("6", "5"),
    ),
    "quotes": Shape(
        r"""varchar(40) NOT NULL DEFAULT 'it''s \\ "q" `b` %s :x, (' COMMENT '50% \\ ''\n''; --'""",
        wider="varchar(50)",
        defaults=(r"'%\\'", r"""'it''s \\ "q" `b` %s :x, ('"""),
    ),
    "wei`rd, (name": Shape("int NOT NULL DEFAULT 1 COMMENT 'x'", wider="bigint"),
    "default": Shape("int DEFAULT NULL COMMENT 'a keyword'", defaults=("1", "NULL")),
    "t_order": Shape("int NOT NULL DEFAULT 0 COMMENT 't_order'", wider="bigint"),
    "latin": Shape(
        "varchar(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'x' COMMENT 'l'",
        wider="varchar(30)",
        defaults=("''", "'x'"),
    ),
    "greek": Shape("char(3) CHARACTER SET greek COMMENT 'g'", wider="varchar(30)"),
    "collated": Shape("varchar(9) COLLATE utf8mb4_bin", wider="text"),
    "old_utf8": Shape("text CHARACTER SET utf8mb3 COMMENT 'n'", wider="longtext"),
    "tiny": Shape("tinytext", wider="mediumtext"),
    "blob_": Shape("blob COMMENT 'b'", wider="longblob"),
    "bytes_": Shape(r"varbinary(8) DEFAULT 'a\0b'", wider="varbinary(9)"),
    "fixed_bytes": Shape("binary(4) NOT NULL DEFAULT 0xFF00FE01 COMMENT 'not UTF-8'"),
    "bits": Shape("bit(4) NOT NULL DEFAULT b'101'", wider="bit(6)", defaults=("b'1'", "b'101'")),
    "kind": Shape(
        r"enum('a','b,''c','\\','NOT NULL') NOT NULL DEFAULT 'a' COMMENT 'k'",
        wider=r"enum('a','b,''c','\\','NOT NULL','d')",
        defaults=("'b,''c'", "'a'"),
    ),
    "latin_kind": Shape("enum('a','b') CHARACTER SET latin1", wider="enum('a','b','c')"),
    "flags": Shape("set('x','y') DEFAULT 'x,y'", wider="set('x','y','z')"),
    "document": Shape("json COMMENT 'j'"),
    "place": Shape("geometry NOT NULL"),
    "flag": Shape("tinyint(1) DEFAULT true", wider="tinyint(4)", defaults=("false", "1")),
    "padded": Shape("int(8) unsigned zerofill NOT NULL DEFAULT 1", defaults=("2", "1")),
    "ratio": Shape(
        "double(10,2) unsigned DEFAULT 1", wider="double(12,2) unsigned", defaults=("1e3", "1")
    ),
    "year_": Shape("year DEFAULT 2020", defaults=("2021", "2020")),
    "day": Shape("date NOT NULL DEFAULT '2020-01-01'", defaults=("'2020-02-29'", "'2020-01-01'")),
    "moment": Shape("time(6) DEFAULT '10:00:00'", wider="time(6)"),
    "created": Shape(
        "timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'c'",
        wider="timestamp(6)",
        defaults=("'2020-01-01 00:00:00'", "CURRENT_TIMESTAMP"),
    ),
    "updated": Shape(
        "timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"
        " COMMENT '更新时间'",
        wider="datetime(6)",
        defaults=("'2020-01-01 00:00:00.000'", "CURRENT_TIMESTAMP(3)"),
    ),
    "touched": Shape(
        "timestamp NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP",
        wider="timestamp(3)",
        defaults=("'2020-01-01 00:00:00'", "NULL"),
        flips=False,  # with ON UPDATE and NOT NULL, MariaDB adds a default of zero
    ),
    "paid": Shape("timestamp NULL DEFAULT NULL COMMENT 'p'", wider="datetime"),
    "shipped": Shape(
        "datetime(3) DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP(3)",
        wider="timestamp(3)",
        defaults=("CURRENT_TIMESTAMP(3)", "NULL"),
        flips=False,  # likewise
    ),
    "token": Shape(
        "varchar(36) DEFAULT (uuid()) COMMENT 'an expression'",
        wider="varchar(50)",
        defaults=("'none'", "(uuid())"),
    ),
    "joined": Shape("varchar(20) DEFAULT (concat('a',')','b'))", wider="varchar(30)"),
    "today": Shape("date DEFAULT (current_date)"),
    "chosen": Shape("varchar(9) DEFAULT ((case when rand() > 2 then null else 'x' end))"),
    "hidden": Shape("int INVISIBLE DEFAULT 3 COMMENT 'h'", wider="bigint", defaults=("4", "3")),
    "hidden_required": Shape("int NOT NULL INVISIBLE DEFAULT 3", wider="bigint"),
    "checked": Shape("int NOT NULL CHECK (checked <> 3)", wider="bigint", referred=True),
    "virtual_": Shape(
        "int GENERATED ALWAYS AS (base + 1) VIRTUAL COMMENT 'v'", wider="bigint", flips=False
    ),
    "stored_": Shape("int GENERATED ALWAYS AS (base + 1) STORED", wider="bigint", flips=False),
    "stored_text": Shape(
        "varchar(40) CHARACTER SET latin1 GENERATED ALWAYS AS (concat(base,'z')) STORED"
        " COMMENT 's'",
        wider="varchar(50)",
        flips=False,
    ),
    # each server's own
    "sphere": Shape("geometry NOT NULL SRID 4326", only="mysql"),
    "format": Shape(
        "varchar(20) COLUMN_FORMAT FIXED DEFAULT 'f' COMMENT 'f'",
        wider="varchar(30)",
        defaults=("'g'", "'f'"),
        only="mysql",
    ),
    "storage": Shape("int STORAGE DISK COLUMN_FORMAT DYNAMIC", wider="bigint", only="mysql"),
    "unenforced": Shape(
        "int CHECK (unenforced > 0) NOT ENFORCED", wider="bigint", referred=True, only="mysql"
    ),
    "generated_required": Shape(
        "int GENERATED ALWAYS AS (base + 1) STORED NOT NULL INVISIBLE COMMENT 'i'",
        wider="bigint",
        only="mysql",
    ),
    "compressed": Shape(
        "varchar(200) COMPRESSED NOT NULL DEFAULT 'x' COMMENT 'c'",
        wider="varchar(210)",
        defaults=("'y'", "'x'"),
        only="mariadb",
    ),
    "compressed_text": Shape(
        "text COMPRESSED",
        wider="mediumtext",
        flips=False,  # with NOT NULL, MariaDB adds a default of ''
        only="mariadb",
    ),
    "checked_default": Shape(
        "int DEFAULT (1 + 2) COMMENT 'd' CHECK (checked_default > 0 and `checked_default` < 9)",
        wider="bigint",
        defaults=("4", "(1 + 2)"),
        only="mariadb",
    ),
    "uuid_": Shape("uuid COMMENT 'u'", only="mariadb"),
    "address": Shape("inet6 DEFAULT '::1'", defaults=("'::2'", "'::1'"), only="mariadb"),
}


class Month:
    """A month table with a column of every shape that its server has."""

    def __init__(
        self, database: Database, connection: Connection, shapes: Mapping[str, Shape] = SHAPES
    ) -> None:
        self.dialect = database.dialect
        self.connection = connection
        self.shapes = {
            name: shape for name, shape in shapes.items() if shape.only in ("", self.dialect.name)
        }
        columns = (f"{database.dialect.quote(n)} {shape.sql}" for n, shape in self.shapes.items())
        self.run(f"DROP TABLE IF EXISTS {TABLE}")
        self.run(
            f"CREATE TABLE {TABLE} ({', '.join(columns)}, PRIMARY KEY (id))"
            " DEFAULT CHARSET utf8mb4 COMMENT 'a month'"
        )

    def run(self, sql: str) -> None:
        self.connection.execution_options(no_parameters=True).exec_driver_sql(sql)

    def lines(self) -> list[str]:
        """The table as the server shows it."""
        return self.dialect.definition(self.connection, TABLE).create.split("\n")

    def line(self, column: str) -> str:
        """A column as the server shows it, with MariaDB's spelling of the moment made MySQL's."""
        (line,) = (x for x in self.lines() if x.startswith(f"  {self.dialect.quote(column)} "))
        text = line.strip(" ,").replace("current_timestamp()", "CURRENT_TIMESTAMP")
        return text.replace("current_timestamp", "CURRENT_TIMESTAMP")

    def facts(self, column: str) -> dict[str, Any]:
        """What information_schema says about a column."""
        row = self.connection.exec_driver_sql(
            "SELECT column_name AS name, ordinal_position AS place, column_type AS type,"
            " is_nullable AS nullable, hex(column_default) AS `default`,"
            " character_set_name AS charset, collation_name AS collation, extra AS extra,"
            " generation_expression AS expression, column_comment AS comment"
            " FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s",
            (TABLE, column),
        )
        return dict(row.mappings().one())

    def statement(self, column: str, **said: Any) -> Statement:
        """What is sent for what a revision says about a column."""
        definition = self.dialect.definition(self.connection, TABLE)
        (sent,) = self.dialect.render(AlterColumn(column, **said), TABLE, Names(), definition)
        return sent

    def alter(self, column: str, **said: Any) -> None:
        """Carry out what a revision says about a column."""
        execute(self.connection, self.statement(column, **said))


@pytest.fixture
def month(server_url: str) -> Iterator[Month]:
    database = open_database(server_url)
    with database.connect() as connection:
        yield Month(database, connection)


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """In what two descriptions of a column differ."""
    return {name for name in before if before[name] != after[name]}


def test_there_are_enough_shapes_on_each_server(month: Month) -> None:
    assert len(month.shapes) >= 45


def test_a_column_set_to_what_it_is_stays_as_it_is(month: Month) -> None:
    before = month.lines()
    for name in month.shapes:
        month.alter(name)
        assert month.lines() == before


def test_a_comment_alone_changes_the_comment_alone(month: Month) -> None:
    comment = "50% 'off' \\ \"`t_order`\" NOT NULL\n新"
    before = month.lines()
    for name in month.shapes:
        old = month.facts(name)
        month.alter(name, comment=comment)
        new = month.facts(name)
        assert changed(old, new) == {"comment"}
        assert new["comment"] == comment
        month.alter(name, comment=old["comment"])
        assert month.lines() == before


def test_nullability_alone_changes_nullability_alone(month: Month) -> None:
    before = month.lines()
    for name in (name for name, shape in month.shapes.items() if shape.flips):
        old = month.facts(name)
        was_nullable = old["nullable"] == "YES"
        month.alter(name, nullable=not was_nullable)
        new = month.facts(name)
        assert "nullable" in changed(old, new)
        assert changed(old, new) <= {"nullable", "default"}
        if "default" in changed(old, new):  # MariaDB writes down that there is none
            assert {old["default"], new["default"]} == {None, b"NULL".hex().upper()}
        month.alter(name, nullable=was_nullable)
        assert month.lines() == before


def test_a_type_alone_changes_the_type_alone(month: Month) -> None:
    before = month.lines()
    for name, wider in ((n, shape.wider) for n, shape in month.shapes.items() if shape.wider):
        old = month.facts(name)
        month.alter(name, type=wider)
        new = month.facts(name)
        allowed = {"type"}
        if "CURRENT_TIMESTAMP" in month.shapes[name].sql:
            allowed |= {"default", "extra"}  # its precision is the type's
        assert changed(old, new) <= allowed, name
        month.alter(name, type=old["type"])
        assert month.lines() == before


def test_a_name_alone_changes_the_name_alone(month: Month) -> None:
    before = month.lines()
    for name, shape in month.shapes.items():
        if shape.referred and month.dialect.name == "mysql":
            continue
        old = month.facts(name)
        month.alter(name, name="new `name`")
        assert changed(old, month.facts("new `name`")) == {"name"}
        month.alter("new `name`", name=name)
        assert month.lines() == before


def test_a_name_together_with_a_comment_changes_both_and_no_more(month: Month) -> None:
    before = month.lines()
    for name, shape in month.shapes.items():
        if shape.referred and month.dialect.name == "mysql":
            continue
        old = month.facts(name)
        month.alter(name, name="renamed", comment="new")
        assert changed(old, month.facts("renamed")) == {"name", "comment"}
        month.alter("renamed", name=name, comment=old["comment"])
        assert month.lines() == before


def test_a_default_alone_changes_the_default_alone(month: Month) -> None:
    before = month.lines()
    for name, shape in month.shapes.items():
        if shape.defaults is None:
            continue
        new, old = shape.defaults
        facts = month.facts(name)
        month.alter(name, default=new)
        # MySQL tells expressions and CURRENT_TIMESTAMP among the extras
        difference = changed(facts, month.facts(name))
        assert "default" in difference
        assert difference <= {"default", "extra"}
        month.alter(name, default=old)
        assert month.lines() == before


def test_a_default_together_with_a_comment_changes_both_and_no_more(month: Month) -> None:
    before = month.lines()
    for name, shape in month.shapes.items():
        if shape.defaults is None:
            continue
        new, old = shape.defaults
        comment = month.facts(name)["comment"]
        month.alter(name, default=new, comment="new")
        month.alter(name, default=old, comment=comment)
        assert month.lines() == before


def test_a_place_alone_changes_the_place_alone(month: Month) -> None:
    before = month.lines()[1 : len(month.shapes) + 1]
    for name in month.shapes:
        month.alter(name, after="")
    assert month.lines()[1 : len(month.shapes) + 1] == before[::-1]


# -- single rules, on one column each -------------------------------------------------------------


@pytest.fixture
def column(server_url: str) -> Iterator[Callable[[str], Month]]:
    """A month table of which one column, `c`, is as a test says."""
    database = open_database(server_url)
    with database.connect() as connection:
        yield lambda sql: Month(database, connection, {"id": SHAPES["id"], "c": Shape(sql)})


Column = Callable[[str], Month]


def test_a_column_goes_behind_another(column: Column) -> None:
    month = column("int NOT NULL COMMENT 'c'")
    before = month.lines()
    month.alter("id", after="C")
    assert month.lines()[1:3] == [before[2], before[1]]
    month.alter("c", after="id")
    assert month.lines() == before


def test_an_empty_comment_drops_the_comment(column: Column) -> None:
    month = column("varchar(9) NOT NULL DEFAULT 'x' COMMENT 'y'")
    month.alter("c", comment="")
    assert month.line("c") == "`c` varchar(9) NOT NULL DEFAULT 'x'"


def test_all_at_once_is_one_statement(column: Column) -> None:
    month = column("varchar(9) CHARACTER SET latin1 DEFAULT 'x' COMMENT 'y'")
    month.alter(
        "c",
        name="d",
        type="VARCHAR(30)",
        nullable=False,
        default="'z'",
        comment="it's",
        after="",
    )
    assert month.lines()[1].strip(" ,").replace(" COLLATE latin1_swedish_ci", "") == (
        "`d` varchar(30) CHARACTER SET latin1 NOT NULL DEFAULT 'z' COMMENT 'it''s'"
    )


def test_a_charset_or_collation_that_the_revision_names_replaces_both(column: Column) -> None:
    month = column("varchar(9) CHARACTER SET latin1 COLLATE latin1_bin COMMENT 'x'")
    month.alter("c", type="VARCHAR(9) COLLATE utf8mb4_bin")
    assert month.facts("c")["collation"] == "utf8mb4_bin"
    month.alter("c", type="VARCHAR(9) CHARACTER SET greek")
    assert month.facts("c")["collation"] == "greek_general_ci"
    assert month.facts("c")["comment"] == "x"


@pytest.mark.parametrize("kind", ["INTEGER", "DATE", "VARBINARY(20)", "JSON", "NVARCHAR(20)"])
def test_a_type_that_takes_no_charset_loses_it(column: Column, kind: str) -> None:
    month = column("varchar(9) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL COMMENT 'x'")
    month.alter("c", type=kind)
    assert "latin1" not in month.line("c")
    assert "NOT NULL" in month.line("c")
    assert month.facts("c")["comment"] == "x"


@pytest.mark.parametrize("kind", ["CHAR(20)", "CHARACTER VARYING(20)", "ENUM('a')", "MEDIUMTEXT"])
def test_a_type_that_takes_a_charset_keeps_it(column: Column, kind: str) -> None:
    month = column("varchar(9) CHARACTER SET latin1 COLLATE latin1_bin")
    month.alter("c", type=kind)
    assert month.facts("c")["collation"] == "latin1_bin"


def test_a_type_that_is_no_moment_loses_on_update(column: Column) -> None:
    month = column("datetime NULL ON UPDATE CURRENT_TIMESTAMP COMMENT 'x'")
    month.alter("c", type="VARCHAR(20)")
    assert month.line("c") == "`c` varchar(20) DEFAULT NULL COMMENT 'x'"


def test_a_new_precision_reaches_default_and_on_update(column: Column) -> None:
    month = column("datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
    month.alter("c", type="DATETIME(6)")
    assert month.line("c") == (
        "`c` datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"
    )


@pytest.mark.parametrize("said", [{"default": "'2020-01-01 00:00:00'"}, {"default": ""}])
def test_a_default_alone_keeps_on_update(column: Column, said: dict[str, str]) -> None:
    month = column("datetime NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
    month.alter("c", **said)
    assert "ON UPDATE CURRENT_TIMESTAMP" in month.line("c")
    assert "DEFAULT CURRENT_TIMESTAMP" not in month.line("c")


def test_a_default_that_names_on_update_sets_it(column: Column) -> None:
    month = column("timestamp(3) NULL DEFAULT NULL COMMENT 'x'")
    month.alter("c", default="CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)")
    assert month.line("c") == (
        "`c` timestamp(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"
        " COMMENT 'x'"
    )


def test_a_dropped_default_is_gone(column: Column) -> None:
    month = column("int NOT NULL DEFAULT 3 COMMENT 'x'")
    month.alter("c", default="")
    assert month.line("c").endswith(" NOT NULL COMMENT 'x'")
    month.alter("c", default="4")
    month.alter("c", default="", comment="y")
    assert month.line("c").endswith(" NOT NULL COMMENT 'y'")


def test_not_null_takes_default_null_away_and_no_other_default(column: Column) -> None:
    month = column("int DEFAULT NULL")
    month.alter("c", nullable=False)
    assert month.line("c").endswith(" NOT NULL")
    month = column("varchar(9) DEFAULT 'NULL'")
    month.alter("c", nullable=False)
    assert month.line("c") == "`c` varchar(9) NOT NULL DEFAULT 'NULL'"


@pytest.mark.parametrize("said", [{"nullable": True}, {"comment": "y"}, {"type": "TIMESTAMP"}])
def test_a_timestamp_stays_nullable_where_the_server_would_not_have_it_so(
    column: Column, said: dict[str, Any]
) -> None:
    month = column("datetime DEFAULT NULL COMMENT 'x'")
    month.run("SET SESSION explicit_defaults_for_timestamp = 0")
    month.alter("c", type="TIMESTAMP")
    month.alter("c", **said)
    assert month.line("c").startswith("`c` timestamp NULL DEFAULT NULL")


def test_a_month_that_differs_keeps_what_is_its_own(column: Column) -> None:
    for own in ("DEFAULT 'a'", "CHARACTER SET latin1", "COMMENT '订单'", "DEFAULT '' COMMENT '%'"):
        month = column(f"varchar(20) {own}")
        before = month.facts("c")
        month.alter("c", nullable=False)
        assert changed(before, month.facts("c")) <= {"nullable", "default"}
        month.alter("c", nullable=True)
        assert month.facts("c") == before


def test_a_name_alone_and_a_default_alone_need_no_definition(column: Column) -> None:
    month = column("int DEFAULT 1")
    assert month.statement("c", name="d").sql == (f"ALTER TABLE `{TABLE}` RENAME COLUMN `c` TO `d`")
    assert month.statement("c", default="-2").sql == (
        f"ALTER TABLE `{TABLE}` ALTER COLUMN `c` SET DEFAULT -2"
    )
    assert month.statement("c", default="").sql == (
        f"ALTER TABLE `{TABLE}` ALTER COLUMN `c` DROP DEFAULT"
    )


def test_a_column_is_found_whatever_the_case_of_its_name(column: Column) -> None:
    month = column("int COMMENT 'x'")
    month.alter("C", comment="y")
    assert month.facts("c")["comment"] == "y"


def test_a_column_that_is_not_there_is_refused_with_those_that_are(column: Column) -> None:
    month = column("int")
    with pytest.raises(RevisionRefused, match=f"{TABLE} has no column room.* are id, c"):
        month.alter("room", nullable=False)
    with pytest.raises(RevisionRefused, match=f"{TABLE} has no column room.* are id, c"):
        month.alter("c", after="room")


def test_mariadb_renames_a_column_in_its_own_check(mariadb_url: str) -> None:
    database = open_database(mariadb_url)
    with database.connect() as connection:
        shape = Shape("int DEFAULT 2 CHECK ((`c` > 0) and 'c' <> '`c`')")
        month = Month(database, connection, {"id": SHAPES["id"], "c": shape})
        month.alter("c", name="d", comment="x")
        assert month.line("d").endswith("DEFAULT 2 COMMENT 'x' CHECK (`d` > 0 and 'c' <> '`c`')")


def test_mariadb_has_no_not_null_for_a_generated_column(mariadb_url: str) -> None:
    database = open_database(mariadb_url)
    with database.connect() as connection:
        shape = Shape("int GENERATED ALWAYS AS (1) VIRTUAL")
        month = Month(database, connection, {"id": SHAPES["id"], "c": shape})
        month.alter("c", nullable=True, comment="x")
        with pytest.raises(RevisionRefused, match="generated column"):
            month.alter("c", nullable=False)
