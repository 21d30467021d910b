"""What a dry run shows: every clause once, and which table is to get it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TypeAlias

from shardctl.report import Event, Note, State, Step

Fate: TypeAlias = tuple[State, str]
"""What becomes of a clause on tables, and by which algorithm, or why not."""

Plan: TypeAlias = dict[str, dict[str, dict[Fate, list[str]]]]
"""Revision → the clause's SQL → what the tables are to get → the tables."""

_WORDS: dict[State, str] = {"pending": "to run", "found": "already so", "failed": "refused"}


def as_text(events: Sequence[Event]) -> str:
    """Revision by revision and clause by clause, for people."""
    lines: list[str] = []
    for revision, clauses in _plan(events).items():
        lines.append(revision or "outside of revisions")
        for sql, tables in clauses.items():
            lines.append(textwrap.indent(sql, "  "))
            lines += (_listed(_head(*fate), names) for fate, names in tables.items())
    lines += _notes(events)
    return "\n".join(lines) or "nothing to do"


def as_data(events: Sequence[Event]) -> dict[str, object]:
    """The same as one document, for machines."""
    return {
        "revisions": [
            {
                "revision": revision,
                "clauses": [_clause(sql, tables) for sql, tables in clauses.items()],
            }
            for revision, clauses in _plan(events).items()
        ],
        "notes": _notes(events),
    }


def _plan(events: Sequence[Event]) -> Plan:
    plan: Plan = {}
    for event in events:
        if isinstance(event, Step) and event.state in _WORDS:
            for sql in (event.sql, *event.further):
                tables = plan.setdefault(event.revision, {}).setdefault(sql, {})
                tables.setdefault((event.state, _how(event)), []).append(event.table)
    return plan


def _clause(sql: str, fates: dict[Fate, list[str]]) -> dict[str, object]:
    tables: dict[State, list[str]] = {}
    how: dict[str, str] = {}
    for (state, said), names in fates.items():
        tables.setdefault(state, []).extend(names)
        how |= dict.fromkeys(names, said) if said else {}
    return {"sql": sql, "tables": tables, "how": how}


def _how(step: Step) -> str:
    if step.state == "failed":
        return f"not {step.algorithm}: {step.detail}"
    joined = "in one statement" if step.further else ""
    return ", ".join(filter(None, (step.algorithm, joined)))


def _head(state: State, how: str) -> str:
    return f"    {_WORDS[state]} ({how}): " if how else f"    {_WORDS[state]}: "


def _notes(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def _listed(head: str, names: Sequence[str]) -> str:
    width = max(shutil.get_terminal_size().columns, 60)
    return textwrap.fill(
        ", ".join(names),
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
