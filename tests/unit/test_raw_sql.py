"""Raw SQL as clauses: where a family's name means its table, and where it may not be read so."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.clause import Clause, ObjectName, Sql, TableName
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.raw import Flavour, clauses

FAMILIES = ("t_order", "t_user")


def read(text: str, flavour: Flavour = "mysql", **options: bool) -> tuple[Clause, ...]:
    return clauses(text, FAMILIES, flavour=flavour, **options)


def shown(clause: Clause) -> str:
    """A clause's text with ‹brackets› around the names that each table fills in."""
    (action,) = clause.actions
    assert isinstance(action, Sql)
    return "".join(_shown_parts(action))


def _shown_parts(action: Sql) -> Iterator[str]:
    for part in action.parts:
        match part:
            case TableName(name):
                yield f"‹{name}›"
            case ObjectName(kind, name, existing):
                yield f"‹{kind}{' as is' if existing else ''} {name}›"
            case str():
                yield part


def family(text: str) -> str:
    """The statement itself: what stands in ‹brackets› without them."""
    return re.sub(r"‹(?:(?:check|foreign key|index)(?: as is)? )?([^›]*)›", r"\1", text)


# In ‹brackets› is what must be found; without them the text is the statement as it is given.
DDL_OF_A_FAMILY = [
    "ALTER TABLE ‹t_order› ADD COLUMN room_id BIGINT NOT NULL DEFAULT 0 COMMENT 't_order'",
    "alter table ‹t_order› add t_order int after t_order",
    "ALTER TABLE ‹t_order› ADD COLUMN (a INT, t_order INT, c ENUM('t_order', 'x;y'))",
    "ALTER TABLE ‹t_order› ADD COLUMN a INT AFTER `t_order`, ADD INDEX t_order (a, `t_order`)",
    "ALTER TABLE ‹t_order› ADD UNIQUE KEY t_order (t_order), ADD FULLTEXT INDEX t_order (t_order)",
    "ALTER TABLE ‹t_order› MODIFY t_order VARCHAR(20) DEFAULT \"t_order\"",
    "ALTER TABLE ‹t_order› CHANGE COLUMN t_order t_order BIGINT, CHANGE x t_order INT",
    "ALTER TABLE ‹t_order› CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "ALTER TABLE ‹t_order› RENAME COLUMN t_order TO x, RENAME INDEX t_order TO t_order",
    "ALTER TABLE ‹t_order› ALTER t_order SET DEFAULT 1, ALTER COLUMN t_order DROP DEFAULT",
    "ALTER TABLE ‹t_order› ALTER INDEX t_order INVISIBLE, ORDER BY a, b",
    "ALTER TABLE ‹t_order› COMMENT = 'about t_order; and `t_order`', ENGINE=InnoDB",
    "ALTER TABLE ‹t_order› DROP PRIMARY KEY, ADD PRIMARY KEY (t_order, id)",
    "ALTER TABLE ‹t_order› DROP INDEX t_order, DROP KEY k",
    "ALTER TABLE ‹t_order› ADD PARTITION (PARTITION t_order VALUES LESS THAN (5))",
    "ALTER TABLE ‹t_order› PARTITION BY HASH (t_order) PARTITIONS 4",
    "ALTER TABLE ‹t_order› REORGANIZE PARTITION t_order INTO (PARTITION p1 VALUES IN (1))",
    "ALTER TABLE ‹t_order› ADD CONSTRAINT ‹check c› CHECK (t_order > 0)",
    "ALTER TABLE ‹t_order› ADD CONSTRAINT CHECK (a > 0), ADD CHECK (b > 't_order')",
    "ALTER TABLE ‹t_order› ADD a INT CONSTRAINT ‹check c› CHECK (a IN (1, 2))",
    "ALTER TABLE ‹t_order› ADD CONSTRAINT u UNIQUE (a), ADD CONSTRAINT PRIMARY KEY (t_order)",
    "ALTER TABLE ‹t_order› DROP CHECK ‹check as is c›, ADD CONSTRAINT ‹check c› CHECK (a > 1)",
    "ALTER TABLE ‹t_order› DROP FOREIGN KEY ‹foreign key as is f›, DROP CONSTRAINT ‹check as is c›",
    "ALTER TABLE ‹t_order› DROP CONSTRAINT `PRIMARY`",
    "ALTER TABLE ‹t_order› ALTER CHECK ‹check as is c› NOT ENFORCED",
    "ALTER TABLE ‹t_order› ALTER CONSTRAINT ‹check as is c› ENFORCED",
    "ALTER TABLE ‹t_order› ADD CONSTRAINT ‹foreign key f› FOREIGN KEY (u) REFERENCES ‹t_user› (id)",
    "ALTER TABLE ‹t_order› ADD CONSTRAINT ‹foreign key f› FOREIGN KEY ix (u) REFERENCES u (id)",
    "ALTER TABLE ‹t_order› ADD FOREIGN KEY (parent) REFERENCES ‹t_order› (id) ON DELETE CASCADE",
    "ALTER TABLE ‹t_order› ADD FOREIGN KEY ix (u) REFERENCES ‹t_user› (id)",
    "ALTER TABLE ‹t_order› ADD a INT /* t_order */, ALGORITHM=INPLACE, LOCK=NONE",
    "ALTER TABLE ‹t_order› /*!80023 ALGORITHM=INSTANT, */ ADD a INT",
    "ALTER TABLE ‹t_order›\n\tADD a INT -- t_order; here\n, ADD b INT # t_order;\n, ADD c INT",
    "ALTER TABLE ‹t_order› ADD a VARCHAR(9) DEFAULT 'it''s \\'t_order\\' 100%' COMMENT '订单;'",
    "ALTER TABLE/**/‹t_order›/**/FORCE",
    "CREATE INDEX ix ON ‹t_order› (a)",
    "CREATE UNIQUE INDEX t_order USING BTREE ON ‹t_order› (t_order(10) DESC, (a + 1)) COMMENT 'x'",
    "CREATE FULLTEXT INDEX ix ON ‹t_order› (body) WITH PARSER ngram ALGORITHM=INPLACE",
    "CREATE SPATIAL INDEX ix ON ‹t_order› (place)",
    "DROP INDEX t_order ON ‹t_order› ALGORITHM=INPLACE",
    "ANALYZE TABLE ‹t_order›",
    "OPTIMIZE NO_WRITE_TO_BINLOG TABLE ‹t_order›",
    "CHECK TABLE ‹t_order› FOR UPGRADE",
    "REPAIR LOCAL TABLE ‹t_order›",
    "CREATE TABLE ‹t_order› (id INT, t_order INT, KEY t_order (t_order)) COMMENT='t_order'",
    "CREATE TABLE ‹t_order› (a INT, CONSTRAINT ‹check t_order› CHECK (a > 0), "
    "CONSTRAINT ‹foreign key f› FOREIGN KEY (a) REFERENCES ‹t_user› (id), CONSTRAINT u UNIQUE (a))",
    "CREATE TABLE ‹t_order› LIKE t_order_of_old",
]  # fmt: skip


