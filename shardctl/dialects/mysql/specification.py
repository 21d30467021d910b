"""What stands behind `ALTER TABLE t` for a statement, so that several can be put into one.

CREATE INDEX and DROP INDEX are specifications of ALTER TABLE, too (MariaDB takes no ALGORITHM
with DROP INDEX). A statement of any other form stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from shardctl.clause import Param, Part, TableName
from shardctl.dialects.mysql.tokens import Token, tokens

_KINDS = frozenset(["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"])
_ALGORITHMS = frozenset(["DEFAULT", "INSTANT", "INPLACE", "NOCOPY", "COPY"])


def parts(statement: Sequence[Part]) -> tuple[Part, ...] | None:
    """The parts of a statement that ALTER TABLE takes behind the table's name.

    None where it is another statement: one that bears values, too, which no DDL takes.
    """
    match tuple(statement):
        case (str(head), TableName(), *rest) if not any(isinstance(part, Param) for part in rest):
            words = _words(head)
        case _:
            return None
    if [word.key for word in words] == ["ALTER", "TABLE"]:
        return _without_blank(rest)
    match words:
        case [Token(key="CREATE"), *kind, Token(key="INDEX"), name, Token(key="ON")]:
            known = [word.key for word in kind if word.key in _KINDS]
            if len(known) == len(kind) <= 1:
                return (" ".join(["ADD", *known, "INDEX", name.text, ""]), *_without_blank(rest))
        case [Token(key="DROP"), Token(key="INDEX"), name, Token(key="ON")] if not rest:
            return (f"DROP INDEX {name.text}",)
    return None


def demands(specification: str) -> bool:
    """Whether it says itself by which ALGORITHM or with which LOCK; then that is to hold."""
    words = _words(specification)
    for word, behind in zip(words, [*words[1:], None], strict=True):
        if word.text.startswith("/*!") and ("ALGORITHM" in word.text or "LOCK" in word.text):
            return True
        if word.key == "LOCK":  # a reserved word: no column is called so without quotes
            return True
        if word.key == "ALGORITHM" and behind is not None:
            return behind.text == "=" or behind.key in _ALGORITHMS
    return False


@lru_cache(maxsize=256)
def _words(text: str) -> tuple[Token, ...]:
    """The tokens without blanks; none where the text cannot be read.

    Kept: all months of a family get the same words.
    """
    try:
        return tuple(token for token in tokens(text) if token.kind != "blank")
    except ValueError:
        return ()


def _without_blank(rest: Sequence[Part]) -> tuple[Part, ...]:
    first, *others = rest or [""]
    return (first.lstrip() if isinstance(first, str) else first, *others)
