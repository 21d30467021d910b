"""What is told of a step that failed: what happened, on which table, and how to go on."""

from __future__ import annotations

from typing import Final

from shardctl.migrate.learn.trial import Step
from shardctl.migrate.work import Revision


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
    return ", or give it up with 'shardctl downgrade -1'" if revision.direction == "up" else ""


def refusal(where: str, step: Step, revision: Revision, words: str, by_hand: str) -> str:
    """A table would be rebuilt or locked by a step, unlike the template.

    Args:
        by_hand: the statement without a demand.
    """
    return (
        f"{where}: {said(step)} of {revision} cannot be {step.algorithm} here, as on a copy of the "
        f"template: {words}\n"
        "What was done before is recorded. Alter this table by hand when it may take its time, "
        "then run again, which finds it done and goes on (shardctl upgrade --dry-run names more "
        "such tables):\n"
        f"  {by_hand};"
    )
