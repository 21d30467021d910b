"""Which statements are a part of ALTER TABLE, and which say themselves how they are done."""

from __future__ import annotations

import pytest

from shardctl.clause import ObjectName, Param, Part, TableName
from shardctl.dialects.mysql.specification import demands, parts

T = TableName("t_order")
CHECK = ObjectName("check", "ck")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (("ALTER TABLE ", T, " ADD COLUMN a INT"), ("ADD COLUMN a INT",)),
        (("alter  table ", T, "\n ADD a INT"), ("ADD a INT",)),
        (
            ("ALTER TABLE ", T, " ADD CONSTRAINT ", CHECK, " CHECK (a > 0)"),
            ("ADD CONSTRAINT ", CHECK, " CHECK (a > 0)"),
        ),
        (("CREATE INDEX ix ON ", T, " (a, b)"), ("ADD INDEX ix ", "(a, b)")),
        (("CREATE UNIQUE INDEX `a b` ON ", T, "(a)"), ("ADD UNIQUE INDEX `a b` ", "(a)")),
        (
            ("CREATE FULLTEXT INDEX ix ON ", T, " (b) WITH PARSER ngram"),
            ("ADD FULLTEXT INDEX ix ", "(b) WITH PARSER ngram"),
        ),
        (("DROP INDEX `ix` ON ", T), ("DROP INDEX `ix`",)),
        (("CREATE INDEX IF NOT EXISTS ix ON ", T, " (a)"), None),
        (("CREATE OR REPLACE INDEX ix ON ", T, " (a)"), None),
        (("CREATE INDEX ix USING BTREE ON ", T, " (a)"), None),
        (("DROP INDEX ix ON ", T, " ALGORITHM=INPLACE"), None),
        (("ALTER IGNORE TABLE ", T, " ADD UNIQUE (a)"), None),
        (("CREATE TABLE ", T, " (a INT)"), None),
        (("RENAME TABLE ", T, " TO b"), None),
        (("OPTIMIZE TABLE ", T), None),
        (("UPDATE ", T, " SET a = ", Param(1)), None),
        (("ALTER TABLE ", T, " ADD a INT DEFAULT ", Param(1)), None),
        (("ANALYZE",), None),
    ],
)
def test_what_alter_table_takes(
    statement: tuple[Part, ...], expected: tuple[Part, ...] | None
) -> None:
    assert parts(statement) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADD a INT, ALGORITHM=INPLACE", True),
        ("ADD a INT, algorithm = copy", True),
        ("ADD a INT, ALGORITHM INSTANT", True),
        ("ADD INDEX ix (a) ALGORITHM=INPLACE LOCK=NONE", True),
        ("ADD a INT, LOCK=SHARED", True),
        ("/*!80023 ALGORITHM=INSTANT, */ ADD a INT", True),
        ("ADD COLUMN algorithm INT", False),
        ("ADD COLUMN `lock` INT", False),
        ("ADD COLUMN a INT COMMENT 'ALGORITHM=COPY, LOCK=NONE'", False),
        ("ADD COLUMN a INT /* ALGORITHM=COPY */", False),
        ("ADD INDEX ix (a)", False),
    ],
)
def test_what_says_itself_how_it_is_done(text: str, expected: bool) -> None:
    assert demands(text) is expected
