"""Runs that did not come to their end, and what they stand in the way of."""

from __future__ import annotations

from shardctl import ledger
from shardctl.errors import Refused
from shardctl.ledger import Run
from shardctl.migrate.site import Site
from shardctl.migrate.work import Revision


def unstamped(site: Site, heads: tuple[str, ...]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """The unfinished runs: those that are not through yet, and those whose version has moved.

    The latter broke off right before they were recorded as finished; nothing else is left of
    them. A revision that is being undone is at neither end of the version's way.
    """
    runs = ledger.unfinished(site.connection)
    undone = {run.revision for run in runs if run.direction == "up"}
    through = [
        run
        for run in runs
        if (run.direction == "up") == (run.revision in heads)
        and (run.direction == "up" or run.revision not in undone)
    ]
    return tuple(run for run in runs if run not in through), tuple(through)


def refuse_others(runs: tuple[Run, ...], revision: Revision | None) -> None:
    """Refuse to begin anything while something else is unfinished.

    Args:
        runs: those that are not through yet.
        revision: the one that is to be carried out first; None for none.

    Raises:
        Refused: another revision, or the other direction, did not come to its end.
    """
    for run in runs:
        if revision is None or (run.revision, run.direction) != (revision.id, revision.direction):
            way = "upgrade" if run.direction == "up" else "downgrade"
            raise Refused(
                f"the {way} of revision {run.revision} is unfinished: run shardctl {way} to go on "
                "with it"
                + (", or 'shardctl downgrade -1' to give it up" if way == "upgrade" else "")
            )
