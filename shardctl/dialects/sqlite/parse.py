"""CREATE TABLE and CREATE INDEX taken apart, every part with its place in the text.

The grammar is https://www.sqlite.org/lang_createtable.html, with one liberty that SQLite takes
itself: table constraints need no comma between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shardctl.dialects.sqlite.tokens import Token, Tokens, bracketed, closing, tokenize, top_level

_TABLE_CONSTRAINTS = frozenset(["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"])
_KINDS = {
    "PRIMARY": "primary key",
    "UNIQUE": "unique",
    "CHECK": "check",
    "FOREIGN": "foreign key",
    "REFERENCES": "foreign key",
    "NOT": "not null",
    "NULL": "null",
    "DEFAULT": "default",
    "COLLATE": "collate",
    "GENERATED": "generated",
    "AS": "generated",
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint of a column or of the table, from CONSTRAINT or its keyword on.

    Attributes:
        kind: one of check, collate, default, foreign key, generated, not null, null,
            primary key, unique; "" for a CONSTRAINT and its name with nothing behind.
        name: the name behind CONSTRAINT.
        body: its tokens from the keyword on.
    """

    kind: str
    name: Token | None
    tokens: Tokens
    body: Tokens

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    @property
    def called(self) -> str:
        """Its name; "" where it has none."""
        return self.name.name if self.name else ""

    @property
    def words(self) -> tuple[str, ...]:
        """Its bare words in capitals, brackets left out."""
        return tuple(self.body[place].word for place in top_level(self.body))

    @property
    def reference(self) -> Tokens:
        """What a foreign key refers to and how: its tokens behind REFERENCES."""
        at = [p for p in top_level(self.body) if self.body[p].word == "REFERENCES"]
        return self.body[at[0] + 1 :] if at else ()


@dataclass(frozen=True, slots=True)
class Item:
    """What stands between two commas of a CREATE TABLE: a column, or table constraints.

    Attributes:
        comma: the one before it.
        is_column: whether it is a column, and its first token the column's name.
        type: the tokens of the declared type; SQLite needs none.
    """

    comma: Token | None
    tokens: Tokens
    is_column: bool
    type: Tokens
    constraints: tuple[Constraint, ...]

    @property
    def name(self) -> str:
        """The column's name."""
        return self.tokens[0].name

    @property
    def end(self) -> int:
        return self.tokens[-1].end

    def constraint(self, kind: str) -> Constraint | None:
        """Its first constraint of a kind."""
        return next((found for found in self.constraints if found.kind == kind), None)


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A CREATE TABLE statement."""

    name: Token
    items: tuple[Item, ...]
    options: Tokens

    @property
    def columns(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.is_column)

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns that a row can be given values for: the generated ones take none."""
        return tuple(item.name for item in self.columns if not item.constraint("generated"))

    @property
    def is_strict(self) -> bool:
        return "STRICT" in {token.word for token in self.options}

    @property
    def has_rowid(self) -> bool:
        return "WITHOUT" not in {token.word for token in self.options}

    @property
    def body(self) -> Tokens:
        """All tokens of its items."""
        return tuple(token for item in self.items for token in item.tokens)

    def constraints(self) -> Iterator[tuple[Item, Constraint]]:
        """All constraints, each with the column or the table item that it stands in."""
        return ((item, found) for item in self.items for found in item.constraints)


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """A CREATE INDEX statement; `where` begins with that word, or is empty."""

    name: Token
    table: Token
    unique: bool
    parts: Tokens
    where: Tokens


def create_table(text: str) -> CreateTable:
    """A CREATE TABLE statement, taken apart."""
    tokens = tokenize(text)
    opening = next(place for place in top_level(tokens) if tokens[place].text == "(")
    end = closing(tokens, opening)
    return CreateTable(
        tokens[opening - 1], tuple(_items(tokens[opening + 1 : end])), tokens[end + 1 :]
    )


def create_index(text: str) -> CreateIndex | None:
    """A CREATE INDEX statement, taken apart; None for any other statement."""
    tokens = tokenize(text)
    words = [token.word for token in tokens]
    if words[:2] != ["CREATE", "INDEX"] and words[:3] != ["CREATE", "UNIQUE", "INDEX"]:
        return None
    on = words.index("ON")
    end = closing(tokens, on + 2)
    return CreateIndex(
        name=tokens[on - 1],
        table=tokens[on + 1],
        unique=words[1] == "UNIQUE",
        parts=bracketed(tokens[on:]),
        where=tokens[end + 1 :],
    )


def column_item(text: str) -> Item:
    """A column as CREATE TABLE and ADD COLUMN write it."""
    return _item(None, tokenize(text))


def _items(tokens: Tokens) -> Iterator[Item]:
    commas = [place for place in top_level(tokens) if tokens[place].text == ","]
    for before, end in zip([-1, *commas], [*commas, len(tokens)], strict=True):
        yield _item(tokens[before] if before >= 0 else None, tokens[before + 1 : end])


def _item(comma: Token | None, tokens: Tokens) -> Item:
    if tokens[0].word in _TABLE_CONSTRAINTS:
        return Item(comma, tokens, False, (), tuple(_constraints(tokens, 0)))
    first = next((p for p in top_level(tokens) if p and _opens(tokens, p, "")), len(tokens))
    return Item(comma, tokens, True, tokens[1:first], tuple(_constraints(tokens, first)))


def _constraints(tokens: Tokens, first: int) -> Iterator[Constraint]:
    start, keyword = first, ""
    for place in top_level(tokens):
        if place < first or not _opens(tokens, place, keyword):
            continue
        if keyword:
            yield _constraint(tokens[start:place], keyword)
            start = place
        # A CONSTRAINT and its name wait for the keyword that follows them.
        keyword = "" if tokens[place].word == "CONSTRAINT" else tokens[place].word
    if start < len(tokens):
        yield _constraint(tokens[start:], keyword)


def _opens(tokens: Tokens, place: int, keyword: str) -> bool:
    """Whether a constraint begins at a place, inside or behind the one of `keyword`."""
    word = tokens[place].word
    second, before = (tokens[p].word if p >= 0 else "" for p in (place - 2, place - 1))
    after = tokens[place + 1].word if place + 1 < len(tokens) else ""
    if (word != "CONSTRAINT" and word not in _KINDS) or before == "CONSTRAINT":
        return False
    if before == "DEFAULT" and second != "SET":
        return False  # DEFAULT NULL is one; behind ON DELETE SET DEFAULT something new begins
    match word:
        case "NULL" | "DEFAULT":
            return before not in ("NOT", "SET")
        case "NOT":
            return after == "NULL"  # the other one is NOT DEFERRABLE
        case "GENERATED":
            return after == "ALWAYS"
        case "AS":
            return before != "ALWAYS"
        case "REFERENCES":
            return keyword != "FOREIGN"
    return True


def _constraint(tokens: Tokens, keyword: str) -> Constraint:
    name, body = None, tokens
    while len(body) > 1 and body[0].word == "CONSTRAINT":
        name, body = body[1], body[2:]
    return Constraint(_KINDS.get(keyword, ""), name, tokens, body)
