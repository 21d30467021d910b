"""Several sessions that bring tables through a segment at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from shardctl.catalog import Member
from shardctl.migrate.run.send import Sender
from shardctl.migrate.work import Work


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
        self._sessions: list[Sender] = []
        self._stack = ExitStack()

    def __enter__(self) -> Crew:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """The sessions are closed."""
        self._stack.close()

    def through(
        self, members: Sequence[Member], turn: Callable[[Sender, Member], Work]
    ) -> list[Work]:
        """Give each table its turn, on whichever session is free; what became of them, in order.

        Raises:
            BaseException: what a turn has raised, the first of them; those under way are
                finished before, and no other is begun.
        """
        size = min(self._most, len(members))
        while len(self._sessions) < size:
            place = len(self._sessions)
            self._sessions.append(self._stack.enter_context(self._join(place)))
        if size <= 1:
            try:
                return [turn(self._sessions[0], member) for member in members]
            finally:
                for sender in self._sessions[:size]:
                    sender.settle()
        shift = _Shift(members, turn)
        threads = [
            threading.Thread(target=shift.work, args=(sender,), name="shardctl step", daemon=True)
            for sender in self._sessions[:size]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return shift.done()


class _Shift:
    """Tables that several threads take their turns from."""

    def __init__(self, members: Sequence[Member], turn: Callable[[Sender, Member], Work]) -> None:
        self._coming = iter(enumerate(members))
        self._turn = turn
        self._works: dict[int, Work] = {}
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()

    def work(self, sender: Sender) -> None:
        """Take one table after another, until there is none or a turn has failed."""
        for at, member in self._next():
            self._keeping(partial(self._take, at, member, sender))
        self._keeping(sender.settle)

    def _take(self, at: int, member: Member, sender: Sender) -> None:
        self._works[at] = self._turn(sender, member)

    def _keeping(self, act: Callable[[], None]) -> None:
        """Do something; what it raises is raised again in the caller's thread."""
        try:
            act()
        except BaseException as error:  # noqa: BLE001
            self._errors.append(error)

    def done(self) -> list[Work]:
        """What became of the tables, in order."""
        if self._errors:
            raise self._errors[0]
        return [self._works[at] for at in sorted(self._works)]

    def _next(self) -> Iterator[tuple[int, Member]]:
        while not self._errors:
            with self._lock:
                taken = next(self._coming, None)
            if taken is None:
                return
            yield taken
