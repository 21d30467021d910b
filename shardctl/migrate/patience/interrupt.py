"""Ctrl-C while a revision is carried out: what is under way comes to an end that is known."""

from __future__ import annotations

import signal
import threading
import time
from queue import SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from shardctl.dialects import Database
from shardctl.errors import ShardctlError
from shardctl.report import Note, Report

_TICK: Final = 0.05
"""Seconds after which a pause looks whether Ctrl-C was pressed."""


class Interrupt:
    """Takes Ctrl-C's place for the length of a block.

    The first lets the statement under way finish; one that only waits for its table's lock is
    ended, as nothing is lost by that. The second ends the statement on the server. Both are
    found by `check`, which raises KeyboardInterrupt between two statements. The third breaks
    off where it stands, as Python does by itself. SIGTERM counts like Ctrl-C.

    Where an application has a handler of its own, or runs us in another thread, that stays.
    """

    def __init__(self, database: Database, token: str, lock_wait: int, report: Report) -> None:
        """Nothing is changed before `with`.

        Args:
            token: what the session has claimed whose statements are to be ended.
            lock_wait: how long they wait for a lock, in seconds.
        """
        self._database = database
        self._token = token
        self._lock_wait = lock_wait
        self._report = report
        self._presses = 0
        self._answered = 0
        self._handler: Any = None
        # A signal's handler may stand inside of any lock: only this kind of queue is safe there.
        self._answers: SimpleQueue[int] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="shardctl Ctrl-C", daemon=True)

    def __enter__(self) -> Interrupt:
        """From here on Ctrl-C is counted."""
        ours = threading.current_thread() is threading.main_thread()
        if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._thread.start()
            self._handler = signal.signal(signal.SIGINT, self._press)
            if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # a service manager's Ctrl-C
                signal.signal(signal.SIGTERM, self._press)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Ctrl-C is as it was; one that came during the last statement counts."""
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
            if signal.getsignal(signal.SIGTERM) == self._press:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if kind is None:
            self.check()
        if self._thread.is_alive():
            self._answers.put(0)
            self._thread.join()

    @property
    def pressed(self) -> bool:
        """Whether to stop; what was asked of the server has then been carried out."""
        if self._presses:
            self._settle()
        return self._presses > 0

    @property
    def insisted(self) -> bool:
        """Whether what is under way is to be ended; asks nothing of the server."""
        return self._presses > 1

    def check(self) -> None:
        """To be called before a statement, from any thread.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if self.pressed:
            raise KeyboardInterrupt

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until Ctrl-C is pressed."""
        until = time.monotonic() + seconds
        while not self._presses and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _TICK))

    def _press(self, _signal: int, _frame: FrameType | None) -> None:
        self._presses += 1
        if self._presses > 2:
            raise KeyboardInterrupt
        self._answers.put(self._presses)

    def _settle(self) -> None:
        """Wait for what the thread does, lest it end a statement that comes after."""
        while self._answered < min(self._presses, 2) and self._thread.is_alive():
            time.sleep(_TICK)

    def _run(self) -> None:
        while press := self._answers.get():
            try:
                self._answer(press)
            except (SQLAlchemyError, ShardctlError) as error:
                self._report(Note(f"the statement under way could not be ended: {error}"))
            self._answered = press

    def _answer(self, press: int) -> None:
        if press == 1:
            self._report(
                Note("stopping when the statement under way is done; Ctrl-C once more ends it")
            )
        waiting = self._lock_wait if press == 1 else None
        with self._database.connect() as connection:
            self._database.dialect.interrupt(connection, self._token, waiting=waiting)