@pytest.mark.parametrize("expected", DDL_OF_A_FAMILY)
def test_ddl_of_a_family_is_spliced_at_its_names(expected: str) -> None:
    (clause,) = read(family(expected))
    assert shown(clause) == expected
    assert (clause.table, clause.data) == ("t_order", False)
    assert clause.presence == ("create" if expected.startswith("CREATE TABLE") else "")


@pytest.mark.parametrize(
    "expected",
    [
        "ALTER ONLINE TABLE ‹t_order› ADD COLUMN IF NOT EXISTS t_order INT",
        "ALTER TABLE IF EXISTS ‹t_order› WAIT 5 ADD COLUMN a INT",
        "ALTER TABLE ‹t_order› ADD CONSTRAINT IF NOT EXISTS ‹check c› CHECK (a > 0)",
        "ALTER TABLE ‹t_order› DROP CONSTRAINT IF EXISTS ‹check as is c›",
        "ALTER TABLE ‹t_order› DROP FOREIGN KEY IF EXISTS ‹foreign key as is f›",
        "ALTER TABLE ‹t_order› ADD FOREIGN KEY ‹foreign key f› (u) REFERENCES ‹t_user› (id)",
        "ALTER TABLE ‹t_order› ADD FOREIGN KEY IF NOT EXISTS ‹foreign key f› (u) REFERENCES u (id)",
        "ALTER TABLE ‹t_order› ADD CONSTRAINT ‹foreign key f› FOREIGN KEY i (u) REFERENCES u (id)",
        "CREATE INDEX IF NOT EXISTS t_order ON ‹t_order› (a)",
    ],
)
def test_what_mariadb_has_beyond_mysql_is_known(expected: str) -> None:
    (clause,) = read(family(expected), "mariadb")
    assert (shown(clause), clause.table) == (expected, "t_order")


