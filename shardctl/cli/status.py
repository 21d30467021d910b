"""`shardctl status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from shardctl.cli.output import as_json, count, estimate, size, table
from shardctl.cli.session import AsJson, FamilyName, session
from shardctl.month import spans

if TYPE_CHECKING:
    from shardctl.lifecycle.status import FamilyStatus, MonthStatus


def status(context: typer.Context, family: FamilyName = None, json: AsJson = False) -> None:
    """Show every month: revision, rows, size, equal, waiting or drifted."""
    from shardctl.lifecycle import status as library

    run = session(context)
    found = library.status(run.config(), family)
    run.say(as_json(found) if json else "\n\n".join(map(_text, found)) or "no families")


def _text(family: FamilyStatus) -> str:
    template = family.template if family.has_template else f"{family.template} (missing)"
    lines = [f"{family.family}: template {template}, revision {family.revision or 'none'}"]
    if family.months:
        rows = [
            (
                str(month.month),
                month.table,
                month.revision or "-",
                estimate(month.rows),
                size(month.bytes),
                state(month),
            )
            for month in family.months
        ]
        lines.append(table(("month", "table", "revision", "rows", "size", "structure"), rows))
    for month in family.months:
        lines += [f"{month.table}: {difference}" for difference in month.differences]
        lines += [f"{month.table}: {each} (accepted)" for each in month.accepted]
        lines += [f"{month.table}: {month.left_out}"] if month.left_out else []
    lines += [f"unfinished: {run}" for run in family.unfinished]
    if family.gaps:
        lines.append(f"missing: {spans(family.gaps)}")
    lines += [f"left out: {name} ({reason})" for name, reason in family.skipped]
    runway = count(family.runway_months, "month")
    lines.append(f"runway: {runway}, {family.first_missing} is the first that is missing")
    return "\n".join(lines)


def state(month: MonthStatus) -> str:
    """Whether a month is like the template, in a word; and for which revision it waits."""
    waiting = f"waiting for {month.waiting}" if month.waiting else ""
    if not month.differences:
        equal = f"equal ({len(month.accepted)} accepted)" if month.accepted else "equal"
        return waiting or equal
    if all(difference.only_position for difference in month.differences):
        unlike = "order differs"
    else:
        unlike = f"drifted ({len(month.differences)})"
    return ", ".join(filter(None, (unlike, waiting)))
