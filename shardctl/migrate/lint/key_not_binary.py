"""`key-not-binary`: a key column's values are compared so that different IDs may be one."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import column_of
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject
from shardctl.structure import Column

ID = "key-not-binary"


def loose(column: Column) -> str:
    """Why two different IDs may be one in this column; "" where they cannot."""
    if column.type.lower().startswith(("float", "double", "real")):
        return f"is {column.type}: neighbouring IDs become one; an integer or text keeps them apart"
    collation = (column.collation or "binary").lower()
    if collation.endswith(("binary", "_bin")):
        return ""
    return (
        f"is compared by {column.collation}, which takes some different IDs for one (case, accents "
        "or trailing blanks); a binary collation keeps them apart"
    )


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        family = subject.families.get(change.clause.table)
        for name in family.key if family else ():
            old, new = column_of(change.before, name), column_of(change.after, name)
            if new and (reason := loose(new)) and not (old and loose(old)):
                message = f"key column {name} of {change.clause.table} {reason}"
                yield Finding(ID, "warning", message, change.tables)


RULE = Rule(ID, _look)
