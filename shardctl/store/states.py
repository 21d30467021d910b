"""The states that a row goes through, and which leads to which."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from shardctl.errors import ConfigError
from shardctl.tables import MonthlyTable
from shardctl.tables.declared import named


@dataclass(frozen=True, slots=True)
class States:
    """A graph: from each state to those that may come right after it.

    Attributes:
        column: the key of the column that holds the state.
        after: by state, those that may come next; all states are keys.
    """

    column: str
    after: Mapping[Any, tuple[Any, ...]]

    @classmethod
    def of(cls, table: Table, column: str, declared: Mapping[Any, Collection[Any]]) -> States:
        """The graph that an application declares, such as `{1: (2, 4), 2: (3,)}`.

        Args:
            column: the key of a column of the table.

        Raises:
            ConfigError: there is no such column, or a text stands for a list of states.
        """
        if column not in table.c:
            raise ConfigError(
                f"{table.name} has no column {column!r} for the state: set 'state' to one of it"
            )
        after: dict[Any, tuple[Any, ...]] = {}
        for state, following in declared.items():
            if isinstance(following, str):
                raise ConfigError(
                    f"states {state!r}: {following!r} is a text: give ({following!r},)"
                )
            after[state] = tuple(following)
        for following in list(after.values()):
            for state in following:
                after.setdefault(state, ())
        return cls(column, after)

    def known(self, *states: Any) -> None:
        """Refuse states that the graph does not have.

        Raises:
            ConfigError: it has them not.
        """
        if unknown := [state for state in states if state not in self.after]:
            raise ConfigError(
                f"{self.column} has no state {', '.join(map(repr, unknown))}; it has "
                + ", ".join(map(repr, self.after))
            )

    def before(self, state: Any) -> tuple[Any, ...]:
        """The states from which one step leads to this one."""
        return tuple(each for each, following in self.after.items() if state in following)

    def way(self, start: Any, end: Any) -> tuple[Any, ...]:
        """The states of the shortest way from one to another, without the first; or none."""
        ways: dict[Any, tuple[Any, ...]] = {start: ()}
        reached = [start]
        for state in reached:  # grows as it goes
            for following in self.after.get(state, ()):
                if following == end:
                    return (*ways[state], following)
                if following not in ways:
                    ways[following] = (*ways[state], following)
                    reached.append(following)
        return ()

    def is_past(self, state: Any, asked: Any) -> bool:
        """Whether a row in a state has been in the one asked for, or is in it.

        Where the graph has a cycle, a state may lie before and behind another: it counts as
        behind, so that a repetition is never an error.
        """
        return bool(state == asked or self.way(asked, state))


def state_column(table: MonthlyTable[Any]) -> str:
    """The key of the column that the family names for the state; "" where it names none."""
    name = table.family.state
    return str(named(table.declared, name).key) if name else ""
