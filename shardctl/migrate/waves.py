"""The order in which a change reaches the months of a family: wave by wave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Literal, TypeAlias, get_args

from shardctl.catalog import Member
from shardctl.family import Family
from shardctl.month import Month

WaveName: TypeAlias = Literal["template", "future", "canary", "history", "current"]
"""The template, where a wrong statement fails at once and costs nothing; the future months, which
are empty; the canary, the coldest month that has rows; the cold history, the oldest first; the
current month, on which the most depends."""

WAVES: tuple[WaveName, ...] = get_args(WaveName)


@dataclass(frozen=True, slots=True)
class Wave:
    """Tables that get a change at the same stage."""

    name: WaveName
    members: tuple[Member, ...]

    @property
    def fails_fast(self) -> bool:
        """Whether one table that fails ends the run: those before any month with many rows."""
        return self.name in ("template", "future", "canary")


def stage(member: Member, family: Family, now: datetime) -> WaveName:
    """Where a member belongs by its month alone; the canary is one of the history."""
    current = family.current_month(now)
    if member.month is None:
        return "template"
    if member.month == current:
        return "current"
    return "future" if member.month > current else "history"


def in_order(
    members: Sequence[Member], family: Family, now: datetime | None = None
) -> tuple[Member, ...]:
    """The template and months of a family in the order in which a change reaches them.

    Args:
        now: an aware datetime in place of the clock's.
    """
    at = now or datetime.now(UTC)

    def place(member: Member) -> tuple[int, Month | None]:
        return WAVES.index(stage(member, family, at)), member.month

    template = [member for member in members if member.month is None]
    months = [member for member in members if member.month is not None]
    return (*template, *sorted(months, key=place))


def waves(
    members: Sequence[Member],
    family: Family | None,
    coldest: Callable[[Sequence[Member]], Member | None],
    now: datetime | None = None,
) -> tuple[Wave, ...]:
    """The members of a family, in order, cut into waves; a plain table is a template's like.

    Args:
        coldest: finds, among months of the history, the first that has rows.
        now: an aware datetime in place of the clock's.
    """
    if family is None:
        return (Wave("template", tuple(members)),)
    at = now or datetime.now(UTC)
    found: list[Wave] = []
    for name, group in groupby(members, key=lambda member: stage(member, family, at)):
        those = tuple(group)
        if name == "history" and (canary := coldest(those)):
            found.append(Wave("canary", (canary,)))
            those = tuple(member for member in those if member != canary)
        if those:
            found.append(Wave(name, those))
    return tuple(found)
