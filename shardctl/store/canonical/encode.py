"""Forms as bytes: the same for equal forms, others for others."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from shardctl.store.canonical.form import Odd


def encoded(form: Any) -> bytes:
    """A form as bytes: what kind it is, how long, and what.

    Kinds are those that a change of the column's type, such as a wider scale, leaves alone: 7,
    7.0 and Decimal("7.00") are the same bytes.

    Raises:
        TypeError: it is a value of the application's own type.
    """
    kind, content = _parts(form)
    return b"%c%d:%b" % (kind, len(content), content)


def _parts(form: Any) -> tuple[bytes, bytes]:
    if isinstance(form, str):
        return b"s", form.encode("utf-8", "surrogatepass")
    if isinstance(form, bytes):
        return b"b", form
    if form is None:
        return b"0", b""
    if isinstance(form, int | float | Decimal):
        return b"n", _number(form).encode()
    if isinstance(form, date | time):  # a datetime is a date
        return b"t", form.isoformat().encode()
    if isinstance(form, timedelta):
        return b"d", str(form // timedelta(microseconds=1)).encode()
    if isinstance(form, UUID):
        return b"u", form.bytes
    if isinstance(form, AbstractSet):
        return b"e", b"".join(encoded(each) for each in sorted(form))
    if isinstance(form, dict):
        names = sorted(form)
        return b"o", b"".join(encoded(name) + encoded(form[name]) for name in names)
    if isinstance(form, list | tuple):
        return b"l" if isinstance(form, list) else b"p", b"".join(map(encoded, form))
    if isinstance(form, Odd):
        return b"x", form.spelling.encode("utf-8", "surrogatepass")
    raise TypeError(f"no bytes for {type(form).__name__}")


def _number(form: int | float | Decimal) -> str:
    if isinstance(form, int):
        return str(int(form))  # not True
    digits = format(Decimal(repr(form)) if isinstance(form, float) else form, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits
