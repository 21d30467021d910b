"""What indexes do: which one makes another superfluous, which rows a unique one forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shardctl.dialects import Dialect
from shardctl.migrate.lint.columns import column_of
from shardctl.structure import Index, Structure

UNIQUE = frozenset(["unique", "primary"])


def index_of(structure: Structure | None, name: str) -> Index | None:
    """A structure's index of a name."""
    indexes = structure.indexes if structure else ()
    return next((index for index in indexes if index.name.lower() == name.lower()), None)


def columns_of(index: Index) -> tuple[str, ...]:
    """The columns of an index in words, expressions as they are."""
    return tuple(part.column or str(part.expression) for part in index.parts)


def called(index: Index, names: Mapping[str, str]) -> Index:
    """An index after columns of it were renamed.

    Args:
        names: old name → new name.
    """
    parts = (
        replace(part, column=names.get(part.column or "", part.column)) for part in index.parts
    )
    return replace(index, parts=tuple(parts))


def begins_with(index: Index, columns: tuple[str, ...]) -> bool:
    """Whether an index finds rows by these columns, in this order."""
    return (
        index.kind in UNIQUE | {"key"}
        and not index.invisible
        and tuple(part.column for part in index.parts[: len(columns)]) == columns
    )


def serves(index: Index, lost: Index) -> bool:
    """Whether an index does all that another did."""
    if lost.kind in UNIQUE and not (index.kind in UNIQUE and is_stricter(index, lost)):
        return False
    if lost.kind not in UNIQUE | {"key"}:
        return index.kind == lost.kind and index.parts == lost.parts
    usable = index.kind in UNIQUE | {"key"} and (not index.invisible or lost.invisible)
    return usable and index.parts[: len(lost.parts)] == lost.parts


def is_stricter(index: Index, other: Index) -> bool:
    """Whether rows that a unique index lets pass are let pass by another unique index too."""
    return set(index.parts) <= set(other.parts)


def duplicates(dialect: Dialect, table: str, index: Index, structure: Structure) -> str | None:
    """A SELECT that gives a row where a unique index would find two rows equal; rows with a NULL
    in it never are. None where it cannot be asked: of an expression, or of a column not there yet.

    Args:
        table: its quoted name.
        structure: how the table looks.
    """
    found = []
    for part in index.parts:
        if part.column is None or column_of(structure, part.column) is None:
            return None
        column = dialect.quote(part.column)
        found.append(f"LEFT({column}, {part.length})" if part.length else column)
    by = ", ".join(found)
    known = " AND ".join(f"{column} IS NOT NULL" for column in found)
    return f"SELECT 1 FROM {table} WHERE {known} GROUP BY {by} HAVING COUNT(*) > 1 LIMIT 1"
