"""Forms of values that no type of SQLAlchemy's has a form for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that a column of its type cannot hold: it is like itself, and like nothing else."""

    spelling: str


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """A value of a type that the application defines, which alone knows what is equal."""

    type: TypeEngine[Any]
    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Own):
            return False
        try:
            return bool(self.type.compare_values(self.value, other.value))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False  # it does not know one of them

    __hash__ = None  # type: ignore[assignment]
