"""Tells the progress of one revision, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shardctl import report
from shardctl.catalog import Member
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.work import Revision
from shardctl.report import Report, State


@dataclass(frozen=True, slots=True)
class Telling:
    """Reports what becomes of a step on a table.

    Attributes:
        shown: for each clause, the SQL as the template gets it.
    """

    report: Report
    revision: Revision
    shown: Sequence[str]

    def __call__(
        self, member: Member, step: Step, state: State, *, seconds: float = 0.0, detail: str = ""
    ) -> None:
        """One event of one step."""
        sql, *further = [self.shown[number] for number in step.numbers]
        self.report(
            report.Step(
                member.table,
                sql,
                state,
                self.revision.id,
                seconds,
                detail,
                algorithm=step.how,
                further=tuple(further),
                clauses=tuple(number + 1 for number in step.numbers),
            )
        )
