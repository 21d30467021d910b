"""How many steps of a kind may be on the server at the same time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager

from shardctl.clause import Algorithm
from shardctl.migrate.course import Course


class Lanes:
    """The cheap steps have one lane, those that write whole tables another."""

    def __init__(self, course: Course) -> None:
        """As wide as the user says."""
        self._cheap = threading.Semaphore(course.jobs)
        self._heavy = threading.Semaphore(course.rebuild_jobs)

    def taken(self, *, heavy: bool) -> AbstractContextManager[object]:
        """A place in a lane, for the length of a block; waited for where none is free.

        Args:
            heavy: whether the step rebuilds a table or changes its rows.
        """
        return self._heavy if heavy else self._cheap


def sessions(course: Course, used: Sequence[Algorithm | None]) -> int:
    """How many sessions work together on clauses of some algorithms.

    Where tables are rebuilt, no more than may do so at once: those that wait for their lane cost
    the others time. But two, as one may wait for a lock.
    """
    if any(algorithm and algorithm.rebuilds for algorithm in used):
        return max(course.rebuild_jobs, min(course.jobs, 2))
    return max(course.jobs, course.rebuild_jobs)
