"""How one table looks, from the rows that information_schema has of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from shardctl.dialects.mysql import normal
from shardctl.dialects.mysql.server import Server
from shardctl.structure import (
    SELF,
    Check,
    Column,
    ForeignKey,
    Index,
    IndexPart,
    Structure,
    foreign_key_address,
)


def structure_of(read: Mapping[str, Sequence[Row[Any]]], server: Server) -> Structure:
    """One table, from the rows of each part."""
    (head,) = read["tables"]
    return Structure(
        columns=columns_of(read["columns"], server),
        indexes=_indexes(read["indexes"], server),
        checks=_checks(read["checks"], server),
        foreign_keys=_foreign_keys(read["keys"], read["rules"]),
        options=_options(head),
        partitions=_partitions(read["partitions"]),
    )


def columns_of(rows: Iterable[Row[Any]], server: Server) -> tuple[Column, ...]:
    return tuple(_column(row, server) for row in sorted(rows, key=lambda row: row.position))


def _column(row: Row[Any], server: Server) -> Column:
    kind = normal.column_type(row.type)
    generated = "GENERATED" in row.extra.replace("DEFAULT_GENERATED", "")
    return Column(
        name=row.name,
        type=kind,
        nullable=bool(row.nullable),
        default=normal.default(
            None if generated else row.default,
            kind,
            computed="DEFAULT_GENERATED" in row.extra,
            server=server,
        ),
        charset=row.charset,
        collation=row.collation,
        on_update=normal.on_update(row.extra),
        auto_increment="auto_increment" in row.extra,
        generated=normal.expression(row.formula, server) if generated else None,
        stored="STORED GENERATED" in row.extra,
        invisible="INVISIBLE" in row.extra,
        comment=row.comment,
        extra=normal.extra(row.extra, row.srid),
    )


def _indexes(rows: Iterable[Row[Any]], server: Server) -> tuple[Index, ...]:
    parts = _grouped(rows)
    return tuple(_index(parts[name], server) for name in sorted(parts))


def _index(parts: list[Row[Any]], server: Server) -> Index:
    first = parts[0]
    match first.type:
        case "FULLTEXT" | "SPATIAL":
            kind = first.type.lower()
        case _ if first.name == "PRIMARY":
            kind = "primary"
        case _:
            kind = "key" if first.several else "unique"
    return Index(
        name=first.name,
        kind=kind,
        parts=tuple(
            IndexPart(
                column=part.column,
                expression=normal.expression(part.expression, server) if part.expression else None,
                length=None if kind == "spatial" else part.length,
                descending=bool(part.descending),
            )
            for part in parts
        ),
        invisible=bool(first.invisible),
        comment=first.comment,
        extra="USING HASH" if first.type == "HASH" else "",
    )


def _checks(rows: Iterable[Row[Any]], server: Server) -> tuple[Check, ...]:
    checks = (
        Check(row.name, normal.expression(row.clause, server), bool(row.enforced)) for row in rows
    )
    return tuple(sorted(checks, key=lambda check: (check.expression, check.name)))


def _foreign_keys(parts: Iterable[Row[Any]], rules: Iterable[Row[Any]]) -> tuple[ForeignKey, ...]:
    rule = {row.name: row for row in rules}
    keys = (
        _foreign_key(columns, rule[name])
        for name, columns in _grouped(parts).items()
        if name in rule  # else it was dropped between the two queries
    )
    return tuple(sorted(keys, key=foreign_key_address))


def _foreign_key(parts: list[Row[Any]], rule: Row[Any]) -> ForeignKey:
    first = parts[0]
    table = SELF if first.referred == first.table else first.referred
    return ForeignKey(
        name=first.name,
        columns=tuple(part.column for part in parts),
        table=f"{first.other_schema}.{first.referred}" if first.other_schema else table,
        references=tuple(part.reference for part in parts),
        on_update=normal.action(rule.on_update),
        on_delete=normal.action(rule.on_delete),
    )


def _options(head: Row[Any]) -> tuple[tuple[str, str], ...]:
    versioned = {"type": head.type} if head.type != "BASE TABLE" else {}
    options = {
        "engine": head.engine or "",
        "collation": head.collation or "",
        "row_format": (head.row_format or "").upper(),
        "comment": head.comment,
        **versioned,
        **normal.options(head.options or ""),
    }
    return tuple(options.items())


def _partitions(rows: Iterable[Row[Any]]) -> str:
    """Method, expression and all partitions of a table in one line; "" where it has none."""
    ordered = sorted(rows, key=lambda row: (row.position, row.subposition or 0))
    if not ordered:
        return ""
    first = ordered[0]
    text = [f"{first.method} ({first.expression or ''})"]
    if first.submethod:
        text.append(f"{first.submethod} ({first.subexpression or ''})")
    for row in ordered:
        words = (row.name, row.subname, row.description, repr(row.comment) if row.comment else "")
        text.append(" ".join(word for word in words if word))
    return ", ".join(text)


def without_implied_names(structure: Structure) -> Structure:
    """The structure with each index that a server made for a FOREIGN KEY called by its columns.

    Such an index bears the foreign key's name, which is another in each month.
    """
    implied = {(key.name, key.columns) for key in structure.foreign_keys}
    if not implied:
        return structure
    indexes = list(structure.indexes)
    taken: set[str] = set()
    for number, index in enumerate(indexes):
        columns = tuple(part.column or "" for part in index.parts)
        name = f"foreign key ({', '.join(columns)})"
        if (index.name, columns) in implied and name not in taken:
            taken.add(name)
            indexes[number] = replace(index, name=name)
    return replace(structure, indexes=tuple(indexes))


def _grouped(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """The rows of each name, in the order of their positions."""
    found: dict[str, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: row.position):
        found.setdefault(row.name, []).append(row)
    return found
