"""The index that a foreign key needs, made by name with it.

MySQL and MariaDB make one themselves where it is missing. But they drop it again when another
index covers its columns, and not in a table that was made from the first one's text: tables
that look alike would grow apart. The index bears the key's name on each table, as the server's
own would; when the key goes, the index stays and is called the same everywhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.sql import ddl

from shardctl.clause import Clause, ObjectName, Part, Sql
from shardctl.migrate.names import declared_name
from shardctl.migrate.replay import Setting


class Indexed:
    """Which columns have an index that a foreign key can use, as a revision goes on."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._added: set[tuple[str, tuple[str, ...]]] = set()
        self._own: set[tuple[str, str]] = set()
        """(table, foreign key) for which an index was made."""

    def completed(self, clause: Clause, construct: Any) -> Clause:
        """A clause that adds a foreign key with the index it needs, one that drops a foreign
        key with its index renamed; every other clause as it is."""
        if self._setting.sqlite:
            return clause
        match construct:
            case ddl.AddConstraint(element=ForeignKeyConstraint() as key):
                return self._with_index(clause, key)
            case ddl.DropConstraint(element=ForeignKeyConstraint() as key):
                return self._with_renaming(clause, key)
            case ddl.CreateTable(element=table):
                items: list[Any] = [*table.constraints]
            case ddl.CreateIndex(element=item) | ddl.AddConstraint(element=item):
                items = [item]
            case _:
                return clause
        self._added |= {(clause.table, columns) for item in items if (columns := _columns(item))}
        return clause

    def _with_index(self, clause: Clause, key: ForeignKeyConstraint) -> Clause:
        wanted = tuple(column.name for column in key.columns)
        if self._is_indexed(clause.table, wanted):
            return clause
        self._added.add((clause.table, wanted))
        quote = self._setting.dialect.quote
        name = declared_name(key, self._setting)
        # The server calls its own index like the key, or like the column where that is unnamed.
        called: Part = ObjectName("foreign key", name) if name else quote(wanted[0])
        if name:
            self._own.add((clause.table, name))
        columns = ", ".join(map(quote, wanted))
        alter, table, *rest = _parts(clause)
        return _with_parts(clause, alter, table, " ADD INDEX ", called, f" ({columns}),", *rest)

    def _with_renaming(self, clause: Clause, key: ForeignKeyConstraint) -> Clause:
        name = declared_name(key, self._setting) or ""
        if not self._has_own_index(clause.table, name):
            return clause
        own = ObjectName("foreign key", name, existing=True)
        to = f" TO {self._setting.dialect.quote(name)}"
        return _with_parts(clause, *_parts(clause), ", RENAME INDEX ", own, to)

    def _has_own_index(self, table: str, name: str) -> bool:
        if (table, name) in self._own:
            return True
        structure = self._setting.structure_of(table)
        if structure is None:
            return False
        indexes = {index.name for index in structure.indexes}
        return any(
            key.name == name and f"foreign key ({', '.join(key.columns)})" in indexes
            for key in structure.foreign_keys
        )

    def _is_indexed(self, table: str, wanted: tuple[str, ...]) -> bool:
        known = {columns for name, columns in self._added if name == table}
        structure = self._setting.structure_of(table)
        for index in structure.indexes if structure else ():
            parts = index.parts[: len(wanted)]
            usable = index.kind in ("primary", "unique", "key")
            if usable and not any(part.length or part.descending for part in parts):
                known.add(tuple(part.column or "" for part in parts))
        return any(columns[: len(wanted)] == wanted for columns in known)


def _parts(clause: Clause) -> tuple[Part, ...]:
    (action,) = clause.actions
    assert isinstance(action, Sql)
    return action.parts


def _with_parts(clause: Clause, *parts: Part) -> Clause:
    return replace(clause, actions=(Sql(parts),))


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
