"""What is told of a step that failed: what happened, on which table, and how to go on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from shardctl.catalog import Member
from shardctl.errors import StepFailed
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.run.crew import Turn
from shardctl.migrate.run.send import Sender
from shardctl.migrate.work import Revision, Work
from shardctl.month import Month


class MonthFailed(StepFailed):
    """A step failed on one table; others may fare better.

    Attributes:
        told: what happened.
        way_on: how to go on.
        lost: whether the connection broke, which is no table's fault.
    """

    def __init__(self, told: str, way_on: str, *, lost: bool = False) -> None:
        """Both are told."""
        super().__init__(f"{told}\n{way_on}")
        self.told, self.way_on, self.lost = told, way_on, lost


class Failures:
    """The months that failed while the others were gone on with, up to a number of them."""

    def __init__(self, most: int) -> None:
        """None has failed yet.

        Args:
            most: how many may fail before no other is begun.
        """
        self._most = most
        self._seen: list[MonthFailed] = []
        self._lock = threading.Lock()

    def counted(self, turn: Turn, sender: Sender, member: Member, coming: Sequence[Member]) -> Work:
        """Give a table its turn; one that fails is kept, as long as there are not too many.

        Raises:
            StepFailed: there are; all of them are told.
        """
        try:
            return turn(sender, member, coming)
        except MonthFailed as error:
            if error.lost:
                raise
            with self._lock:
                self._seen.append(error)
                if len(self._seen) > self._most:
                    self.raise_any()
            return Work(member, (), (), failed=error.told)

    def add(self, told: str, way_on: str) -> None:
        """Keep one more that is no table's own."""
        self._seen.append(MonthFailed(told, way_on))

    def raise_any(self) -> None:
        """Raise what has been kept: the one as it is, several as one."""
        if len(self._seen) == 1:
            raise self._seen[0]
        if self._seen:
            ways = dict.fromkeys(error.way_on for error in self._seen)
            raise StepFailed("\n".join([*(error.told for error in self._seen), *ways]))


def said(step: Step) -> str:
    """A step by its clauses' numbers, as people count."""
    numbers = ", ".join(str(number + 1) for number in step.numbers)
    return f"clause {numbers}" if len(step.numbers) == 1 else f"clauses {numbers}"


def failed(where: str, what: str, revision: Revision, words: str) -> str:
    """What happened, in a line; what follows it says how to go on."""
    return f"{where}: {what} of {revision} failed: {words}"


def broke_off(where: str, what: str, revision: Revision, words: str) -> str:
    """The same, of a connection that was lost; `ONCE_CONNECTED` follows it."""
    return f"{where}: the connection was lost in {what} of {revision}: {words}"


ONCE_CONNECTED: Final = (
    "What was done before is recorded: run again, which sees whether this took effect, and goes on"
)


def once_mended(revision: Revision) -> str:
    """How to go on after the server refused a statement, and how to go back."""
    return (
        "What was done before is recorded: mend the cause and run again to go on"
        f"{_give_up(revision)}"
    )


def once_free(revision: Revision) -> str:
    """How to go on after tables stayed locked, and how to go back."""
    return f"What was done is recorded: run again when that has ended to go on{_give_up(revision)}"


def _give_up(revision: Revision) -> str:
    if revision.direction == "down":
        return ""
    return (
        ", or give it up with 'shardctl downgrade -1'; for single months there are "
        "'shardctl retry --failed' and 'shardctl skip'"
    )


def refused(where: str, step: Step, revision: Revision, words: str) -> str:
    """A table would be rebuilt or locked by a step, unlike the template; `by_hand` follows."""
    return (
        f"{where}: {said(step)} of {revision} cannot be {step.algorithm} here, as on a copy of the "
        f"template: {words}"
    )


def by_hand(sql: str, month: Month | None) -> str:
    """How to go on after a table was left as it is.

    Args:
        sql: the statement without a demand.
        month: the table's; None where it has none.
    """
    listed = "all" if month is None else f"{month:%Y%m}"
    return (
        "What was done before is recorded. When this table may take its time, alter it by hand and "
        "run again, which finds it done and goes on, or run again with "
        f"--let-rebuild {listed} (shardctl upgrade --dry-run names more such tables):\n"
        f"  {sql};"
    )
