"""Whose transaction a write is in: one of our own, which is retried, or the caller's, never."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite
from shardctl.errors import InDoubt, NotStored, TransactionLost

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """How a transaction of our own is repeated that others undid.

    Attributes:
        patience: how long to begin anew; a wait for a lock that is under way is not cut short.
        pause: the first pause, in seconds; each is twice the one before, and a random part of it.
        longest: the longest pause, in seconds.
        sleep: waits for a number of seconds.
    """

    patience: timedelta = timedelta(seconds=10)
    pause: float = 0.01
    longest: float = 0.5
    sleep: Callable[[float], object] = time.sleep

    def pauses(self) -> Iterator[float]:
        """A pause before each further attempt, until patience is over."""
        end = time.monotonic() + self.patience.total_seconds()
        most = self.pause
        while time.monotonic() < end:
            yield uniform(most / 2, most)
            most = min(most * 2, self.longest)


def settle(
    engine: Engine,
    work: Callable[[Connection], T],
    retry: Retry,
    what: str,
    *,
    single: bool = False,
) -> T:
    """What `work` gives, in a transaction of its own that is committed; repeated where undone.

    Args:
        what: what is written, for errors.
        single: `work` writes by one statement, and needs no BEGIN and COMMIT on an engine that
            commits by itself.

    Raises:
        NotStored: deadlocks, locks or an unreachable server were in the way for too long.
        InDoubt: the connection broke off when the COMMIT was under way.
    """
    pauses = retry.pauses()
    while True:
        try:
            with engine.connect() as connection:
                return _once(connection, work, what, single)
        except DBAPIError as error:
            if not _passes(error):
                raise
            pause = next(pauses, None)
            if pause is None:
                raise NotStored(
                    f"{what}: nothing was stored, the server said again and again: {error.orig}; "
                    "send the same request later"
                ) from error
        retry.sleep(pause)


@contextmanager
def within(connection: Connection, what: str) -> Iterator[None]:
    """A part of the caller's transaction, which is never committed here, and never repeated.

    Raises:
        TransactionLost: the server undid the whole transaction. It is closed, so that nothing is
            added to what is gone and taken for the rest.
        NotStored: others held a row for too long; the caller's transaction stands.
    """
    try:
        yield
    except DBAPIError as error:
        if is_undone(error) or is_lost(error):
            if (transaction := connection.get_transaction()) is not None:
                transaction.rollback()
            raise TransactionLost(
                f"{what}: the server undid the whole transaction ({error.orig}); repeat it from "
                "its beginning"
            ) from error
        if is_locked(error):
            raise NotStored(
                f"{what}: nothing was stored, others hold the row ({error.orig}); send the same "
                "request later"
            ) from error
        raise


def autocommits(connection: Connection) -> bool:
    """Whether each statement is committed by itself; the driver knows, nothing is asked."""
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "get_autocommit"):
        return bool(driver.get_autocommit())
    return getattr(driver, "isolation_level", "") is None  # sqlite3, aiosqlite


def is_undone(error: DBAPIError) -> bool:
    """The server rolled the whole transaction back."""
    return mysql.is_deadlock(error) or mysql.is_snapshot_stale(error)


def is_locked(error: DBAPIError) -> bool:
    """Others held a table or a row for too long."""
    return mysql.is_lock_timeout(error) or sqlite.is_lock_timeout(error)


def is_lost(error: DBAPIError) -> bool:
    """The connection broke off."""
    return mysql.is_connection_lost(error)


def _once(connection: Connection, work: Callable[[Connection], T], what: str, single: bool) -> T:
    by_itself = autocommits(connection)
    if by_itself and single:
        try:
            return work(connection)
        except DBAPIError as error:
            if _is_doubtful(error):
                raise _doubt(error, what) from error
            raise
    if by_itself:  # SQLAlchemy's own BEGIN, COMMIT and ROLLBACK would do nothing here
        connection.exec_driver_sql("BEGIN")
    try:
        result = work(connection)
    except BaseException:
        if by_itself and not connection.invalidated:  # a session that broke off has none
            connection.exec_driver_sql("ROLLBACK")
        raise  # and the connection, when it is given back, rolls back
    try:
        if by_itself:
            connection.exec_driver_sql("COMMIT")
        connection.commit()
    except DBAPIError as error:
        if _is_doubtful(error):
            raise _doubt(error, what) from error
        raise
    return result


def _is_doubtful(error: DBAPIError) -> bool:
    """Whether a statement that commits may have reached the server, unanswered."""
    return is_lost(error) and not mysql.is_unsent(error)


def _doubt(error: DBAPIError, what: str) -> InDoubt:
    return InDoubt(
        f"{what}: the connection broke off at COMMIT ({error.orig}), so that it may be stored or "
        "not; send the same request again, or call resolve()"
    )


def _passes(error: DBAPIError) -> bool:
    """Whether nothing was stored, for a reason that may be gone the next time."""
    return is_undone(error) or is_locked(error) or is_lost(error) or mysql.is_unreachable(error)
