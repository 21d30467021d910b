"""What is told of a step that failed: what happened, on which table, and how to go on."""

from __future__ import annotations

from shardctl.migrate.trial import Step
from shardctl.migrate.work import Revision


def said(step: Step) -> str:
    """A step by its clauses' numbers, as people count."""
    numbers = ", ".join(str(number + 1) for number in step.numbers)
    return f"clause {numbers}" if len(step.numbers) == 1 else f"clauses {numbers}"


def lost(where: str, what: str, revision: Revision, words: str) -> str:
    """The connection broke off while a step ran."""
    return (
        f"{where}: the connection was lost in {what} of {revision}: {words}\n"
        "What was done before is recorded: run again, which sees whether this took effect, and "
        "goes on"
    )


def failure(where: str, what: str, revision: Revision, words: str) -> str:
    """The server refused a statement."""
    give_up = ", or give it up with 'shardctl downgrade -1'" if revision.direction == "up" else ""
    return (
        f"{where}: {what} of {revision} failed: {words}\n"
        f"What was done before is recorded: mend the cause and run again to go on{give_up}"
    )


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
