"""From captured operations to clauses: pure data, fit for any month."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from alembic.operations import MigrateOperation, ops
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import TextClause
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import DDL, ExecutableDDLElement

from shardctl.clause import Clause
from shardctl.dialects import Dialect
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile import columns, expressions
from shardctl.migrate.compile.backfill import BackfillOp, backfill_clause
from shardctl.migrate.compile.ddl import clause_of, spread
from shardctl.migrate.compile.foreign_keys import Indexed
from shardctl.migrate.compile.names import declared_name
from shardctl.migrate.compile.replay import Setting, StructureOf, constructs, offline
from shardctl.structure import Structure

EACH_MONTH = "shardctl_each_month"
"""The execution option by which `shardctl.op.execute` says that a statement is for each month."""


def _unknown(_: str) -> Structure | None:
    return None


def compile_ops(
    operations: Iterable[MigrateOperation],
    context: MigrationContext,
    families: Collection[str],
    dialect: Dialect,
    *,
    structure_of: StructureOf = _unknown,
) -> tuple[Clause, ...]:
    """The clauses that operations consist of, in order; nothing is executed.

    `loses` is filled in where the clause alone tells it (drops). What only the table or its rows
    tell, such as a type that becomes narrower, `lint` sees.

    Args:
        operations: as `capture` gave them.
        context: the environment's, whose options (naming conventions) hold.
        families: the families' names; every other table is a plain one.
        dialect: the server's kind.
        structure_of: how a table looks before the revision, with declared names, None
            where there is none. It tells which constraint or index is meant where an operation
            leaves out its kind or table, and which foreign keys have an index already.

    Raises:
        RevisionRefused: an operation that cannot be given to a family as it is written.
    """
    setting = Setting(frozenset(families), offline(context), dialect, structure_of)
    indexed = Indexed(setting)
    found: list[Clause] = []
    for operation in operations:
        try:
            for piece in _pieces(operation, setting):
                if isinstance(piece, Clause):
                    found.append(piece)
                elif clause := clause_of(piece, setting):
                    found.append(indexed.completed(clause, piece))
        except (SQLAlchemyError, CommandError, NotImplementedError, TypeError) as error:
            raise RevisionRefused(f"{_described(operation)}: {error}") from error
    return tuple(found)


def _pieces(operation: MigrateOperation, setting: Setting) -> Iterator[Any]:
    """What one operation consists of: clauses, and DDL constructs that are a clause each."""
    _refuse_schema(operation)
    match operation:
        case ops.ExecuteSQLOp():
            yield from _executed(operation, setting)
        case BackfillOp():
            yield backfill_clause(operation, setting)
        case ops.BulkInsertOp():
            if operation.rows:
                yield expressions.insert_clause(operation.table, operation.rows, setting)
        case ops.AlterColumnOp():
            if clause := columns.alteration(operation, setting):
                yield clause
            yield from columns.constraints_of_type(operation, setting)
        case ops.AddColumnOp():
            yield from _added_column(operation, setting)
        case ops.DropIndexOp(table_name=None) if not setting.sqlite:
            table = _table_of_index(operation, setting)
            yield from constructs(_with(operation, table_name=table), setting.context)
        case ops.DropConstraintOp(constraint_type=None):
            kind = _constraint_type(operation, setting)
            yield from constructs(_with(operation, constraint_type=kind), setting.context)
        case _:
            yield from spread(constructs(operation, setting.context), setting)


def _executed(operation: ops.ExecuteSQLOp, setting: Setting) -> Iterator[Any]:
    sql: Any = operation.sqltext
    each_month = bool((operation.execution_options or {}).get(EACH_MONTH))
    if isinstance(sql, str | TextClause | DDL):
        yield from expressions.raw_clauses(sql, setting, each_month=each_month)
    elif isinstance(sql, ExecutableDDLElement):
        yield from spread([sql], setting)
    else:
        yield expressions.data_clause(sql, setting, each_month=each_month)


def _added_column(operation: ops.AddColumnOp, setting: Setting) -> Iterator[Any]:
    columns.refuse_identity(operation)
    bare = _with(operation, kw={})
    if not setting.sqlite:
        bare.inline_references = None  # MySQL before 9 reads over REFERENCES in a column
    first, *rest = spread(constructs(bare, setting.context), setting)
    if clause := clause_of(first, setting):
        yield columns.placed(clause, operation, setting)
    yield from rest


def _with(operation: MigrateOperation, **attributes: Any) -> Any:
    """A copy of an operation with other attributes."""
    other = copy.copy(operation)
    for name, value in attributes.items():
        setattr(other, name, value)
    return other


def _refuse_schema(operation: Any) -> None:
    said = [getattr(operation, "schema", None)]
    if isinstance(operation, ops.CreateForeignKeyOp):
        said += [operation.kw.get("source_schema"), operation.kw.get("referent_schema")]
    if isinstance(operation, ops.BulkInsertOp):
        said.append(operation.table.schema)
    for schema in filter(None, said):
        raise RevisionRefused(
            f"{_described(operation)}: schema={str(schema)!r}: shardctl changes the database that "
            "it is connected to, and no other; leave the schema out"
        )


def _table_of_index(operation: ops.DropIndexOp, setting: Setting) -> str:
    """The family that has an index of this name, where the operation does not name the table."""
    found = [
        family
        for family in sorted(setting.families)
        if (structure := setting.structure_of(family))
        and any(index.name == operation.index_name for index in structure.indexes)
    ]
    if len(found) != 1:
        raise RevisionRefused(
            f"drop_index({str(operation.index_name)!r}) does not say of which table; "
            "say table_name='…'"
        )
    return found[0]


def _constraint_type(operation: ops.DropConstraintOp, setting: Setting) -> str:
    """What kind of constraint a name is, where the operation does not say it."""
    structure = setting.structure_of(operation.table_name) or Structure(())
    uniques = {index.name for index in structure.indexes if index.kind == "unique"}
    names = {
        "check": {check.name for check in structure.checks},
        "foreignkey": {key.name for key in structure.foreign_keys},
        "unique": uniques,
    }
    found = set()
    for kind, known in names.items():
        (drop,) = constructs(_with(operation, constraint_type=kind), setting.context)
        if declared_name(drop.element, setting) in known:
            found.add(kind)
    if len(found) != 1:
        raise RevisionRefused(
            f"{_described(operation)} does not say of which kind {operation.constraint_name} is; "
            "say type_='check', 'foreignkey', 'unique' or 'primary'"
        )
    return found.pop()


def _described(operation: MigrateOperation) -> str:
    """An operation as the revision writes it, by its name and its table's."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", type(operation).__name__.removesuffix("Op"))
    table = getattr(operation, "table_name", None) or getattr(operation, "source_table", "")
    return f"{'_'.join(words).lower()}({str(table)!r})" if table else "_".join(words).lower()
