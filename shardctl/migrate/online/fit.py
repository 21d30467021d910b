"""What no tool may be given, though it would take it: it would lose rows, values or names.

Both copy by INSERT IGNORE, for which a duplicate is a row to leave out, and a value that does not
fit one to change; and rows that are written meanwhile go through a trigger or the binary log.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from shardctl.dialects import Definition
from shardctl.dialects.mysql.tokens import tokens
from shardctl.migrate.lint.narrowing import narrowing
from shardctl.structure import Column, Index, Structure

_NAMED_CHECK: Final = re.compile(r"^\s*CONSTRAINT .* CHECK ", re.MULTILINE | re.IGNORECASE)

_REFERRING: Final = (
    "SELECT referenced_table_name, MIN(table_name) FROM information_schema.referential_constraints "
    "WHERE unique_constraint_schema = DATABASE() GROUP BY referenced_table_name"
)
_TRIGGERS: Final = (
    "SELECT event_object_table, MIN(trigger_name) FROM information_schema.triggers "
    "WHERE event_object_schema = DATABASE() GROUP BY event_object_table"
)


def unfit(
    before: Structure,
    after: Structure,
    specifications: Sequence[str],
    definition: Definition,
    *,
    keeps_zone: bool,
) -> str:
    """Why a table's change cannot be given to a tool, in words; "" where it can.

    Args:
        after: how an empty copy looks that has the change.
        definition: the text of the table, or of its copy, before that.
        keeps_zone: whether the tool runs it in our time zone.
    """
    return (
        _of_table(before, definition)
        or _of_keys(before, after)
        or _of_columns(before, after, specifications)
        or ("" if keeps_zone else _of_zone(before, after))
    )


def entangled(connection: Connection, tables: Collection[str]) -> dict[str, str]:
    """The tables that can be given to no tool for what others have to do with them, and why."""
    referring, triggers = _found(connection, _REFERRING), _found(connection, _TRIGGERS)
    found: dict[str, str] = {}
    for table in tables:
        if other := referring.get(table):
            found[table] = (
                f"a foreign key of {other} refers to the table, and would refer to the old one"
            )
        elif trigger := triggers.get(table):
            found[table] = f"the table has trigger {trigger}, which would be lost"
    return found


def _of_table(before: Structure, definition: Definition) -> str:
    if before.foreign_keys:
        return f"foreign key {before.foreign_keys[0].name} of the table would get another name"
    if _NAMED_CHECK.search(definition.create):
        return "the table has a CHECK with a name, which would become another"
    if not any(_tells_rows_apart(index, before) for index in before.indexes):
        return "the table has neither a primary key nor a unique one without NULL"
    return ""


def _of_keys(before: Structure, after: Structure) -> str:
    old, new = _unique(before), _unique(after)
    for parts, index in new.items():
        if parts not in old:
            return f"unique key {index.name} is new, and rows that it finds twice would be lost"
    if not any(_tells_rows_apart(index, before) for parts, index in old.items() if parts in new):
        return "no key stays that tells its rows apart"
    added = {check.expression for check in after.checks}.difference(
        check.expression for check in before.checks
    )
    if added:
        return f"CHECK {min(added)} is new, and rows that it does not allow would be lost"
    if after.foreign_keys:
        return "foreign keys are not checked while a copy is filled"
    return ""


def _of_columns(before: Structure, after: Structure, specifications: Sequence[str]) -> str:
    if any(map(_renames, specifications)):
        return "the values of a renamed column would be lost"
    if what := narrowing(before, after):
        return f"{what} would be changed instead of refused"
    old = {column.name: column for column in before.columns}
    keys = {part.column for index in _unique(after).values() for part in index.parts}
    for column in after.columns:
        was = old.get(column.name)
        if was is None:
            if not (column.nullable or column.default is not None or column.generated):
                return f"column {column.name} is new, NOT NULL and has no default"
        elif was.nullable and not column.nullable:
            return f"column {column.name} becomes NOT NULL, and a NULL in it would be changed"
        elif column.name in keys and column.collation != was.collation:
            return f"two values of key column {column.name} may be one in {column.collation}"
    return ""


def _of_zone(before: Structure, after: Structure) -> str:
    """A tool that alters in the server's zone reads the default of a TIMESTAMP otherwise."""
    old = {column.name: column for column in before.columns}
    for column in after.columns:
        if _has_instant(column) and old.get(column.name) != column:
            return f"the default of {column.name} would be read in the server's time zone"
    return ""


def _has_instant(column: Column) -> bool:
    return column.type.startswith("timestamp") and (column.default or "").startswith("'")


def _unique(structure: Structure) -> dict[tuple[object, ...], Index]:
    """The primary key and the unique ones, by what they are made of."""
    kinds = ("primary", "unique")
    return {index.parts: index for index in structure.indexes if index.kind in kinds}


def _tells_rows_apart(index: Index, structure: Structure) -> bool:
    nullable = {column.name for column in structure.columns if column.nullable}
    return index.kind == "primary" or (
        index.kind == "unique"
        and all(part.column is not None and part.column not in nullable for part in index.parts)
    )


def _renames(specification: str) -> bool:
    """Whether it renames a column or the table; where it cannot be read, it is taken to."""
    try:
        words = [token.key for token in tokens(specification) if token.kind != "blank"]
    except ValueError:
        return True
    pairs = zip(words, [*words[1:], ""], strict=True)
    return any(
        word == "CHANGE" or (word == "RENAME" and behind not in ("INDEX", "KEY"))
        for word, behind in pairs
    )


def _found(connection: Connection, query: str) -> dict[str, str]:
    """By table, the first name that a query finds."""
    return {str(table): str(name) for table, name in connection.exec_driver_sql(query)}
