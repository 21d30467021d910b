"""Events shown while a command runs: a bar on a terminal, plain lines in a pipe, JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from shardctl.cli.output import as_json, count
from shardctl.report import Event, Finished, Note, Report, Started, Step, TableDone, silent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@dataclass(slots=True)
class Tally:
    """Passes events on and counts what became of the clauses."""

    report: Report
    steps: list[Step] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Step):
            self.steps.append(event)
        self.report(event)

    def summary(self) -> str:
        """What happened, in one line."""
        run = [step for step in self.steps if step.state == "run"]
        found = count(sum(step.state == "found" for step in self.steps), "change")
        if not run:
            return f"nothing to do; {found} found there already" if self.steps else "nothing to do"
        tables = count(len({step.table for step in run}), "table")
        return f"{count(len(run), 'change')} made on {tables}; {found} found there already"


@contextmanager
def progress(*, quiet: bool, json: bool = False) -> Iterator[Report]:
    """The way in which events are to be shown while the block runs."""
    if quiet:
        yield silent
    elif json:
        yield _json_line
    elif sys.stdout.isatty():
        with _bar() as progress:
            yield _Bar(progress)
    else:
        yield _line


def _json_line(event: Event) -> None:
    fields = as_json(event, indent=None)[1:]
    typer.echo(f'{{"event": "{type(event).__name__.lower()}", {fields}')


def _line(event: Event) -> None:
    match event:
        case Started(what, total):
            typer.echo(f"{what} ({count(total, 'table')})" if total else what)
        case Step() if event.state in ("run", "found", "failed"):
            typer.echo(f"  {event.table or 'database'}: {event.sql} ({_outcome(event)})")
        case Note(text):
            typer.echo(text)
        case Finished(what, seconds):
            typer.echo(f"{what}: done in {seconds:.1f} s")
        case _:  # yet to come, or told by the lines before: another would only repeat them
            pass


def _outcome(step: Step) -> str:
    match step.state:
        case "run":
            return f"{step.seconds:.1f} s"
        case "found":
            return "already so"
        case _:
            return f"{step.state}: {step.detail}" if step.detail else step.state


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[table]}", markup=False),
        Elapsed(),
    )


@dataclass(slots=True)
class _Bar:
    """One bar a piece of work: how many tables are done, which one it is at, for how long."""

    progress: Progress
    task: TaskID | None = None
    done: set[str] = field(default_factory=set)

    def __call__(self, event: Event) -> None:
        match event:
            case Started(what, total):
                self.done = set()
                self.task = self.progress.add_task(what, total=total or None, table="")
            case Step(table=table):
                self._update(table=table)
            case TableDone(table):
                self.done.add(table)
                self._update(completed=len(self.done), table=table)
            case Note(text):
                self.progress.console.print(text, markup=False, highlight=False)
            case Finished():
                self._update(total=len(self.done), completed=len(self.done), table="")

    def _update(self, **changed: Any) -> None:
        if self.task is not None:
            self.progress.update(self.task, **changed)
