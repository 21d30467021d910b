"""How far a run goes, and how fast: which months, up to which wave, how many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shardctl.dialects import PLACES
from shardctl.errors import ConfigError
from shardctl.migrate.selection import ALL, NONE, Listed, Selection
from shardctl.migrate.waves import WAVES, WaveName
from shardctl.month import Month

JOBS: Final = 4
"""Months that get cheap steps at the same time: a server with durable settings waits for its disk
at the end of each, longer than it works where a month is small."""

MAX_FAILURES: Final = 3
"""Months that may fail before a run gives up."""


@dataclass(frozen=True, slots=True)
class Course:
    """What the user says of it.

    Attributes:
        months: those that the run is meant for. The template always is; while other months
            wait, the revision stays unfinished.
        pause_after: the wave after which the run stops, to be gone on with by the next.
        jobs: how many months get INSTANT and in-place steps at the same time.
        rebuild_jobs: how many are rebuilt, or have their rows changed, at the same time.
        max_failures: how many months of the history, or the current one, may fail before no
            other is begun; 0: the first ends the run. In the waves before, it always does.
        let_rebuild: months that are altered in whatever way the server chooses, where it refuses
            them the algorithm that the others get: they may be rebuilt, and writers kept out.
        failed_only: only tables on which the revision has failed, or broke off; the others wait.

    Raises:
        ConfigError: a number is out of its range.
    """

    months: Selection = ALL
    pause_after: WaveName | None = None
    jobs: int = JOBS
    rebuild_jobs: int = 1
    max_failures: int = MAX_FAILURES
    let_rebuild: Listed = NONE
    failed_only: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("jobs", "rebuild_jobs"):
            if not 1 <= getattr(self, name) <= PLACES:
                raise ConfigError(
                    f"{name}={getattr(self, name)}: it is a number from 1 to {PLACES}"
                )
        if self.max_failures < 0:
            raise ConfigError(f"max_failures={self.max_failures}: it is a number, 0 or more")

    def refuse_unknown(self, months: Sequence[Month]) -> None:
        """Refuse months of which none is there: a slip of the pen would look like success.

        Args:
            months: those that are there; where there is none at all, nothing is refused.

        Raises:
            ConfigError: there is none of those that are to be reached, or let be rebuilt.
        """
        if months and self.months.only and not any(month in self.months for month in months):
            raise ConfigError("only: there is none of these months")
        wanted = self.let_rebuild
        if months and wanted != NONE and not any(month in wanted for month in months):
            raise ConfigError("let-rebuild: there is none of these months")


DEFAULT: Final = Course()
"""What holds where nothing is said."""


_NUMBERS: Final = ("jobs", "rebuild_jobs", "max_failures")

WORDS: Final = (*_NUMBERS, "only", "except", "pause_after", "let_rebuild")
"""Under these names `course_of` finds what is said."""


def course_of(words: Mapping[str, str]) -> Course:
    """What is said under the names of its attributes, as text; what else is said is left alone.

    Raises:
        ConfigError: it cannot be read, or a number is out of its range.
    """
    numbers: dict[str, Any] = {}
    for name in _NUMBERS:
        if name in words:
            if not words[name].isdecimal():
                raise ConfigError(f"{name}={words[name]}: it is a number")
            numbers[name] = int(words[name])
    months = Selection.parse(words.get("only"), words.get("except"))
    pause_after = wave_named(words["pause_after"]) if "pause_after" in words else None
    let_rebuild = Listed.parse("let_rebuild", words.get("let_rebuild"))
    return Course(months, pause_after, **numbers, let_rebuild=let_rebuild)


def wave_named(text: str) -> WaveName:
    """The wave of a name.

    Raises:
        ConfigError: there is none.
    """
    for wave in WAVES:
        if wave == text:
            return wave
    raise ConfigError(f"{text!r} is no wave; the waves are {', '.join(WAVES)}")
