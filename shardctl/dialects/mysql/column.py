"""ALTER COLUMN on a month's own terms: what a revision names is put into that month's own line.

Alembic's MODIFY defines a column anew from what the revision says, and so drops the default,
comment, charset and ON UPDATE that it does not say. Here they stay, on a month whose column is
unlike the template's too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from shardctl.clause import AlterColumn
from shardctl.dialects.mysql.line import Line
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.mysql.text import quote
from shardctl.dialects.mysql.tokens import Token, tokens, unquote
from shardctl.dialects.values import Definition
from shardctl.errors import RevisionRefused

# NCHAR and NVARCHAR are not among them: they imply their charset and take no other.
_CHARACTER_TYPES = frozenset(
    ["CHAR", "CHARACTER", "VARCHAR", "TINYTEXT", "TEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET"]
)
_UPDATED_TYPES = frozenset(["DATETIME", "TIMESTAMP"])

_COLUMN = re.compile(r"  (?P<name>`(?:[^`]|``)*`).*")
_NOW = re.compile(r"\bCURRENT_TIMESTAMP(?:\([0-9]*\))?$", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?", re.IGNORECASE)


def specification(action: AlterColumn, table: str, definition: Definition, server: Server) -> str:
    """What ALTER TABLE is told to do to a column what a revision says, and nothing else.

    One thing no MODIFY can say: on MySQL a nullable column whose default was dropped has none at
    all, and gets DEFAULT NULL again.

    Args:
        table: the table that is changed.
        definition: that table's own text.

    Raises:
        RevisionRefused: the table has no such column, or its server no such thing.
    """
    lines = _lines(definition)
    old = Line.of(lines[_known(action.column, lines, table)])
    said = _said(action)
    if said == {"name"}:
        return f"RENAME COLUMN {old.get('name')} TO {quote(action.name or '')}"
    if said == {"default"} and _is_settable(action.default or "", old, server):
        return f"ALTER COLUMN {old.get('name')} {_set_default(action.default)}"
    new = _changed(old, action, table, server)
    verb = f"CHANGE COLUMN {old.get('name')}" if action.name else "MODIFY COLUMN"
    return f"{verb} {new}{_place(action.after, lines, table)}"


def _said(action: AlterColumn) -> set[str]:
    """What the revision says, by the names of the action's attributes."""
    attributes = ("type", "nullable", "default", "comment", "name", "after")
    return {name for name in attributes if getattr(action, name) is not None}


def _lines(definition: Definition) -> dict[str, str]:
    """The columns' lines by name; newlines in them are escaped by the server."""
    found = (_COLUMN.fullmatch(line) for line in definition.create.split("\n"))
    return {unquote(line["name"]): line[0].removesuffix(",") for line in found if line}


def _known(column: str, lines: Iterable[str], table: str) -> str:
    """A column's name as the table spells it; case does not matter to either server."""
    for name in lines:
        if name.lower() == column.lower():
            return name
    raise RevisionRefused(f"{table} has no column {column}; its columns are {', '.join(lines)}")


def _changed(line: Line, action: AlterColumn, table: str, server: Server) -> Line:
    if action.type is not None:
        line = _typed(line, Line.of(action.type))
    if action.default is not None:
        line = line.without("default")
        if action.default:
            line = line.merge(Line.of(f"DEFAULT {action.default}"))
    if action.nullable is not None:
        line = _nullable(line, action, table, server)
    if action.comment is not None:
        line = line.without("comment")
        if action.comment:
            line = line.put("comment", f"COMMENT {_literal(action.comment)}")
    if action.name is not None:
        line = _renamed(line, action.name)
    if _word(line) == "TIMESTAMP" and not line.get("null") and not line.get("generated"):
        # Without explicit_defaults_for_timestamp it would become NOT NULL.
        line = line.put("null", "NULL")
    return line


def _typed(line: Line, new: Line) -> Line:
    """The line with a new type; what only the old one could bear goes with it."""
    if new.get("charset") or new.get("collate") or _word(new) not in _CHARACTER_TYPES:
        line = line.without("charset", "collate")
    line = line.merge(new)
    if _word(new) not in _UPDATED_TYPES:
        return line.without("on update")
    # A column's precision and that of the moments it is given must be the same (error 1067).
    precision = "".join(token.text for token in tokens(new.get("type")) if token.kind == "group")
    for segment in line.segments:
        if segment.kind in ("default", "on update"):
            text = _NOW.sub(f"CURRENT_TIMESTAMP{precision}", segment.text)
            line = line.put(segment.kind, text)
    return line


def _nullable(line: Line, action: AlterColumn, table: str, server: Server) -> Line:
    if action.nullable:
        # Generated columns take no NULL on MariaDB, and are nullable without it.
        return line.without("null") if line.get("generated") else line.put("null", "NULL")
    if server.is_mariadb and line.get("generated"):
        raise RevisionRefused(
            f"{table}.{action.column} is a generated column, which MariaDB cannot make NOT NULL: "
            "take nullable=False out of the revision"
        )
    if line.get("default").upper() == "DEFAULT NULL":
        line = line.without("default")
    return line.put("null", "NOT NULL")


def _renamed(line: Line, name: str) -> Line:
    """The line under a new name, in the column's own CHECK (MariaDB) too."""
    old = unquote(line.get("name"))
    check = line.get("check")
    if check:
        line = line.put("check", _with_name(check, old, name))
    return line.put("name", quote(name))


def _with_name(text: str, old: str, new: str) -> str:
    def renamed(token: Token) -> str:
        if token.kind == "group":
            return f"({_with_name(token.text[1:-1], old, new)})"
        if token.kind == "name" and unquote(token.text).lower() == old.lower():
            return quote(new)
        return token.text

    return "".join(map(renamed, tokens(text)))


def _is_settable(default: str, line: Line, server: Server) -> bool:
    """Whether ALTER COLUMN … SET DEFAULT does it, without loss.

    MariaDB loses ON UPDATE by it; MySQL takes a literal or a group, but no CURRENT_TIMESTAMP.
    """
    if server.is_mariadb and line.get("on update"):
        return False
    words = [token for token in tokens(default) if token.kind != "blank"]
    if len(words) == 1 and (words[0].kind in ("string", "group") or words[0].key == "NULL"):
        return True
    return not words or _NUMBER.fullmatch(default.strip()) is not None


def _set_default(default: str | None) -> str:
    return f"SET DEFAULT {default}" if default else "DROP DEFAULT"


def _place(after: str | None, lines: Iterable[str], table: str) -> str:
    match after:
        case None:
            return ""
        case "":
            return " FIRST"
        case _:
            return f" AFTER {quote(_known(after, lines, table))}"


def _word(line: Line) -> str:
    """The type's first word, in capitals."""
    return next((token.key for token in tokens(line.get("type"))), "")


def _literal(text: str) -> str:
    """A string as SQL; the session lets backslashes escape (see `session`)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
