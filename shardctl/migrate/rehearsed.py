"""What a command has found out of a revision: kept from its plan for its run, learned once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from shardctl.migrate.finding import Finding
from shardctl.migrate.learn.scratch import Scratch
from shardctl.migrate.learn.steps import Steps
from shardctl.migrate.prepare import Prepared
from shardctl.migrate.work import lessons_of

Looked: TypeAlias = tuple[frozenset[str], frozenset[str]]
"""The tables that lint looks at, and those of them that are going to change before."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One revision.

    Attributes:
        steps: the statements in which tables get it, as they were tried on copies.
    """

    prepared: Prepared
    steps: Steps
    _findings: dict[Looked, tuple[Finding, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, prepared: Prepared, scratch: Scratch) -> Rehearsed:
        """A revision that was made ready just now, of which nothing was tried yet."""
        lessons = lessons_of(prepared.clauses, prepared.states)
        return cls(prepared, Steps(scratch, prepared.clauses, lessons, prepared.texts))

    def findings(
        self, looked: Looked, lint: Callable[[], tuple[Finding, ...]]
    ) -> tuple[Finding, ...]:
        """What lint finds; it looks again where other tables count, or have changed since."""
        if looked not in self._findings:
            self._findings[looked] = lint()
        return self._findings[looked]
