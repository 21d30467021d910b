"""Numbers: `"7"`, `7`, `Decimal("7.00")` and True in a column of flags are one value each.

An exact column rounds what is finer than its scale half away from zero; so does this. See
https://dev.mysql.com/doc/refman/8.4/en/precision-math-rounding.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sqlalchemy.types import TypeEngine

_DIGITS = 65
"""The most that MySQL's DECIMAL holds."""
_SINGLE = 24
"""The bits up to which FLOAT(p) is single precision."""

_WHOLE = Decimal(1)


def integer(held: TypeEngine[Any]) -> Callable[[Any], int]:  # noqa: ARG001
    """As an integer column holds it."""
    return _integer


def _integer(value: Any) -> int:
    return value if type(value) is int else int(_rounded(value, _WHOLE))


def exact(held: Any) -> Callable[[Any], Decimal]:
    """As a DECIMAL holds it, which without a scale is a whole number."""
    step = Decimal(1).scaleb(-(held.scale or 0))
    return lambda value: _rounded(value, step)


def approximate(held: Any) -> Callable[[Any], float]:
    """As a FLOAT or a DOUBLE is read; of single precision the server shows six digits."""
    places = getattr(held, "scale", None)
    if places is not None:
        return lambda value: round(_single(round(float(value), places)), places)
    if (held.precision or 0) > _SINGLE:
        return float
    return lambda value: float(f"{_single(float(value)):.6g}")


def double(held: Any) -> Callable[[Any], float]:
    """As a DOUBLE is read."""
    places = getattr(held, "scale", None)
    return float if places is None else lambda value: round(float(value), places)


def boolean(held: TypeEngine[Any]) -> Callable[[Any], bool]:  # noqa: ARG001
    """True or False, or the numbers that stand for them."""

    def form(value: Any) -> bool:
        if (number := _integer(value)) not in (0, 1):
            raise ValueError
        return number == 1

    return form


def year(held: TypeEngine[Any]) -> Callable[[Any], int]:  # noqa: ARG001
    """Four digits; of two, 70 to 99 are of the last century, as MySQL reads them."""

    def form(value: Any) -> int:
        number = _integer(value)
        if number > 99 or (number == 0 and not isinstance(value, str)):
            return number
        return number + (2000 if number < 70 else 1900)

    return form


def bits(held: TypeEngine[Any]) -> Callable[[Any], int]:  # noqa: ARG001
    """The number that a BIT column's bytes make."""
    return lambda value: (
        int.from_bytes(value, "big") if isinstance(value, bytes) else _integer(value)
    )


def _single(number: float) -> float:
    """The nearest number of single precision."""
    (nearest,) = struct.unpack("f", struct.pack("f", number))
    return float(nearest)


def _rounded(value: Any, step: Decimal) -> Decimal:
    number = value if type(value) is Decimal else _decimal(value)
    if number.same_quantum(step) and number.is_finite():
        return number
    # A context of its own: the application's may have fewer digits.
    return number.quantize(step, ROUND_HALF_UP, Context(prec=_DIGITS))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, float):
        return Decimal(repr(value))  # the digits that the driver sends
    if isinstance(value, str) and not value.isascii():
        raise ValueError  # Decimal takes digits of every script, no server does
    if isinstance(value, int | str):
        return Decimal(value)
    raise TypeError
