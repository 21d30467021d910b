"""The text of SQLite's tables: every token has its place, every part its meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.dialects.sqlite.parse import create_index, create_table
from shardctl.dialects.sqlite.text import declared, edited, renamed
from shardctl.dialects.sqlite.tokens import expression, tokenize

PIECES = [
    "coin",
    '"a b"',
    "'it''s, ('",
    "x'0A'",
    "[x]",
    "`y`",
    "1.5e-3",
    "->>",
    "(",
    ")",
    ",",
    "订单",
]
BLANKS = [" ", "\n", "\t ", " -- a, (comment\n", " /* b, ) */ "]


def kinds(text: str) -> list[list[str]]:
    return [[found.kind for found in item.constraints] for item in create_table(text).items]


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(BLANKS))))
def test_a_text_made_of_tokens_and_blanks_gives_the_tokens(parts: list[tuple[str, str]]) -> None:
    text = "".join(piece + blank for piece, blank in parts)
    tokens = tokenize(text)
    assert [token.text for token in tokens] == [piece for piece, _ in parts]
    assert [text[token.start : token.end] for token in tokens] == [piece for piece, _ in parts]


@given(st.text())
def test_any_text_is_read_to_its_end_and_in_order(text: str) -> None:
    ends = [0]
    for token in tokenize(text):
        assert token.start >= ends[-1]
        assert text[token.start : token.end] == token.text
        ends.append(token.end)


@given(st.lists(st.sampled_from(BLANKS), min_size=7, max_size=7))
def test_blanks_and_comments_do_not_change_an_expression(blanks: list[str]) -> None:
    words = ["coin", ">=", "0", "AND", "name", "<>", "'A, b'"]
    text = "".join(word + blank for word, blank in zip(words, blanks, strict=True))
    assert expression(tokenize(text)) == "coin >= 0 and name <> 'A, b'"


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ('"coin" > 0', "coin > 0"),
        ("[Coin]>0", "coin > 0"),
        ('"other" > 0', '"other" > 0'),
        ('"null" > 0', '"null" > 0'),
        ("NULL > 0", "NULL > 0"),
        ('"a b" = 1', '"a b" = 1'),
        ("status in('New','new')", "status in ('New', 'new')"),
        ("current_timestamp", "CURRENT_TIMESTAMP"),
    ],
)
def test_an_expression_has_one_spelling(written: str, spelled: str) -> None:
    columns = ("coin", "null", "a b", "status")
    assert expression(tokenize(written), columns) == spelled


@pytest.mark.parametrize(
    ("column", "type_", "expected"),
    [
        ("a", "", []),
        ("a INT", "INT", []),
        ("a VARCHAR (20) NOT NULL", "VARCHAR(20)", ["not null"]),
        ("a DOUBLE PRECISION NULL DEFAULT NULL", "DOUBLE PRECISION", ["null", "default"]),
        ("a INT DEFAULT NULL NOT NULL", "INT", ["default", "not null"]),
        ("a INT DEFAULT -1 UNIQUE", "INT", ["default", "unique"]),
        ("a INT DEFAULT (1 + (2)) CHECK (a IN (1, 2))", "INT", ["default", "check"]),
        ("a INT CONSTRAINT one NOT NULL CONSTRAINT two UNIQUE", "INT", ["not null", "unique"]),
        ("a INT CONSTRAINT one CONSTRAINT two UNIQUE", "INT", ["unique"]),
        ("a INT GENERATED ALWAYS AS (b * 2) STORED NOT NULL", "INT", ["generated", "not null"]),
        ("a INT AS (b * 2) VIRTUAL", "INT", ["generated"]),
        ("a TEXT COLLATE NOCASE PRIMARY KEY", "TEXT", ["collate", "primary key"]),
        (
            "a INT REFERENCES p ON DELETE SET NULL ON UPDATE SET DEFAULT DEFAULT 5",
            "INT",
            ["foreign key", "default"],
        ),
        (
            "a INT REFERENCES p (x) NOT DEFERRABLE INITIALLY DEFERRED NOT NULL REFERENCES q",
            "INT",
            ["foreign key", "not null", "foreign key"],
        ),
    ],
)
def test_a_column_is_taken_apart(column: str, type_: str, expected: list[str]) -> None:
    item = create_table(f"CREATE TABLE t ({column}, b INT)").items[0]
    assert item.is_column
    assert item.name == "a"
    assert "".join(token.text for token in item.type) == type_.replace(" ", "")
    assert [found.kind for found in item.constraints] == expected


def test_table_constraints_need_no_comma_between_them() -> None:
    text = """CREATE TABLE t (a INT, CONSTRAINT one CHECK (a > 0) UNIQUE (a)
        FOREIGN KEY (a) REFERENCES p (x) ON DELETE SET NULL, CONSTRAINT two PRIMARY KEY (a))"""
    assert kinds(text) == [[], ["check", "unique", "foreign key"], ["primary key"]]


def test_commas_in_strings_comments_and_names_part_nothing() -> None:
    text = """CREATE TABLE "t,(" (a INT DEFAULT 'x, )y', -- b INT, c INT
        /* d, */ "e,)" TEXT, CHECK (a <> ',)'))"""
    table = create_table(text)
    assert table.name.name == "t,("
    assert [item.name for item in table.columns] == ["a", "e,)"]


def test_an_index_is_taken_apart() -> None:
    index = create_index("CREATE UNIQUE INDEX \"on\" ON [t] (a, lower(b) DESC) WHERE a > ')'")
    assert index is not None
    assert (index.name.name, index.table.name, index.unique) == ("on", "t", True)
    assert expression(index.parts) == "a, lower (b) desc"
    assert expression(index.where) == "where a > ')'"
    assert create_index("CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END") is None


@pytest.mark.parametrize(
    ("index", "table", "name"),
    [
        ("ix_part__202602", "t_order_202602", "ix_part"),
        ("ix_part__2026_02", "t_order_2026_02", "ix_part"),
        ("ix_part__2026-02", "t_order_2026-02", "ix_part"),
        ("ix_part__2022_1", "t_order_2022_1", "ix_part"),
        ("ix__part__202602", "t_order_202602", "ix__part"),
        ("ix_part__202602", "t_order_202603", "ix_part__202602"),
        ("ix_part__202602", "t_x", "ix_part__202602"),
        ("ix_part_202602", "t_order_202602", "ix_part_202602"),
        ("ix_part__", "t_order_202602", "ix_part__"),
        ("__202602", "t_order_202602", "__202602"),
        ("ix_part", "t_order", "ix_part"),
    ],
)
def test_the_tag_of_a_month_is_taken_off_only_where_the_table_bears_it(
    index: str, table: str, name: str
) -> None:
    assert declared(index, table) == name


def test_only_names_of_tables_change_when_a_table_gets_another_name() -> None:
    text = """CREATE TABLE IF NOT EXISTS 't_order' (
        t_order INT DEFAULT 't_order' CHECK (t_order.t_order <> "t_order"), -- of t_order
        p INT REFERENCES T_ORDER (t_order) REFERENCES user)"""
    assert renamed(text, "t_x", parent=lambda name: {"T_ORDER": "t_x"}.get(name, name)) == (
        """CREATE TABLE IF NOT EXISTS "t_x" (
        t_order INT DEFAULT 't_order' CHECK (t_order <> "t_order"), -- of t_order
        p INT REFERENCES "t_x" (t_order) REFERENCES user)"""
    )


def test_edits_are_made_where_they_belong_in_any_order() -> None:
    assert edited("abcdef", [(0, 1, "X"), (4, 6, ""), (2, 2, "--")]) == "Xb--cd"
