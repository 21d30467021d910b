"""SHOW CREATE TABLE: read without loss, and rewritten into another table of the same structure.

The server escapes newlines in comments and literals, so that each column, index and constraint
is one line, known by how it begins; no text is searched for a table's name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection

from shardctl.clause import Names, shorten
from shardctl.dialects.base.sending import send
from shardctl.dialects.mysql.tokens import Token, tokens, unquote
from shardctl.dialects.values import Definition, Statement

_COUNTER = re.compile(r"(\) (?:/\*.*?\*/ )*ENGINE=\w+) AUTO_INCREMENT=[0-9]+")
_LITERAL = re.compile(rb"`(?:[^`]|``)*`|(\b_\w+ ?)?'((?:[^'\\]|\\.|'')*)'", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)|''", re.DOTALL)
_ESCAPES = {b"0": b"\0", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a", None: b"'"}


def quote(name: str) -> str:
    """An identifier in backticks.

    Raises:
        ValueError: it holds a NUL, which no identifier may.
    """
    if "\0" in name:
        raise ValueError(f"a name cannot hold a NUL character: {name!r}")
    return "`" + name.replace("`", "``") + "`"


def definition(connection: Connection, table: str) -> Definition:
    """A table's SHOW CREATE TABLE text, without its AUTO_INCREMENT counter.

    Defaults of TIMESTAMP columns are in the session's zone, and it must be that of the session
    that runs the copy. The session must be prepared (see `session`): ANSI_QUOTES and
    sql_quote_show_create=0 both give another text.
    """
    lines = shown(connection, (table,))[table].split("\n")
    end = _closing(lines)
    if counter := _COUNTER.match(lines[end]):
        lines[end] = counter[1] + lines[end][counter.end() :]
    return Definition(table, "\n".join(lines))


def shown(
    connection: Connection, tables: Collection[str], *, zone: str | None = None
) -> dict[str, str]:
    """The SHOW CREATE TABLE text of each table; a literal that is no UTF-8 is given in hex.

    Such literals stand in the server's text as raw bytes: MariaDB's binary defaults, and what
    MySQL keeps of an expression in the charset of the client that wrote it.

    Args:
        zone: in which defaults of TIMESTAMP columns are shown; None: the session's.
    """
    with _raw_results(connection, zone):
        return {
            table: _decoded(send(connection, _shown(table)).scalars(1).one()) for table in tables
        }


def _shown(table: str) -> Statement:
    return Statement(f"SHOW CREATE TABLE {quote(table)}")


def in_hex(literal: str) -> str:
    """A string literal of SHOW CREATE TABLE as a hexadecimal one; `''` and hex stay.

    Two literals of the same bytes give the same text.
    """
    if not literal.endswith("'") or literal == "''":
        return literal.lower()
    return _LITERAL.sub(_in_hex, literal.encode()).decode()


def copy(
    source: Definition, name: str, names: Names, *, source_tag: str = "", is_mariadb: bool = False
) -> Statement:
    """The CREATE TABLE of an empty table `name` like the one defined (see `Dialect.copy`).

    Not CREATE TABLE LIKE, which drops foreign keys and, on MySQL, the names of CHECKs.

    Args:
        is_mariadb: whether CHECK names are unique in a table only, so that the ones that the
            server made (`CONSTRAINT_1`) can stay.
    """
    head, *lines = source.create.split("\n")
    end = _closing(lines)
    target = _Target(source.table, name, names, source_tag, is_mariadb)
    implied = _implied_keys(lines[:end], target)
    return Statement(
        "\n".join(
            [
                _spliced(head, {_words(head.removesuffix("("))[2]: quote(name)}),
                *(_rewritten(line, target, implied) for line in lines[:end]),
                *lines[end:],
            ]
        )
    )


_Key: TypeAlias = tuple[str, tuple[str, ...]]  # a quoted name, and quoted columns


@dataclass(frozen=True, slots=True)
class _Target:
    """What the names in a copied text become."""

    source: str
    name: str
    names: Names
    source_tag: str
    is_mariadb: bool

    def table(self, name: str) -> str:
        """The table that a foreign key refers to."""
        return self.name if name == self.source else self.names.table(name)

    def constraint(self, name: str, kind: str) -> str:
        """The name of a CHECK or FOREIGN KEY, unique in the schema."""
        generated = re.fullmatch(re.escape(self.source) + r"(_(?:chk|ibfk)_[0-9]+)", name)
        if generated:
            begin = self.names.table(self.source)
            return shorten((self.name if begin == self.source else begin) + generated[1])
        if self.is_mariadb and kind == "CHECK" and re.fullmatch(r"CONSTRAINT_[0-9]+", name):
            return name
        new = shorten(name.removesuffix(self.source_tag) + self.names.tag)
        if new == name and not (self.is_mariadb and kind == "CHECK"):
            return shorten(f"{name}_{self.name}")  # the source has that name, and is still there
        return new


def _closing(lines: list[str]) -> int:
    """Which line closes the columns and keys and begins the table's options."""
    return next(number for number, line in enumerate(lines) if line.startswith(")"))


