"""Clauses tried on scratch copies of one table: what they come to, together and one by one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Algorithm, Clause
from shardctl.dialects import Definition, Dialect
from shardctl.errors import RevisionRefused
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.locate import Details, Lesson, details
from shardctl.migrate.learn.scratch import Scratch, Twin
from shardctl.structure import Key

Numbers: TypeAlias = tuple[int, ...]
"""The numbers of clauses, in order."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement.

    Attributes:
        numbers: the clauses in it, in order.
        algorithm: how the server is to carry it out, or else refuse it; None: as it chooses.
        refused: the server's words, where it refused this, on a copy of the table or on the table
            itself; "" elsewhere.
        anyhow: whether the server may choose another algorithm where it refuses this.
    """

    numbers: tuple[int, ...]
    algorithm: Algorithm | None = None
    refused: str = ""
    anyhow: bool = False

    @property
    def demanded(self) -> Algorithm | None:
        """What the statement is to demand; None: nothing."""
        return None if self.refused else self.algorithm

    @property
    def stops(self) -> bool:
        """Whether it is not to be sent at all."""
        return bool(self.refused) and not self.anyhow

    @property
    def how(self) -> str:
        """By which algorithm, for people; "" where none is demanded."""
        said = str(self.algorithm or "")
        return f"any algorithm, {said} is refused" if self.refused and self.anyhow else said


@dataclass(frozen=True, slots=True)
class Trial:
    """Clauses tried on copies of one table, each made anew.

    Attributes:
        text: of a copy that looks as the table does; None: the table's own is read.
    """

    scratch: Scratch
    clauses: Sequence[Clause]
    lesson: Lesson
    member: Member
    text: Definition | None

    def end(self, groups: Sequence[Numbers]) -> Details | None:
        """How the table looks after statements, one a group, by whatever algorithm.

        None: its copy refuses one.
        """
        with self._twin() as twin:
            try:
                for numbers in groups:
                    self._ask(twin, numbers, self._dialect.algorithms)
            except DBAPIError as error:
                self._survived(error)
                return None
            except RevisionRefused:
                return None
            return details(twin.structure())

    def judged(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Steps of one clause each, those marked that are refused with their algorithm.

        They are put together where the server takes them so, to be done by hand at once.
        """
        judged = []
        with self._twin() as twin:
            for step in steps:
                words = self._refusal(twin, step)
                judged.append(replace(step, refused=words) if words else step)
        refused = [step for step in judged if step.refused]
        if len({step.algorithm for step in refused}) != 1:
            return tuple(judged)
        numbers = tuple(number for step in refused for number in step.numbers)
        at = judged.index(refused[0])
        if self.end((*(step.numbers for step in judged[:at]), numbers)) is None:
            return tuple(judged)
        rest = (step for step in judged[at:] if not step.refused)
        return (*judged[:at], replace(refused[0], numbers=numbers), *rest)

    def _refusal(self, twin: Twin, step: Step) -> str:
        """The server's words where it refuses a step; the copy gets it nevertheless."""
        try:
            found = Step(step.numbers, self._asked(twin, step.numbers))
        except DBAPIError as error:
            self._survived(error)
            self._ask(twin, step.numbers, self._dialect.algorithms)
            return self._dialect.words(error)
        return "it would rebuild the table" if self._rebuilds_only_so(found) else ""

    def grouped(self, grouping: Sequence[Numbers], end: Details) -> tuple[Step, ...]:
        """The steps of a grouping, split where it is refused; none where it ends otherwise."""
        steps: list[Step] = []
        with self._twin() as twin:
            for group in grouping:
                rest = group
                while rest:
                    step = self._longest(twin, rest)
                    if step is None or self._rebuilds_only_so(step):
                        return ()
                    steps.append(step)
                    rest = rest[len(step.numbers) :]
            return tuple(steps) if details(twin.structure()) == end else ()

    def _longest(self, twin: Twin, numbers: Numbers) -> Step | None:
        """As many clauses as the server takes in one statement, from the first on."""
        for size in range(self._unambiguous(numbers), 0, -1):
            part = numbers[:size]
            try:
                return Step(part, self._asked(twin, part))
            except DBAPIError as error:
                self._survived(error)
            except RevisionRefused:  # a column that an earlier clause adds
                pass
        return None

    def _rebuilds_only_so(self, step: Step) -> bool:
        """Whether clauses rebuild the table together, of which none does by itself."""
        used = [self.clauses[number].algorithm for number in step.numbers]
        alone = any(algorithm and algorithm.rebuilds for algorithm in used)
        return step.algorithm is not None and step.algorithm.rebuilds and not alone

    def _unambiguous(self, numbers: Numbers) -> int:
        """How many clauses, from the first on, mean the same column by every name.

        In one ALTER TABLE names mean the columns as they were before; one by one, a name that
        was given up may mean another column already.
        """
        touched = self.lesson.touched
        given: set[Key] = set()
        for size, number in enumerate(numbers):
            names = {key for key in touched[number] if key[0] == "column" and len(key) == 2}
            if names & given:
                return size
            given |= names
        return len(numbers)

    def _asked(self, twin: Twin, numbers: Numbers) -> Algorithm:
        """Alter the copy by clauses in one statement, as cheaply as the dearest of them is."""
        ranked = self._dialect.algorithms
        used = [one for n in numbers if (one := self.clauses[n].algorithm)]
        places = [(one.name, one.lock) for one in ranked]
        worst = max(places.index((one.name, one.lock)) for one in used)
        return self._ask(twin, numbers, ranked[: worst + 1])

    def _ask(self, twin: Twin, numbers: Numbers, allowed: Sequence[Algorithm]) -> Algorithm:
        clauses = [(self.clauses[n], self.lesson.before(n)) for n in numbers]
        names, structure, definition = twin.names, twin.structure, twin.definition
        alteration = Alteration.of(self._dialect, clauses, names, structure, definition)
        connection = self.scratch.connection
        return self._dialect.ask(connection, twin.table, alteration.joined, allowed)

    def _twin(self) -> AbstractContextManager[Twin]:
        return self.scratch.twin(self.lesson.table, self.member, self.text)

    @property
    def _dialect(self) -> Dialect:
        return self.scratch.dialect

    def _survived(self, error: DBAPIError) -> None:
        """Raise an error again after which there is no session to go on with."""
        if self._dialect.is_connection_lost(error):
            raise error
