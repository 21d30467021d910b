"""Several sessions that bring tables through a segment at the same time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import islice
from typing import Final, TypeAlias

from shardctl.catalog import Member
from shardctl.errors import DatabaseUnavailable, StepFailed
from shardctl.migrate.run.send import Sender
from shardctl.migrate.work import Work

Turn: TypeAlias = Callable[[Sender, Member, Sequence[Member]], Work]
"""Brings a table through a segment; told, too, which ones the session has taken besides."""

Together: TypeAlias = Callable[[Sequence[Member]], int]
"""How many of the tables that come next one session is to take at once."""

HANDFUL: Final = 16
"""So many tables at most: the others are not to wait for a session that has many left."""


def _alone(_: Sequence[Member]) -> int:
    return 1


class Crew:
    """Sessions, opened when there is work for them; each works in a thread of its own.

    A single one works in the caller's thread.
    """

    def __init__(self, join: Callable[[int], AbstractContextManager[Sender]], most: int) -> None:
        """Nothing is opened before there is work.

        Args:
            join: opens the session of a place, counted from 0.
            most: how many may be at work at the same time.
        """
        self._join = join
        self._most = most
        self._sessions: dict[int, Sender] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Crew:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """The sessions are closed."""
        self._stack.close()

    def through(
        self, members: Sequence[Member], turn: Turn, together: Together = _alone
    ) -> list[Work]:
        """Give each table its turn, on whichever session is free; what became of them, in order.

        Args:
            together: how many of the next tables a session is to take at once.

        Raises:
            StepFailed: the server has no session to give.
            BaseException: what a turn has raised, the first of them; those under way are
                finished before, and no other is begun.
        """
        size = min(self._most, len(members))
        shift = _Shift(members, turn, together, size)
        ways = [partial(shift.work, partial(self._session, place)) for place in range(size)]
        if size == 1:
            ways[0]()
            return shift.done()
        threads = [
            threading.Thread(target=work, name="shardctl step", daemon=True) for work in ways
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return shift.done()

    def _session(self, place: int) -> Sender:
        """The session of a place; opened in the thread that needs it, as that takes a while."""
        if place not in self._sessions:
            try:
                self._sessions[place] = self._stack.enter_context(self._join(place))
            except DatabaseUnavailable as error:
                raise StepFailed(
                    f"there is no session {place + 1} of {self._most} to work with: {error}\n"
                    "What was done before is recorded: run again to go on, or with fewer sessions "
                    "(--jobs)"
                ) from error
        return self._sessions[place]


class _Shift:
    """Tables that several threads take their turns from."""

    def __init__(
        self, members: Sequence[Member], turn: Turn, together: Together, sessions: int
    ) -> None:
        self._coming = deque(enumerate(members))
        self._turn = turn
        self._together = together
        self._sessions = sessions
        self._works: dict[int, Work] = {}
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()

    def work(self, session: Callable[[], Sender]) -> None:
        """Take one table after another, until there is none or a turn has failed.

        What is raised is raised again in the caller's thread.
        """
        try:
            sender = session()
        except BaseException as error:  # noqa: BLE001
            self._errors.append(error)
            return
        for act in (partial(self._work, sender), sender.settle):
            try:
                act()
            except BaseException as error:  # noqa: BLE001
                self._errors.append(error)

    def _work(self, sender: Sender) -> None:
        while taken := self._taken():
            while taken and not self._errors:
                at, member = taken.popleft()
                self._works[at] = self._turn(sender, member, [each for _, each in taken])

    def done(self) -> list[Work]:
        """What became of the tables, in order."""
        if self._errors:
            raise self._errors[0]
        return [self._works[at] for at in sorted(self._works)]

    def _taken(self) -> deque[tuple[int, Member]]:
        """The next tables of a session; none where a turn has failed."""
        with self._lock:
            if self._errors or not self._coming:
                return deque()
            share = min(HANDFUL, len(self._coming) // (2 * self._sessions))
            coming = [member for _, member in islice(self._coming, max(share, 1))]
            return deque(self._coming.popleft() for _ in range(self._together(coming)))
