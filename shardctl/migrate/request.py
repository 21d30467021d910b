"""What a command of shardctl asks of the Alembic environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from shardctl.config import Config
from shardctl.migrate.course import DEFAULT as DEFAULT_COURSE
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import DEFAULT, Restraint
from shardctl.migrate.plan.values import Plan
from shardctl.migrate.work import Outcome
from shardctl.report import Report


@dataclass(frozen=True, slots=True)
class Request:
    """What a command of shardctl asks of the environment.

    Attributes:
        restraint: how the command holds back for those who use the tables.
        course: how far it goes, and how fast.
        target: the revision to go to, as it was asked for.
        agreed: the plan that must hold, and beyond which nothing is run; None: there is none.
        spelled: whether the plan of a dry run is to have its statements, for each table.
        outcomes: filled with what became of each revision, in order.
        plans: filled with the plan of a dry run.
    """

    config: Config
    report: Report
    dry_run: bool = False
    allow_destructive: bool = False
    restraint: Restraint = DEFAULT
    course: Course = DEFAULT_COURSE
    target: str = ""
    agreed: Plan | None = None
    spelled: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
