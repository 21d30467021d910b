"""Editing the text of tables and indexes: other names, nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from shardctl.clause import Names
from shardctl.dialects.sqlite.parse import create_index, create_table
from shardctl.dialects.sqlite.tokens import Tokens, qualifiers, quote, same
from shardctl.dialects.values import Definition, Statement

__all__ = ["Edit", "copy", "declared", "edited", "quote", "renamed"]

Edit = tuple[int, int, str]
"""From, to, and what is to stand there instead."""

_TAG = re.compile(r"(?P<declared>.+)__(?P<month>[^_].*)", re.DOTALL)


def declared(index: str, table: str) -> str:
    """The name that an index was declared with, without the tag of its month.

    Index names are unique in a SQLite file, so a month's `ix_part` is `ix_part__202602`: two
    underscores and the month's suffix without its own leading ones. The tag is taken off only
    where the table's name ends with the same text.
    """
    found = _TAG.fullmatch(index)
    return found["declared"] if found and table.endswith(found["month"]) else index


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; none of them may overlap."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def renamed(
    text: str,
    name: str,
    *,
    parent: Callable[[str], str] = str,
    constraint: Callable[[str], str] = str,
) -> str:
    """A CREATE TABLE text under another table's name.

    Args:
        parent: what each table that a foreign key refers to is called now.
        constraint: what each named constraint is called now.
    """
    table = create_table(text)
    edits = [(table.name.start, table.name.end, quote(name))]
    edits += _without_qualifiers(table.body, table.name.name)
    for _, found in table.constraints():
        referred = found.reference[0] if found.reference else None
        for token, now in ((referred, parent), (found.name, constraint)):
            if token and now(token.name) != token.name:
                edits.append((token.start, token.end, quote(now(token.name))))
    return edited(text, edits)


def copy(definition: Definition, name: str, names: Names, source_tag: str) -> Iterator[Statement]:
    """The statements that make an empty table like the one defined, with its indexes."""

    def parent(table: str) -> str:
        return name if same(table, definition.table) else names.table(table)

    def constraint(old: str) -> str:
        return old.removesuffix(source_tag) + names.tag

    yield Statement(renamed(definition.create, name, parent=parent, constraint=constraint))
    for text in definition.further:
        if index := create_index(text):
            kept = declared(index.name.name, definition.table).removesuffix(source_tag)
            edits = [
                (index.name.start, index.name.end, quote(kept + names.index_tag)),
                (index.table.start, index.table.end, quote(name)),
                *_without_qualifiers(index.parts, definition.table),
                *_without_qualifiers(index.where, definition.table),
            ]
            yield Statement(edited(text, edits))


def _without_qualifiers(tokens: Tokens, table: str) -> list[Edit]:
    """`t.coin` is `coin` under any name of the table."""
    return [(token.start, dot.end, "") for token, dot in qualifiers(tokens, table)]
