"""Clauses from DDL constructs: the names in them become parts, all else is Alembic's text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.ddl.base import DropColumn, RenameTable
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.sql import ddl
from sqlalchemy.sql.elements import conv

from shardctl.clause import (
    AddConstraint,
    Clause,
    DropConstraint,
    ObjectName,
    Sql,
    TableName,
)
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.marks import Marks
from shardctl.migrate.compile.names import declared_name, kind_of, mark, table_of
from shardctl.migrate.compile.replay import Setting


def spread(constructs: Iterable[Any], setting: Setting) -> list[Any]:
    """Constructs that are a clause each: some constraints of a new table leave its CREATE TABLE.

    A server makes a hidden index for a foreign key; after the others, as a clause of its own,
    the key finds one. A UNIQUE of SQLite has no name by which it could be dropped again.
    """
    found: list[Any] = []
    for construct in constructs:
        found.append(construct)
        if isinstance(construct, ddl.CreateTable):
            apart = [c for c in construct.element.constraints if _stands_apart(c, setting)]
            found += map(ddl.AddConstraint, sorted(apart, key=lambda c: c._creation_order))
    return sorted(found, key=_adds_foreign_key)


def _adds_foreign_key(construct: Any) -> bool:
    added = isinstance(construct, ddl.AddConstraint)
    return added and isinstance(construct.element, ForeignKeyConstraint)


def clause_of(construct: Any, setting: Setting) -> Clause | None:
    """The clause of one DDL construct on the declared name of its table; None: it does nothing.

    Raises:
        RevisionRefused: it would do to a family what only one table can be told.
    """
    table = table_of(construct)
    match construct:
        case ddl.CreateTable():
            if prefixes := construct.element._prefixes:
                raise RevisionRefused(f"table {table}: {' '.join(prefixes)} is of no use here")
            return _clause(construct, setting, presence="create")
        case ddl.DropTable():
            if table in setting.families:
                raise RevisionRefused(
                    f"drop_table({table!r}) would drop a family with all its months: remove the "
                    "family from the configuration, and drop its tables by hand"
                )
            lost = f"table {table} and all its rows"
            return _clause(construct, setting, presence="drop", loses=lost)
        case RenameTable():
            return _rename_table(construct, setting)
        case ddl.SetTableComment() | ddl.DropTableComment() if setting.sqlite:
            return None
        case ddl.AddConstraint():
            return _add_constraint(construct, setting)
        case ddl.DropConstraint() if setting.sqlite and (kind := kind_of(construct.element)):
            return Clause(table, (DropConstraint(kind, declared_name(construct.element, setting)),))
        case DropColumn(column=column):
            lost = f"column {column.name} of {table} and its values"
            return _clause(construct, setting, loses=lost)
        case _:
            return _clause(construct, setting)


def _stands_apart(constraint: Any, setting: Setting) -> bool:
    if setting.sqlite:
        named = declared_name(constraint, setting) is not None
        return isinstance(constraint, UniqueConstraint) and named
    family = constraint.table.name in setting.families
    return isinstance(constraint, ForeignKeyConstraint) and family


def _rename_table(construct: Any, setting: Setting) -> Clause:
    old, new = construct.table_name, construct.new_table_name
    if family := {old, new} & setting.families:
        raise RevisionRefused(
            f"rename_table({old!r}, {new!r}): {', '.join(sorted(family))} is a family, and the "
            "names of its months follow from its own: adopt the tables under the new name"
        )
    with Marks(setting.marking) as marks:
        marks.put(construct, TableName(old), "table_name")
        marks.put(construct, TableName(new), "new_table_name")
        action = Sql(marks.parts(str(construct.compile(dialect=setting.marking))))
    return Clause(new, (action,), presence="rename", renamed_from=old)


# -- constraints -------------------------------------------------------------------------------


def _add_constraint(construct: Any, setting: Setting) -> Clause:
    constraint, table = construct.element, table_of(construct)
    if isinstance(constraint, UniqueConstraint):
        name = declared_name(constraint, setting) or _unique_name(constraint, setting)
        if setting.sqlite:
            columns = _columns(constraint, setting)
            index = ObjectName("index", name)
            text = ("CREATE UNIQUE INDEX ", index, " ON ", TableName(table), f" ({columns})")
            return Clause(table, (Sql(text),))
        constraint.name = conv(name)
    if not setting.sqlite:
        return _clause(construct, setting)
    with Marks(setting.marking) as marks:
        mark(construct, setting, marks)
        compiler = setting.marking.ddl_compiler(setting.marking, None)
        return Clause(table, (AddConstraint(marks.parts(compiler.process(constraint))),))


def _unique_name(constraint: Any, setting: Setting) -> str:
    """The name that MySQL gives to an unnamed UNIQUE: its first column's, numbered if taken.

    The rule is in https://dev.mysql.com/doc/refman/9.0/en/create-table.html; the name is sent,
    so that it is the same in all months. SQLite's, once in a database, tells the table too.
    """
    table, first = constraint.table.name, next(iter(constraint.columns)).name
    wanted = f"uq_{table}_{first}" if setting.sqlite else first
    structure = setting.structure_of(table)
    taken = {index.name.lower() for index in structure.indexes} if structure else set()
    name, number = wanted, 2
    while name.lower() in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _columns(constraint: Any, setting: Setting) -> str:
    return ", ".join(setting.dialect.quote(column.name) for column in constraint.columns)


def _clause(construct: Any, setting: Setting, **about: Any) -> Clause:
    table = table_of(construct)
    with Marks(setting.marking) as marks:
        mark(construct, setting, marks)
        action = Sql(marks.parts(str(construct.compile(dialect=setting.marking))))
    return Clause(table, (action,), **about)
