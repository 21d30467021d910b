"""What stands for a column that a month does not have yet."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Time,
    cast,
    literal_column,
    type_coerce,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl import structure
from shardctl.errors import ColumnMissing, ConfigError, QueryRefused
from shardctl.family import Family
from shardctl.month import Month
from shardctl.reads.seen import Seen

Lacking: TypeAlias = Literal["default", "null", "error"]
"""What is read where a month lacks a column: the template's default, NULL, or nothing at all."""

_NUMBER: Final = r"[bx]'[0-9a-f]*'|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?|true|false|null"
_FLAGS: Final = re.IGNORECASE | re.DOTALL
_CONSTANT: Final = re.compile(rf"\(?(?:'(?:[^'\\]|\\.|'')*'|{_NUMBER})\)?", _FLAGS)
_CONSTANT_OF_SQLITE: Final = re.compile(rf"\(?(?:'(?:[^']|'')*'|{_NUMBER})\)?", _FLAGS)
_NUMBERS: Final = (Integer, Numeric, Boolean)
_TIMES: Final = (DateTime, Date, Time)


def refuse_unknown(family: Family, seen: Seen, names: frozenset[str], lacking: Lacking) -> None:
    """Refuse columns that the template has not: what months may still have of them is not seen.

    Raises:
        QueryRefused: as the template itself would refuse the SELECT.
        ConfigError: `lacking` is none of its values.
    """
    if lacking not in ("default", "null", "error"):
        raise ConfigError(f"lacking={lacking!r}: give 'default', 'null' or 'error'")
    if seen.template and (unknown := names - seen.template.keys()):
        raise QueryRefused(
            f"{family.name} has no column {', '.join(sorted(unknown))}: its template "
            f"{family.template} lacks it"
        )


def stand_in(
    family: Family,
    month: Month,
    column: Column[Any],
    seen: Seen,
    lacking: Lacking,
) -> ColumnElement[Any]:
    """What means in a month, in a SELECT's columns and conditions, what a column of it will.

    Args:
        column: the column, of the month's table.

    Raises:
        ColumnMissing: the template has no default for it that is a constant, or nothing shall
            stand for it.
    """
    where = f"{family.table_name(month)} has no column {column.name}"
    if lacking == "error":
        raise ColumnMissing(f"{where} yet: 'shardctl upgrade' brings it")
    if lacking == "null":
        return type_coerce(literal_column("NULL"), column.type)
    declared = seen.template.get(column.name.lower())
    if declared is None:
        raise ColumnMissing(f"{where}, and there is no template {family.template} with a default")
    text = declared.default
    if text is None and declared.nullable and declared.generated is None:
        return type_coerce(literal_column("NULL"), column.type)
    constant = _CONSTANT_OF_SQLITE if seen.is_file else _CONSTANT
    if text is None or not constant.fullmatch(text):
        raise ColumnMissing(
            f"{where} yet, and its default is no constant ({text or 'none'}): lacking='null' reads "
            "NULL for it"
        )
    return _typed(text, column, declared, is_file=seen.is_file)


def _typed(
    text: str, column: Column[Any], declared: structure.Column, *, is_file: bool
) -> ColumnElement[Any]:
    """A constant as the column would hold it: of its type, and compared by its collation."""
    kind = _plain(column.type)
    value: ColumnElement[Any] = literal_column(text)
    if declared.charset and declared.collation:
        spelled = f"CONVERT({text} USING {declared.charset}) COLLATE {declared.collation}"
        value = literal_column(f"({spelled})")
    elif declared.collation:
        value = literal_column(f"({text} COLLATE {declared.collation})")
    elif isinstance(kind, _NUMBERS) or (isinstance(kind, _TIMES) and not is_file):
        value = cast(value, Integer() if isinstance(kind, Boolean) else kind)
    return type_coerce(value, column.type)


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    while isinstance(type_, TypeDecorator):
        type_ = type_.impl_instance
    return type_
