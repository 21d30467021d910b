"""`not-null-over-nulls`: a column becomes NOT NULL, and rows have no value in it, or may have none.

A strict server refuses the clause on such a month, when others have it already; one that is not
makes 0 or '' of what was unknown. Where a data clause of the revision that names the column comes
first, as it should, it is taken to fill it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shardctl.clause import Sql
from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import column_of, former, has_default
from shardctl.migrate.lint.rows import seek, told
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Change, Subject
from shardctl.structure import Structure

ID = "not-null-over-nulls"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        for column in _hardened(change):
            yield from _sought(subject, change, column)


def _hardened(change: Change) -> Iterator[str]:
    """The columns, as they are called before, that a clause makes NOT NULL unprepared."""
    if not (change.alters and change.in_use and change.after):
        return
    for column in change.after.columns:
        old = former(column.name, change.clause, change.before, change.after)
        if column.nullable or old is None or not old.nullable:
            continue
        filled = old.name in change.own and has_default(old)
        if not (filled or _is_named_before(old.name, change)):
            yield old.name


def _is_named_before(column: str, change: Change) -> bool:
    """Whether a data clause that comes first says a column's name."""
    word = re.compile(rf"(?<!\w){re.escape(column)}(?!\w)", re.IGNORECASE)
    actions = [action for clause in change.earlier if clause.data for action in clause.actions]
    parts = [part for action in actions if isinstance(action, Sql) for part in action.parts]
    return any(word.search(part) for part in parts if isinstance(part, str))


def _sought(subject: Subject, change: Change, column: str) -> Iterator[Finding]:
    def nulls(table: str, structure: Structure) -> str | None:
        if column_of(structure, column):
            quoted = subject.dialect.quote(column)
            return f"SELECT 1 FROM {table} WHERE {quoted} IS NULL LIMIT 1"
        # What the revision itself adds, and does not fill, is NULL in every row.
        return f"SELECT 1 FROM {table} LIMIT 1" if column in change.own else None

    sought = seek(subject, change, nulls)
    what = f"column {column} of {change.clause.table} becomes NOT NULL"
    yield from told(
        ID,
        "destructive",
        subject,
        sought,
        found=lambda tables: (
            f"{what}, but is NULL in rows of {tables}: the server refuses it there, "
            "or makes 0 or '' of them; fill them by a data clause before it"
        ),
        doubt=f"{what}; whether rows are NULL there",
    )


RULE = Rule(ID, _look)
