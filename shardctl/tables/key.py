"""IDs bound as their column holds them, so that a server never compares text with numbers.

`WHERE order_id = 2026110000000000001` on a VARCHAR column makes MySQL compare both as doubles:
it reads the whole index and finds the neighbour `…002` too. Text compared with a BIGINT column
matches numbers that it only begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    BINARY,
    VARBINARY,
    ColumnElement,
    Dialect,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
)
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl.errors import InvalidId

_BYTES = BINARY | VARBINARY | LargeBinary

B = TypeVar("B", str, bytes)


class UnfitId(InvalidId, DontWrapMixin):  # SQLAlchemy would make a StatementError of it
    """A value that a key column cannot hold, or only as another ID."""


class KeyType(TypeDecorator[Any]):
    """The declared type of a key column; what is bound to it is converted, or refused.

    An integer for a text column becomes its decimal digits. Text for a number has to be the
    number's one canonical spelling: ASCII digits without sign, blank or leading zero.
    """

    impl = String
    cache_ok = True

    def __init__(self, declared: TypeEngine[Any]) -> None:
        super().__init__()
        self.declared = declared
        self.impl = declared  # type: ignore[assignment]  # SQLAlchemy too keeps an instance here
        self._low, self._high = self.bounds
        self._most: int | None = getattr(declared, "length", None)
        if isinstance(declared, Integer | Numeric):
            self._convert: Callable[[Any], Any] = self._number
        else:
            self._convert = self._bytes if isinstance(declared, _BYTES) else self._text

    @staticmethod
    def knows(declared: TypeEngine[Any]) -> bool:
        """Whether a column has one of the types that this converts for."""
        if isinstance(declared, Numeric):
            return not isinstance(declared, Float) and not declared.scale
        return isinstance(declared, Integer | String | _BYTES) and not isinstance(declared, Enum)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the server's own type is."""
        return self.declared.dialect_impl(dialect)

    @property
    def comparator_factory(self) -> Any:  # type: ignore[override]  # as TypeDecorator has it
        """The declared type's operators, but for True and False; this is in every query."""
        declared: Any = self.declared.comparator_factory
        return _refusing(declared)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """The value as the column holds it.

        Raises:
            InvalidId: it is of another kind, or does not fit.
        """
        return value if value is None else self._convert(value)

    def stored(self, id: str | int) -> Any:
        """What reading the column gives, once this ID was written to it.

        Raises:
            InvalidId: it is of another kind, or does not fit.
        """
        return self._convert(id)

    @property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest number; narrower integers than BIGINT bear no gene."""
        if isinstance(self.declared, Numeric):
            most = 10 ** (self.declared.precision or 10) - 1  # MySQL's DECIMAL is DECIMAL(10, 0)
            return -most, most
        if getattr(self.declared, "unsigned", False):
            return 0, 2**64 - 1
        return -(2**63), 2**63 - 1

    def _number(self, value: object) -> int:
        if isinstance(value, str) and value.isascii() and value.isdecimal():
            number = int(value)
            if str(number) != value:
                raise UnfitId(f"ID {value!r} has leading zeros, which its column does not keep")
        elif isinstance(value, int) and not isinstance(value, bool):
            number = int.__int__(value)  # drivers send `str` of a subclass, an enumeration's name
        else:
            raise UnfitId(f"ID {value!r} is not the decimal digits of a number, as its column is")
        if not self._low <= number <= self._high:
            raise UnfitId(
                f"ID {number} is beyond what its column holds: {self._low} to {self._high}"
            )
        return number

    def _text(self, value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = int.__repr__(value)
        if not isinstance(value, str):
            raise UnfitId(f"an ID is a string or an integer, not {type(value).__name__}")
        return self._short(str.__str__(value))

    def _bytes(self, value: object) -> bytes:
        return self._short(value if isinstance(value, bytes) else self._text(value).encode())

    def _short(self, value: B) -> B:
        if self._most is not None and len(value) > self._most:
            raise UnfitId(
                f"ID {value!r} has {len(value)} characters, its column holds {self._most}"
            )
        return value


class _Refusing(TypeEngine.Comparator[Any]):
    """Refuses True and False, which SQLAlchemy writes into a statement instead of binding them."""

    __slots__ = ()

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
        if other and isinstance(other[0], bool):
            raise UnfitId(f"an ID is a string or an integer, not {other[0]}")
        return super().operate(op, *other, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _compared, (type(self).__mro__[2], self.expr)  # a class made here has no name


@cache
def _refusing(declared: Any) -> Any:
    return type("Comparator", (_Refusing, declared), {"__slots__": ()})


def _compared(declared: Any, expression: ColumnElement[Any]) -> Any:
    return _refusing(declared)(expression)
