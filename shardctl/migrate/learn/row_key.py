"""The key by whose ranges a backfill goes through a table."""

from __future__ import annotations

import re
from typing import Final

from shardctl.clause import Clause
from shardctl.errors import RevisionRefused
from shardctl.structure import Column, Index, Structure

_UNORDERED: Final = ("enum", "set", "bit", "time", "float", "double", "real", "json")
"""Types whose values are compared otherwise than they are ordered, or are not read as they are:
PyMySQL, for one, sends no negative TIME as it got it."""


def row_key(structure: Structure) -> tuple[str, ...]:
    """The columns of a table's primary key, or of a unique key whose columns are never NULL.

    Returns:
        Them in the key's order; none where the table has no such key.
    """
    columns = {column.name: column for column in structure.columns}
    keys = sorted(structure.indexes, key=lambda index: index.kind != "primary")
    for index in keys:
        named = tuple(part.column for part in index.parts if part.column is not None)
        whole = len(named) == len(index.parts) and not any(part.length for part in index.parts)
        if (
            index.kind in ("primary", "unique")
            and whole
            and all(_serves(columns[name], index) for name in named)
        ):
            return named
    return ()


def _serves(column: Column, index: Index) -> bool:
    """Whether every row has a value that no update of other columns changes."""
    type_ = column.type.lower()
    # https://www.sqlite.org/lang_createtable.html#rowid: it is never NULL without saying so.
    is_rowid = type_ == "integer" and index.kind == "primary" and len(index.parts) == 1
    return (
        (not column.nullable or is_rowid)
        and column.on_update is None
        and column.generated is None
        and re.split(r"\W", type_)[0] not in _UNORDERED
    )


def refuse_unwalkable(clause: Clause, number: int, structure: Structure | None) -> None:
    """Refuse a backfill of a table that it cannot go through.

    Args:
        number: the clause's, from 0.
        structure: how the table looks before it; None where there is none.

    Raises:
        RevisionRefused: there is no such table, it has no key, or the backfill changes the key.
    """
    if clause.chunks is None:
        return
    backfill = f"clause {number + 1} is a backfill of {clause.table}"
    if structure is None:
        raise RevisionRefused(f"{backfill}, but there is neither a family nor a table of that name")
    key = row_key(structure)
    if not key:
        raise RevisionRefused(
            f"{backfill}, which has no primary or unique key to go through it by (whole columns "
            "that are never NULL, neither generated nor of a type like FLOAT or ENUM): give it "
            "one, or use op.execute, which changes all rows in one transaction"
        )
    folded = {column.casefold() for column in key}
    if changed := [column for column in clause.chunks.columns if column.casefold() in folded]:
        raise RevisionRefused(
            f"{backfill}, which it goes through by its key ({', '.join(key)}), so it cannot change "
            f"{', '.join(changed)}: use op.execute"
        )
