"""What information_schema hides and SHOW CREATE TABLE tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from shardctl.dialects.mysql import text
from shardctl.dialects.mysql.tokens import Token, tokens, unquote
from shardctl.structure import Column, Index, Structure

_PARSER = re.compile(r"WITH PARSER `((?:[^`]|``)*)`")


def completed(connection: Connection, structures: Mapping[str, Structure]) -> dict[str, Structure]:
    """Those of the structures that information_schema does not show in full, completed.

    They are the ones with a FULLTEXT index, whose parser is hidden, and with a literal default
    of a binary type, which MySQL cuts at a NUL and MariaDB spoils where it is no text, or of
    TIMESTAMP, which MySQL shows in the zone of the session that altered the table last, and
    MariaDB in that of ours.
    """
    incomplete = [table for table, structure in structures.items() if _hides(structure)]
    if not incomplete:
        return {}
    shown = text.shown(connection, incomplete, zone="+00:00")
    return {table: _complete(structures[table], shown[table]) for table in incomplete}


def _hides(structure: Structure) -> bool:
    return any(map(_hides_default, structure.columns)) or any(map(_hides_parser, structure.indexes))


def _hides_default(column: Column) -> bool:
    """Whether it is a literal of a binary type or an instant; expressions are shown in full."""
    if column.default is None or column.default.startswith("("):
        return False
    if column.type.startswith("timestamp"):
        return column.default.startswith("'") and not column.default.startswith("'0000-00-00")
    return column.type.startswith(("binary", "varbinary")) or "blob" in column.type


def _hides_parser(index: Index) -> bool:
    return index.kind == "fulltext"


def _complete(structure: Structure, create: str) -> Structure:
    columns: dict[str, list[Token]] = {}
    keys: dict[str, list[Token]] = {}
    for line in create.split("\n"):
        if line.startswith("  `"):
            words = _words(line)
            columns[unquote(words[0].text)] = words
        elif line.startswith("  FULLTEXT KEY "):
            words = _words(line)
            keys[unquote(words[2].text)] = words
    return replace(
        structure,
        columns=tuple(
            _with_default(column, columns[column.name]) if _hides_default(column) else column
            for column in structure.columns
        ),
        indexes=tuple(
            replace(index, extra=_parser(keys[index.name])) if _hides_parser(index) else index
            for index in structure.indexes
        ),
    )


def _with_default(column: Column, words: list[Token]) -> Column:
    """A column with the literal behind DEFAULT; a binary one in hex unless it is empty."""
    at = next(number for number, word in enumerate(words) if word.key == "DEFAULT")
    literal = words[at + 1].text
    instant = column.type.startswith("timestamp")
    return replace(column, default=literal if instant else text.in_hex(literal))


def _parser(words: list[Token]) -> str:
    found = [_PARSER.search(word.text) for word in words if word.kind == "comment"]
    return " ".join(f"WITH PARSER {match[1]}" for match in found if match)


def _words(line: str) -> list[Token]:
    return [token for token in tokens(line) if token.kind != "blank"]
