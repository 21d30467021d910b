"""Where a page ended, as text that travels through other hands."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from shardctl.errors import CursorOfOtherQuery, CursorTampered, InvalidMonth, QueryRefused
from shardctl.month import Month

_BARE: Final = b"\x01"
_SIGNED: Final = b"\x02"
_MAC: Final = 16
_JSON: Final = json.JSONEncoder(separators=(",", ":"))

_KINDS: Final[Mapping[type, tuple[str, Callable[[Any], Any]]]] = {
    datetime: ("t", datetime.isoformat),
    date: ("d", date.isoformat),
    time: ("c", time.isoformat),
    timedelta: ("s", lambda value: value // timedelta(microseconds=1)),
    Decimal: ("n", str),
    float: ("f", float.hex),
    bytes: ("b", bytes.hex),
    UUID: ("u", str),
}
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "c": time.fromisoformat,
    "s": lambda count: timedelta(microseconds=count),
    "n": Decimal,
    "f": float.fromhex,
    "b": bytes.fromhex,
    "u": UUID,
}


@dataclass(frozen=True, slots=True)
class Position:
    """The place after a row.

    Attributes:
        month: whose table the row is in.
        values: what rows are ordered by has these in it.
    """

    month: Month
    values: tuple[Any, ...]


def encode(position: Position, query: str, key: bytes | None) -> str:
    """The cursor of a place.

    Args:
        query: tells the query, with its values.
        key: what it is signed with; None leaves it unsigned.

    Raises:
        QueryRefused: a value is of a kind that cannot be written down.
    """
    month = position.month.year * 100 + position.month.month
    values = [_written(value) for value in position.values]
    body = _JSON.encode([query, month, *values]).encode()
    body = _BARE + body if key is None else _SIGNED + body + _mac(_SIGNED + body, key)
    return urlsafe_b64encode(body).rstrip(b"=").decode()


def decode(cursor: str, query: str, count: int, key: bytes | None) -> Position:
    """The place that a cursor tells.

    Args:
        query: what `encode` was given.
        count: how many values a place has.
        key: likewise.

    Raises:
        CursorTampered: it is no cursor of this version, or was not signed with this key.
        CursorOfOtherQuery: it is another query's.
    """
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        told, month, *written = json.loads(_verified(raw, key))
        values = tuple(map(_read, written))
        found = Position(Month(*divmod(month, 100)), values)
    except (AttributeError, InvalidMonth, KeyError, TypeError, ValueError) as error:
        raise CursorTampered(
            "the cursor is not as it was given out, or not of this version: begin at the first page"
        ) from error
    if told != query or len(values) != count:
        raise CursorOfOtherQuery(
            "the cursor was given out for another query, or for other values in it: repeat that "
            "one, with what changes from call to call in 'since' and 'until'"
        )
    return found


def _verified(raw: bytes, key: bytes | None) -> bytes:
    if key is None and raw[:1] == _BARE:
        return raw[1:]
    if key is not None and raw[:1] == _SIGNED:
        body, mac = raw[:-_MAC], raw[-_MAC:]
        if hmac.compare_digest(mac, _mac(body, key)):
            return body[1:]
    raise ValueError


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_MAC]


def _written(value: Any) -> Any:
    if value is None or type(value) in (int, str, bool):
        return value
    for kind, (tag, write) in _KINDS.items():
        if isinstance(value, kind):
            return [tag, write(value)]
    raise QueryRefused(
        f"ORDER BY has a value of type {type(value).__name__}: no cursor can hold it"
    )


def _read(written: Any) -> Any:
    if not isinstance(written, list):
        return written
    tag, text = written
    return _READ[tag](text)