def _rewritten(line: str, target: _Target, implied: Mapping[_Key, str]) -> str:
    """One line of the source's columns, keys and constraints as it stands in the copy."""
    if line.startswith("  CONSTRAINT "):
        words = _words(line)
        _, name, kind, *rest = words
        new = {name: quote(target.constraint(unquote(name.text), kind.key))}
        if kind.key == "FOREIGN":
            referred, following = _referred(rest)
            if following.kind == "group":  # with a `.` it would be a table of another schema
                new[referred] = quote(target.table(unquote(referred.text)))
        return _spliced(line, new)
    if line.startswith("  KEY "):
        _, name, columns, *_ = _words(line)
        new_name = implied.get((name.text, _columns(columns)))
        if new_name is not None:
            return _spliced(line, {name: new_name})
    return line


def _implied_keys(lines: Collection[str], target: _Target) -> dict[_Key, str]:
    """The new names of keys that a server made for a FOREIGN KEY and called like it.

    They are known by their name and columns together: an index of that name over other columns
    is the user's own.
    """
    found = {}
    for line in lines:
        if line.startswith("  CONSTRAINT "):
            _, name, kind, *rest = _words(line)
            if kind.key == "FOREIGN":
                new = quote(target.constraint(unquote(name.text), kind.key))
                found[name.text, _columns(rest[1])] = new
    return found


def _columns(group: Token) -> tuple[str, ...]:
    return tuple(token.text for token in tokens(group.text[1:-1]) if token.kind == "name")


def _referred(words: list[Token]) -> tuple[Token, Token]:
    """The name behind REFERENCES, and what follows it."""
    at = next(number for number, word in enumerate(words) if word.key == "REFERENCES")
    return words[at + 1], words[at + 2]


def _words(line: str) -> list[Token]:
    return [token for token in tokens(line) if token.kind != "blank"]


def _spliced(line: str, new: Mapping[Token, str]) -> str:
    for token in sorted(new, key=lambda token: token.start, reverse=True):
        line = line[: token.start] + new[token] + line[token.end :]
    return line


@contextmanager
def _raw_results(connection: Connection, zone: str | None) -> Iterator[None]:
    """Results as the server's bytes: a text that is not all UTF-8 kills PyMySQL's connection."""
    connection.exec_driver_sql(
        "SET @shardctl_results = @@character_set_results, @shardctl_zone = @@time_zone, "
        "character_set_results = binary, time_zone = COALESCE(%s, @@time_zone)",
        (zone,),
    )
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql(
                "SET character_set_results = @shardctl_results, time_zone = @shardctl_zone"
            )


def _decoded(text: bytes | str) -> str:
    if isinstance(text, str):
        return text
    return _LITERAL.sub(_in_hex_unless_text, text).decode()


def _in_hex_unless_text(match: re.Match[bytes]) -> bytes:
    try:
        match[0].decode()
    except UnicodeDecodeError:
        return _in_hex(match)
    return match[0]


def _in_hex(match: re.Match[bytes]) -> bytes:
    introducer, literal = match.groups()
    value = _ESCAPED.sub(lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), literal)
    return (introducer.rstrip() + b" " if introducer else b"") + b"0x" + value.hex().encode()
