"""`shardctl gate`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from shardctl.cli.output import as_json
from shardctl.cli.progress import progress
from shardctl.cli.session import AsJson, session
from shardctl.month import Month, spans

if TYPE_CHECKING:
    from shardctl.lifecycle.gate import Gate

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def _duration(text: str) -> float:
    match = re.fullmatch(r"([0-9]+)([smh]?)", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no span of time such as 90s, 10m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def gate(
    context: typer.Context,
    revision: Annotated[
        str, typer.Option(help="Its id, or head: then every family counts.", show_default=False)
    ],
    wait: Annotated[
        str, typer.Option(metavar="TIME", help="How long to wait, such as 90s or 10m.")
    ] = "0s",
    gone: Annotated[
        bool, typer.Option("--gone", help="Wait until its downgrade has left every month.")
    ] = False,
    excepted: Annotated[
        str | None,
        typer.Option(
            "--except",
            metavar="MONTHS",
            help="Months that do not count, such as 202001..202512,202603.",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Wait until every month has had a revision, so that new code may start.

    Exit code 1 where one has not when the time is over; its name and what it waits for are shown.
    """
    from shardctl.lifecycle import gate as library
    from shardctl.migrate.selection import Selection

    run = session(context)
    months, seconds = Selection.parse(excepted=excepted), _duration(wait)
    with progress(quiet=run.quiet or json) as report:
        found = library.gate(
            run.config(), revision, gone=gone, months=months, wait=seconds, report=report
        )
    run.say(as_json(found) if json else _text(found, excepted))
    if not found.open:
        raise typer.Exit(1)


def _text(gate: Gate, excepted: str | None) -> str:
    if gate.open:
        where = "is gone from" if gate.gone else "is in"
        whose = f"every month of {', '.join(gate.families)}" if gate.families else "the database"
        return f"{gate.revision} {where} {whose}" + (f" except {excepted}" if excepted else "")
    lines = [gate.pending] if gate.pending else []
    groups: dict[tuple[str, str], list[Month]] = {}
    for each in gate.waiting:
        if each.month is None:
            lines.append(f"{each.table} (template): {each.reason}")
        else:
            groups.setdefault((each.family, each.reason), []).append(each.month)
    lines += [f"{family} {spans(months)}: {reason}" for (family, reason), months in groups.items()]
    return "\n".join(lines)
