"""A plan as text: each revision's SQL once, and tables that get the same put together."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

from shardctl.cli.output import count, size

if TYPE_CHECKING:
    from shardctl.migrate.plan.values import (
        Plan,
        PlannedRevision,
        PlannedStep,
        PlannedTable,
        Share,
    )
    from shardctl.migrate.waves import WaveName
    from shardctl.month import Month

Fate: TypeAlias = tuple[str, tuple[str, ...]]
"""The family, or the plain table; and what the tables get, a line each."""


def as_text(plan: Plan) -> str:
    """For people; months that get the same stand in one place, those that do not after them."""
    lines: list[str] = []
    for revision in plan.revisions:
        lines.append(str(revision))
        lines += _clauses(revision)
        for fate, shares in _alike(plan, revision).items():
            lines += _group(plan, fate, shares)
        lines += _costs(revision)
    lines += _waves(plan)
    lines += plan.warnings
    return "\n".join(lines) or "nothing to do"


def _clauses(revision: PlannedRevision) -> Iterator[str]:
    for number, sql in enumerate(revision.clauses, 1):
        head = f"  {number}. "
        yield head + textwrap.indent(sql, " " * len(head)).lstrip()


def _alike(plan: Plan, revision: PlannedRevision) -> dict[Fate, list[Share]]:
    """The tables by what they get, in the order in which the first of each gets it."""
    found: dict[Fate, list[Share]] = {}
    told: dict[object, tuple[str, ...]] = {}
    for share in revision.shares:
        table = plan.tables.get(share.table)
        fate = tuple(
            (step.numbers, step.algorithm, step.refused, step.online) for step in share.steps
        )
        key = fate, share.found
        if key not in told:
            told[key] = tuple(_fate(share))
        whose = (table.family if table else "") or share.table or "database"
        found.setdefault((whose, told[key]), []).append(share)
    return found


def _fate(share: Share) -> Iterator[str]:
    if share.found:
        yield f"already so: {_numbers(share.found)}"
    for refused, steps in groupby(share.steps, key=lambda step: bool(step.refused)):
        for step in steps:
            yield f"refused: {_refusal(step)}" if refused else f"to run: {_statement(step)}"
    if not share.found and not share.steps:
        yield "done already"


def _statement(step: PlannedStep) -> str:
    how = f" {step.algorithm}" if step.algorithm else ""
    how = f" by {step.online}" if step.online else how
    joined = " in one statement" if len(step.numbers) > 1 else ""
    blocked = ", writes wait" if step.blocks else ""
    return f"{_numbers(step.numbers)}{how}{joined}{blocked}"


def _refusal(step: PlannedStep) -> str:
    return f"{_numbers(step.numbers)} cannot be {step.algorithm}: {step.refused}"


def _numbers(numbers: Iterable[int]) -> str:
    return " + ".join(str(number + 1) for number in numbers)


def _group(plan: Plan, fate: Fate, shares: Sequence[Share]) -> Iterator[str]:
    whose, words = fate
    tables = [plan.tables[share.table] for share in shares if share.table in plan.tables]
    family = bool(tables and tables[0].family)
    yield _wrapped(f"  {whose}: {_listed(tables)}" if family else f"  {whose}")
    if held := ", ".join(_held(plan, tables)):
        yield f"    {held}"
    yield from (f"    {line}" for line in words)


def _listed(tables: Sequence[PlannedTable]) -> str:
    """`template, 58 months (2020-01..2024-10)`."""
    months = sorted({table.month for table in tables if table.month is not None})
    parts = ["template"] if any(table.month is None for table in tables) else []
    if months:
        parts.append(f"{count(len(months), 'month')} ({', '.join(_ranges(months))})")
    return ", ".join(parts)


def _ranges(months: Sequence[Month]) -> Iterator[str]:
    """Months in order, those without a gap between them as one range."""
    numbered = groupby(enumerate(months), key=lambda pair: pair[1] - months[0] - pair[0])
    for _, pairs in numbered:
        first, *rest = [month for _, month in pairs]
        yield f"{first}..{rest[-1]}" if rest else str(first)


def _held(plan: Plan, tables: Sequence[PlannedTable]) -> Iterator[str]:
    """What tables hold, by the server's estimates."""
    rows = [table.rows for table in tables if table.rows is not None]
    held = [table.bytes for table in tables if table.bytes is not None]
    versions = [table.versions for table in tables if table.versions is not None]
    if rows:
        yield f"~{sum(rows):,} rows"
    if held:
        yield size(sum(held)) + (f" (at most {size(max(held))})" if len(held) > 1 else "")
    if versions and plan.version_limit:
        most = "at most " if len(versions) > 1 else ""
        yield f"row versions used: {most}{max(versions)} of {plan.version_limit}"


def _costs(revision: PlannedRevision) -> Iterator[str]:
    steps = revision.steps
    if not steps:
        return
    measured = sum(step.measured for step in steps)
    source = (
        "by this server's own earlier steps"
        if measured == len(steps)
        else "by what tables hold, for want of earlier steps on this server"
        if not measured
        else "in part by this server's own earlier steps, else by what tables hold"
    )
    yield f"  {_time(revision.seconds)}, {source}"
    if revision.disk:
        yield f"  disk needed for a rebuild: {size(revision.disk)}, of one table at a time"


def _waves(plan: Plan) -> Iterator[str]:
    """For each family the order in which its tables get a revision, and where the run stops."""
    from shardctl.migrate.waves import WAVES

    last = WAVES.index(plan.pause_after) if plan.pause_after else len(WAVES)
    for family in dict.fromkeys(table.family for table in plan.tables.values()):
        own = [table for table in plan.tables.values() if table.family == family]
        months = {wave: [table.month for table in own if table.wave == wave] for wave in WAVES}
        there = [wave for wave in WAVES if months[wave]]
        words = [_wave(wave, months[wave]) for wave in there]
        if (reached := sum(WAVES.index(wave) <= last for wave in there)) < len(there):
            words.insert(reached, "pause")
        if len(words) > 1:
            yield _wrapped(f"waves of {family}: {' -> '.join(words)}")


def _wave(name: WaveName, months: Sequence[Month | None]) -> str:
    match name:
        case "canary" | "current":
            return f"{name} {months[0]}"
        case "future":
            return count(len(months), "future month")
        case "history":
            return f"{count(len(months), 'month')} of history"
        case "template":
            return name


def _time(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 6000 else f"about {seconds / 3600:.0f} h"


def _wrapped(line: str) -> str:
    width = max(shutil.get_terminal_size().columns, 60)
    return textwrap.fill(
        line,
        width,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
