"""Steps that a tool carries out in place of the server, as they rebuild a big table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from shardctl.catalog import Member
from shardctl.clause import Algorithm
from shardctl.errors import StepFailed
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online import alter as online
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.gate import Gate
from shardctl.migrate.run.failure import MonthFailed
from shardctl.migrate.run.send import Record, Sender
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.site import Site


@dataclass(frozen=True, slots=True)
class ByTool:
    """The way of a revision's steps to a tool."""

    site: Site
    gate: Gate
    telling: Telling

    def of(self, member: Member, step: Step) -> Online | None:
        """The tool that is to do a step; None: the server does it."""
        tool = self.gate.restraint.online
        if tool is None or not tool.does(member, step):
            return None
        with self.site.reading() as connection:
            size = self.site.database.dialect.sizes(connection, [member.table]).get(member.table)
        return tool if tool.takes(size) else None

    def carry_out(
        self,
        tool: Online,
        alteration: Alteration,
        sender: Sender,
        record: Record,
        member: Member,
        table: str,
        step: Step,
        needed: Callable[[], bool],
    ) -> tuple[float, Step]:
        """Have a tool do a step; how long that took, in seconds, and the step as it was done.

        Args:
            record: what becomes of the table's clauses.
            table: the family's or plain table's name.
            needed: whether the table still needs the step, judged by how it looks now.

        Raises:
            DBAPIError: the server refuses the change.
            MonthFailed: the tool was not given it, or has not done it.
            KeyboardInterrupt: the tool was ended by Ctrl-C.
            LockLost: another run took over; the tool was ended.
        """
        alter = partial(self._alter, tool, alteration, sender, member, table, step, needed)
        statement = f"{tool.engine}: {alteration.joined(member.table, None).sql}"
        seconds = sender.recorded(record, step.numbers, statement, alter)
        return seconds, replace(step, algorithm=Algorithm(tool.engine))

    def _alter(
        self,
        tool: Online,
        alteration: Alteration,
        sender: Sender,
        member: Member,
        table: str,
        step: Step,
        needed: Callable[[], bool],
    ) -> None:
        """The same, not recorded; sessions that have nothing to do meanwhile are kept open."""

        def alive() -> None:
            sender.lease.check()
            sender.connection.exec_driver_sql("SELECT 1")
            with self.site.reading() as connection:
                connection.exec_driver_sql("SELECT 1")

        try:
            online.alter(
                tool,
                self.site,
                member,
                alteration.specifications(member.table),
                zone=self.site.zone(table),
                limits=online.limits_of(self.gate.restraint),
                interrupt=self.gate.interrupt,
                alive=alive,
                hold=self.gate.replicas.behind,
            )
        except KeyboardInterrupt:
            if self.gate.interrupt.pressed and needed():
                sender.ended(member.table, step.numbers)
                self.telling(member, step, "failed", detail="ended by Ctrl-C")
            raise
        except StepFailed as error:
            told, _, way_on = str(error).partition("\n")
            self.telling(member, step, "failed", detail=told)
            if needed():
                sender.lease.ledger.failed_clauses(
                    sender.connection,
                    *sender.run,
                    step.numbers,
                    member.table,
                    told,
                    statement=alteration.joined(member.table, None).sql,
                )
            raise MonthFailed(told, way_on) from error
