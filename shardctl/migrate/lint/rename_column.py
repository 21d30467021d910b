"""`rename-column`: running code that says the old name fails, month by month."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.columns import dropped, gone, renamed
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "rename-column"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        if not (change.alters and change.in_use):
            continue
        lost = dropped(change.clause, change.before, change.after)
        old = [
            name
            for name in gone(change.before, change.after)
            if name not in lost and name not in change.own
        ]
        if not old:
            continue
        new = renamed(change.clause, change.before, change.after)
        said = ", ".join(f"{name} becomes {new[name]}" if name in new else name for name in old)
        yield Finding(
            ID,
            "warning",
            f"{change.clause.table} has a column renamed ({said}): running code fails on the "
            "months that have it already, new code on those that have not; add the new one, "
            "write both, and drop the old one later",
            change.in_use,
        )


RULE = Rule(ID, _look)
