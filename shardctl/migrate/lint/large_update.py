"""`large-update`: one UPDATE or DELETE of a large month holds its rows until it is through."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shardctl.clause import Clause, Sql
from shardctl.migrate.finding import Finding, listed
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "large-update"

_COMMENTS = re.compile(r"/\*.*?\*/|(?:--|#)[^\n]*", re.DOTALL)


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        verb = _verb(change.clause)
        if not (verb and change.in_use):
            continue
        rows = {name: size.rows or 0 for name, size in subject.sizes(change.in_use).items()}
        large = [name for name in rows if rows[name] > subject.limits.rows]
        if large:
            large.sort(key=lambda name: (-rows[name], name))
            said = listed([f"{name} (about {rows[name]:,} rows)" for name in large])
            yield Finding(
                ID,
                "warning",
                f"one {verb} of {change.clause.table} a month locks what it changes until it is "
                f"through: {said}; shardctl.op.backfill goes in chunks and can be resumed",
                tuple(large),
            )


def _verb(clause: Clause) -> str:
    """UPDATE or DELETE, where a clause is such a statement and not one in chunks; "" elsewhere."""
    for action in clause.actions if clause.data and clause.chunks is None else ():
        if isinstance(action, Sql):
            text = "".join(part if isinstance(part, str) else " " for part in action.parts)
            words = re.findall(r"\w+", _COMMENTS.sub(" ", text).upper())
            wanted = words if words[:1] == ["WITH"] else words[:1]
            if found := next((word for word in wanted if word in ("UPDATE", "DELETE")), ""):
                return found
    return ""


RULE = Rule(ID, _look)
