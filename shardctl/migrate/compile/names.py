"""The names in a DDL construct: which there are, what they are declared as, and their marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.ddl.base import AddColumn, AlterTable, DropColumn
from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
)
from sqlalchemy.sql import ddl
from sqlalchemy.sql.elements import conv

from shardctl.clause import ObjectKind, ObjectName, TableName
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.marks import Marks
from shardctl.migrate.compile.replay import Setting


def table_of(construct: Any) -> str:
    """The declared name of the table that a construct is about.

    Raises:
        RevisionRefused: it is about no table, or unknown.
    """
    match construct:
        case AlterTable(table_name=name):
            return str(name)
        case (
            ddl.CreateTable(element=table)
            | ddl.DropTable(element=table)
            | ddl.SetTableComment(element=table)
            | ddl.DropTableComment(element=table)
        ):
            return str(table.name)
        case (
            ddl.CreateIndex(element=item)
            | ddl.DropIndex(element=item)
            | ddl.AddConstraint(element=item)
            | ddl.DropConstraint(element=item)
        ) if item.table is not None:
            return str(item.table.name)
    raise RevisionRefused(
        f"{type(construct).__name__} is not known here: write it as op.execute('…')"
    )


def declared_name(item: Any, setting: Setting) -> str | None:
    """The name of an index or constraint by the naming convention; None where it has none."""
    if item.name is None:
        return None
    preparer = setting.marking.identifier_preparer
    name = preparer.format_constraint(item, _alembic_quote=False)
    return None if name is None else str(name)


def kind_of(item: Any) -> ObjectKind | None:
    """What a constraint or index is called in a clause."""
    match item:
        case CheckConstraint():
            return "check"
        case ForeignKeyConstraint():
            return "foreign key"
        case UniqueConstraint():
            return "unique"
        case PrimaryKeyConstraint():
            return "primary key"
        case Index():
            return "index"
    return None


def mark(construct: Any, setting: Setting, marks: Marks) -> None:
    """Put marks for all tables and objects in a construct. Names are settled before a table is
    marked, because a naming convention may put the table's name into them."""
    existing = isinstance(construct, ddl.DropConstraint | ddl.DropIndex)
    tables: dict[int, Any] = {}
    for item in _named_items(construct):
        if isinstance(item, ForeignKeyConstraint):
            tables |= {id(key.column.table): key.column.table for key in item.elements}
        if isinstance(construct, ddl.CreateTable) and not _is_compiled(item, setting):
            continue
        name, kind = declared_name(item, setting), kind_of(item)
        suffixed = kind in ("check", "foreign key") or (setting.sqlite and kind == "index")
        if name is not None and suffixed and kind:
            marks.put(item, ObjectName(kind, name, existing))
        elif name is not None:
            marks.replace(item, "name", conv(name))
    if (own := _own_table(construct)) is not None:
        tables[id(own)] = own
        _refuse_foreign_tables(own, tables.values(), setting)
    for table in list(tables.values()):
        marks.put(table, TableName(str(table.name)))
    if isinstance(construct, AddColumn | DropColumn):
        marks.put(construct, TableName(str(construct.table_name)), "table_name")


def _own_table(construct: Any) -> Any:
    match construct:
        case ddl.CreateTable(element=table) | ddl.DropTable(element=table):
            return table
        case ddl.SetTableComment(element=table) | ddl.DropTableComment(element=table):
            return table
        case AddColumn() | DropColumn():
            return construct.column.table
    return construct.element.table


def _named_items(construct: Any) -> Iterator[Any]:
    """The constraints and indexes that a construct's text contains."""
    match construct:
        case ddl.CreateTable(element=table):
            yield from table.constraints
            for column in table.columns:
                yield from column.constraints
        case AddColumn(column=column):
            yield from column.constraints
            if getattr(construct, "inline_references", None):  # Alembic 1.18 and later
                yield from (key.constraint for key in column.foreign_keys)
        case DropColumn() | ddl.DropTable() | ddl.SetTableComment() | ddl.DropTableComment():
            return
        case _:
            yield construct.element


def _is_compiled(item: Any, setting: Setting) -> bool:
    """Whether a constraint of a new table is sent; one of a type (Boolean) is to few servers."""
    compiler = setting.marking.ddl_compiler(setting.marking, None)
    return item._create_rule is None or bool(item._create_rule(compiler))


def _refuse_foreign_tables(own: Any, tables: Iterable[Any], setting: Setting) -> None:
    for table in tables:
        family = table.name in setting.families
        if table.schema is not None and (family or table is own):
            raise RevisionRefused(
                f"table {table.schema}.{table.name} is in another schema: a family, and all that a "
                "revision changes, is in the database that shardctl is connected to"
            )
        if family and own.name not in setting.families:
            raise RevisionRefused(
                f"a foreign key from {own.name} to {table.name} cannot be: {table.name} is a "
                "family, and a plain table cannot refer to one of its months or the other"
            )
