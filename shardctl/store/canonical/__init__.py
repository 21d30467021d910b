"""One form for all spellings of a value, by the type of its column.

The type is the one that a column has on MySQL, wherever the application runs: SQLite, in an
application's own tests, then tells the same requests apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Column, Dialect, types
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from shardctl.store.canonical import numbers, octets, text, times
from shardctl.store.canonical.encode import encoded
from shardctl.store.canonical.form import Odd, Own

__all__ = ["Form", "Odd", "encoded", "form_of", "is_own", "sent_of"]

Form = Callable[[Any], Any]

T = TypeVar("T")

_DIALECT: Final[Dialect] = mysql.dialect()


def form_of(column: Column[Any], zone: tzinfo = UTC) -> Form:
    """What makes two values comparable: equal forms are equal for the column.

    For values as they are given and for values as they are read. None stays None. It never
    raises: what has no form is `Odd`.

    Args:
        zone: of the clocks whose time a column without zone shows.
    """
    held = _held(column)
    timed = _chosen(_TIMED, held)
    made = _chosen(_FORMS, held)
    strict: Form = timed(held, zone) if timed else made(held) if made else partial(Own, held)

    def form(value: Any) -> Any:
        if value is None:
            return None
        try:
            return strict(value)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return Odd(repr(value))

    return form


def is_own(column: Column[Any]) -> bool:
    """Whether a column has a type of the application's own."""
    held = _held(column)
    return _chosen(_TIMED, held) is None and _chosen(_FORMS, held) is None


def sent_of(column: Column[Any], zone: tzinfo) -> Form | None:
    """What is sent in place of a value; None where all servers and drivers take it as it is.

    A value that has no form is sent as it is: the server says what is wrong with it.
    """
    held = _held(column)
    if isinstance(held, types.Time):
        strict: Form = times.clock(held, zone)
    elif isinstance(held, types.Uuid) and not held.as_uuid:
        strict = octets.spelled
    elif _chosen(_TIMED, held) or _chosen(_FORMS, held) in _SENT:
        strict = form_of(column, zone)
    elif _chosen(_FORMS, held) in _TEXTS:
        strict = text.written
    else:
        return None

    plain = _PLAIN.get(_chosen(_FORMS, held))

    def sent(value: Any) -> Any:
        if type(value) is plain:  # most values there are, in every request
            return value
        try:
            form = strict(value)
        except (AttributeError, TypeError, ValueError):
            return value
        return value if isinstance(form, Odd) else form

    return sent


def _held(column: Column[Any]) -> TypeEngine[Any]:
    declared = column.type
    # SQLAlchemy's REAL becomes FLOAT here, and REAL in CREATE TABLE, which MySQL takes for DOUBLE.
    return declared if isinstance(declared, types.REAL) else declared.dialect_impl(_DIALECT)


def _chosen(made: Mapping[type, T], held: TypeEngine[Any]) -> T | None:
    return next((made[kind] for kind in type(held).__mro__ if kind in made), None)


_TIMED: Final[Mapping[type, Callable[[Any, tzinfo], Form]]] = {
    types.DateTime: times.moment,
    types.Date: times.day,
    types.Time: times.time_of_day,
    types.Interval: times.length,
}

_FORMS: Final[Mapping[type, Callable[[Any], Form]]] = {
    types.Integer: numbers.integer,
    types.Numeric: numbers.exact,
    types.Float: numbers.approximate,
    types.Double: numbers.double,
    types.REAL: numbers.double,
    types.Boolean: numbers.boolean,
    mysql.YEAR: numbers.year,
    mysql.BIT: numbers.bits,
    types.String: text.text,
    types.CHAR: text.fixed,
    types.NCHAR: text.fixed,
    types.Enum: text.member,
    mysql.SET: text.members,
    types.LargeBinary: octets.octets,
    types.VARBINARY: octets.octets,
    types.BINARY: octets.padded,
    types.Uuid: octets.uuid,
    types.JSON: octets.document,
}

_SENT: Final = (numbers.integer, numbers.exact, octets.uuid)
_TEXTS: Final = (text.text, text.fixed)
_PLAIN: Final[Mapping[Any, type]] = {numbers.integer: int, text.text: str, text.fixed: str}
