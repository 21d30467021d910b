"""The index that a foreign key needs, made by name before it.

MySQL and MariaDB make one themselves where it is missing. But they drop it again when another
index covers its columns, and not in a table that was made from the first one's text: tables
that look alike would grow apart.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.sql import ddl

from shardctl.clause import Clause, Sql, TableName
from shardctl.migrate.ddl import declared_name, table_of
from shardctl.migrate.replay import Setting


class Indexed:
    """Which columns have an index that a foreign key can use, as a revision goes on."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._added: set[tuple[str, tuple[str, ...]]] = set()

    def missing_for(self, construct: Any) -> Clause | None:
        """The clause that adds the index for the foreign key that a construct adds; None where
        it adds none, or where there is an index."""
        match construct:
            case ddl.AddConstraint(element=ForeignKeyConstraint() as key):
                table, wanted = table_of(construct), tuple(c.name for c in key.columns)
                if self._setting.sqlite or self._has(table, wanted):
                    return None
                self._added.add((table, wanted))
                # The name is the one that the server gives its own: the key's, or its column's.
                name = declared_name(key, self._setting) or wanted[0]
                quote = self._setting.dialect.quote
                columns = ", ".join(map(quote, wanted))
                text = f" ADD INDEX {quote(name)} ({columns})"
                return Clause(table, (Sql(("ALTER TABLE ", TableName(table), text)),))
        return None

    def note(self, construct: Any) -> None:
        """Remember the indexes that a construct brings."""
        items: list[Any]
        match construct:
            case ddl.CreateTable(element=table):
                items = [*table.constraints]
            case ddl.CreateIndex(element=item) | ddl.AddConstraint(element=item):
                items = [item]
            case _:
                return
        for item in items:
            columns = _columns(item)
            if columns:
                self._added.add((table_of(construct), columns))

    def _has(self, table: str, wanted: tuple[str, ...]) -> bool:
        structure = self._setting.structure_of(table)
        known = {columns for name, columns in self._added if name == table}
        for index in structure.indexes if structure else ():
            usable = index.kind in ("primary", "unique", "key")
            parts = index.parts[: len(wanted)]
            if usable and not any(part.length or part.descending for part in parts):
                known.add(tuple(part.column or "" for part in parts))
        return any(columns[: len(wanted)] == wanted for columns in known)


def _columns(item: Any) -> tuple[str, ...]:
    """The leading columns of an index or key; empty where they serve no foreign key."""
    match item:
        case PrimaryKeyConstraint() | UniqueConstraint():
            return tuple(column.name for column in item.columns)
        case Index():
            special = item.dialect_options["mysql"]
            if special["length"] or special["prefix"]:
                return ()
            return tuple(getattr(part, "name", None) or "" for part in item.expressions)
    return ()
