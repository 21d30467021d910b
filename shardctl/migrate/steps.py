"""Steps: what is sent to a table as one statement, one clause or several, and by which algorithm.

Where a clause rebuilds the table, all go along in one ALTER TABLE: one rebuild in place of
several. Where none does, those of one algorithm go together, the cheapest first: an INSTANT
clause in the same statement as an index would be carried out like the index. A grouping is
used only where it leaves a scratch copy as the clauses one by one leave it; where the server
refuses it, it is split. Each distinct structure is tried once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Algorithm, Clause
from shardctl.dialects import Definition, Dialect
from shardctl.errors import RevisionRefused
from shardctl.migrate.alteration import Alteration
from shardctl.migrate.locate import Details, Lesson, details, touches
from shardctl.migrate.scratch import Scratch, Twin
from shardctl.structure import Key


@dataclass(frozen=True, slots=True)
class Step:
    """One statement.

    Attributes:
        numbers: the clauses in it, in order.
        algorithm: how the server is to carry it out, or else refuse it; None: as it chooses.
        refused: the server's words, where it refused this on a copy of the table; "" elsewhere.
    """

    numbers: tuple[int, ...]
    algorithm: Algorithm | None = None
    refused: str = ""


_Numbers: TypeAlias = tuple[int, ...]


def stretches(numbers: Sequence[int], clauses: Sequence[Clause]) -> tuple[_Numbers, ...]:
    """Clauses that may go together, in order; one without an algorithm of ours stands alone.

    So data clauses are barriers.
    """
    found: list[_Numbers] = []
    for joinable, run in groupby(numbers, key=lambda number: clauses[number].algorithm is not None):
        together = tuple(run)
        found += [together] if joinable else [(number,) for number in together]
    return tuple(found)


@dataclass(slots=True)
class Steps:
    """The steps of one revision; what was tried for one table holds for all that look like it.

    Attributes:
        texts: by table name, the text of its copy before each clause that concerns it; empty
            where the revision was not learned just now.
    """

    scratch: Scratch
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    texts: Mapping[str, Sequence[Definition | None]]
    known: dict[tuple[_Numbers, frozenset[tuple[Key, object]]], tuple[Step, ...]] = field(
        default_factory=dict
    )

    def apart(self, numbers: _Numbers) -> tuple[Step, ...]:
        """One step a clause."""
        return tuple(Step((number,), self.clauses[number].algorithm) for number in numbers)

    def of(
        self, member: Member, numbers: _Numbers, live: Details, *, foreseen: bool = False
    ) -> tuple[Step, ...]:
        """The steps in which a table gets a stretch of clauses.

        Args:
            live: how it looks.
            foreseen: it does not look so yet; its clauses are then told one by one where no copy
                that does is at hand.
        """
        if self.clauses[numbers[0]].algorithm is None:
            return self.apart(numbers)
        key = numbers, frozenset(live.items())
        if key not in self.known:
            lesson = self.lessons[self.clauses[numbers[0]].table]
            end = self.after(numbers, live)
            texts = self.texts.get(lesson.table)
            text = texts[lesson.clauses.index(numbers[0])] if texts and end else None
            if foreseen and text is None:
                return self.apart(numbers)
            trial = _Trial(self.scratch, self.clauses, lesson, member, text)
            self.known[key] = self._tried(trial, numbers, end)
        return self.known[key]

    def after(self, numbers: _Numbers, live: Details) -> Details | None:
        """How a table looks after clauses; None where it does not look as they were learned."""
        lesson = self.lessons.get(self.clauses[numbers[0]].table)
        if lesson is None:
            return live
        first, last = lesson.clauses.index(numbers[0]), lesson.clauses.index(numbers[-1])
        between = set(lesson.clauses[first : last + 1]).difference(numbers)
        if any(not self.clauses[number].data for number in between):
            return None
        return details(lesson.states[last + 1]) if details(lesson.states[first]) == live else None

    def _tried(self, trial: _Trial, numbers: _Numbers, end: Details | None) -> tuple[Step, ...]:
        if end is not None and len(numbers) == 1:
            return self.apart(numbers)
        end = end or trial.end(numbers)
        if end is None:  # the copy does not tell: then the table itself is to
            return self.apart(numbers)
        for grouping in self._groupings(numbers, touches(trial.lesson)):
            if steps := trial.grouped(grouping, end):
                return steps
        return trial.apart(self.apart(numbers))

    def _groupings(
        self, numbers: _Numbers, touched: Mapping[int, frozenset[Key]]
    ) -> Iterator[tuple[_Numbers, ...]]:
        """The ways to group clauses, the best first."""
        used = {number: self.clauses[number].algorithm for number in numbers}
        if any(algorithm and algorithm.rebuilds for algorithm in used.values()):
            yield (numbers,)
            return
        ranked = self.scratch.dialect.algorithms
        groups = [tuple(n for n in numbers if used[n] == one) for one in ranked]
        cheapest_first = tuple(group for group in groups if group)
        for grouping in (cheapest_first, cheapest_first[::-1]):
            if _keeps_order(grouping, touched):
                yield grouping
        yield tuple(tuple(run) for _, run in groupby(numbers, key=used.__getitem__))


@dataclass(frozen=True, slots=True)
class _Trial:
    """Clauses tried on copies of one table, each made anew.

    Attributes:
        text: of a copy that looks as the table does; None: the table's own is read.
    """

    scratch: Scratch
    clauses: Sequence[Clause]
    lesson: Lesson
    member: Member
    text: Definition | None

    def end(self, numbers: _Numbers) -> Details | None:
        """How the table looks after all clauses; None: its copy refuses one by any algorithm."""
        with self._twin() as twin:
            try:
                for number in numbers:
                    self._ask(twin, (number,), self._dialect.algorithms)
            except DBAPIError as error:
                self._survived(error)
                return None
            except RevisionRefused:
                return None
            return details(twin.structure())

    def apart(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Steps of one clause each; the first that is refused with its algorithm is marked."""
        with self._twin() as twin:
            for at, step in enumerate(steps):
                try:
                    found = Step(step.numbers, self._asked(twin, step.numbers))
                    words = "it would rebuild the table" if self._rebuilds_only_so(found) else ""
                except DBAPIError as error:
                    self._survived(error)
                    words = self._dialect.words(error)
                if words:
                    return (*steps[:at], replace(step, refused=words), *steps[at + 1 :])
        return steps

    def grouped(self, grouping: Sequence[_Numbers], end: Details) -> tuple[Step, ...]:
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

    def _longest(self, twin: Twin, numbers: _Numbers) -> Step | None:
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

    def _unambiguous(self, numbers: _Numbers) -> int:
        """How many clauses, from the first on, mean the same column by every name.

        In one ALTER TABLE names mean the columns as they were before; one by one, a name that
        was given up may mean another column already.
        """
        touched = touches(self.lesson)
        given: set[Key] = set()
        for size, number in enumerate(numbers):
            names = {key for key in touched[number] if key[0] == "column" and len(key) == 2}
            if names & given:
                return size
            given |= names
        return len(numbers)

    def _asked(self, twin: Twin, numbers: _Numbers) -> Algorithm:
        """Alter the copy by clauses in one statement, as cheaply as the dearest of them is."""
        ranked = self._dialect.algorithms
        used = [one for n in numbers if (one := self.clauses[n].algorithm)]
        places = [(one.name, one.lock) for one in ranked]
        worst = max(places.index((one.name, one.lock)) for one in used)
        return self._ask(twin, numbers, ranked[: worst + 1])

    def _ask(self, twin: Twin, numbers: _Numbers, allowed: Sequence[Algorithm]) -> Algorithm:
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


def _keeps_order(grouping: Sequence[_Numbers], touched: Mapping[int, frozenset[Key]]) -> bool:
    """Whether every clause stays behind the earlier ones that touch what it touches."""
    order = [number for group in grouping for number in group]
    return not any(
        later < earlier and touched[later] & touched[earlier]
        for at, earlier in enumerate(order)
        for later in order[at + 1 :]
    )
