"""Text, and what a server keeps as words: ENUM and SET."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any
from unicodedata import normalize
from uuid import UUID

from sqlalchemy import Dialect
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

_DIALECT: Dialect = mysql.dialect()


def text(held: TypeEngine[Any]) -> Callable[[Any], str]:  # noqa: ARG001
    """Letters with accents count alike, composed or not; a number is its digits."""
    return _text


def fixed(held: TypeEngine[Any]) -> Callable[[Any], str]:  # noqa: ARG001
    """As a CHAR is read: without blanks at its end."""
    return lambda value: _text(value).rstrip(" ")


def written(value: Any) -> Any:
    """What is sent to a text column for a value that drivers or servers spell, each their own way.

    pymysql drops the zone of a time, MySQL writes true as 1, sqlite3 refuses decimals.
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value) if isinstance(value, float | date | time | UUID) else value


def member(held: Any) -> Callable[[Any], str]:
    """The word that is stored for a member of an ENUM, or for its name."""
    stored = held.bind_processor(_DIALECT)
    return lambda value: _text(stored(value) if stored else value)


def members(held: Any) -> Callable[[Any], frozenset[str]]:
    """The words of a SET, from words, text with commas, or the number that stands for them."""
    words: tuple[str, ...] = tuple(held.values)

    def form(value: Any) -> frozenset[str]:
        if isinstance(value, int):
            return frozenset(word for bit, word in enumerate(words) if value >> bit & 1)
        if isinstance(value, str):
            value = value.split(",")
        return frozenset(_text(word) for word in value) - {""}

    return form


def _text(value: Any) -> str:
    value = written(value)
    if isinstance(value, bytes):
        value = value.decode()
    elif isinstance(value, int):
        value = str(value)
    return normalize("NFC", value)
