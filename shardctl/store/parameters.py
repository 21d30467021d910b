"""Which columns of a row are the request's parameters, and whether two requests are the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Table
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from shardctl.errors import ConfigError
from shardctl.store.canonical import Form, form_of

MASKED: Final = "***"
"""What stands for a secret value in a conflict."""

_UNKNOWN: Final = object()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A column that a request gives, and that a repetition has to give alike.

    Attributes:
        name: the column's key.
        form: what makes two spellings of a value equal.
        default: the form of the value that is stored where none is given, as far as the declared
            table tells it.
        secret: whether its values are kept out of messages.
    """

    name: str
    form: Form
    default: Any
    secret: bool

    def given(self, values: Mapping[str, Any]) -> Any:
        """The form of the value that a request asks for; unknown where the server fills it in."""
        return _form(self.form, values[self.name]) if self.name in values else self.default


@dataclass(frozen=True, slots=True)
class Parameters:
    """What two requests with the same ID have to have in common."""

    each: tuple[Parameter, ...]

    @classmethod
    def of(
        cls, table: Table, *, without: Collection[str] = (), secret: Collection[str] = ()
    ) -> Parameters:
        """Those of a declared table.

        Args:
            without: columns that do not count: the key, the add-time, those that change later,
                those that are to be ignored.
            secret: columns whose values are kept out of messages.

        Raises:
            ConfigError: a column that the table has not.
        """
        if unknown := {*without, *secret} - set(table.c.keys()):
            raise ConfigError(f"{table.name} has no column {', '.join(sorted(unknown))}")
        counted = [
            column
            for column in table.c
            if column.key not in without and column.computed is None and not _numbered(column)
        ]
        return cls(
            tuple(
                Parameter(column.key, form, _default(column, form), column.key in secret)
                for column in counted
                for form in [form_of(column)]
            )
        )

    def differences(
        self, stored: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """By column, the value stored and the value given, where these are not the same.

        A column that is not given counts as given with its default, where that is known.
        """
        found = {}
        for each in self.each:
            asked = each.given(given)
            if asked is _UNKNOWN or asked == _form(each.form, stored[each.name]):
                continue
            values = (stored[each.name], given.get(each.name))
            found[each.name] = (MASKED, MASKED) if each.secret else values
        return found


def _form(form: Form, value: Any) -> Any:
    return None if value is None else form(value)


def _numbered(column: Column[Any]) -> bool:
    """Whether the server numbers its rows."""
    return column.table is not None and column is column.table.autoincrement_column


def _default(column: Column[Any], form: Form) -> Any:
    """The form of what is stored where a column is not given; unknown where only a server knows."""
    default = column.default
    if default is not None:
        return (
            _form(form, default.arg)
            if isinstance(default, ScalarElementColumnDefault)
            else _UNKNOWN
        )
    if column.server_default is None:
        return None if column.nullable else _UNKNOWN
    literal = getattr(column.server_default, "arg", None)
    if not isinstance(literal, str):
        return _UNKNOWN  # an expression
    try:
        return form(literal)
    except (ArithmeticError, TypeError, ValueError):
        return _UNKNOWN
