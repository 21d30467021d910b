"""Events shown while a command runs: a bar on a terminal, plain lines in a pipe, JSON lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shardctl import report
from shardctl.cli.output import as_json, count, echo
from shardctl.report import Event, Finished, Note, Report, Started, Step, TableDone, silent

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_SECONDS: Final = 5.0
"""Between two lines that tell how far one table is."""


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
        yield _Lines()


def _json_line(event: Event) -> None:
    name = "table done" if isinstance(event, TableDone) else type(event).__name__.lower()
    echo(as_json({"event": name, **asdict(event)}, indent=None))


@dataclass(slots=True)
class _Lines:
    """A line an event. A clause is shown once, with its number: 60 months do not repeat it."""

    shown: set[int] = field(default_factory=set)
    told: float = 0.0

    def __call__(self, event: Event) -> None:
        match event:
            case Started(what, total):
                self.shown, self.told = set(), time.monotonic()
                echo(f"{what} ({count(total, 'table')})" if total else what)
            case Step() if event.state in ("waiting", "run", "found", "failed"):
                sqls = (event.sql, *event.further)
                for number, sql in zip(event.clauses, sqls, strict=True):
                    if number not in self.shown:
                        self.shown.add(number)
                        echo(f"  ({number}) {sql}")
                clauses = ", ".join(map(str, event.clauses))
                echo(f"  {event.table or 'database'} ({clauses}): {_outcome(event)}")
            case report.Progress(table, percent, text):
                if (now := time.monotonic()) - self.told >= _SECONDS:
                    self.told = now
                    echo(f"  {table}: {_share(percent)}{text}")
            case Note(text):
                echo(text)
            case Finished(what, seconds):
                echo(f"{what}: done in {seconds:.1f} s")
            case _:  # yet to come, or told by the lines before: another would only repeat them
                pass


def _outcome(step: Step) -> str:
    match step.state:
        case "run":
            taken = f"{step.seconds:.1f} s"
            return f"{taken}, {step.algorithm}" if step.algorithm else taken
        case "found":
            return "already so"
        case _:
            return f"{step.state}: {step.detail}" if step.detail else step.state


def _share(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.0f} %, "


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
            case Step(table=table, state="waiting", detail=detail):
                self._update(table=f"{table}: {detail}")
            case report.Progress(table, percent, text):
                self._update(table=f"{table}: {_share(percent)}{text}")
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
