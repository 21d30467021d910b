"""What `upgrade` and `downgrade` have in common: progress, and the view of a dry run."""

from __future__ import annotations

from typing import Any, Protocol

from shardctl.cli import dry_run as view
from shardctl.cli.output import as_json
from shardctl.cli.progress import Tally, progress
from shardctl.cli.session import Session
from shardctl.config import Config
from shardctl.report import Event, Report


class Command(Protocol):
    """`upgrade` or `downgrade` of the library."""

    def __call__(
        self,
        config: Config,
        target: str,
        *,
        dry_run: bool,
        allow_destructive: bool,
        report: Report,
    ) -> Any: ...


def migrate(
    run: Session,
    command: Command,
    target: str,
    *,
    dry_run: bool,
    allow_destructive: bool,
    json: bool,
) -> None:
    """Carry revisions out or take them back, and show it as it happens."""
    config = run.config()
    if dry_run:
        events: list[Event] = []
        command(
            config,
            target,
            dry_run=True,
            allow_destructive=allow_destructive,
            report=events.append,
        )
        run.say(as_json(view.as_data(events)) if json else view.as_text(events))
        return
    with progress(quiet=run.quiet, json=json) as shown:
        tally = Tally(shown)
        command(config, target, dry_run=False, allow_destructive=allow_destructive, report=tally)
    if not json:
        run.say(tally.summary())
