"""The tokens of SQLite's SQL, with their places in the text, and one spelling for what is equal."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

# https://www.sqlite.org/draft/tokenreq.html; a word may hold any character beyond ASCII.
_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\n\f\r]+|--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<string>[xX]?'[^']*(?:''[^']*)*')
    | (?P<quoted>"[^"]*(?:""[^"]*)*"|`[^`]*(?:``[^`]*)*`|\[[^\]]*\])
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
    | (?P<symbol>->>|->|\|\||<<|>>|<=|>=|<>|!=|==|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_VALUES = frozenset(["NULL", "TRUE", "FALSE", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"])
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Token:
    """One token; blanks and comments are none."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The bare word in capitals; "" for all that is quoted or no word."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier that the token is where an identifier stands, without its quotes.

        SQLite takes a string for a name there: https://www.sqlite.org/lang_keywords.html
        """
        match self.text[0]:
            case '"' | "`" | "'" as mark:
                return self.text[1:-1].replace(mark * 2, mark)
            case "[":
                return self.text[1:-1]
            case _:
                return self.text


Tokens = tuple[Token, ...]


def tokenize(text: str) -> Tokens:
    """All tokens of a text."""
    return tuple(
        Token(found.lastgroup or "", found.group(), found.start(), found.end())
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "blank"
    )


def same(left: str, right: str) -> bool:
    """Whether two identifiers are one: SQLite does not look at case."""
    return left.lower() == right.lower()


def closing(tokens: Tokens, opening: int) -> int:
    """Where the bracket ends that opens at a place."""
    depth = 0
    for place in range(opening, len(tokens)):
        depth += {"(": 1, ")": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place
    raise ValueError(f"bracket without end: {' '.join(t.text for t in tokens)}")


def bracketed(tokens: Tokens) -> Tokens:
    """What stands in the first brackets; nothing where there are none."""
    for place, token in enumerate(tokens):
        if token.text == "(":
            return tokens[place + 1 : closing(tokens, place)]
    return ()


def top_level(tokens: Tokens) -> Iterator[int]:
    """The places that are in no brackets, the opening ones included."""
    place = 0
    while place < len(tokens):
        yield place
        place = closing(tokens, place) + 1 if tokens[place].text == "(" else place + 1


def split(tokens: Tokens) -> list[Tokens]:
    """The parts between the commas that are in no brackets."""
    commas = [place for place in top_level(tokens) if tokens[place].text == ","]
    starts = [0, *(place + 1 for place in commas)]
    return [tokens[start:end] for start, end in zip(starts, [*commas, len(tokens)], strict=True)]


def qualifiers(tokens: Tokens, table: str) -> list[tuple[Token, Token]]:
    """Each place where the table's own name and a dot stand before a column: `t.coin`."""
    return [
        (token, dot)
        for token, dot in itertools.pairwise(tokens)
        if dot.text == "." and token.kind in ("word", "quoted") and same(token.name, table)
    ]


def unqualified(tokens: Tokens, table: str) -> Tokens:
    """The tokens without the table's own name before its columns."""
    left_out = {token for pair in qualifiers(tokens, table) for token in pair}
    return tuple(token for token in tokens if token not in left_out) if left_out else tokens


def expression(tokens: Tokens, columns: Collection[str] = ()) -> str:
    """An expression in one spelling, whatever its blanks, comments, case and quotes were.

    Args:
        columns: the table's columns, in small letters: one of them is the same with and
            without quotes. Any other quoted word may be a string to SQLite, and stays.
    """
    text = ""
    for token in tokens:
        glued = not text or text[-1] in "(." or token.text in (")", ",", ".")
        text += ("" if glued else " ") + _spelling(token, columns)
    return text


def _spelling(token: Token, columns: Collection[str]) -> str:
    if token.kind == "word":
        return token.word if token.word in _VALUES else token.text.lower()
    if token.kind == "quoted":
        name = token.name.lower()
        plain = _PLAIN.fullmatch(name) and name.upper() not in _VALUES
        if name in columns:
            return name if plain else quote(name)
    return token.text


def quote(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'
