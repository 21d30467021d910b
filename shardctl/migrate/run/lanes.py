"""How many steps of a kind may be on the server at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shardctl.migrate.course import Course


class Lanes:
    """The cheap steps have one lane, those that write whole tables another."""

    def __init__(self, course: Course) -> None:
        """As wide as the user says."""
        self._cheap = threading.Semaphore(course.jobs)
        self._heavy = threading.Semaphore(course.rebuild_jobs)

    @contextmanager
    def taken(self, *, heavy: bool) -> Iterator[None]:
        """A place in a lane, for the length of a block; waited for where none is free.

        Args:
            heavy: whether the step rebuilds a table or changes its rows.
        """
        with self._heavy if heavy else self._cheap:
            yield
