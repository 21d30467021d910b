"""The index that a foreign key needs, made by name with it.

MySQL and MariaDB make one themselves where it is missing. But they drop it again when another
index covers its columns, and not in a table that was made from the first one's text: tables
that look alike would grow apart. The index bears the key's name on each table, as the server's
own would; when the key goes, the index stays and is called the same everywhere, and when the key
comes back, it is the key's again.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Any, TypeAlias

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.sql import ddl

from shardctl.clause import Clause, ObjectName, Part, Sql
from shardctl.migrate.compile.names import declared_name
from shardctl.migrate.compile.replay import Setting
from shardctl.structure import IndexPart, Structure

_Columns: TypeAlias = tuple[str, ...]


class Indexed:
    """Which indexes there are that a foreign key can use, as a revision goes on."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._tables: dict[str, dict[str, _Columns]] = {}
        """By table and the index's name; one that only serves a key is called `_of_key(…)`."""
        self._keys: dict[tuple[str, str], _Columns] = {}
        """By table and the foreign key's name."""

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
                self._tables[clause.table] = {}
                self._note(clause.table, *table.constraints)
            case ddl.CreateIndex(element=item) | ddl.AddConstraint(element=item):
                self._note(clause.table, item)
            case ddl.DropIndex(element=item) | ddl.DropConstraint(element=item):
                self._indexes(clause.table).pop(self._name(item), None)
        return clause

    def _with_index(self, clause: Clause, key: ForeignKeyConstraint) -> Clause:
        wanted = tuple(column.name for column in key.columns)
        name = declared_name(key, self._setting)
        indexes, quote = self._indexes(clause.table), self._setting.dialect.quote
        if name:
            self._keys[clause.table, name] = wanted
        # The server calls its own index like the key, or like the column where that is unnamed.
        called: Part = ObjectName("foreign key", name) if name else quote(wanted[0])
        if name and indexes.get(name) == wanted:
            # Of the key's name, on the template alone it would pass as the key's own index.
            del indexes[name]
            change: tuple[Part, ...] = (f" RENAME INDEX {quote(name)} TO ", called, ",")
        elif any(columns[: len(wanted)] == wanted for columns in indexes.values()):
            return clause
        else:
            change = (" ADD INDEX ", called, f" ({', '.join(map(quote, wanted))}),")
        indexes[_of_key(wanted)] = wanted
        alter, table, *rest = _parts(clause)
        return _with_parts(clause, alter, table, *change, *rest)

    def _with_renaming(self, clause: Clause, key: ForeignKeyConstraint) -> Clause:
        name = declared_name(key, self._setting) or ""
        indexes, columns = self._indexes(clause.table), self._keys.get((clause.table, name), ())
        if _of_key(columns) not in indexes:
            return clause
        indexes[name] = indexes.pop(_of_key(columns))
        own = ObjectName("foreign key", name, existing=True)
        to = f" TO {self._setting.dialect.quote(name)}"
        return _with_parts(clause, *_parts(clause), ", RENAME INDEX ", own, to)

    def _note(self, table: str, *items: Any) -> None:
        for item in items:
            if columns := _columns(item):
                self._indexes(table)[self._name(item)] = columns

    def _name(self, item: Any) -> str:
        if isinstance(item, PrimaryKeyConstraint):
            return "PRIMARY"
        return declared_name(item, self._setting) or f"unnamed {id(item)}"

    def _indexes(self, table: str) -> dict[str, _Columns]:
        if table not in self._tables:
            structure = self._setting.structure_of(table) or Structure(())
            self._keys |= {(table, key.name): key.columns for key in structure.foreign_keys}
            self._tables[table] = {
                index.name: tuple(part.column or "" for part in takewhile(_is_plain, index.parts))
                for index in structure.indexes
                if index.kind in ("primary", "unique", "key")
            }
        return self._tables[table]


def _of_key(columns: _Columns) -> str:
    """What a structure calls an index that bears its foreign key's name (see `structures`)."""
    return f"foreign key ({', '.join(columns)})"


def _is_plain(part: IndexPart) -> bool:
    return not part.length and not part.descending


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
