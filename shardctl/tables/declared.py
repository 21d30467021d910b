"""Whether a declared table can be a family's."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Date, DateTime, Float, Integer, Numeric, Table
from sqlalchemy.types import TypeEngine

from shardctl.errors import ConfigError
from shardctl.family import Family
from shardctl.gene import Gene
from shardctl.tables.key import KeyType


def check(family: Family, table: Table) -> None:
    """Refuse a table that cannot be the family's.

    Raises:
        ConfigError: the name is another's, a column is missing, or cannot hold what it should.
    """
    if table.name not in (family.name, family.template):
        raise ConfigError(f"table {table.name} is declared for family {family.name}: not its name")
    named_there = {*family.key, *filter(None, [family.time, family.state])}
    missing = named_there - {column.name for column in table.c}
    if missing:
        raise ConfigError(
            f"family {family.name} names the columns {', '.join(sorted(missing))}, "
            f"which the declared table {table.name} has not"
        )
    if family.time:
        _check_time(family, named(table, family.time).type)
    if family.gene is not None and family.key:
        _check_key(family, family.gene, named(table, family.id_column).type)


def named(table: Table, name: str) -> Column[Any]:
    """The column of a name in the database; `table.c` goes by keys, which may be others."""
    return next(column for column in table.columns if column.name == name)


def _check_time(family: Family, declared: TypeEngine[Any]) -> None:
    """Refuse a time column that is not of the kind that the family says."""
    if isinstance(declared, Integer) and not family.time_unit:
        raise ConfigError(
            f"family {family.name}: column {family.time} is an integer: give its unit, as in "
            f'time = {{ column = "{family.time}", unit = "s" }}'
        )
    if isinstance(declared, DateTime | Date) and family.time_unit:
        raise ConfigError(f"family {family.name}: column {family.time} counts nothing: no unit")


def _check_key(family: Family, gene: Gene, declared: TypeEngine[Any]) -> None:
    """Refuse a key column that cannot hold the IDs of the family's gene."""
    column, lengths = family.id_column, family.scheme.lengths
    if isinstance(declared, Float):
        raise ConfigError(f"family {family.name}: column {column} is a float, which rounds IDs")
    if not KeyType.knows(declared):
        return  # a type of the user's own, which knows what it holds
    number = isinstance(declared, Integer | Numeric)
    if number and not family.scheme.decimal:
        raise ConfigError(
            f"family {family.name}: column {column} is a number, IDs of gene {gene} have letters"
        )
    room = len(str(KeyType(declared).bounds[1])) if number else getattr(declared, "length", None)
    if room is not None and lengths and max(lengths) > room:
        raise ConfigError(
            f"family {family.name}: IDs have up to {max(lengths)} characters, "
            f"column {column} holds {room}"
        )
