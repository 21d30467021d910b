"""Which columns of a row are the request's parameters, and whether two requests are the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final, Protocol

from sqlalchemy import ClauseElement, Column, FetchedValue, Table, TextClause, types
from sqlalchemy.sql.elements import False_, True_
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from shardctl.errors import ConfigError
from shardctl.store.canonical import Form, Odd, form_of

MASKED: Final = "***"
"""What stands for a secret value in a conflict."""

UNKNOWN: Final = object()
"""The form of what a server fills in, and nobody else knows."""

_NUMBER_OR_TEXT: Final = re.compile(r"(-?\d+(?:\.\d+)?)|'([^'\\]*)'", re.ASCII)
_NOT_SPELLED: Final = (types.JSON, types.TypeDecorator)
"""Types whose values are no text that an INSERT could give as well."""


class Comparison(Protocol):
    """Tells whether a row was stored for the same request."""

    def differences(
        self, stored: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """By column, the value stored and the value given, where these are not the same.

        Args:
            stored: the row as it was read.
            given: what a request sends.
        """


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
        """The form of the value that a request asks for; `UNKNOWN` where the server fills it in."""
        if self.name not in values:
            return self.default
        value = values[self.name]
        return UNKNOWN if isinstance(value, ClauseElement) else self.form(value)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What two requests with the same ID have to have in common."""

    each: tuple[Parameter, ...]

    @classmethod
    def of(
        cls,
        table: Table,
        *,
        without: Collection[str] = (),
        secret: Collection[str] = (),
        zone: tzinfo = UTC,
    ) -> Parameters:
        """Those of a declared table.

        Args:
            zone: whose clocks' time columns without a zone hold.
            without: columns that do not count: the key, the add-time, those that change later,
                those that are to be ignored.
            secret: columns whose values are kept out of messages.

        Raises:
            ConfigError: a column that the table has not.
        """
        if unknown := {*without, *secret} - set(table.c.keys()):
            raise ConfigError(f"{table.name} has no column {', '.join(sorted(unknown))}")
        counted = [
            column for column in table.c if column.key not in without and not fills_itself(column)
        ]
        return cls(
            tuple(
                Parameter(column.key, form, _default(column, form), column.key in secret)
                for column in counted
                for form in [form_of(column, zone)]
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
            if asked is UNKNOWN or asked == each.form(stored[each.name]):
                continue
            values = (stored[each.name], given.get(each.name, each.default))
            found[each.name] = (MASKED, MASKED) if each.secret else values
        return found


def fills_itself(column: Column[Any]) -> bool:
    """Whether the server computes it or numbers its rows, or every UPDATE sets it."""
    numbered = column.table is not None and column is column.table.autoincrement_column
    updated = column.onupdate is not None or column.server_onupdate is not None
    return numbered or updated or column.computed is not None


def _default(column: Column[Any], form: Form) -> Any:
    """The form of what is stored where a column is not given; unknown where only a server knows."""
    default: Any = column.default
    if default is not None:
        scalar = isinstance(default, ScalarElementColumnDefault)
        return form(default.arg) if scalar else UNKNOWN
    if column.server_default is None:
        return None if column.nullable else UNKNOWN
    if (
        isinstance(column.type, _NOT_SPELLED)
        or (spelled := _spelled(column.server_default)) is None
    ):
        return UNKNOWN
    stored = form(spelled)
    return UNKNOWN if isinstance(stored, Odd) else stored


def _spelled(default: FetchedValue) -> str | None:
    """The literal that a server's default is; None where it is an expression."""
    literal = getattr(default, "arg", None)
    if isinstance(literal, TextClause):
        found = _NUMBER_OR_TEXT.fullmatch(literal.text.strip())
        return None if found is None else found[1] or found[2]
    if isinstance(literal, False_ | True_):
        return "1" if isinstance(literal, True_) else "0"
    return literal if isinstance(literal, str) else None
