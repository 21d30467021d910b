"""What the global options say, for every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from shardctl.cli.output import echo

if TYPE_CHECKING:
    from shardctl.config import Config

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Show which table gets what; change nothing.")
]
AllowDestructive: TypeAlias = Annotated[
    bool, typer.Option("--allow-destructive", help="Run what is destructive, too.")
]
LockWait: TypeAlias = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="SECONDS",
        help="Seconds that a statement waits for others' locks on a table.",
    ),
]
LockWaitLong: TypeAlias = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="SECONDS",
        help="The same at the end of a statement that builds a big table or an index on it, "
        "which is lost if it waits in vain.",
    ),
]
LockRetries: TypeAlias = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="TIMES",
        help="How often to try a locked month again, with pauses, now and after the others.",
    ),
]
InWindow: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--window",
        metavar="HH:MM-HH:MM",
        help="Begin no statement outside of these hours, in the family's time zone.",
    ),
]
MaxThreadsRunning: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="THREADS",
        help="Begin no statement while more sessions than this are at work on the server.",
    ),
]
MaxLag: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Begin no statement while a replica is more seconds behind.",
    ),
]
ReplicaUrls: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--replica",
        metavar="URL",
        help="A replica that is not to lag, with our user where it names none; may be repeated. "
        "By default those that the server names.",
        show_default=False,
    ),
]
OnlineEngine: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--online",
        metavar="pt-osc|gh-ost",
        help="Have this tool rebuild big tables, while they are read and written.",
    ),
]
OnlineFrom: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="A table of this size or more is big (data and indexes); 1GiB unless given.",
    ),
]
Only: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MONTHS",
        help="Only these months, such as 202001..202512,202603; the revision stays unfinished.",
    ),
]
Except: TypeAlias = Annotated[
    str | None,
    typer.Option("--except", metavar="MONTHS", help="All months but these, likewise."),
]
PauseAfter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="WAVE",
        help="Stop after this wave: template, future, canary (the coldest month with rows), "
        "history. The next run goes on.",
    ),
]
Jobs: TypeAlias = Annotated[
    int, typer.Option(min=1, help="How many months get INSTANT and in-place steps at once.")
]
RebuildJobs: TypeAlias = Annotated[
    int, typer.Option(min=1, help="How many months are rebuilt, or have rows changed, at once.")
]
MaxFailures: TypeAlias = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="MONTHS",
        help="How many months may fail, after the canary, before no other is begun.",
    ),
]
FailFast: TypeAlias = Annotated[
    bool, typer.Option("--fail-fast", help="Stop at the first month that fails.")
]
LetRebuild: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="MONTHS",
        help="Months, or 'all', that are altered in whatever way the server chooses where it "
        "refuses the algorithm that the others get: rebuilt, with writers kept out.",
    ),
]
FamilyName: TypeAlias = Annotated[
    str | None, typer.Argument(help="The family; by default all of them.", show_default=False)
]


@dataclass(slots=True)
class Session:
    """One run of the command line; filled once, when its global options are read."""

    config_path: Path | None = None
    url: str | None = None
    debug: bool = False
    quiet: bool = False

    def config(self) -> Config:
        """The configuration that the options name, or the nearest one.

        Raises:
            ConfigError: there is none, or it cannot be used.
        """
        from shardctl.config import load

        return load(self.config_path, url=self.url)

    def say(self, text: str = "") -> None:
        """Print lines of a result, unless silence was asked for."""
        if not self.quiet:
            echo(text)


def session(context: typer.Context) -> Session:
    """The session that a command runs in."""
    found: Session = context.find_object(Session) or Session()
    return found
