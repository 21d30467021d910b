"""`drop-column`: a column's values are gone, and running code that names it fails at once."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import dropped
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "drop-column"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        lost = set(dropped(change.clause, change.before, change.after)) - change.own
        if change.alters and lost:
            yield Finding(
                ID,
                "destructive",
                f"{change.clause.table} loses {change.clause.loses}; running code that still names "
                f"{', '.join(sorted(lost))} fails from the first month on",
                change.tables,
            )


RULE = Rule(ID, _look)
