"""Sends one step to one table: again where others are in the way, and with words where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member, names_for
from shardctl.clause import Algorithm, Clause
from shardctl.dialects import Statement
from shardctl.errors import StepFailed
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.locate import Lesson
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online import alter as online
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.run.failure import (
    ONCE_CONNECTED,
    broke_off,
    failed,
    once_free,
    once_mended,
    refusal,
    said,
)
from shardctl.migrate.run.held import held_by
from shardctl.migrate.run.send import Sender
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.site import Site
from shardctl.migrate.work import Revision


@dataclass(frozen=True, slots=True)
class Attempts:
    """What all steps of one revision are sent with, on one session.

    Attributes:
        gate: asked before every statement.
    """

    site: Site
    gate: Gate
    revision: Revision
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]
    telling: Telling
    sender: Sender

    def send(self, member: Member, table: str, step: Step, needed: Callable[[], bool]) -> None:
        """Run one step; where others are in the way, look at the table and try again.

        Args:
            needed: whether the table still needs it, judged by how it looks now.

        Raises:
            DBAPIError: it failed, or others are in the way for too long.
            StepFailed: the table refuses the step's algorithm.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if step.refused:
            self.telling(member, step, "failed", detail=step.refused)
            raise StepFailed(self._refusal(member, step, step.refused))
        dialect = self.site.database.dialect
        send = self.sender.data if self.clauses[step.numbers[0]].data else self.sender.structure
        tool = self._tool(member, step)
        for pause in (*self.gate.restraint.pauses(), None):
            self.gate.admit(table)
            try:
                if tool is not None:
                    seconds = self._by_tool(tool, member, table, step, needed)
                else:
                    statements = self._statements(self.sender.connection, member, step)
                    seconds = send(member.table, step.numbers, statements)
            except DBAPIError as error:
                if self.gate.stopped_by(error):
                    if needed():
                        self._ended(member, step)
                    raise KeyboardInterrupt from error
                if step.algorithm and dialect.is_algorithm_refused(error):
                    if _is_template(member):
                        # It is empty: nobody waits for it, and a rebuild takes no time.
                        self.send(member, table, replace(step, algorithm=None), needed)
                        return
                    words = dialect.words(error)
                    self.telling(member, step, "failed", detail=words)
                    raise StepFailed(self._refusal(member, step, words)) from error
                if pause is None or not self.held_up(error):
                    raise
                held = self._held_by(member, step, error)
                self.telling(member, step, "waiting", detail=f"{held}; next try in {pause:.1f} s")
            else:
                algorithm = Algorithm(tool.engine) if tool else step.algorithm
                self.telling(member, replace(step, algorithm=algorithm), "run", seconds=seconds)
                return
            self.gate.interrupt.sleep(pause)
            if not needed():
                return

    def _tool(self, member: Member, step: Step) -> Online | None:
        """The tool that is to do a step, as it rebuilds a big table; None: the server does it."""
        tool = self.gate.restraint.online
        rebuilds = step.algorithm is not None and step.algorithm.rebuilds
        if tool is None or not rebuilds or _is_template(member):
            return None
        sizes = self.site.database.dialect.sizes(self.site.connection, [member.table])
        return tool if tool.takes(sizes.get(member.table)) else None

    def _by_tool(
        self, tool: Online, member: Member, table: str, step: Step, needed: Callable[[], bool]
    ) -> float:
        """Have a tool do what one ALTER TABLE would; how long it took, in seconds."""
        restraint, sender = self.gate.restraint, self.sender
        alteration = self._alteration(sender.connection, member, step)

        def alive() -> None:
            sender.lease.check()
            for connection in (sender.connection, self.site.connection):
                connection.exec_driver_sql("SELECT 1")

        alter = partial(
            online.alter,
            tool,
            self.site,
            member,
            alteration.specifications(member.table),
            zone=self.site.zone(table),
            limits=online.limits_of(restraint),
            interrupt=self.gate.interrupt,
            alive=alive,
        )
        try:
            return sender.otherwise(member.table, step.numbers, alter)
        except KeyboardInterrupt:
            if self.gate.interrupt.pressed and needed():
                self._ended(member, step)
            raise
        except StepFailed as error:
            self.telling(member, step, "failed", detail=str(error).partition("\n")[0])
            if needed():
                sender.lease.ledger.ended_clauses(
                    sender.connection, *sender.run, step.numbers, member.table
                )
            raise

    def _statements(
        self, connection: Connection, member: Member, step: Step
    ) -> tuple[Statement, ...]:
        alteration = self._alteration(connection, member, step)
        if step.algorithm is None and len(step.numbers) == 1:
            return alteration.apart(member.table)
        return (alteration.joined(member.table, step.algorithm),)

    def _alteration(self, connection: Connection, member: Member, step: Step) -> Alteration:
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
            lambda: dialect.definition(connection, member.table),
        )

    def _refusal(self, member: Member, step: Step, words: str) -> str:
        by_hand = self._alteration(self.site.connection, member, step).joined(member.table, None)
        return refusal(member.table, step, self.revision, words, by_hand.sql)

    def _ended(self, member: Member, step: Step) -> None:
        """Record that Ctrl-C has ended a clause's statement, which has had no effect."""
        sender = self.sender
        sender.lease.ledger.ended_clauses(
            sender.connection, *sender.run, step.numbers, member.table
        )
        self.telling(member, step, "failed", detail="ended by Ctrl-C, the table is as it was")

    def held_up(self, error: DBAPIError) -> bool:
        """Whether others are in the way, so that the same step may pass later."""
        return self.site.database.dialect.is_held_up(error)

    def _held_by(self, member: Member, step: Step, error: DBAPIError) -> str:
        dialect, connection = self.site.database.dialect, self.site.connection
        if not dialect.is_lock_timeout(error):
            return dialect.words(error)  # a deadlock, whose other party may be gone
        blockers = dialect.blockers(
            connection,
            member.table,
            rows=self.clauses[step.numbers[0]].data,
            waited=self.gate.restraint.lock_wait,
            ours=self.sender.session,
        )
        return held_by(blockers) if blockers else dialect.unseen_blocker

    def failure(self, member: Member, step: Step, error: DBAPIError) -> tuple[str, str]:
        """What happened, in a line, and in another how to go on."""
        dialect = self.site.database.dialect
        where, what = member.table or "database", said(step)
        words = dialect.words(error)
        if self.held_up(error):
            if dialect.is_lock_timeout(error):
                words += f"; {self._held_by(member, step, error)}"
            return failed(where, what, self.revision, words), once_free(self.revision)
        if dialect.is_connection_lost(error):
            return broke_off(where, what, self.revision, words), ONCE_CONNECTED
        return failed(where, what, self.revision, words), once_mended(self.revision)


def _is_template(member: Member) -> bool:
    return bool(member.family) and member.month is None
