"""The tokens of one line of SHOW CREATE TABLE, none of its text lost.

The text is the server's own, read where neither ANSI_QUOTES nor NO_BACKSLASH_ESCAPES is on (see
`session`): names are in backticks and strings in quotes. A parenthesised group is one token;
its inside can be tokenised likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["blank", "name", "string", "group", "comment", "word", "symbol"]

# An introducer (`_utf8mb4'x'`, `b'101'`) belongs to its string.
_PATTERN = re.compile(
    r"""
    (?P<blank>   \s+ )
  | (?P<name>    `(?:[^`]|``)*` )
  | (?P<string>  \w*(?: '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" ) )
  | (?P<comment> /\*.*?\*/ )
  | (?P<group>   \( )
  | (?P<word>    [\w$]+ )
  | (?P<symbol>  . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line; the texts of all its tokens, joined, are the line."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)

    @property
    def key(self) -> str:
        """A word in capitals, to be compared with a keyword; "" for every other token."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, blanks and comments among them.

    Raises:
        ValueError: a parenthesis or a quote is left open.
    """
    found: list[Token] = []
    position = 0
    while position < len(text):
        kind, end = _next(text, position)
        found.append(Token(kind, text[position:end], position))
        position = end
    return tuple(found)


def unquote(name: str) -> str:
    """An identifier without its backticks."""
    return name[1:-1].replace("``", "`")


def _next(text: str, position: int) -> tuple[Kind, int]:
    match = _match(text, position)
    kind: Kind = match.lastgroup  # type: ignore[assignment]  # the pattern's groups are the kinds
    if kind == "group":
        return kind, _close(text, position)
    if match[0] in ("'", '"', "`"):
        raise ValueError(f"a quote is left open: {text[position:]!r}")
    return kind, match.end()


def _close(text: str, opening: int) -> int:
    """The offset behind the parenthesis that closes the one at `opening`."""
    depth = 0
    for match in _pieces(text, opening):
        if match.lastgroup == "group":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if depth == 0:
                return match.end()
    raise ValueError(f"a parenthesis is left open: {text[opening:]!r}")


def _pieces(text: str, position: int) -> Iterator[re.Match[str]]:
    while position < len(text):
        match = _match(text, position)
        yield match
        position = match.end()


def _match(text: str, position: int) -> re.Match[str]:
    match = _PATTERN.match(text, position)
    assert match is not None  # its last alternative takes any character
    return match
