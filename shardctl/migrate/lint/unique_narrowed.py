"""`unique-narrowed`: a column is dropped out of a composite unique index, which forbids more then.

MySQL keeps the index on the columns that are left; on the empty template that always succeeds.
MariaDB and SQLite refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding, listed
from shardctl.migrate.lint.columns import dropped
from shardctl.migrate.lint.indexes import UNIQUE, columns_of, duplicates, index_of
from shardctl.migrate.lint.rows import not_told, seek
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Change, Subject
from shardctl.structure import Index

ID = "unique-narrowed"


def narrowed(change: Change) -> Iterator[tuple[Index, Index]]:
    """The unique indexes that a clause narrows by dropping a column: before, after."""
    lost = set(dropped(change.clause, change.before, change.after))
    for old in change.before.indexes if lost and change.before else ():
        new = index_of(change.after, old.name)
        if old.kind in UNIQUE and new and new.kind in UNIQUE:
            left = tuple(part for part in old.parts if part.column not in lost)
            if new.parts == left != old.parts:
                yield old, new


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        for old, new in narrowed(change) if change.alters and change.in_use else ():
            message = (
                f"unique index {old.name} of {change.clause.table} on "
                f"({', '.join(columns_of(old))}) becomes unique on ({', '.join(columns_of(new))}): "
                "rows that differed are equal in it then, and are refused; drop the index in a "
                "clause before, if it is not to mean that"
            )
            yield Finding(ID, "warning", message + _rows(subject, change, new), change.in_use)


def _rows(subject: Subject, change: Change, index: Index) -> str:
    """What the rows of today say to that."""
    sought = seek(
        subject,
        change,
        lambda table, structure: duplicates(subject.dialect, table, index, structure),
    )
    having = f"; there are such rows in {listed(sought.having)}" if sought.having else ""
    unseen = f"; whether there are any {not_told(subject, sought.unseen)}" if sought.unseen else ""
    return having + unseen


RULE = Rule(ID, _look)
