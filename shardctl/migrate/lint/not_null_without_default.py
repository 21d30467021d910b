"""`not-null-without-default`: rows of running code that does not name the column are refused."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import column_of, former, has_default
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject
from shardctl.structure import Column

ID = "not-null-without-default"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        if not (change.alters and change.in_use and change.after):
            continue
        for column in change.after.columns:
            old = former(column.name, change.clause, change.before, change.after)
            last = column_of(change.last, column.name)
            if not _is_demanded(column) or (old and _is_demanded(old)):
                continue
            if last is None or _is_demanded(last):  # else a later clause gives it a default
                yield Finding(
                    ID,
                    "warning",
                    f"column {column.name} of {change.clause.table} is NOT NULL and has no "
                    "default: what running code writes without it is refused (or gets 0 or '' "
                    "where the server is not strict); give it a default until all code writes it",
                    change.in_use,
                )


def _is_demanded(column: Column) -> bool:
    """Whether an INSERT has to name it."""
    given = column.nullable or column.auto_increment or column.generated is not None
    return not (given or has_default(column))


RULE = Rule(ID, _look)
