"""Clauses as a person reads them: the SQL that the template gets, or what it amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from shardctl.clause import Action, AddConstraint, AlterColumn, Clause, DropConstraint, Names, Sql
from shardctl.dialects import Definition, Dialect, text_of
from shardctl.family import Family


def worded(
    clause: Clause,
    dialect: Dialect,
    families: Mapping[str, Family],
    names: Names | None = None,
    definition: Definition | None = None,
) -> str:
    """A clause as the template gets it.

    Args:
        names: what the template puts into it; by default the families' templates.
        definition: the table's text, for the exact statement of what alters a column; without
            it, and where one action takes several statements, it is told in words.
    """
    if names is None:
        names = Names({name: family.template for name, family in families.items()})
    table = names.table(clause.table)
    lines = []
    for action in clause.actions:
        if isinstance(action, Sql) or definition is not None:
            statements = dialect.render(action, table, names, definition)
            if len(statements) == 1:
                lines.append(text_of(statements))
                continue
        lines.append(_told(action, table, dialect, names))
    text = ";\n".join(lines)
    return f"{text} -- in chunks of {clause.chunks.rows}" if clause.chunks else text


def _told(action: Action, table: str, dialect: Dialect, names: Names) -> str:
    head = f"ALTER TABLE {dialect.quote(table)}"
    match action:
        case AlterColumn():
            said = ", ".join(
                f"{field.name} {getattr(action, field.name)}"
                for field in fields(action)
                if field.name != "column" and getattr(action, field.name) is not None
            )
            return f"{head} ALTER COLUMN {dialect.quote(action.column)} ({said})"
        case AddConstraint(parts):
            return f"{head} ADD {dialect.fill(parts, names).sql}"
        case DropConstraint(kind, name):
            return f"{head} DROP {kind.upper()} {name or ''}".rstrip()
        case Sql(parts):
            return dialect.fill(parts, names).sql