@pytest.mark.parametrize(
    "expected",
    [
        "ALTER TABLE ‹t_order› ADD COLUMN \"t_order\" TEXT DEFAULT '\\'",
        "ALTER TABLE ‹t_order› RENAME COLUMN a TO t_order",
        "ALTER TABLE ‹t_order› RENAME a TO t_order",
        "CREATE UNIQUE INDEX IF NOT EXISTS ‹index ix› ON ‹t_order› (t_order) WHERE a > 0",
        "ANALYZE ‹t_order›",
    ],
)
def test_what_sqlite_has_of_its_own_is_known(expected: str) -> None:
    (clause,) = read(family(expected), "sqlite")
    assert (shown(clause), clause.table) == (expected, "t_order")


def test_an_index_that_sqlite_drops_is_looked_up() -> None:
    indexes = {"ix": "t_order", "plain": "t_coin"}
    text = "DROP INDEX IF EXISTS ix; DROP INDEX plain"
    of_family, plain = clauses(text, FAMILIES, flavour="sqlite", indexes=indexes)
    assert (of_family.table, shown(of_family)) == (
        "t_order",
        "DROP INDEX IF EXISTS ‹index as is ix›",
    )
    assert (plain.table, shown(plain)) == ("t_coin", "DROP INDEX plain")
    with pytest.raises(RevisionRefused, match=r"op\.drop_index"):
        clauses("DROP INDEX other", FAMILIES, flavour="sqlite", indexes=indexes)


DML_OF_A_FAMILY = [
    "UPDATE ‹t_order› SET t_order = 't_order' WHERE t_order = 1",
    "UPDATE ‹t_order› SET ‹t_order›.t_order = 1 WHERE ‹t_order›.`t_order` = 2 ORDER BY t_order",
    "UPDATE LOW_PRIORITY IGNORE ‹t_order› SET a = 1",
    "UPDATE ‹t_order› AS o SET o.a = (SELECT MAX(a) FROM t_coin WHERE id = o.id)",
    "UPDATE ‹t_order› o JOIN t_coin c ON c.id = o.id SET o.coin = c.coin",
    "UPDATE ‹t_order›, t_coin SET ‹t_order›.a = t_coin.a WHERE ‹t_order›.id = t_coin.id",
    "UPDATE ‹t_order› JOIN t_coin USING (t_order) SET ‹t_order›.a = 1",
    "UPDATE ‹t_order› SET a = TRIM(LEADING 'x' FROM t_order), b = a -> '$.t_order'",
    "UPDATE ‹t_order› o LEFT JOIN (SELECT id, MAX(x) m FROM ‹t_order›) z ON 1 SET o.a = z.m",
    "UPDATE /*+ NO_MERGE(o) */ ‹t_order› o SET o.a = 1 -- t_order\n WHERE o.b = \"t_order\"",
    "UPDATE ‹t_order› SET a = shardctl_bind_0a1b_0, b = 'shardctl_bind_0a1b_1', c = '50% 订单 😀'",
    "UPDATE ‹t_order› PARTITION (p0) SET a = 1",
    "DELETE FROM ‹t_order› WHERE t_order IS NULL LIMIT 10",
    "DELETE QUICK FROM ‹t_order›",
    "DELETE ‹t_order› FROM ‹t_order› JOIN t_coin c ON c.id = ‹t_order›.id",
    "DELETE o FROM ‹t_order› AS o JOIN t_coin c ON c.id = o.id",
    "DELETE FROM o USING ‹t_order› AS o JOIN t_coin c ON c.id = o.id",
    "WITH c AS (SELECT id FROM ‹t_order›) DELETE FROM ‹t_order› WHERE id IN (SELECT id FROM c)",
    "WITH RECURSIVE c AS (SELECT 1) UPDATE ‹t_order› SET a = (SELECT MAX(x) FROM c)",
    "INSERT INTO ‹t_order› (t_order, a) SELECT t_order, a FROM ‹t_order› WHERE ‹t_order›.a = 1",
    "INSERT IGNORE INTO ‹t_order› SELECT * FROM ‹t_order› AS n ON DUPLICATE KEY UPDATE t_order = 1",
    "REPLACE DELAYED INTO ‹t_order› SELECT /*+ MAX_EXECUTION_TIME(9) */ * FROM ‹t_order›",
    "UPDATE ‹t_order› SET a = REPLACE(a, 't_order', 'x')",
]  # fmt: skip


