"""Forms as bytes: the same for equal forms, others for others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from shardctl.store.canonical.form import Odd


def encoded(form: Any) -> bytes:
    """A form as bytes: what kind it is, how long, and what.

    Kinds are those that a change of the column's type, such as a wider scale, leaves alone: 7,
    7.0 and Decimal("7.00") are the same bytes. Rows keep fingerprints of these bytes: they may
    never change.

    Raises:
        TypeError: it is a value of the application's own type.
    """
    kind, content_of = _KINDS.get(type(form)) or _inherited(type(form))
    content = content_of(form)
    return b"%c%d:%b" % (kind, len(content), content)


Kind = tuple[bytes, Callable[[Any], bytes]]


def _inherited(kind: type) -> Kind:
    for each in kind.__mro__:
        if each in _KINDS:
            return _KINDS[each]
    raise TypeError(f"no bytes for {kind.__name__}")


def _text(form: str) -> bytes:
    return form.encode("utf-8", "surrogatepass")


def _number(form: float | Decimal) -> bytes:
    digits = format(Decimal(repr(form)) if isinstance(form, float) else form, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return b"0" if digits == "-0" else digits.encode()


def _instant(form: date | time) -> bytes:
    return form.isoformat().encode()


def _all(forms: Iterable[Any]) -> bytes:
    return b"".join(map(encoded, forms))


_KINDS: Final[Mapping[type, Kind]] = {
    type(None): (b"0", lambda form: b""),  # noqa: ARG005
    str: (b"s", _text),
    bytes: (b"b", bytes),
    int: (b"n", lambda form: b"%d" % form),
    float: (b"n", _number),
    Decimal: (b"n", _number),
    datetime: (b"t", _instant),
    date: (b"t", _instant),
    time: (b"t", _instant),
    timedelta: (b"d", lambda form: b"%d" % (form // timedelta(microseconds=1))),
    UUID: (b"u", lambda form: form.bytes),
    frozenset: (b"e", lambda form: _all(sorted(form))),
    dict: (b"o", lambda form: _all(part for name in sorted(form) for part in (name, form[name]))),
    list: (b"l", _all),
    tuple: (b"p", _all),
    Odd: (b"x", lambda form: _text(form.spelling)),
}
