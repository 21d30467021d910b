from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.dialects.mysql.tokens import tokens, unquote


def kinds_and_texts(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(text) if token.kind != "blank"]


def test_a_column_line_falls_into_names_words_groups_and_strings() -> None:
    line = "`coin` decimal(32,2) unsigned NOT NULL DEFAULT '0.00' COMMENT '支付币数'"
    assert kinds_and_texts(line) == [
        ("name", "`coin`"),
        ("word", "decimal"),
        ("group", "(32,2)"),
        ("word", "unsigned"),
        ("word", "NOT"),
        ("word", "NULL"),
        ("word", "DEFAULT"),
        ("string", "'0.00'"),
        ("word", "COMMENT"),
        ("string", "'支付币数'"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "'it''s'",
        r"'a\'b'",
        r"'ends with a backslash \\'",
        "'DEFAULT (`x`'",
        "_utf8mb4'x'",
        "b'101'",
        r"'a\0b'",
        "'two\nlines'",
        """"as 'SQL' from a revision may have it" """.rstrip(),
    ],
)
def test_a_string_is_one_token(text: str) -> None:
    assert kinds_and_texts(f"{text} NULL") == [("string", text), ("word", "NULL")]


def test_a_doubled_backtick_belongs_to_the_name() -> None:
    assert kinds_and_texts("`a``b`int") == [("name", "`a``b`"), ("word", "int")]
    assert unquote("`a``b`") == "a`b"


@pytest.mark.parametrize(
    "text",
    ["(a,(b),c)", "(concat(`)`,_latin1')'))", "(/* ) */ 1)", r"('\')')", "()"],
)
def test_a_group_ends_at_its_own_parenthesis(text: str) -> None:
    assert kinds_and_texts(f"x{text}STORED") == [("word", "x"), ("group", text), ("word", "STORED")]


def test_a_versioned_comment_is_one_token() -> None:
    assert kinds_and_texts("3 /*!80023 INVISIBLE */,") == [
        ("word", "3"),
        ("comment", "/*!80023 INVISIBLE */"),
        ("symbol", ","),
    ]


@pytest.mark.parametrize("text", ["'open", "`open", "(open", "(')'", "_latin1'open"])
def test_what_is_left_open_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="left open"):
        tokens(text)


WORDS = st.sampled_from(
    ["`a``b`", "'x''y'", r"'\\'", "_utf8mb4'%'", "(a,(b))", "NOT", " ", "/*!80023 X */", ",", "-5"]
)


@given(st.lists(WORDS).map(" ".join))
def test_joined_tokens_are_the_text_again(text: str) -> None:
    found = tokens(text)
    assert "".join(token.text for token in found) == text
    assert all(text[token.start : token.end] == token.text for token in found)