@pytest.mark.parametrize("expected", DML_OF_A_FAMILY)
@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_dml_of_a_family_is_spliced_at_its_names(expected: str, flavour: Flavour) -> None:
    (clause,) = read(family(expected), flavour)
    assert shown(clause) == expected
    assert (clause.table, clause.data, clause.presence) == ("t_order", True, "")


@pytest.mark.parametrize(
    "expected",
    [
        "UPDATE OR IGNORE ‹t_order› SET a = u.a FROM u WHERE u.id = ‹t_order›.id",
        "DELETE FROM ‹t_order› WHERE [t_order] = 't_order' RETURNING *",
        "INSERT OR REPLACE INTO ‹t_order›(a) SELECT a FROM ‹t_order› WHERE 1 "
        "ON CONFLICT(a) DO UPDATE SET a = excluded.a",
    ],
)
def test_dml_of_sqlite_is_spliced_at_its_names(expected: str) -> None:
    (clause,) = read(family(expected), "sqlite")
    assert (shown(clause), clause.table, clause.data) == (expected, "t_order", True)


def test_rows_of_one_family_go_to_another_month_by_month_where_that_is_said() -> None:
    text = "INSERT INTO t_user (id) SELECT user_id FROM t_order"
    with pytest.raises(RevisionRefused, match="each_month=True"):
        read(text)
    (clause,) = read(text, each_month=True)
    assert clause.table == "t_user"
    assert shown(clause) == "INSERT INTO ‹t_user› (id) SELECT user_id FROM ‹t_order›"


