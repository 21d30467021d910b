"""Clauses from DDL constructs: the names in them become parts, all else is Alembic's text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.ddl.base import AddColumn, AlterTable, DropColumn, RenameTable
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import PrimaryKeyConstraint as PrimaryKey
from sqlalchemy.sql import ddl
from sqlalchemy.sql.elements import conv

from shardctl.clause import (
    AddConstraint,
    Clause,
    DropConstraint,
    ObjectKind,
    ObjectName,
    Sql,
    TableName,
)
from shardctl.errors import RevisionRefused
from shardctl.migrate.marks import Marks
from shardctl.migrate.replay import Setting


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
        case ddl.DropConstraint() if setting.sqlite and (kind := _kind(construct.element)):
            return Clause(table, (DropConstraint(kind, declared_name(construct.element, setting)),))
        case DropColumn(column=column):
            lost = f"column {column.name} of {table} and its values"
            return _clause(construct, setting, loses=lost)
        case _:
            return _clause(construct, setting)


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
        _mark(construct, setting, marks)
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


def _kind(item: Any) -> ObjectKind | None:
    match item:
        case CheckConstraint():
            return "check"
        case ForeignKeyConstraint():
            return "foreign key"
        case UniqueConstraint():
            return "unique"
        case PrimaryKey():
            return "primary key"
        case Index():
            return "index"
    return None


# -- names -------------------------------------------------------------------------------------


def _clause(construct: Any, setting: Setting, **about: Any) -> Clause:
    table = table_of(construct)
    with Marks(setting.marking) as marks:
        _mark(construct, setting, marks)
        action = Sql(marks.parts(str(construct.compile(dialect=setting.marking))))
    return Clause(table, (action,), **about)


def _mark(construct: Any, setting: Setting, marks: Marks) -> None:
    """Put marks for all tables and objects in a construct. Names are settled before a table is
    marked, because a naming convention may put the table's name into them."""
    existing = isinstance(construct, ddl.DropConstraint | ddl.DropIndex)
    tables: dict[int, Any] = {}
    for item in _named_items(construct):
        if isinstance(item, ForeignKeyConstraint):
            tables |= {id(key.column.table): key.column.table for key in item.elements}
        if isinstance(construct, ddl.CreateTable) and not _is_compiled(item, setting):
            continue
        name, kind = declared_name(item, setting), _kind(item)
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


def _refuse_foreign_tables(own: Any, tables: Any, setting: Setting) -> None:
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
