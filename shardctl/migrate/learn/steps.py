"""Steps: what is sent to a table as one statement, one clause or several, and by which algorithm.

Where a clause rebuilds the table, all go along in one ALTER TABLE: one rebuild in place of
several. Where none does, those of one algorithm go together, the cheapest first: an INSTANT
clause in the same statement as an index would be carried out like the index. A grouping is
used only where it leaves a scratch copy as the clauses one by one leave it; where the server
refuses it, it is split. Each distinct structure is tried once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.dialects import Definition
from shardctl.migrate.learn.locate import Details, Lesson
from shardctl.migrate.learn.scratch import Scratch
from shardctl.migrate.learn.trial import Numbers, Step, Trial
from shardctl.migrate.selection import NONE, Listed
from shardctl.structure import Key


def stretches(numbers: Sequence[int], clauses: Sequence[Clause]) -> tuple[Numbers, ...]:
    """Clauses that may go together, in order; one without an algorithm of ours stands alone.

    So data clauses are barriers.
    """
    found: list[Numbers] = []
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
        let_rebuild: the months whose steps may be carried out by any algorithm.
    """

    scratch: Scratch
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    texts: Mapping[str, Sequence[Definition | None]]
    let_rebuild: Listed = NONE
    known: dict[tuple[Numbers, Details], tuple[Step, ...]] = field(default_factory=dict)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Several threads ask; the copies are tried by one at a time."""

    def apart(self, numbers: Numbers) -> tuple[Step, ...]:
        """One step a clause."""
        return tuple(Step((number,), self.clauses[number].algorithm) for number in numbers)

    def of(
        self, member: Member, numbers: Numbers, live: Details, *, foreseen: bool = False
    ) -> tuple[Step, ...]:
        """The steps in which a table gets a stretch of clauses.

        Args:
            live: how it looks.
            foreseen: it does not look so yet; its clauses are then told one by one where no copy
                that does is at hand.
        """
        if self.clauses[numbers[0]].algorithm is None:
            return self.apart(numbers)
        found = self._of(member, numbers, live, foreseen)
        anyhow = member.month in self.let_rebuild
        return tuple(replace(step, anyhow=True) for step in found) if anyhow else found

    def _of(
        self, member: Member, numbers: Numbers, live: Details, foreseen: bool
    ) -> tuple[Step, ...]:
        key = numbers, live
        with self.turn:
            if key not in self.known:
                lesson = self.lessons[self.clauses[numbers[0]].table]
                end = self.after(numbers, live)
                texts = self.texts.get(lesson.table)
                text = texts[lesson.clauses.index(numbers[0])] if texts and end else None
                if foreseen and text is None:
                    return self.apart(numbers)
                trial = Trial(self.scratch, self.clauses, lesson, member, text)
                self.known[key] = self._tried(trial, numbers, end)
            return self.known[key]

    def after(self, numbers: Numbers, live: Details) -> Details | None:
        """How a table looks after clauses; None where it does not look as they were learned."""
        lesson = self.lessons.get(self.clauses[numbers[0]].table)
        if lesson is None:
            return live
        first, last = lesson.clauses.index(numbers[0]), lesson.clauses.index(numbers[-1])
        between = set(lesson.clauses[first : last + 1]).difference(numbers)
        if any(not self.clauses[number].data for number in between):
            return None
        return lesson.stages[last + 1] if lesson.stages[first] == live else None

    def _tried(self, trial: Trial, numbers: Numbers, end: Details | None) -> tuple[Step, ...]:
        if end is not None and len(numbers) == 1:
            return self.apart(numbers)
        end = end or trial.end([(number,) for number in numbers])
        if end is None:  # the copy does not tell: then the table itself is to
            return self.apart(numbers)
        for grouping in self._groupings(numbers, trial.lesson.touched):
            if steps := trial.grouped(grouping, end):
                return steps
        return trial.judged(self.apart(numbers))

    def _groupings(
        self, numbers: Numbers, touched: Mapping[int, frozenset[Key]]
    ) -> Iterator[tuple[Numbers, ...]]:
        """The ways to group clauses, the best first."""
        used = {number: self.clauses[number].algorithm for number in numbers}
        if any(algorithm and algorithm.rebuilds for algorithm in used.values()):
            yield (numbers,)
            return
        ranked = self.scratch.dialect.algorithms
        groups = [tuple(n for n in numbers if used[n] == one) for one in ranked]
        cheapest_first = tuple(group for group in groups if group)
        neighbours = tuple(tuple(run) for _, run in groupby(numbers, key=used.__getitem__))
        for grouping in dict.fromkeys((cheapest_first, cheapest_first[::-1], neighbours)):
            if _keeps_order(grouping, touched):
                yield grouping


def _keeps_order(grouping: Sequence[Numbers], touched: Mapping[int, frozenset[Key]]) -> bool:
    """Whether every clause stays behind the earlier ones that touch what it touches."""
    order = [number for group in grouping for number in group]
    return not any(
        later < earlier and touched[later] & touched[earlier]
        for at, earlier in enumerate(order)
        for later in order[at + 1 :]
    )
