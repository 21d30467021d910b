"""`drop-index`: an index is dropped that is still used, or of which that cannot be told.

A unique index, the primary key, what serves a foreign key or the configured sweep are used by what
they are for. Of others the server's counts are asked (see `Dialect.index_reads`). An index that
another one of the finished revision replaces is not missed.
"""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.family import Family
from shardctl.migrate.finding import Finding, listed
from shardctl.migrate.lint.columns import gone
from shardctl.migrate.lint.indexes import UNIQUE, begins_with, columns_of, index_of, serves
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Change, Subject
from shardctl.structure import Index, Structure

ID = "drop-index"


def _look(subject: Subject) -> Iterator[Finding]:
    for change in subject.changes:
        for index in _missed(change):
            yield from _judged(subject, change, index)


def _missed(change: Change) -> Iterator[Index]:
    """The indexes that a clause drops, and in whose place there is none after the revision."""
    if not (change.alters and change.in_use and change.before and change.last):
        return
    columns = gone(change.before, change.after)  # an index goes with its column
    for index in change.before.indexes:
        stays = index_of(change.after, index.name) == index
        is_new = index_of(change.first, index.name) is None
        replaced = any(serves(other, index) for other in change.last.indexes)
        if not (stays or is_new or replaced) and set(columns_of(index)).isdisjoint(columns):
            yield index


def _judged(subject: Subject, change: Change, index: Index) -> Iterator[Finding]:
    columns = ", ".join(columns_of(index))
    what = f"index {index.name} of {change.clause.table} on ({columns})"
    family = subject.families.get(change.clause.table)
    if change.last and (reason := _purpose(change.last, index, family)):
        yield Finding(ID, "destructive", f"{what} {reason}", change.in_use)
    elif not index.invisible:  # what the optimiser does not see is not missed
        yield from _by_counts(subject, change, index, what)


def _purpose(last: Structure, index: Index, family: Family | None) -> str:
    """What an index is for, where that alone tells that it is used; "" elsewhere.

    Args:
        last: how the table looks after the revision.
    """

    def alone(columns: tuple[str, ...]) -> bool:
        left = any(begins_with(other, columns) for other in last.indexes)
        return begins_with(index, columns) and not left

    if index.kind in UNIQUE:
        what = "the key" if family and set(columns_of(index)) == set(family.key) else "these"
        return f"keeps {what} unique: afterwards nothing does"
    for key in last.foreign_keys:
        if alone(key.columns):
            return f"alone serves the foreign key ({', '.join(key.columns)}) to {key.table}"
    if family and family.state and family.time and alone((family.state, family.time)):
        return "alone serves the sweep for what is stuck, which then reads months as a whole"
    return ""


def _by_counts(subject: Subject, change: Change, index: Index, what: str) -> Iterator[Finding]:
    counts = subject.dialect.index_reads(subject.connection, change.in_use, index.name)
    if counts is None:
        message = f"{what}: it cannot be told whether it is used ({subject.dialect.uncounted})"
        yield Finding(ID, "warning", message, change.in_use)
        return
    used = sorted((table for table, reads in counts.items() if reads), key=lambda t: -counts[t])
    if used:
        said = listed([f"{counts[table]:,} of {table}" for table in used])
        message = (
            f"{what} is still used: so many rows were read by it since the server counts: {said}"
        )
        yield Finding(ID, "destructive", message, tuple(sorted(used)))


RULE = Rule(ID, _look)
