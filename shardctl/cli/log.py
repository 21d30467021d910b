"""`shardctl log`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json, count, table
from shardctl.cli.session import AsJson, FamilyName, session
from shardctl.month import Month

if TYPE_CHECKING:
    from shardctl.config import Config
    from shardctl.lifecycle.log import Entry

_WORDS = {
    "ran": "ran",
    "found": "found so",
    "ended": "ended by Ctrl-C",
    "failed": "failed",
    "skipped": "left out",
    None: "begun, end unknown",
}


def log(
    context: typer.Context,
    family: FamilyName = None,
    month: Annotated[
        str | None, typer.Option(help="Only this month, such as 202601.", show_default=False)
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Only this revision.", show_default=False)
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only what failed or broke off.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show what ran on which month, when, how long, by whom.

    The newest is the last. What was undone since is shown, too.
    """
    from shardctl.lifecycle import log as library

    run = session(context)
    entries = library.log(
        run.config(),
        family,
        month=Month.parse(month) if month else None,
        revision=revision,
        failed=failed,
    )
    if json:
        run.say(as_json(entries))
    elif not entries:
        run.say(f"nothing of the kind has run{_instead(run.config(), revision)}")
    else:
        run.say(_table(entries) if sys.stdout.isatty() else "\n".join(map(_line, entries)))


def _instead(config: Config, revision: str | None) -> str:
    """Of which revisions something has run, where it was asked for another."""
    from shardctl.lifecycle import log as library

    known = {entry.revision for entry in library.log(config)} if revision else set()
    if not known or revision in known:
        return ""
    return f"; of revision {revision!r} nothing has, of {', '.join(sorted(known))} something"


def _table(entries: Sequence[Entry]) -> str:
    rows = [
        (
            entry.begun_at.isoformat(" ", "seconds"),
            entry.table or "database",
            _clauses(entry),
            _how(entry),
            _seconds(entry),
            _who(entry),
            _what(entry),
        )
        for entry in entries
    ]
    return table(("begun", "table", "clauses", "how", "took", "by", "statement"), rows)


def _line(entry: Entry) -> str:
    took = f" in {_seconds(entry)}" if entry.seconds is not None else ""
    who = f", by {_who(entry)}" if entry.session else ""
    head = f"{entry.begun_at.isoformat('T', 'milliseconds')} {entry.table or 'database'}"
    what = " ".join(_what(entry).splitlines())
    return f"{head} {_clauses(entry)} {_how(entry)}{took}{who}{': ' if what else ''}{what}"


def _clauses(entry: Entry) -> str:
    way = "" if entry.direction == "up" else "downgrade of "
    return f"{way}{entry.revision} ({', '.join(map(str, entry.clauses))})"


def _how(entry: Entry) -> str:
    rows = "" if entry.rows is None else f", {count(entry.rows, 'row')}"
    if entry.reached:
        key = ", ".join(f"{column} {value}" for column, value in entry.reached.items())
        rows += f" up to {key}"
    return _WORDS[entry.how] + rows + ("" if entry.counts else ", undone since")


def _seconds(entry: Entry) -> str:
    return "" if entry.seconds is None else f"{entry.seconds:.3f} s"


def _who(entry: Entry) -> str:
    by = entry.session
    if by is None:
        return ""
    who = f"{by.owner}@{by.host} pid {by.pid}" if by.pid else "hand"
    return f"{who} (shardctl {by.command})"


def _what(entry: Entry) -> str:
    """The statement, and behind it why it did not take effect."""
    return " -- ".join(filter(None, (entry.statement, entry.words)))
