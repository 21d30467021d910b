"""What the texts of a table and of its indexes mean, as values that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shardctl.dialects.sqlite.parse import Constraint, CreateIndex, CreateTable, Item
from shardctl.dialects.sqlite.text import declared
from shardctl.dialects.sqlite.tokens import (
    Tokens,
    bracketed,
    expression,
    same,
    split,
    top_level,
    unqualified,
)
from shardctl.structure import (
    SELF,
    Check,
    Column,
    ForeignKey,
    Index,
    IndexPart,
    Structure,
)

# Only INTEGER makes a rowid's alias, and INTEGER(20) none: https://www.sqlite.org/lang_createtable.html
_WIDTH = re.compile(r"((?:TINY|SMALL|MEDIUM|BIG)?INT)\([0-9]+\)")


def describe(
    table: str, create: CreateTable, indexes: Iterable[CreateIndex], names: Mapping[str, str]
) -> Structure:
    """The structure of one table.

    Args:
        names: all tables of the file by their names in small letters: SQLite refers to a table
            whatever the case.
    """
    columns = {item.name.lower(): item.name for item in create.columns}
    return _Text(table, create, names, columns, _numbered(create)).structure(indexes)


@dataclass(frozen=True, slots=True)
class _Text:
    table: str
    create: CreateTable
    names: Mapping[str, str]
    columns: Mapping[str, str]
    numbered: str

    def structure(self, indexes: Iterable[CreateIndex]) -> Structure:
        constraints = list(self.create.constraints())
        return Structure(
            columns=tuple(self._column(item) for item in self.create.columns),
            indexes=(
                *(found for pair in constraints if (found := self._key(*pair))),
                *map(self._index, indexes),
            ),
            checks=tuple(
                Check(found.called, self._spell(bracketed(found.body)))
                for _, found in constraints
                if found.kind == "check"
            ),
            foreign_keys=tuple(
                self._foreign_key(*pair) for pair in constraints if pair[1].kind == "foreign key"
            ),
            options=tuple(
                (" ".join(token.text.lower() for token in option), "yes")
                for option in split(self.create.options)
                if option
            ),
        )

    def _spell(self, tokens: Tokens) -> str:
        return expression(unqualified(tokens, self.table), self.columns)

    def _column(self, item: Item) -> Column:
        found = {constraint.kind: constraint for constraint in item.constraints}
        generated, not_null, collate = (
            found.get(kind) for kind in ("generated", "not null", "collate")
        )
        return Column(
            name=item.name,
            type=_type(item.type),
            nullable=not_null is None,
            default=self._default(found.get("default")),
            collation=collate.body[1].name.upper() if collate else None,
            auto_increment=item.name.lower() == self.numbered,
            generated=self._spell(bracketed(generated.body)) if generated else None,
            stored=generated is not None and "STORED" in generated.words,
            extra=_on_conflict(not_null),
        )

    def _default(self, constraint: Constraint | None) -> str | None:
        if constraint is None:
            return None
        value = constraint.body[1:]
        while value[0].text == "(" and len(list(top_level(value))) == 1:
            value = bracketed(value)
        return self._spell(value)

    def _key(self, item: Item, constraint: Constraint) -> Index | None:
        """The index of a PRIMARY KEY or UNIQUE, which SQLite has no name of its own for."""
        if constraint.kind not in ("primary key", "unique"):
            return None
        if item.is_column:
            parts = [(IndexPart(item.name, descending="DESC" in constraint.words), "")]
        else:
            inner = bracketed(constraint.body)
            listed = tuple(token for token in inner if token.word != "AUTOINCREMENT")
            parts = [self._part(tokens) for tokens in split(listed)]
        columns = ", ".join(part.column or "" for part, _ in parts)
        primary = constraint.kind == "primary key"
        return Index(
            name="PRIMARY" if primary else f"unique ({columns})",
            kind="primary" if primary else "unique",
            parts=tuple(part for part, _ in parts),
            extra=_joined([*(collation for _, collation in parts), _on_conflict(constraint)]),
        )

    def _index(self, index: CreateIndex) -> Index:
        parts = [self._part(tokens) for tokens in split(index.parts)]
        return Index(
            name=declared(index.name.name, self.table),
            kind="unique" if index.unique else "key",
            parts=tuple(part for part, _ in parts),
            extra=_joined([*(collation for _, collation in parts), self._spell(index.where)]),
        )

    def _part(self, tokens: Tokens) -> tuple[IndexPart, str]:
        """A part of an index, and the collation that it is given there."""
        descending = tokens[-1].word == "DESC"
        if tokens[-1].word in ("ASC", "DESC"):
            tokens = tokens[:-1]
        collation = ""
        if len(tokens) > 2 and tokens[-2].word == "COLLATE":
            collation = f"{tokens[-1].name.upper()}"
            tokens = tokens[:-2]
        tokens = unqualified(tokens, self.table)
        column = self.columns.get(tokens[0].name.lower()) if len(tokens) == 1 else None
        text = None if column else self._spell(tokens)
        word = f"{column or text} collate {collation}" if collation else ""
        return IndexPart(column, text, descending=descending), word

    def _foreign_key(self, item: Item, constraint: Constraint) -> ForeignKey:
        parent, *behind = constraint.reference
        rest = tuple(behind)
        listed = bracketed(rest) if rest and rest[0].text == "(" else ()
        own = bracketed(constraint.body[: -len(constraint.reference)])
        # When it is looked at has no field of its own; a key that waits for COMMIT is another.
        late = [token.word for token in rest[-3:]] == ["DEFERRABLE", "INITIALLY", "DEFERRED"]
        late = late and "NOT" not in [token.word for token in rest[-4:]]
        return ForeignKey(
            name=constraint.called,
            columns=(item.name,) if item.is_column else self._listed(own),
            table=SELF if same(parent.name, self.table) else self._table(parent.name),
            references=tuple(token.name for token in listed if token.text != ","),
            on_update=_rule(rest, "UPDATE"),
            on_delete=_rule(rest, "DELETE") + (" deferred" if late else ""),
        )

    def _table(self, name: str) -> str:
        return self.names.get(name.lower(), name)

    def _listed(self, tokens: Tokens) -> tuple[str, ...]:
        names = [token.name for token in tokens if token.text != ","]
        return tuple(self.columns.get(name.lower(), name) for name in names)


def _numbered(create: CreateTable) -> str:
    """The column with AUTOINCREMENT, in small letters; the word may stand in the key's brackets."""
    for item, constraint in create.constraints():
        if any(token.word == "AUTOINCREMENT" for token in constraint.body):
            key = item.name if item.is_column else bracketed(constraint.body)[0].name
            return key.lower()
    return ""


def _type(tokens: Tokens) -> str:
    """The type in one spelling, without the display width of an integer, which means nothing."""
    text = ""
    for token in tokens:
        blank = " " if text and token.kind in ("word", "quoted", "string") else ""
        text += blank + (token.word or token.text)
    width = _WIDTH.fullmatch(text)
    return width[1] if width else text


def _on_conflict(constraint: Constraint | None) -> str:
    words = constraint.words if constraint else ()
    if "CONFLICT" not in words:
        return ""
    return f"on conflict {words[words.index('CONFLICT') + 1].lower()}"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(word for word in words if word)


def _rule(tokens: Tokens, event: str) -> str:
    words = [token.word for token in tokens]
    for place in range(len(words) - 2):
        if words[place] == "ON" and words[place + 1] == event:
            two = words[place + 2] in ("SET", "NO")
            return " ".join(words[place + 2 : place + (4 if two else 3)])
    return "NO ACTION"
