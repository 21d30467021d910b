"""Sends one step to one table, and again where others are in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member, names_for
from shardctl.clause import Clause
from shardctl.dialects import Statement
from shardctl.errors import StepFailed
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.locate import Details, Lesson
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.patience.long_wait import Sizes, longer_wait, may_be_long
from shardctl.migrate.run.backfill import Backfill
from shardctl.migrate.run.by_tool import ByTool
from shardctl.migrate.run.failure import MonthFailed
from shardctl.migrate.run.lanes import Lanes
from shardctl.migrate.run.looks import FRESH
from shardctl.migrate.run.send import Record, Sender
from shardctl.migrate.run.setback import Setbacks
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.run.texts import Texts
from shardctl.migrate.site import Site
from shardctl.migrate.work import Revision


@dataclass(frozen=True, slots=True)
class Attempts:
    """What all steps of one revision are sent with.

    Attributes:
        gate: asked before every statement.
        lanes: how many are sent at the same time.
        sizes: which tables are big.
        texts: what clauses need of a table's own text.
    """

    site: Site
    gate: Gate
    revision: Revision
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    telling: Telling
    setbacks: Setbacks
    lanes: Lanes
    sizes: Sizes
    texts: Texts

    def send(
        self,
        sender: Sender,
        record: Record,
        member: Member,
        table: str,
        step: Step,
        needed: Callable[[], bool],
        look: Details | None = None,
    ) -> None:
        """Run one step; where others are in the way, look at the table and try again.

        Args:
            record: what becomes of the table's clauses.
            needed: whether the table still needs it, judged by how it looks now.
            look: how it looked a moment ago; None: that is not known.

        Raises:
            DBAPIError: it failed, or others are in the way for too long.
            MonthFailed: the table refuses the step's algorithm.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if step.stops:
            record.begun.update(step.numbers)  # told as failed, not as never begun
            raise self._refused(sender, member, step, step.refused)
        clause = self.clauses[step.numbers[0]]
        if clause.chunks is not None:
            self._backfill(sender, member, step)
            return
        dialect = self.site.database.dialect
        for pause in (*self.gate.restraint.pauses(), None):
            try:
                seconds, carried_out = self._once(sender, record, member, table, step, needed, look)
            except DBAPIError as error:
                if self.gate.stopped_by(error):
                    if needed():
                        self.setbacks.ended(sender, member, step)
                    raise KeyboardInterrupt from error
                if step.demanded and dialect.is_algorithm_refused(error):
                    if _is_template(member):
                        # It is empty: nobody waits for it, and a rebuild takes no time.
                        anyhow = replace(step, algorithm=None)
                        self.send(sender, record, member, table, anyhow, needed)
                        return
                    words = dialect.words(error)
                    if step.anyhow:
                        sender.settle()  # a rebuild takes its time
                        anyhow = replace(step, refused=words)
                        self.send(sender, record, member, table, anyhow, needed)
                        return
                    raise self._refused(sender, member, step, words, error) from error
                if pause is None or not dialect.is_held_up(error):
                    raise
                held = self.setbacks.held_by(sender, member, step, error)
                self.telling(member, step, "waiting", detail=f"{held}; next try in {pause:.1f} s")
            else:
                self.telling(member, carried_out, "run", seconds=seconds)
                record.accepted += [carried_out] if carried_out.refused else []
                return
            sender.settle()  # others are not to wait along to be known as done
            self.gate.interrupt.sleep(pause)
            look = None  # who has kept it may have changed it
            if not needed():
                return

    def _once(
        self,
        sender: Sender,
        record: Record,
        member: Member,
        table: str,
        step: Step,
        needed: Callable[[], bool],
        look: Details | None,
    ) -> tuple[float, Step]:
        """Carry a step out; how long that took, in seconds, and how it was done."""
        by_tool = ByTool(self.site, self.gate, self.telling)

        def way(look: Details | None) -> tuple[Online | None, tuple[Statement, ...]]:
            tool = by_tool.of(member, step)
            return tool, () if tool else self._statements(sender.connection, member, step, look)

        data = self.clauses[step.numbers[0]].data
        rebuilds = step.algorithm is not None and step.algorithm.rebuilds
        # Found before, as the lane is the narrow place; anew where it had to be waited for.
        found, (tool, statements) = time.monotonic(), way(look)
        with self.lanes.taken(heavy=data or rebuilds or bool(step.refused)):
            self.gate.admit(table, before_waiting=sender.settle)
            if time.monotonic() - found > FRESH:
                tool, statements = way(None)
            if tool:
                alteration = self._alteration(sender.connection, member, step)
                return by_tool.carry_out(
                    tool, alteration, sender, record, member, table, step, needed
                )
            if data:
                return sender.data(member.table, step.numbers, statements), step
            with self._waiting(sender, member, step):
                seconds = sender.structure(record, member.table, step.numbers, statements)
            return seconds, step

    def _waiting(self, sender: Sender, member: Member, step: Step) -> AbstractContextManager[None]:
        """Around a statement that may take long: it is not to be lost at its end."""
        clauses = [self.clauses[number] for number in step.numbers]
        if not may_be_long(clauses, step.demanded) or not self.sizes.is_big(member.table):
            return nullcontext()
        mark, restraint = f"shardctl {sender.token}", self.gate.restraint
        return longer_wait(sender.connection, sender.dialect, member.table, restraint, mark)

    def _backfill(self, sender: Sender, member: Member, step: Step) -> None:
        tell = partial(self.telling, member, step)
        held_by = partial(self.setbacks.held_by, sender, member, step)
        with self.lanes.taken(heavy=True):
            self.gate.admit(self.clauses[step.numbers[0]].table)
            backfill = Backfill(self.site, self.gate, sender, tell, held_by)
            try:
                backfill.carry_out(member, step.numbers[0], self.clauses)
            except KeyboardInterrupt:
                if not sender.connection.invalidated:
                    sender.ended(member.table, step.numbers)
                raise
            except StepFailed as error:  # the gate is closed, or the table has no fit key
                self.setbacks.failed(sender, member, step, str(error).partition("\n")[0])
                raise

    def _refused(
        self,
        sender: Sender,
        member: Member,
        step: Step,
        words: str,
        error: DBAPIError | None = None,
    ) -> MonthFailed:
        self.setbacks.failed(sender, member, step, words, error)
        anyhow = self._alteration(sender.connection, member, step).joined(member.table, None)
        return self.setbacks.refused(member, step, words, anyhow.sql)

    def _statements(
        self, connection: Connection, member: Member, step: Step, look: Details | None
    ) -> tuple[Statement, ...]:
        alteration = self._alteration(connection, member, step, look)
        return alteration.statements(member.table, step.demanded)

    def _alteration(
        self, connection: Connection, member: Member, step: Step, look: Details | None = None
    ) -> Alteration:
        dialect = self.site.database.dialect
        starting = []
        for number in step.numbers:
            clause = self.clauses[number]
            lesson = self.lessons.get(clause.table)
            starting.append((clause, lesson.before(number) if lesson else None))
        return Alteration.of(
            dialect,
            starting,
            names_for(self.site.families, member, dialect),
            lambda: self.site.look([member]).get(member.table),
            lambda: self.texts.of(connection, member.table, look),
        )


def _is_template(member: Member) -> bool:
    return bool(member.family) and member.month is None
