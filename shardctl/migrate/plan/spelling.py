"""The steps of a revision written out for each table, so that they can be run without us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from shardctl.catalog import Member, names_for
from shardctl.clause import Action, AddConstraint, AlterColumn, Clause, Param, Part, Sql
from shardctl.dialects import Definition, Dialect
from shardctl.errors import Unwritable
from shardctl.migrate.learn.alteration import Alteration, is_structural
from shardctl.migrate.learn.locate import Details, Lesson
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.site import Site
from shardctl.structure import Key, Structure


@dataclass(frozen=True, slots=True)
class Spelling:
    """Writes out the steps of one revision.

    Attributes:
        texts: by table name, the text of its copy before each clause that concerns it; empty
            where the revision was not learned just now.
        seen: how the tables look now.
        changed: the tables that earlier revisions of the same plan change.
    """

    site: Site
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    texts: Mapping[str, Sequence[Definition | None]]
    seen: Mapping[Member, Structure | None]
    changed: frozenset[str]

    def of(self, member: Member, step: Step, start: Details | None) -> tuple[str, ...]:
        """The statements of one step on one table, exactly as they are to be sent.

        Args:
            start: how the table looks before the revision; None where it is not there yet.

        Raises:
            Unwritable: how the table will look by then cannot be told from here.
        """
        dialect = self.site.database.dialect
        clauses = [self._literal(self.clauses[number]) for number in step.numbers]
        starting = []
        for number, clause in zip(step.numbers, clauses, strict=True):
            lesson = self.lessons.get(clause.table)
            starting.append((clause, lesson.before(number) if lesson else None))
        alteration = Alteration.of(
            dialect,
            starting,
            names_for(self.site.families, member, dialect),
            lambda: self.seen.get(member),
            lambda: self._definition(member, step, start),
        )
        return tuple(one.sql for one in alteration.statements(member.table, step.demanded))

    def _definition(self, member: Member, step: Step, start: Details | None) -> Definition:
        """The text of the table by then: the template's copy's, where it will look like that."""
        number = step.numbers[0]
        lesson = self.lessons[self.clauses[number].table]
        at = lesson.clauses.index(number)
        read = self.texts.get(lesson.table)
        if read and (text := read[at]) is not None and self._goes_along(step, lesson, start):
            return text
        earlier = [self.clauses[n] for n in lesson.clauses[:at]]
        if member.table in self.changed or any(is_structural(clause) for clause in earlier):
            raise Unwritable(
                f"{member.table}: it is unlike the template, so that what clause {number + 1} "
                "needs of it cannot be written beforehand; bring the revisions before it about, "
                "then write those that are left"
            )
        with self.site.reading() as connection:
            return self.site.database.dialect.definition(connection, member.table)

    def _goes_along(self, step: Step, lesson: Lesson, start: Details | None) -> bool:
        """Whether what a step needs of a table is there as it is on the template's copy by then.

        On a server that is the line of each column that it alters, else the whole table.
        """
        at = lesson.clauses.index(step.numbers[0])
        actions = [action for number in step.numbers for action in self.clauses[number].actions]
        columns = {action.column for action in actions if isinstance(action, AlterColumn)}
        if self.site.database.dialect.transactional_ddl or start is None:
            return start == lesson.stages[0]
        return all(
            any(_of(column, start) == _of(column, stage) for stage in lesson.stages[: at + 1])
            for column in columns
        )

    def _literal(self, clause: Clause) -> Clause:
        """The clause with its bound values in its text."""
        if not any(isinstance(part, Param) for action in clause.actions for part in _parts(action)):
            return clause
        dialect = self.site.database.dialect
        with self.site.reading() as connection:
            actions = tuple(_spelled(dialect, connection, action) for action in clause.actions)
        return replace(clause, actions=actions)


def _of(column: str, look: Details) -> dict[Key, object]:
    return {key: value for key, value in look.items() if key[:2] == ("column", column)}


def _parts(action: Action) -> tuple[Part, ...]:
    return action.parts if isinstance(action, Sql | AddConstraint) else ()


def _spelled(dialect: Dialect, connection: Connection, action: Action) -> Action:
    if not isinstance(action, Sql | AddConstraint):
        return action
    parts = tuple(
        dialect.literal(connection, part.value) if isinstance(part, Param) else part
        for part in action.parts
    )
    return replace(action, parts=parts)
