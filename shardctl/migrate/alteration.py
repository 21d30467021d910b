"""Clauses as the statements of one table: each by itself, or several as one ALTER TABLE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shardctl.clause import Algorithm, Clause, Names, Sql
from shardctl.dialects import Definition, Dialect, Statement


@dataclass(frozen=True, slots=True)
class Alteration:
    """Neighbouring clauses that go to one table together.

    Attributes:
        clauses: the clauses, each with the names that the table puts into it.
        definition: the table's text before them; None where no clause asks for it
            (`is_structural`).
    """

    dialect: Dialect
    clauses: Sequence[tuple[Clause, Names]]
    definition: Definition | None

    @property
    def is_joinable(self) -> bool:
        """Whether ALTER TABLE has a specification for all of it, by an algorithm of our choice."""
        return bool(self.dialect.algorithms) and None not in self._specifications("t")

    def joined(self, table: str, algorithm: Algorithm | None) -> Statement:
        """All as one ALTER TABLE.

        Args:
            table: the physical table: the one that the names mean, or another like it.
            algorithm: how it is to be carried out; None: as the server chooses.
        """
        said = [one for one in self._specifications(table) if one is not None]
        return self.dialect.alter(table, said, algorithm)

    def apart(self, table: str) -> tuple[Statement, ...]:
        """The statements of the clauses one after another, none of its algorithm demanded."""
        return tuple(
            statement
            for clause, names in self.clauses
            for action in clause.actions
            for statement in self.dialect.render(action, table, names, self.definition)
        )

    def _specifications(self, table: str) -> list[str | None]:
        found: list[str | None] = []
        for clause, names in self.clauses:
            own = replace(names, tables={**names.tables, clause.table: table})
            found += (
                [None]
                if clause.data or clause.presence
                else [
                    self.dialect.specification(action, table, own, self.definition)
                    for action in clause.actions
                ]
            )
        return found


def is_structural(clause: Clause) -> bool:
    """Whether a table's own text is needed to render a clause."""
    return any(not isinstance(action, Sql) for action in clause.actions)