MARKED = [
    ("ALTER TABLE {t_order} ADD CHECK ({t_order}.a > 0)",
     "ALTER TABLE ‹t_order› ADD CHECK (‹t_order›.a > 0)"),
    ("UPDATE {t_order} SET a = @x := 3, t_order = t_order(1)",
     "UPDATE ‹t_order› SET a = @x := 3, t_order = t_order(1)"),
    ("UPDATE {t_order} AS t_order SET t_order.a = '{t_order}' -- {t_order}\n WHERE 1",
     "UPDATE ‹t_order› AS t_order SET t_order.a = '{t_order}' -- {t_order}\n WHERE 1"),
    ("DELETE FROM {t_order} WHERE @x := a",
     "DELETE FROM ‹t_order› WHERE @x := a"),
    ("WITH t_order AS (SELECT 1 a) UPDATE {t_order} SET a = (SELECT a FROM t_order)",
     "WITH t_order AS (SELECT 1 a) UPDATE ‹t_order› SET a = (SELECT a FROM t_order)"),
    ("UPDATE shop.{t_order} SET T_ORDER = 1",
     "UPDATE shop.‹t_order› SET T_ORDER = 1"),
    ("INSERT INTO {t_order} (a) SELECT @x := a FROM {t_order}",
     "INSERT INTO ‹t_order› (a) SELECT @x := a FROM ‹t_order›"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MARKED)
def test_a_name_in_braces_is_the_table_and_nothing_else_is(text: str, expected: str) -> None:
    (clause,) = read(text)
    assert (shown(clause), clause.table) == (expected, "t_order")


PLAIN = [
    ("ALTER TABLE ‹t_coin› ADD COLUMN t_order INT", "t_coin", {}),
    ("ALTER TABLE ‹t_coin› ADD CONSTRAINT c CHECK (t_order > 0), DROP CHECK d", "t_coin", {}),
    ("ALTER TABLE ‹t_coin› ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES t_bank (id)", "t_coin", {}),
    ("ALTER TABLE ‹t_coin› RENAME TO ‹t_money›", "t_money", {"renamed_from": "t_coin"}),
    ("ALTER TABLE ‹t_coin› RENAME ‹t_money›", "t_money", {"renamed_from": "t_coin"}),
    ("RENAME TABLE ‹t_coin› TO ‹t_money›", "t_money", {"renamed_from": "t_coin"}),
    ("CREATE INDEX t_order ON ‹t_coin› (t_order)", "t_coin", {}),
    ("CREATE TABLE ‹t_coin› (a INT, CONSTRAINT c CHECK (a > 0))", "t_coin", {"presence": "create"}),
    ("DROP TABLE IF EXISTS ‹t_coin›", "t_coin", {"presence": "drop", "loses": "table t_coin"}),
    ("TRUNCATE TABLE ‹t_coin›", "t_coin", {"loses": "all rows of t_coin"}),
    ("ANALYZE TABLE ‹t_coin›", "t_coin", {}),
    ("UPDATE ‹t_coin› c SET t = 't_order'", "t_coin", {"data": True}),
    ("INSERT INTO ‹t_coin› VALUES ('t_order', \"t_user\"), (';', '--')", "t_coin", {"data": True}),
    ("REPLACE ‹t_coin› SET a = 1", "t_coin", {"data": True}),
    ("DELETE FROM ‹t_coin› WHERE a = 1", "t_coin", {"data": True}),
    ("UPDATE ‹t_coin› SET t_order = 1", "t_coin", {"data": True}),
    ("INSERT INTO ‹t_coin› (t_order) SELECT t_order FROM t_bank", "t_coin", {"data": True}),
    ("DELETE a FROM t_coin a JOIN t_bank b USING (id)", "", {"data": True}),
    ("UPDATE a, b SET a.x = b.x", "", {"data": True}),
    ("INSERT INTO shop.t_coin VALUES (1)", "", {"data": True}),
    ("CREATE VIEW v AS SELECT 't_order'", "", {}),
    ("GRANT SELECT ON shop.* TO reader", "", {}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "table", "fields"), PLAIN)
def test_sql_of_a_plain_table_is_a_clause_on_it(
    expected: str, table: str, fields: dict[str, object]
) -> None:
    (clause,) = read(family(expected))
    assert (shown(clause), clause.table) == (expected, table)
    if "renamed_from" in fields:
        fields = {"presence": "rename", **fields}
    plain = {"data": False, "presence": "", "renamed_from": "", "loses": ""}
    assert {name: getattr(clause, name) for name in plain} == {**plain, **fields}


def test_if_not_exists_of_a_table_is_left_to_the_comparison() -> None:
    (clause,) = read("CREATE TABLE  IF NOT EXISTS `t_order` (a INT)")
    assert shown(clause) == "CREATE TABLE  ‹t_order› (a INT)"
    assert clause.presence == "create"


@pytest.mark.parametrize(
    ("parts", "loses"),
    [
        ("DROP COLUMN a, DROP `index`, ADD b INT", "column a, column index"),
        ("DROP COLUMN IF EXISTS a", "column a"),
        ("DROP INDEX a, DROP KEY b, DROP CHECK c, DROP PRIMARY KEY, DROP FOREIGN KEY d", ""),
        ("DROP CONSTRAINT a, ALTER b DROP DEFAULT, ADD c INT COMMENT 'DROP COLUMN d'", ""),
        ("DROP PARTITION p0, p1", "the rows of partitions that are dropped"),
        ("TRUNCATE PARTITION p0", "the rows of partitions that are emptied"),
        ("DROP SYSTEM VERSIONING", "the history of all rows"),
    ],
)
def test_what_is_lost_is_said(parts: str, loses: str) -> None:
    (clause,) = read(f"ALTER TABLE t_order {parts}", "mariadb")
    assert clause.loses == loses
    (clause,) = read(f"ALTER IGNORE TABLE t_order {parts}", "mariadb")
    assert clause.loses.startswith("rows that a new unique index finds double")


UNCLEAR = r"write \{t_order\}"
REFUSED = [
    # whole tables of a family
    ("DROP TABLE t_order", "drop every month"),
    ("DROP TABLE a, b", "one statement for each"),
    ("TRUNCATE t_order", "DELETE FROM t_order"),
    ("RENAME TABLE t_order TO t_x", "t_order is a family"),
    ("RENAME TABLE t_x TO t_order", "t_order is a family"),
    ("RENAME TABLE a TO b, c TO d", "one statement for each"),
    ("ALTER TABLE t_order RENAME TO x", "t_order is a family"),
    ("ALTER TABLE x RENAME AS t_order", "t_order is a family"),
    ("ALTER TABLE x ADD a INT, RENAME TO y", "RENAME by itself"),
    ("CREATE OR REPLACE TABLE t_order (a INT)", "OR REPLACE"),
    ("CREATE TABLE t_copy LIKE t_order", "LIKE t_order"),
    ("CREATE TABLE t_copy (LIKE `t_order`)", "LIKE t_order"),
    ("CREATE TABLE t_copy AS SELECT * FROM t_order", "INSERT … SELECT"),
    ("CREATE TABLE t_all (a INT) ENGINE=MERGE UNION=(t_order)", UNCLEAR),
    ("CREATE TEMPORARY TABLE t (a INT)", "session"),
    ("DROP DATABASE shop", "does not drop databases"),
    # one table that would be bound to many
    ("ALTER TABLE t_coin ADD FOREIGN KEY (a) REFERENCES t_order (id)", "none of these has all"),
    ("CREATE TABLE t_coin (a INT REFERENCES t_order (id))", "none of these has all"),
    ("ALTER TABLE t_coin ADD CHECK ({t_order}.a > 0)", "no part of it"),
    ("ALTER TABLE t_order EXCHANGE PARTITION p WITH TABLE t_x", "outside of a revision"),
    ("ALTER TABLE t_order CONVERT PARTITION p TO TABLE t_x", "outside of a revision"),
    ("CREATE TRIGGER x BEFORE INSERT ON t_order FOR EACH ROW SET NEW.a = 1; x", "not supported"),
    ("CREATE VIEW v AS SELECT * FROM t_order", "cannot|not a statement"),
    ("CREATE VIEW v AS SELECT * FROM {t_order}", "not a statement"),
    ("FLUSH TABLES t_order FOR EXPORT", "not a statement"),
    # another database
    ("ALTER TABLE shop.t_order ADD a INT", "a database before t_order"),
    ("ALTER TABLE `shop`.`t_coin` ADD a INT", "a database before `t_coin`"),
    ("UPDATE shop.t_order SET a = 1", UNCLEAR),
    ("UPDATE t_coin SET a = shop.t_order.a", UNCLEAR),
    # where the name may mean anything
    ("ALTER TABLE t_order ADD CHECK (t_order.a > 0)", UNCLEAR),
    ("ALTER TABLE t_order ADD a INT COLLATE t_order", UNCLEAR),
    ("ANALYZE TABLE t_order UPDATE HISTOGRAM ON t_order", UNCLEAR),
    ("UPDATE t_order t_order SET a = 1", UNCLEAR),
    ("UPDATE t_coin AS t_order SET a = 1", UNCLEAR),
    ("UPDATE t_order SET a = (SELECT MAX(a) AS t_order FROM t_order)", UNCLEAR),
    ("WITH t_order AS (SELECT 1) UPDATE t_order SET a = 1", UNCLEAR),
    ("UPDATE t_order SET a = t_order(1)", UNCLEAR),
    ("UPDATE t_coin SET a = t_order.a", UNCLEAR),
    ("UPDATE t_order SET a = @x := 1", UNCLEAR),
    ("UPDATE t_order USE INDEX (t_order) SET a = 1", UNCLEAR),
    ("UPDATE T_Order SET a = 1", r"the family is called t_order"),
    ("ALTER TABLE `T_ORDER` ADD a INT", r"the family is called t_order"),
    ("ALTER TABLE {t_order} ADD FOREIGN KEY (a) REFERENCES t_order (a)", UNCLEAR),
    ("ALTER TABLE t_order ADD CHECK ({t_order}.a > 0)", UNCLEAR),
    # braces that are not exactly so
    ("ALTER TABLE {t_oder} ADD a INT", r"\{t_oder\}: no family .* t_order, t_user"),
    ("ALTER TABLE `{t_order}` ADD a INT", "no quotes"),
    ("CREATE TABLE {t_order}_archive (a INT)", "stand alone"),
    ("CREATE TABLE old_{t_order} (a INT)", "stand alone"),
    # comments that the server reads
    ("ALTER TABLE t_order /*!80000 RENAME t_order_x, */ ADD a INT; ALTER TABLE /*! t_order */ x",
     "executable comment"),
    ("UPDATE /*+ NO_INDEX(t_order) */ t_order SET a = 1", "alias"),
    ("ALTER TABLE t_order ADD a INT /*!80000 , DROP COLUMN b */", "write it plainly"),
    ("/*!40101 SET NAMES utf8 */; ALTER TABLE t_order ADD a INT", "write it plainly"),
    # rows whose month is not told
    ("INSERT INTO t_order VALUES (1)", "which month"),
    ("INSERT INTO t_order SET a = 1", "which month"),
    ("REPLACE INTO {t_order} (a) VALUES (@x := 1)", "which month"),
    ("INSERT INTO t_order SELECT * FROM t_legacy", "each_month=True"),
    ("INSERT INTO t_sum SELECT COUNT(*) FROM t_order", "each_month=True"),
    ("UPDATE t_coin c JOIN t_order o ON o.id = c.id SET c.a = o.a", "changes t_coin"),
    ("UPDATE t_order o JOIN t_coin c ON c.id = o.id SET o.a = 1, c.a = 1", "changes t_coin"),
    ("UPDATE t_order o JOIN t_coin c ON c.id = o.id SET a = 1", "changes t_coin"),
    ("UPDATE t_order o JOIN t_coin C ON C.id = o.id SET o.a = 1, c.a = 1", "changes a table"),
    ("DELETE o, c FROM t_order o JOIN t_coin c", "changes t_coin"),
    ("DELETE FROM t_coin WHERE id IN (SELECT id FROM t_order)", "changes t_coin"),
    ("UPDATE {t_order} o JOIN t_coin SET a = @x := 1", "each_month=True"),
    ("LOAD DATA INFILE 'x' INTO TABLE t_order", "rows of a file"),
    # what has no place in a revision
    ("CALL fill()", "cannot be seen"),
    ("PREPARE s FROM 'DROP TABLE t_order'", "cannot be seen"),
    ("SELECT * FROM t_order", "changes nothing"),
    ("(SELECT 1)", "changes nothing"),
    ("WITH c AS (SELECT 1) SELECT * FROM c", "changes nothing"),
    ("SHOW TABLES", "changes nothing"),
    ("SET SESSION sql_mode = ''", "connections of their own"),
    ("USE shop", "connections of their own"),
    ("START TRANSACTION", "leave it out"),
    ("COMMIT", "leave it out"),
    ("LOCK TABLES t_order WRITE", "leave it out"),
    ("DELIMITER //", "client"),
    ("ALTER TABLE", "no table's name"),
    ("ALTER TABLE t_order ADD a INT COMMENT 'open", "does not end"),
    ("ALTER TABLE t_order ADD a INT /* open", "does not end"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_cannot_be_given_to_a_family_is_refused_with_the_way_out(
    text: str, reason: str
) -> None:
    with pytest.raises(RevisionRefused, match=reason):
        read(text)


@pytest.mark.parametrize(
    "text",
    ["UPDATE 't_order' SET a = 1", "ALTER TABLE 't_order' ADD a INT", "DELETE FROM 'T_ORDER'"],
)
def test_a_table_in_single_quotes_is_not_overlooked_on_sqlite(text: str) -> None:
    with pytest.raises(RevisionRefused, match="single quotes"):
        read(text, "sqlite")


@pytest.mark.parametrize(
    ("expected", "table"),
    [
        ("INSERT INTO t_sum SELECT COUNT(*) FROM ‹t_order›", "t_order"),
        ("INSERT INTO ‹t_order› SELECT * FROM t_legacy", "t_order"),
        ("UPDATE t_coin c JOIN ‹t_order› o ON o.id = c.id SET c.a = o.a", "t_order"),
    ],
)
def test_what_is_meant_once_a_month_is_taken_when_it_is_said(expected: str, table: str) -> None:
    (clause,) = read(family(expected), each_month=True)
    assert (shown(clause), clause.table, clause.data) == (expected, table, True)


def test_rows_of_two_families_are_no_month_of_either() -> None:
    with pytest.raises(RevisionRefused, match="whose months"):
        read("INSERT INTO t_sum SELECT 1 FROM t_order JOIN t_user USING (id)", each_month=True)


def test_a_literal_is_not_shown_when_a_statement_is_refused() -> None:
    with pytest.raises(RevisionRefused) as refused:
        read("SET PASSWORD = 'geheim'")
    assert "geheim" not in str(refused.value)
    assert "SET PASSWORD = '…'" in str(refused.value)


def test_a_text_is_split_where_a_statement_ends() -> None:
    text = """
        -- t_order; first
        ALTER TABLE t_order ADD a VARCHAR(9) DEFAULT ';' COMMENT "a;b" /* ; */;
        ; # nothing
        UPDATE `t_order` SET a = '\\';' WHERE `b;` = 1; -- t_order
    """
    assert [shown(clause) for clause in read(text)] == [
        "ALTER TABLE ‹t_order› ADD a VARCHAR(9) DEFAULT ';' COMMENT \"a;b\"",
        "UPDATE ‹t_order› SET a = '\\';' WHERE `b;` = 1",
    ]
    assert read(" ; -- nothing\n;") == ()


def test_a_program_keeps_the_statements_of_its_body() -> None:
    body = "CREATE DEFINER=`x`@`%` PROCEDURE p() BEGIN SELECT 1; SELECT 2; END"
    made, program = read(f"CREATE TABLE event (a INT); {body};")
    assert (made.table, shown(program)) == ("event", body)


@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_backslashes_end_strings_only_where_the_server_has_it_so(flavour: Flavour) -> None:
    text = "ALTER TABLE t_order ADD a TEXT DEFAULT '\\'; UPDATE t_order SET a = '\\'"
    with pytest.raises(RevisionRefused, match="does not end"):
        read(text, flavour)
    assert len(read(text, "sqlite")) == 2


def test_the_parser_is_loaded_only_for_dml_that_names_a_family() -> None:
    program = (
        "import sys; from shardctl.migrate.compile.raw import clauses\n"
        "for text in sys.argv[1:]:\n"
        "    clauses(text, ['t_order'], flavour='mysql')\n"
        "print('sqlglot' in sys.modules)"
    )
    texts = ["ALTER TABLE t_order ADD a INT", "UPDATE t_coin SET a = 1"]
    for given_texts, loaded in ((texts, "False"), ([*texts, "DELETE FROM t_order"], "True")):
        command = [sys.executable, "-c", program, *given_texts]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == loaded


BLANKS = st.lists(
    st.sampled_from([" ", "\n", "\t ", "/* t_order; */", "-- t_order;\n", "# `t_order` '\n"]),
    min_size=1,
    max_size=3,
).map(lambda parts: " " + "".join(parts))
LITERALS = st.text(alphabet="t_order;'\"`\\%{}-#/* 订😀", max_size=20).map(
    lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
)
SKELETONS = [
    ["ALTER", "TABLE", "t_order", "ADD", "t_order", "TEXT", "COMMENT", None, ",", "DROP", "b"],
    ["CREATE", "TABLE", "t_order", "(", "t_order", "INT", "COMMENT", None, ")"],
    ["CREATE", "INDEX", "t_order", "ON", "t_order", "(", "t_order", ")", "COMMENT", None],
    ["UPDATE", "t_order", "SET", "t_order", "=", None, "WHERE", "t_order.", "t_order", ">", None],
    ["DELETE", "FROM", "t_order", "WHERE", "a", "IN", "(", None, ",", None, ")"],
    ["INSERT", "INTO", "t_order", "SELECT", "a", ",", None, "FROM", "t_order"],
]  # fmt: skip


@given(st.data(), st.sampled_from(SKELETONS))
def test_parts_put_together_give_the_statement_as_it_was(
    data: st.DataObject, skeleton: list[str | None]
) -> None:
    words = [data.draw(LITERALS) if word is None else word for word in skeleton]
    text = words[0] + "".join(data.draw(BLANKS) + word for word in words[1:])
    (clause,) = read(f"{data.draw(BLANKS)}{text}{data.draw(BLANKS)};")
    (action,) = clause.actions
    assert isinstance(action, Sql)
    assert "".join(p if isinstance(p, str) else p.name for p in action.parts) == text  # type: ignore[union-attr]
    tables = sum(isinstance(part, TableName) for part in action.parts)
    assert tables == {"UPDATE": 2, "INSERT": 2}.get(words[0] or "", 1)


FRAGMENTS = re.findall(
    r"\S+",
    """
    ALTER TABLE CREATE DROP INDEX UPDATE SET DELETE FROM INSERT INTO SELECT REPLACE WITH AS JOIN
    RENAME TO ADD CONSTRAINT CHECK FOREIGN KEY REFERENCES IF NOT EXISTS VALUES COLUMN OR WHERE
    UNION TRIGGER ANALYZE ON USING LIKE t_order `t_order` {t_order} {x} T_ORDER t_coin a.b @t_order
    . , ; ( ) = ' " ` 'x' 1 @ /*+x*/ /*!x*/ /*x*/ --x
    """,
)


@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join),
    st.sampled_from(["mysql", "sqlite"]),
)
def test_any_text_is_either_clauses_or_refused(text: str, flavour: Flavour) -> None:
    try:
        found = read(text, flavour)
    except RevisionRefused:
        return
    for clause in found:
        shown(clause)
