"""Looking for rows in the tables that a clause goes to, for no longer than is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shardctl.migrate.finding import Finding, Severity, listed
from shardctl.migrate.lint.subject import Change, Subject
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Sought:
    """In which tables there are such rows.

    Attributes:
        having: in these.
        unseen: in these it was not found out, for want of time, of a privilege or of a column
            that is still to come.
        unsettled: these are changed by other revisions first, so it cannot be told yet.
    """

    having: tuple[str, ...]
    unseen: tuple[str, ...]
    unsettled: tuple[str, ...]


def seek(subject: Subject, change: Change, query: Callable[[str, Structure], str | None]) -> Sought:
    """Look into all tables that a clause goes to, the smallest first, within the limits.

    Args:
        query: a SELECT that gives a row where there is one, from the quoted name of a table and
            from how that looks; None where that table cannot be asked.
    """
    dialect, limits = subject.dialect, subject.limits
    unsettled = tuple(table for table in change.in_use if table in subject.unsettled)
    wanted = [table for table in change.in_use if table not in subject.unsettled]
    structures = dialect.structures(subject.connection, wanted)
    rows = {table: size.rows for table, size in subject.sizes(structures).items()}
    having: list[str] = []
    unseen: list[str] = []
    until = time.monotonic() + limits.in_all
    looked = 0
    for table in sorted(structures, key=lambda table: (rows.get(table) or 0, table)):
        sql = query(dialect.quote(table), structures[table])
        left = min(limits.seconds, until - time.monotonic())
        if sql is None or left <= 0 or looked >= limits.months:
            unseen.append(table)
            continue
        found = dialect.has(subject.connection, sql, left)
        if found is None:
            unseen.append(table)
        elif found:
            having.append(table)
        looked += rows.get(table) != 0  # a table without rows costs no time
    return Sought(tuple(sorted(having)), tuple(sorted(unseen)), unsettled)


def told(
    rule: str,
    severity: Severity,
    subject: Subject,
    sought: Sought,
    *,
    found: Callable[[str], str],
    doubt: str,
) -> Iterator[Finding]:
    """The findings of a rule that has looked for rows.

    Args:
        severity: of what was found, and of what could not be looked at.
        found: what is said of tables with such rows, from their names.
        doubt: what is said of the others begins with it: what is asked of them.
    """
    if sought.having:
        yield Finding(rule, severity, found(listed(sought.having)), sought.having)
    if sought.unseen:
        yield Finding(rule, severity, f"{doubt} {not_told(subject, sought.unseen)}", sought.unseen)
    if sought.unsettled:
        yield Finding(rule, "warning", f"{doubt} {_not_yet(sought.unsettled)}", sought.unsettled)


def not_told(subject: Subject, unseen: tuple[str, ...]) -> str:
    """What is said of tables in which something was not found out."""
    limits = subject.limits
    return (
        f"was not found out in {listed(unseen)} (at most {limits.seconds:g} s are spent on a "
        f"month, {limits.in_all:g} s and {limits.months} months on a clause)"
    )


def _not_yet(unsettled: tuple[str, ...]) -> str:
    """What is said of tables that other revisions change first."""
    return f"cannot be told of {listed(unsettled)} before earlier revisions have run"
