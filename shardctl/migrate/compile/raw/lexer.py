"""Raw SQL read as tokens: just enough to know where an identifier stands and where text does.

No SQL is understood here. What matters is that a name in a string, a comment or a variable is
never taken for an identifier, and that a statement ends at a `;` that is one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from shardctl.clause import Part, Sql, TableName
from shardctl.errors import RevisionRefused

Flavour: TypeAlias = Literal["mysql", "mariadb", "sqlite"]
Kind: TypeAlias = Literal[
    "word", "quoted", "mark", "string", "variable", "hint", "executable", "symbol"
]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement that is neither blank nor comment; `start` counts characters."""

    kind: Kind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where the text goes on after it."""
        return self.start + len(self.text)

    @property
    def identifier(self) -> str | None:
        """The name it stands for, unquoted; None where it can be no name."""
        match self.kind:
            case "word":
                return self.text
            case "quoted":
                quote = self.text[-1]
                return self.text[1:-1].replace(quote * 2, quote)
            case "mark":
                return self.text[1:-1]
        return None

    def says(self, *words: str) -> bool:
        """Whether it is one of these keywords or symbols, in upper case, unquoted."""
        return self.kind in ("word", "symbol") and self.text.upper() in words


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, from its first token to its last, without what only comments beside it.

    Attributes:
        text: the statement as it was written, comments within it too.
        tokens: all of it that is neither blank nor comment.
        names: the families' names.
    """

    text: str
    tokens: tuple[Token, ...]
    names: frozenset[str]
    flavour: Flavour

    @property
    def marked(self) -> bool:
        """Whether it says itself, by `{t_order}`, where a family's table is meant."""
        return any(token.kind == "mark" for token in self.tokens)

    def occurrences(self) -> tuple[Token, ...]:
        """Where a family's name stands and may mean its table; where marked, the marks alone."""
        return tuple(
            token
            for token in self.tokens
            if token.identifier in self.names and (token.kind == "mark" or not self.marked)
        )

    def splice(self, found: Mapping[Token, Part]) -> Sql:
        """The statement in parts: these in their tokens' places, all other text as it was.

        A mark is its table's name wherever it stands. An empty part takes its token out, and
        the blank behind it.
        """
        parts: list[Part] = []
        at = 0
        for token, following in zip(self.tokens, (*self.tokens[1:], None), strict=True):
            part = TableName(token.text[1:-1]) if token.kind == "mark" else found.get(token)
            if part is None:
                continue
            parts += [self.text[at : token.start], part]
            at = following.start if part == "" and following else token.end
        parts.append(self.text[at:])
        return Sql(_joined(parts))

    def refusal(self, reason: str) -> RevisionRefused:
        """The error that says why it is refused; literals are not shown, they may be secret."""
        text = self.text
        for token in reversed(self.tokens):
            if token.kind == "string":
                text = f"{text[: token.start]}'…'{text[token.end :]}"
        shown = " ".join(text.split())
        return RevisionRefused(f"{reason}\n  in: {shown if len(shown) <= 90 else shown[:89] + '…'}")


def statements(text: str, names: Collection[str], flavour: Flavour) -> Iterator[Statement]:
    """The statements of a text, split at every `;` that is outside strings and comments.

    The body of a trigger, procedure, function or event has `;` of its own: such a statement
    takes all the text that follows.

    Raises:
        RevisionRefused: a string or comment without its end.
    """
    tokens: list[Token] = []
    for token in _tokens(text, flavour):
        if token.says(";") and not _is_program(tokens):
            if tokens:
                yield _statement(text, tokens, names, flavour)
            tokens = []
        else:
            tokens.append(token)
    while tokens and tokens[-1].says(";"):
        tokens.pop()
    if tokens:
        yield _statement(text, tokens, names, flavour)


_MYSQL = r"""
    (?P<blank> \s+ | /\*(?![!+]|M!).*?\*/ | --(?=[\s\x00-\x1f]|\Z)[^\n]* | \#[^\n]* )
  | (?P<hint> /\*\+.*?\*/ )
  | (?P<executable> /\*M?!.*?\*/ )
  | (?P<string> '[^'\\]*(?:(?:\\.|'')[^'\\]*)*' | "[^"\\]*(?:(?:\\.|"")[^"\\]*)*" )
  | (?P<variable> @@?(?:[\w.$]+|`[^`]*`|'[^']*'|"[^"]*") )
  | (?P<quoted> `[^`]*(?:``[^`]*)*` )
"""
_SQLITE = r"""
    (?P<blank> \s+ | /\*.*?\*/ | --[^\n]* )
  | (?P<string> '[^']*(?:''[^']*)*' )
  | (?P<quoted> `[^`]*(?:``[^`]*)*` | "[^"]*(?:""[^"]*)*" | \[[^\]]*\] )
"""
_BOTH = r"""
  | (?P<mark> \{[^{}\s'"`]+\} )
  | (?P<word> [A-Za-z0-9_$\x80-\U0010ffff]+ )
  | (?P<unended> /\* | ['"`] )
  | (?P<symbol> . )
"""
_PATTERNS: Mapping[Flavour, re.Pattern[str]] = {
    "mysql": re.compile(_MYSQL + _BOTH, re.DOTALL | re.VERBOSE),
    "mariadb": re.compile(_MYSQL + _BOTH, re.DOTALL | re.VERBOSE),
    "sqlite": re.compile(_SQLITE + _BOTH, re.DOTALL | re.VERBOSE),
}


def _tokens(text: str, flavour: Flavour) -> Iterator[Token]:
    for match in _PATTERNS[flavour].finditer(text):
        if match.lastgroup == "unended":
            shown = " ".join(text[match.start() :][:40].split())
            raise RevisionRefused(f"raw SQL with a string or comment that does not end: {shown}")
        if match.lastgroup != "blank":
            yield Token(cast(Kind, match.lastgroup), match.group(), match.start())


def _statement(
    text: str, tokens: list[Token], names: Collection[str], flavour: Flavour
) -> Statement:
    start, end = tokens[0].start, tokens[-1].end
    moved = tuple(replace(token, start=token.start - start) for token in tokens)
    return Statement(text[start:end], moved, frozenset(names), flavour)


_PROGRAMS = ("TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "PACKAGE", "DEFINER")


def _is_program(tokens: list[Token]) -> bool:
    """Whether a statement that begins like this has statements in it."""
    if not tokens or not tokens[0].says("CREATE"):
        return False
    skipped = ("OR", "REPLACE", "TEMP", "TEMPORARY", "AGGREGATE")
    made = next((token for token in tokens[1:] if not token.says(*skipped)), None)
    return made is not None and made.says(*_PROGRAMS)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """The same parts with texts that meet made one."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
