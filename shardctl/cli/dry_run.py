"""What a dry run shows: every clause once, and which table is to get it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TypeAlias

from shardctl.report import Event, Note, State, Step

Plan: TypeAlias = dict[str, dict[str, dict[State, list[str]]]]
"""Revision → the clause's SQL → what the tables are to get → the tables."""

_WORDS: dict[State, str] = {"pending": "to run", "found": "already so", "failed": "refused"}


def as_text(events: Sequence[Event]) -> str:
    """Revision by revision and clause by clause, for people."""
    lines: list[str] = []
    for revision, clauses in _plan(events).items():
        lines.append(revision or "outside of revisions")
        for sql, tables in clauses.items():
            lines.append(textwrap.indent(sql, "  "))
            lines += (_listed(f"    {_WORDS[state]}: ", names) for state, names in tables.items())
    lines += _notes(events)
    return "\n".join(lines) or "nothing to do"


def as_data(events: Sequence[Event]) -> dict[str, object]:
    """The same as one document, for machines."""
    return {
        "revisions": [
            {
                "revision": revision,
                "clauses": [{"sql": sql, "tables": tables} for sql, tables in clauses.items()],
            }
            for revision, clauses in _plan(events).items()
        ],
        "notes": _notes(events),
    }


def _plan(events: Sequence[Event]) -> Plan:
    plan: Plan = {}
    for event in events:
        if isinstance(event, Step) and event.state in _WORDS:
            tables = plan.setdefault(event.revision, {}).setdefault(event.sql, {})
            tables.setdefault(event.state, []).append(event.table)
    return plan


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
