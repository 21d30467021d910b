"""A rule of lint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint.subject import Subject


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by the ID under which a revision waives it, and what it finds in a revision."""

    id: str
    look: Callable[[Subject], Iterator[Finding]]
