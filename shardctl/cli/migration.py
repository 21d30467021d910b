"""What `upgrade` and `downgrade` have in common: progress, and a last word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from shardctl.cli.output import as_json, count
from shardctl.cli.progress import progress
from shardctl.cli.session import Session
from shardctl.config import Config
from shardctl.report import Event, Report, Step

if TYPE_CHECKING:
    from shardctl.migrate.commands import Migration
    from shardctl.migrate.course import Course
    from shardctl.migrate.patience.restraint import Restraint


class Command(Protocol):
    """`upgrade` or `downgrade` of the library, with its target."""

    def __call__(
        self,
        config: Config,
        *,
        allow_destructive: bool,
        restraint: Restraint,
        course: Course,
        report: Report,
    ) -> Migration: ...


def migrate(
    run: Session,
    command: Command,
    *,
    allow_destructive: bool,
    restraint: Restraint,
    course: Course,
    json: bool,
) -> None:
    """Carry revisions out or take them back, and show it as it happens."""
    config = run.config()
    events: list[Event] = []
    with progress(quiet=run.quiet, json=json) as shown:

        def report(event: Event) -> None:
            events.append(event)
            shown(event)

        done = command(
            config,
            allow_destructive=allow_destructive,
            restraint=restraint,
            course=course,
            report=report,
        )
    totals = _totals(done, events)
    down = any(outcome.revision.direction == "down" for outcome in done.outcomes)
    way = "downgrade" if down else "upgrade"
    run.say(as_json({"event": "result"} | totals, indent=None) if json else _text(totals, way))


def restrained(
    lock_wait: int,
    lock_retries: int,
    window: str | None,
    max_threads_running: int | None,
    *,
    max_lag: int | None = None,
    replicas: Sequence[str] | None = None,
    lock_wait_long: int = 60,
    online: str | None = None,
    online_from: str | None = None,
) -> Restraint:
    """What the options say of holding back."""
    from shardctl.migrate.online.engine import online_of
    from shardctl.migrate.patience.restraint import Restraint
    from shardctl.migrate.patience.window import Window

    hours = None if window is None else Window.parse(window)
    return Restraint(
        lock_wait=lock_wait,
        lock_retries=lock_retries,
        window=hours,
        max_threads_running=max_threads_running,
        max_lag=max_lag,
        replicas=tuple(replicas or ()),
        lock_wait_long=lock_wait_long,
        online=online_of(online, online_from),
    )


def steered(
    only: str | None,
    excepted: str | None,
    pause_after: str | None,
    *,
    jobs: int,
    rebuild_jobs: int,
    max_failures: int,
    let_rebuild: str | None = None,
) -> Course:
    """What the options say of how far to go, and how fast."""
    from shardctl.migrate.course import Course, wave_named
    from shardctl.migrate.selection import Listed, Selection

    wave = None if pause_after is None else wave_named(pause_after)
    return Course(
        Selection.parse(only, excepted),
        wave,
        jobs,
        rebuild_jobs,
        max_failures,
        Listed.parse("let-rebuild", let_rebuild),
    )


def _totals(done: Migration, events: Sequence[Event]) -> dict[str, int]:
    run = [event for event in events if isinstance(event, Step) and event.state == "run"]
    return {
        "revisions": len(done.outcomes),
        "changes": sum(1 + len(step.further) for step in run),
        "tables": len({step.table for step in run}),
        "found": sum(isinstance(event, Step) and event.state == "found" for event in events),
        "waiting": sum(len(outcome.waiting) for outcome in done.outcomes),
    }


def _text(totals: dict[str, int], way: str) -> str:
    if not totals["revisions"]:
        return "nothing to do"
    made = f"{count(totals['changes'], 'change')} made on {count(totals['tables'], 'table')}"
    found = f", {totals['found']} found there already" if totals["found"] else ""
    done = f"{count(totals['revisions'], 'revision')}: {made}{found}"
    if not totals["waiting"]:
        return done
    return f"{done}; {count(totals['waiting'], 'month')} waiting: run {way} to go on"
