"""Whether a change of a column's type can lose data, judged by the types before and after."""

from __future__ import annotations

import re

from shardctl.structure import Column, Structure

_INTEGERS = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "integer": 4, "bigint": 8}
_TEXTS = {
    "tinytext": 255,
    "text": 65535,
    "mediumtext": 2**24 - 1,
    "longtext": 2**32 - 1,
    "tinyblob": 255,
    "blob": 65535,
    "mediumblob": 2**24 - 1,
    "longblob": 2**32 - 1,
}
_TYPE = re.compile(r"\s*([a-z]+)\s*(?:\((.*)\))?\s*(.*)", re.IGNORECASE | re.DOTALL)


def narrowing(before: Structure, after: Structure | None) -> str:
    """In plain words, which column's values may not fit any more; "" where all of them do.

    It errs towards warning: a type it does not know to be at least as wide counts as narrower.
    """
    if after is None:
        return ""
    columns = {column.name: column for column in after.columns}
    found = [
        f"values of column {old.name} that do not fit {new.type} (was {old.type})"
        for old in before.columns
        if (new := columns.get(old.name)) and not _holds(old, new)
    ]
    return ", ".join(found)


def _holds(old: Column, new: Column) -> bool:
    if old.charset != new.charset and new.charset not in (None, "utf8mb4", "binary"):
        return (old.charset, new.charset) == ("ascii", "utf8mb3")
    if old.type == new.type:
        return True
    old_name, old_size, old_rest = _parsed(old.type)
    new_name, new_size, new_rest = _parsed(new.type)
    if old_name in _INTEGERS and new_name in _INTEGERS:
        signed, unsigned = "unsigned" not in old_rest, "unsigned" in new_rest
        wider = _INTEGERS[new_name] - _INTEGERS[old_name]
        return not (signed and unsigned) and (wider > 0 or (wider == 0 and signed != unsigned))
    if old_name in ("enum", "set") and new_name == old_name:
        return set(_members(old_size)) <= set(_members(new_size))
    if old_name == new_name == "decimal":
        return _whole(new_size) >= _whole(old_size) and _scale(new_size) >= _scale(old_size)
    old_room, new_room = _room(old_name, old_size), _room(new_name, new_size)
    if old_room is not None and new_room is not None:
        return new_room >= old_room
    return old_name == new_name and _number(new_size) >= _number(old_size)


def _parsed(text: str) -> tuple[str, str, str]:
    match = _TYPE.fullmatch(text)
    return (match[1].lower(), match[2] or "", match[3].lower()) if match else (text, "", "")


def _members(text: str) -> list[str]:
    return re.findall(r"'(?:[^'\\]|''|\\.)*'", text)


def _room(name: str, size: str) -> int | None:
    """How many characters (of a text) or bytes (of a blob) a type holds; None for other types."""
    if name in _TEXTS:
        return _TEXTS[name]
    return _number(size) if name in ("char", "varchar", "binary", "varbinary") else None


def _number(size: str) -> int:
    return int(size) if size.strip().isdigit() else 0


def _whole(size: str) -> int:
    precision, _, scale = size.partition(",")
    return (_number(precision) or 10) - _number(scale)


def _scale(size: str) -> int:
    return _number(size.partition(",")[2])
