"""Clauses as the statements of one table: each by itself, or several as one ALTER TABLE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shardctl.clause import Algorithm, Clause, DropConstraint, Names, ObjectName, Sql
from shardctl.dialects import Definition, Dialect, Statement
from shardctl.structure import Check, Structure, foreign_key_address


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

    @classmethod
    def of(
        cls,
        dialect: Dialect,
        clauses: Sequence[tuple[Clause, Structure | None]],
        names: Names,
        structure: Callable[[], Structure | None],
        definition: Callable[[], Definition],
    ) -> Alteration:
        """The alteration of one table; how that looks is asked for only where it matters.

        Args:
            clauses: each with the declared structure that it starts from.
            names: what the table puts into a clause, but for objects that are there already.
            structure: how it looks now.
            definition: its text now.
        """
        own = structure() if any(names_existing(clause) for clause, _ in clauses) else None
        named = [
            (clause, replace(names, existing=existing_names(before, own)) if own else names)
            for clause, before in clauses
        ]
        structural = any(is_structural(clause) for clause, _ in clauses)
        return cls(dialect, named, definition() if structural else None)

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
        return self.dialect.alter(table, self.specifications(table), algorithm)

    def statements(self, table: str, algorithm: Algorithm | None) -> tuple[Statement, ...]:
        """What is sent for a step; a clause by itself of which nothing is demanded is as it is."""
        if algorithm is None and len(self.clauses) == 1:
            return self.apart(table)
        return (self.joined(table, algorithm),)

    def specifications(self, table: str) -> tuple[str, ...]:
        """What stands behind ALTER TABLE, where that can be said of all of it."""
        return tuple(one for one in self._specifications(table) if one is not None)

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


def existing_names(declared: Structure | None, own: Structure | None) -> dict[tuple[str, str], str]:
    """(kind, declared name) → the name that a table itself gives to the object of that meaning.

    `DROP CONSTRAINT name` does not say of which kind the object is: under `check` a foreign
    key's and a unique index's name are found too.
    """
    found: dict[tuple[str, str], str] = {}
    if declared is None or own is None:
        return found
    checks = checks_by_meaning(own)
    keys = {foreign_key_address(key): key.name for key in own.foreign_keys}
    for index in declared.indexes:
        if index.kind == "unique":
            found["check", index.name] = index.name
    for key in declared.foreign_keys:
        if name := keys.get(foreign_key_address(key)):
            found["foreign key", key.name] = found["check", key.name] = name
    for address, check in checks_by_meaning(declared).items():
        if address in checks:
            found["check", check.name] = checks[address].name
    return found


def names_existing(clause: Clause) -> bool:
    """Whether a clause speaks of an object whose name each table has for itself."""
    return any(
        isinstance(part, ObjectName) and part.existing
        for action in clause.actions
        if isinstance(action, Sql)
        for part in action.parts
    ) or any(isinstance(action, DropConstraint) for action in clause.actions)


def checks_by_meaning(structure: Structure) -> dict[tuple[str, int], Check]:
    """Checks by their expression, and the how-many-eth of that expression each is."""
    seen: dict[str, int] = {}
    found: dict[tuple[str, int], Check] = {}
    for check in structure.checks:
        seen[check.expression] = seen.get(check.expression, 0) + 1
        found[check.expression, seen[check.expression]] = check
    return found
