"""Which changes of a column's type can lose data."""

from __future__ import annotations

import pytest

from shardctl.migrate.lint.narrowing import narrowing
from shardctl.structure import Column, Structure

WIDER = (
    ("int", "int"),
    ("tinyint(1)", "smallint"),
    ("smallint", "int"),
    ("int", "bigint"),
    ("int unsigned", "bigint"),
    ("int unsigned", "bigint unsigned"),
    ("mediumint", "int"),
    ("decimal(10,2)", "decimal(12,2)"),
    ("decimal(10,2)", "decimal(12,4)"),
    ("int", "decimal(10,0)"),
    ("bigint", "decimal(19,0)"),
    ("bigint unsigned", "decimal(22,2)"),
    ("decimal(18,0)", "bigint"),
    ("decimal", "decimal(10,0)"),
    ("float", "double"),
    ("text", "blob"),
    ("char(4)", "varchar(4)"),
    ("varchar(40)", "varchar(41)"),
    ("varchar(100)", "text"),
    ("text", "longtext"),
    ("binary(4)", "varbinary(8)"),
    ("blob", "mediumblob"),
    ("enum('a','b')", "enum('b','a','c')"),
    ("enum('a','it''s')", "enum('it''s','a')"),
    ("set('a')", "set('a','b')"),
    ("date", "datetime"),
    ("datetime", "datetime(3)"),
    ("time(3)", "time(6)"),
    ("bit(1)", "bit(8)"),
    ("VARCHAR(20)", "VARCHAR(30)"),
    ("INTEGER", "BIGINT"),
)
NARROWER = (
    ("bigint", "int"),
    ("int", "int unsigned"),
    ("int unsigned", "int"),
    ("bigint unsigned", "bigint"),
    ("int", "bigint unsigned"),
    ("decimal(10,2)", "decimal(9,2)"),
    ("decimal(10,2)", "decimal(10,3)"),
    ("decimal(10,2)", "decimal(12,1)"),
    ("decimal(10,2)", "decimal(10,2) unsigned"),
    ("int", "decimal(9,0)"),
    ("bigint", "decimal(18,0)"),
    ("decimal(10,1)", "bigint"),
    ("decimal(19,0)", "bigint"),
    ("bigint", "double"),
    ("float", "double(4,1)"),
    ("double", "float"),
    ("varchar(40)", "varchar(39)"),
    ("varchar(40)", "char(30)"),
    ("text", "varchar(100)"),
    ("longtext", "text"),
    ("varbinary(20)", "varchar(20)"),
    ("blob", "text"),
    ("enum('a','b')", "enum('a')"),
    ("enum('a,b','c')", "enum('a','b','c')"),
    ("set('a','b')", "set('a')"),
    ("enum('a')", "set('a')"),
    ("varchar(20)", "int"),
    ("datetime", "date"),
    ("datetime(3)", "datetime"),
    ("datetime", "timestamp"),
    ("bit(8)", "bit(1)"),
    ("json", "text"),
    ("point", "geometry"),
)


def between(before: Column, after: Column) -> str:
    return narrowing(Structure((before,)), Structure((after,)))


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_a_type_that_holds_every_value_loses_nothing(old: str, new: str) -> None:
    assert between(Column("a", old), Column("a", new)) == ""


@pytest.mark.parametrize(("old", "new"), NARROWER)
def test_a_type_that_may_not_hold_a_value_is_told(old: str, new: str) -> None:
    told = between(Column("a", old), Column("a", new))
    assert told == f"values of column a that do not fit {new} (was {old})"


@pytest.mark.parametrize(
    ("old", "new", "loses"),
    [
        ("latin1", "utf8mb4", False),
        ("utf8mb3", "utf8mb4", False),
        ("ascii", "utf8mb3", False),
        ("ascii", "latin1", False),
        ("utf8mb4", "utf8mb3", True),
        ("utf8mb4", "latin1", True),
        ("latin1", "gbk", True),
    ],
)
def test_a_charset_that_lacks_characters_is_told(old: str, new: str, loses: bool) -> None:
    told = between(Column("a", "varchar(20)", charset=old), Column("a", "varchar(20)", charset=new))
    assert bool(told) is loses
    if loses:
        assert old in told
        assert new in told


def test_bytes_are_counted_where_a_text_type_is_limited_by_them() -> None:
    """TEXT holds 65,535 bytes, of which a character of utf8mb4 may take four."""
    wide = Column("a", "varchar(16384)", charset="utf8mb4")
    assert between(wide, Column("a", "text", charset="utf8mb4"))
    assert between(wide, Column("a", "mediumtext", charset="utf8mb4")) == ""
    assert between(wide, Column("a", "varbinary(16384)"))
    assert between(wide, Column("a", "varbinary(65536)")) == ""
    small = Column("a", "tinytext", charset="utf8mb4")
    assert between(small, Column("a", "varchar(255)", charset="utf8mb4")) == ""
    assert between(Column("a", "text", charset="latin1"), Column("a", "text", charset="utf8mb4"))


def test_every_column_is_told_and_absent_ones_are_not() -> None:
    before = Structure((Column("a", "int"), Column("b", "bigint"), Column("c", "int")))
    after = Structure((Column("a", "smallint"), Column("b", "int")))
    told = narrowing(before, after)
    assert "column a" in told
    assert "column b" in told
    assert "column c" not in told
    assert narrowing(before, None) == ""
    assert narrowing(before, before) == ""
