"""`unique-duplicates`: a unique index is made over rows that are equal in it.

The template is empty and takes it; a month with such rows refuses it, when others have it already.
A data clause of the revision that comes first is taken to see to them.
"""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import renamed
from shardctl.migrate.lint.indexes import UNIQUE, called, columns_of, duplicates, is_stricter
from shardctl.migrate.lint.rows import seek, told
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Change, Subject
from shardctl.migrate.lint.unique_narrowed import narrowed
from shardctl.structure import Index

ID = "unique-duplicates"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        if change.in_use and not any(clause.data for clause in change.earlier):
            for index in _new(change):
                yield from _sought(subject, change, index)


def _new(change: Change) -> Iterator[Index]:
    """The unique indexes that a clause makes, and that none before it makes superfluous."""
    if not (change.alters and change.before and change.after):
        return
    names = renamed(change.clause, change.before, change.after)
    known = [called(index, names) for index in change.before.indexes if index.kind in UNIQUE]
    shrunk = {index.name for index, _ in narrowed(change)}
    for index in change.after.indexes:
        implied = any(is_stricter(old, index) for old in known)
        if index.kind in UNIQUE and index.name not in shrunk and not implied:
            yield index


def _sought(subject: Subject, change: Change, index: Index) -> Iterator[Finding]:
    sought = seek(
        subject,
        change,
        lambda table, structure: duplicates(subject.dialect, table, index, structure),
    )
    columns = ", ".join(columns_of(index))
    what = f"unique index {index.name} of {change.clause.table} on ({columns})"
    yield from told(
        ID,
        "warning",
        subject,
        sought,
        found=lambda tables: (
            f"{what}: rows of {tables} are equal in it, and the server refuses it there; "
            "let a data clause before it see to them"
        ),
        doubt=f"{what}: whether rows are equal in it",
    )


RULE = Rule(ID, _look)
