"""What lint finds in a revision; here, so that whoever keeps findings needs no rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["destructive", "warning"]

_NAMED = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a revision that its author should know before it runs.

    Attributes:
        rule: the ID of the rule that found it, by which a revision waives it.
        severity: what is destructive is refused unless it is allowed.
        message: it in one sentence, and what to do.
        tables: the tables that it concerns and that are still to get the revision.
        waived: whether the revision waives the rule; such a warning is no finding any more, what
            is destructive stays one.
    """

    rule: str
    severity: Severity
    message: str
    tables: tuple[str, ...] = ()
    waived: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def listed(tables: Sequence[str]) -> str:
    """Tables in a sentence: the first few by name, and how many there are besides."""
    more = len(tables) - _NAMED
    return ", ".join(tables[:_NAMED]) + (f" and {more} more" if more > 0 else "")
