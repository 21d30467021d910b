"""`narrow-type`: values that fitted a column's type may not fit its new one."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.narrowing import narrowing
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "narrow-type"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        if change.alters and change.before and (lost := narrowing(change.before, change.after)):
            message = (
                f"{change.clause.table} loses {lost}: the server refuses them, or cuts them short"
            )
            yield Finding(ID, "destructive", message, change.tables)


RULE = Rule(ID, _look)
