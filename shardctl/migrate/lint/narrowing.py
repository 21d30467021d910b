"""Whether a change of a column's type can lose data, judged by the types before and after."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shardctl.structure import Column, Structure

_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
_BYTES = {"tiny": 2**8 - 1, "": 2**16 - 1, "medium": 2**24 - 1, "long": 2**32 - 1}
_FULL_CHARSETS = frozenset(["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"])
_WIDTHS = {
    **dict.fromkeys(_FULL_CHARSETS, 4),
    **dict.fromkeys(("utf8mb3", "ujis", "eucjpms"), 3),
    **dict.fromkeys(("ucs2", "gbk", "gb2312", "big5", "sjis", "cp932", "euckr"), 2),
}
_WIDER = {("date", "datetime"), ("float", "double")}
_TYPE = re.compile(r"\s*([a-z]+)\s*(?:\((.*)\))?\s*(.*)", re.IGNORECASE | re.DOTALL)
_STRINGS = re.compile(r"(var)?(char|binary)|(tiny|medium|long|)(text|blob)")


def narrowing(before: Structure, after: Structure | None) -> str:
    """In plain words, which column's values may not fit any more; "" where all of them do.

    It errs towards warning: a type it does not know to be at least as wide counts as narrower.
    """
    if after is None:
        return ""
    columns = {column.name: column for column in after.columns}
    found = []
    for old in before.columns:
        new = columns.get(old.name)
        if new is not None and not _holds(old, new):
            words = [column.type for column in (new, old)]
            if old.type == new.type:
                words = [f"{column.type} in {column.charset}" for column in (new, old)]
            found.append(f"values of column {old.name} that do not fit {words[0]} (was {words[1]})")
    return ", ".join(found)


def _holds(old: Column, new: Column) -> bool:
    if (old.type, old.charset) == (new.type, new.charset):
        return True
    old_name, old_size, old_rest = _parsed(old.type)
    new_name, new_size, new_rest = _parsed(new.type)
    numbers = _number(old_name, old_size, old_rest), _number(new_name, new_size, new_rest)
    texts = _string(old_name, old_size, old), _string(new_name, new_size, new)
    match numbers, texts:
        case (_Number() as less, _Number() as more), _:
            return more.low <= less.low and less.high <= more.high and less.scale <= more.scale
        case _, (_String() as less, _String() as more):
            return _string_holds(less, more)
    if old_name in ("enum", "set") and new_name == old_name:
        members = set(_members(old_size)) <= set(_members(new_size))
        return members and _charset_holds(old.charset, new.charset)
    if (old_name, new_name) in _WIDER:
        return not old_size and not new_size
    if old_name != new_name or old_rest != new_rest:
        return False
    return old_size == new_size or (
        all(size == "" or size.isdigit() for size in (old_size, new_size))
        and int(new_size or 0) >= int(old_size or 0)
    )


def _parsed(text: str) -> tuple[str, str, str]:
    match = _TYPE.fullmatch(text)
    return (match[1].lower(), match[2] or "", match[3].lower()) if match else (text, "", "")


@dataclass(frozen=True, slots=True)
class _Number:
    """Whole parts from `low` to `high`, and digits behind the point."""

    low: int
    high: int
    scale: int = 0


def _number(name: str, size: str, rest: str) -> _Number | None:
    unsigned = "unsigned" in rest
    if bits := _INTEGERS.get(name):
        return (
            _Number(0, 2**bits - 1)
            if unsigned
            else _Number(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
    if name in ("decimal", "numeric"):
        digits, _, scale = (size or "10,0").partition(",")
        high = 10 ** (int(digits) - int(scale or 0)) - 1
        return _Number(0 if unsigned else -high, high, int(scale or 0))
    return None


@dataclass(frozen=True, slots=True)
class _String:
    """How much a string may be: so many characters, or bytes; `charset` is None for bytes."""

    room: int
    in_bytes: bool
    charset: str | None
    is_text: bool


def _string(name: str, size: str, column: Column) -> _String | None:
    found = _STRINGS.fullmatch(name)
    if found is None:
        return None
    if found[2]:
        room = int(size) if size.isdigit() else 1
        return _String(room, found[2] == "binary", column.charset, found[2] == "char")
    return _String(_BYTES[found[3]], True, column.charset, found[4] == "text")


def _string_holds(old: _String, new: _String) -> bool:
    if new.is_text and not (old.is_text and _charset_holds(old.charset, new.charset)):
        return False
    if old.in_bytes and new.in_bytes:
        # In another charset a character may take more bytes than it did.
        more = _width(new.charset) if new.is_text and old.charset != new.charset else 1
        return old.room * more <= new.room
    if new.in_bytes:
        return old.room * _width(new.charset if new.is_text else old.charset) <= new.room
    return old.room <= new.room


def _charset_holds(old: str | None, new: str | None) -> bool:
    if old == new or old is None or new in _FULL_CHARSETS or old == "ascii":
        return True
    return new in ("utf8mb3", "ucs2") and old not in _FULL_CHARSETS


def _width(charset: str | None) -> int:
    """The greatest number of bytes of a character."""
    return _WIDTHS.get(charset or "", 1)


def _members(text: str) -> list[str]:
    return re.findall(r"'(?:[^'\\]|''|\\.)*'", text)
