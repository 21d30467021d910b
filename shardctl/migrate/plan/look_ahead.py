"""Tells what one revision would do, and keeps it for the plan of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shardctl import report
from shardctl.dialects import Definition
from shardctl.ledger import Direction
from shardctl.ledger.encode import clauses_to_text, states_to_text
from shardctl.migrate.learn.locate import Details
from shardctl.migrate.learn.steps import Steps
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online.beforehand import Beforehand, Prospect
from shardctl.migrate.online.engine import Online
from shardctl.migrate.plan.forecast import Foreseen, forecast
from shardctl.migrate.plan.foresight import Foresight
from shardctl.migrate.plan.spelling import Spelling
from shardctl.migrate.plan.values import Plan, Text
from shardctl.migrate.prepare import Prepared
from shardctl.migrate.site import Site
from shardctl.migrate.work import Outcome, Work, outcome_of
from shardctl.report import State

Planned = tuple[Work, tuple[Step, ...]]
"""What a table needs, and the steps in which it will get that."""


@dataclass(frozen=True, slots=True)
class LookAhead:
    """The revisions that a command would carry out.

    Attributes:
        spelled: whether what is foreseen is to be written out for each table.
        online: the tool that rebuilds big tables; None: the server does.
        foreseen: filled with what each revision would do.
    """

    site: Site
    foresight: Foresight
    spelled: bool = False
    online: Online | None = None
    foreseen: list[Foreseen] = field(default_factory=list)

    def tell(self, prepared: Prepared, works: Sequence[Work], steps: Steps) -> Outcome:
        """Foresee the revision that the foresight has met last, and report its steps.

        Raises:
            Refused: a tool cannot be given what it is to do of them.
        """
        start, changed = self.foresight.before.copy(), frozenset(self.foresight.changed)
        prospects = [self._prospect(work, steps) for work in works]
        if self.online is not None:
            beforehand = self._beforehand(self.online, prepared, steps)
            sizes = beforehand.sizes([work.member.table for work in works])
            beforehand.refuse_unfit(prepared.revision, prospects, sizes)
        planned = tuple(
            (work, prospect.steps) for work, prospect in zip(works, prospects, strict=True)
        )
        foreseen = Foreseen(prepared.revision, prepared.clauses, prepared.shown, planned)
        if self.spelled:
            foreseen = self._written(foreseen, prepared, steps, start, changed)
        self.foreseen.append(foreseen)
        for work, own in planned:
            self._report(prepared, work, own)
        return outcome_of(prepared.revision, prepared.shown, works)

    def refuse_unfit(self, prepared: Prepared, works: Sequence[Work], steps: Steps) -> None:
        """Refuse a revision that is about to run, where a tool cannot be given its part of it.

        Raises:
            Refused: that is so; the message says of which tables.
        """
        if self.online is None:
            return
        beforehand = self._beforehand(self.online, prepared, steps)
        sizes = beforehand.sizes([work.member.table for work in works])
        big = [work for work in works if self.online.takes(sizes.get(work.member.table))]
        prospects = [self._prospect(work, steps) for work in big]
        beforehand.refuse_unfit(prepared.revision, prospects, sizes)

    def _beforehand(self, online: Online, prepared: Prepared, steps: Steps) -> Beforehand:
        return Beforehand(online, self.site, steps.scratch, prepared.clauses, steps.lessons)

    def _prospect(self, work: Work, steps: Steps) -> Prospect:
        """What a table is going to get, and how it will look before."""
        member, foresight = work.member, self.foresight
        looks, changed = foresight.before.get(member.table), member.table in foresight.changed
        text = _text(work, steps, looks)
        own = foresight.steps(work, steps)
        return Prospect(member, own, looks or Details(), text, text is not None or not changed)

    def plan(
        self, direction: Direction, target: str, at: Sequence[str], warnings: Sequence[str]
    ) -> Plan:
        """All that was foreseen so far, with what it is going to cost.

        Args:
            target: the revision that all of it leads to.
            at: the revisions that the database is at.
        """
        return forecast(
            self.foresight,
            self.foreseen,
            direction=direction,
            target=target,
            at=at,
            warnings=warnings,
            online=self.online,
        )

    def _written(
        self,
        foreseen: Foreseen,
        prepared: Prepared,
        steps: Steps,
        start: Mapping[str, Details],
        changed: frozenset[str],
    ) -> Foreseen:
        """The same with its statements, and with what the ledger keeps of it."""
        clauses, seen = prepared.clauses, self.foresight.seen
        spelling = Spelling(self.site, clauses, steps.lessons, prepared.texts, seen, changed)
        statements = tuple(
            tuple(spelling.of(work.member, step, start.get(work.member.table)) for step in own)
            for work, own in foreseen.works
        )
        states = states_to_text(prepared.states)
        text = Text(prepared.revision.source, clauses_to_text(clauses), states)
        return replace(foreseen, statements=statements, text=text)

    def _report(self, prepared: Prepared, work: Work, steps: Sequence[Step]) -> None:
        found: list[tuple[Step, State]] = [(Step((number,)), "found") for number in work.found]
        found += [(step, "pending") for step in steps]
        for step, state in sorted(found, key=lambda each: each[0].numbers):
            sql, *further = [prepared.shown[number] for number in step.numbers]
            self.site.report(
                report.Step(
                    work.member.table,
                    sql,
                    "failed" if step.stops else state,
                    str(prepared.revision),
                    detail=step.refused,
                    algorithm=step.how,
                    further=tuple(further),
                    clauses=tuple(number + 1 for number in step.numbers),
                )
            )


def _text(work: Work, steps: Steps, looks: Details | None) -> Definition | None:
    """That of the copy from which the work was learned, where the table will look like it."""
    lesson = steps.lessons.get(steps.clauses[work.todo[0]].table) if work.todo else None
    texts = steps.texts.get(lesson.table) if lesson else None
    if lesson is None or not texts:
        return None
    at = lesson.clauses.index(work.todo[0])
    return texts[at] if lesson.stages[at] == looks else None
