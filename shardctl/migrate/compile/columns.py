"""What a revision says about columns: `alter_column`, and the place of a column in its table.

Alembic would write MODIFY with the whole column and lose what the revision does not repeat. So
`alter_column` becomes what it says and no more; every table puts it into its own column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from alembic.operations.ops import AddColumnOp, AlterColumnOp
from alembic.operations.schemaobj import SchemaObjects
from sqlalchemy import Column, Computed, Identity, PrimaryKeyConstraint
from sqlalchemy import types as sqltypes
from sqlalchemy.sql import ddl

from shardctl.clause import AlterColumn, Clause, Sql
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.marks import plain
from shardctl.migrate.compile.replay import Setting

_MOMENT = re.compile(r"(?:now|current_timestamp|localtime|localtimestamp)\s*\(\s*\)", re.IGNORECASE)
"""The present moment, which SQLAlchemy would put in brackets: MySQL then takes it for an
expression, and not for the default that ON UPDATE and replication know."""


def alteration(operation: AlterColumnOp, setting: Setting) -> Clause | None:
    """The clause of `alter_column`; None where it says nothing.

    What it says about the column as it was (`existing_type`, …) is ignored: that is read from
    each table. A server default may end in ON UPDATE …, as Alembic has no other word for it.
    """
    said = operation.kw
    where = f"alter_column({operation.table_name!r}, {operation.column_name!r})"
    if said.get("autoincrement") is not None:
        raise RevisionRefused(
            f"{where}: autoincrement is changed by op.execute('ALTER TABLE … MODIFY …')"
        )
    if said.get("insert_before"):
        raise RevisionRefused(f"{where}: insert_before is unknown here, say insert_after")
    action = AlterColumn(
        column=str(operation.column_name),
        type=_type(operation.modify_type, setting),
        nullable=operation.modify_nullable,
        default=_default(operation.modify_server_default, where, setting),
        comment=None if operation.modify_comment is False else operation.modify_comment or "",
        name=None if operation.modify_name is None else str(operation.modify_name),
        after=said.get("insert_after"),
    )
    if action == AlterColumn(action.column):
        return None
    return Clause(operation.table_name, (action,))


def constraints_of_type(operation: AlterColumnOp, setting: Setting) -> Iterator[Any]:
    """The CHECKs that a new type brings: of Boolean and Enum with `create_constraint`."""
    if operation.modify_type is None:
        return
    column = Column(
        operation.modify_name or operation.column_name,
        sqltypes.to_instance(operation.modify_type),
    )
    table = SchemaObjects(setting.context).table(operation.table_name, column)
    compiler = setting.marking.ddl_compiler(setting.marking, None)
    for constraint in table.constraints:
        rule = constraint._create_rule
        if not isinstance(constraint, PrimaryKeyConstraint) and (rule is None or rule(compiler)):
            yield ddl.AddConstraint(constraint)


def refuse_identity(operation: AddColumnOp) -> None:
    """MySQL, MariaDB and SQLite have no IDENTITY; SQLAlchemy would leave it out silently."""
    if operation.column.identity is not None:
        raise RevisionRefused(
            f"column {operation.column.name}: this server has no Identity; "
            "say autoincrement=True on a primary key"
        )


def placed(clause: Clause, operation: AddColumnOp, setting: Setting) -> Clause:
    """An ADD COLUMN with the place that the revision names; SQLite adds at the end only."""
    if operation.kw.get("insert_before"):
        raise RevisionRefused(
            f"add_column({operation.table_name!r}): insert_before is unknown here, say insert_after"
        )
    after = operation.kw.get("insert_after")
    if after is None or setting.sqlite:
        return clause
    (action,) = clause.actions
    assert isinstance(action, Sql)
    place = f" AFTER {setting.dialect.quote(after)}" if after else " FIRST"
    *front, last = action.parts
    end = (last + place,) if isinstance(last, str) else (last, place)
    return replace(clause, actions=(Sql((*front, *end)),))


def _type(type_: Any, setting: Setting) -> str | None:
    if type_ is None:
        return None
    return plain(setting.marking.type_compiler_instance.process(sqltypes.to_instance(type_)))


def _default(default: Any, where: str, setting: Setting) -> str | None:
    """A default as a column's definition has it, expressions in brackets; "" for none."""
    if default is False:
        return None
    if default is None:
        return ""
    if isinstance(default, Computed | Identity):
        raise RevisionRefused(
            f"{where}: a column cannot become Computed or Identity, or cease to be: "
            "drop it and add it again"
        )
    column = Column("x", sqltypes.Integer(), server_default=default)
    compiler = setting.marking.ddl_compiler(setting.marking, None)
    said = plain(compiler.get_column_default_string(column))
    if _MOMENT.fullmatch(said):
        return said
    return plain(compiler.get_column_specification(column).partition(" DEFAULT ")[2])
