"""`lose-rows`: a table is dropped or emptied, partitions are, or rows are thrown away."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import dropped
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "lose-rows"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        is_new = change.before is not None and change.first is None
        if change.clause.loses and not is_new:
            if dropped(change.clause, change.before, change.after):
                continue  # `drop-column` says all that such a clause loses
            message = f"{change.clause.table or 'the database'} loses {change.clause.loses}"
            yield Finding(ID, "destructive", message, change.tables)


RULE = Rule(ID, _look)
