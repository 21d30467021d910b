"""Raw ALTER TABLE read as one statement for each of its parts."""

from __future__ import annotations

import pytest

from shardctl.clause import Clause, Names
from shardctl.dialects import Dialect
from shardctl.dialects.mysql import MySQL
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.sqlite import SQLite
from shardctl.migrate.compile.raw import Flavour, clauses
from shardctl.migrate.compile.raw.split import split

MONTH = Names({"t_order": "t_order_202601"}, tag="_202601", existing={("check", "c"): "own"})


def server(flavour: Flavour) -> Dialect:
    return SQLite() if flavour == "sqlite" else MySQL(Server(flavour, (10, 11)))


def parts(sql: str, flavour: Flavour = "mysql") -> tuple[Clause, ...]:
    (clause,) = clauses(sql, ["t_order"], flavour=flavour)
    return split(clause, ["t_order"], server(flavour))


def sent(sql: str, flavour: Flavour = "mysql") -> list[str]:
    """What a month gets."""
    dialect = server(flavour)
    return [
        statement.sql
        for clause in parts(sql, flavour)
        for action in clause.actions
        for statement in dialect.render(action, "t_order_202601", MONTH, None)
    ]


HEAD = "ALTER TABLE `t_order_202601` "


@pytest.mark.parametrize(
    ("behind", "found"),
    [
        ("ADD a INT, ADD INDEX (a)", ["ADD a INT", "ADD INDEX (a)"]),
        (
            "ADD t_order VARCHAR(9) COMMENT 'a, b' /* c, */, DROP `d,e`",
            ["ADD t_order VARCHAR(9) COMMENT 'a, b'", "DROP `d,e`"],
        ),
        ("ADD a ENUM('x,', 'y'), ENGINE=InnoDB", ["ADD a ENUM('x,', 'y')", "ENGINE=InnoDB"]),
        ("ADD (a INT, b INT), ADD KEY k (a, b)", ["ADD (a INT, b INT)", "ADD KEY k (a, b)"]),
        (
            "ADD a INT,\n  ADD CONSTRAINT n CHECK (a > 0),\n  DROP CHECK c",
            ["ADD a INT", "ADD CONSTRAINT `n_202601` CHECK (a > 0)", "DROP CHECK `own`"],
        ),
        (
            "ADD a INT, ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES room (id)",
            ["ADD a INT", "ADD CONSTRAINT `f_202601` FOREIGN KEY (b) REFERENCES room (id)"],
        ),
        (
            "DROP FOREIGN KEY f, ADD a INT",
            ["DROP FOREIGN KEY `f_202601`", "ADD a INT"],
        ),
    ],
)
def test_top_level_commas_separate_statements(behind: str, found: list[str]) -> None:
    assert sent(f"ALTER TABLE t_order {behind}") == [HEAD + one for one in found]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE t_order ADD a INT",
        "ALTER TABLE t_order ADD (a INT, b INT)",
        "ALTER TABLE t_order ADD a INT, ADD b INT, ALGORITHM=INPLACE",
        "ALTER TABLE t_order ADD a INT, ADD b INT, LOCK=NONE",
        "ALTER TABLE t_order ADD a INT, FORCE",
        "ALTER TABLE t_order ADD a INT, ORDER BY a, b",
        "ALTER TABLE t_order ADD a INT, ADD b INT PARTITION BY HASH (a)",
        "ALTER TABLE t_order DROP PARTITION p, q",
        "ALTER TABLE t_order ADD a INT, ADD b INT, WITHOUT VALIDATION",
        "ALTER TABLE t_order ADD a INT /*!80023 INVISIBLE */, ADD b INT",
        "ALTER TABLE t_order ADD FOREIGN KEY (b) REFERENCES room (id), ADD INDEX (b)",
        "ALTER TABLE t_order RENAME INDEX a TO b",
        "CREATE INDEX a ON t_order (b, c)",
        "UPDATE t_order SET a = 1, b = 2",
        "ANALYZE TABLE t_order",
    ],
)
def test_a_statement_that_is_one_stays_one(sql: str) -> None:
    (clause,) = clauses(sql, ["t_order"], flavour="mysql")
    assert parts(sql) == (clause,)


def test_what_is_lost_is_told_by_each_part() -> None:
    sql = "ALTER TABLE t_order DROP COLUMN a, ADD b INT, DROP c"
    assert [clause.loses for clause in parts(sql)] == ["column a", "", "column c"]


def test_words_of_mariadb_stand_for_the_whole_too() -> None:
    for sql in (
        "ALTER IGNORE TABLE t_order ADD UNIQUE (a), ADD b INT",
        "ALTER TABLE t_order WAIT 5 ADD a INT, ADD b INT",
        "ALTER TABLE t_order ADD a INT, ADD SYSTEM VERSIONING",
    ):
        assert len(parts(sql, "mariadb")) == 1


def test_a_plain_table_is_no_other() -> None:
    (clause,) = clauses("ALTER TABLE room ADD t_order INT, DROP b", ["t_order"], flavour="mysql")
    assert [one.table for one in split(clause, ["t_order"], server("mysql"))] == ["room", "room"]


def test_sqlite_has_no_such_statement() -> None:
    assert len(parts("ALTER TABLE t_order ADD a INT, ADD b INT", "sqlite")) == 1
