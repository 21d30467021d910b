"""Bytes, UUIDs and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from unicodedata import normalize
from uuid import UUID

from sqlalchemy.types import TypeEngine

_LEAST, _MOST = -(2**63), 2**64 - 1
"""The integers that MySQL keeps exactly in JSON."""


def octets(held: TypeEngine[Any]) -> Callable[[Any], bytes]:  # noqa: ARG001
    """Bytes; text is its UTF-8."""
    return _octets


def padded(held: Any) -> Callable[[Any], bytes]:
    """As a BINARY is read: with zeros up to its length."""
    length = held.length or 1
    return lambda value: _octets(value).ljust(length, b"\0")


def uuid(held: TypeEngine[Any]) -> Callable[[Any], UUID]:  # noqa: ARG001
    """A UUID, from any of its spellings."""
    return _uuid


def spelled(value: Any) -> str | None:
    """A UUID as text, for a column that gives text."""
    return None if value is None else str(_uuid(value))


def document(held: TypeEngine[Any]) -> Callable[[Any], Any]:  # noqa: ARG001
    """JSON by value: the order of keys does not matter, 1 is 1.0, and true is not 1."""
    return _document


def _octets(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return bytes(memoryview(value))  # not bytes(5), which is five zeros


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    return UUID(bytes=value) if isinstance(value, bytes) else UUID(value)


def _document(value: Any) -> Any:
    if isinstance(value, bool):
        return ("true",) if value else ("false",)  # in Python, True == 1
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if _LEAST <= value <= _MOST else float(value)
    if isinstance(value, str):
        return normalize("NFC", value)
    if isinstance(value, Mapping):
        return {normalize("NFC", name): _document(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_document(each) for each in value]
    raise TypeError
