"""Whose transaction a write is in: one of our own, which is retried, or the caller's, never."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import uniform
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util.concurrency import await_only, in_greenlet

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite
from shardctl.errors import InDoubt, NotStored, OwnTransactionNeeded, TransactionLost

T = TypeVar("T")

_IN_TRANSACTION: Final = 1  # SERVER_STATUS_IN_TRANS of the protocol


def wait(seconds: float) -> None:
    """Let time pass; under asyncio, where SQLAlchemy runs this in a greenlet, for others to run."""
    if "greenlet" in sys.modules and in_greenlet():
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)


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
    sleep: Callable[[float], object] = wait

    def pauses(self) -> Iterator[float]:
        """A pause before each further attempt, until patience is over."""
        end = time.monotonic() + self.patience.total_seconds()
        most = self.pause
        while time.monotonic() < end:
            yield uniform(most / 2, most)
            most = min(most * 2, self.longest)


class Instead(Exception):
    """Raised by work that `settle` does: roll all of it back, and do this."""

    def __init__(self, work: Callable[[Connection], Any]) -> None:
        super().__init__()
        self.work = work


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
        InDoubt: the connection broke off when what commits was under way.
    """
    pauses = retry.pauses()
    while True:
        try:
            connection = engine.connect()
            try:
                return _once(connection, work, what, single)
            finally:
                _give_back(connection)
        except Instead as instead:
            work, single = instead.work, False
            continue
        except DBAPIError as error:
            if not passes(error):
                raise
            pause = next(pauses, None)
            if pause is None:
                raise _not_stored(error, what) from error
        retry.sleep(pause)


@contextmanager
def within(connection: Connection, what: str, *, single: bool = False) -> Iterator[None]:
    """A part of the caller's transaction, which is never committed here, and never repeated.

    Where the caller's connection commits each statement by itself there is none, and what is
    lost is that statement alone.

    Args:
        single: it writes by one statement, and needs no transaction.

    Raises:
        OwnTransactionNeeded: it needs one, and the connection commits each statement by itself:
            who broke off, or raced, would leave one half for the other.
        TransactionLost: the server undid the whole transaction. It is closed, so that nothing is
            added to what is gone and taken for the rest.
        NotStored: others held a row for too long; the caller's transaction stands.
        InDoubt: the connection, which commits by itself, broke off.
    """
    by_itself = autocommits(connection)
    if by_itself and not single:
        raise OwnTransactionNeeded(
            f"{what}: this takes several statements, each of which your connection would commit by "
            "itself: begin a transaction, or give the engine"
        )
    try:
        yield
    except DBAPIError as error:
        if not passes(error):
            raise
        if by_itself:
            raise (_in_doubt if _is_doubtful(error) else _not_stored)(error, what) from error
        if is_locked(error) and not _undoes_on_timeout(connection, error):
            raise _not_stored(error, what) from error
        if (transaction := connection.get_transaction()) is not None:
            _undo(connection, transaction.rollback)
        raise TransactionLost(
            f"{what}: the server undid the whole transaction ({error.orig}); repeat it from its "
            "beginning"
        ) from error


def autocommits(connection: Connection) -> bool:
    """Whether each statement is committed by itself; the driver knows, nothing is asked.

    Not within a transaction that was begun by hand, or by a listener to SQLAlchemy's own.
    """
    driver: Any = connection.connection.driver_connection
    if hasattr(driver, "get_autocommit"):  # those for MySQL; they keep the server's last word
        in_transaction = getattr(driver, "server_status", 0) & _IN_TRANSACTION
        return bool(driver.get_autocommit()) and not in_transaction
    by_itself = getattr(driver, "isolation_level", "") is None  # sqlite3, aiosqlite
    return by_itself and not driver.in_transaction


def passes(error: DBAPIError) -> bool:
    """Whether nothing is stored by a transaction that met this, for a reason that may pass."""
    return is_undone(error) or is_locked(error) or is_lost(error) or mysql.is_unreachable(error)


def is_undone(error: DBAPIError) -> bool:
    """The server rolled the whole transaction back."""
    return mysql.is_deadlock(error) or mysql.is_snapshot_stale(error)


def is_locked(error: DBAPIError) -> bool:
    """Others held a table or a row for too long."""
    return mysql.is_lock_timeout(error) or sqlite.is_lock_timeout(error)


def is_lost(error: DBAPIError) -> bool:
    """The connection broke off."""
    return mysql.is_connection_lost(error)


def _give_back(connection: Connection) -> None:
    # What is stored is known by now: a connection that breaks off here has no say in it.
    try:
        connection.close()
    except DBAPIError:
        connection.close()  # which SQLAlchemy 2.0 has not given back yet


def _once(connection: Connection, work: Callable[[Connection], T], what: str, single: bool) -> T:
    connection.begin()  # sends nothing, but lets listeners begin a transaction their way
    by_itself = autocommits(connection)
    if by_itself and single:
        return _committing(partial(work, connection), what)
    if by_itself:  # SQLAlchemy's own BEGIN, COMMIT and ROLLBACK are nothing here
        connection.exec_driver_sql("BEGIN")
    try:
        result = work(connection)
    except BaseException:
        if by_itself and not connection.invalidated:  # a session that broke off has none
            _undo(connection, partial(connection.exec_driver_sql, "ROLLBACK"))
        raise  # and the connection, when it is closed, rolls back
    commit = partial(connection.exec_driver_sql, "COMMIT") if by_itself else connection.commit
    _committing(commit, what)
    return result


def _undo(connection: Connection, how: Callable[[], object]) -> None:
    """Roll back; where that fails, let go of the session, whose end does it.

    The error that led here is the one to be told, not the one that follows from it.
    """
    try:
        how()
    except DBAPIError:
        if not connection.invalidated:
            connection.invalidate()


def _undoes_on_timeout(connection: Connection, error: DBAPIError) -> bool:
    """Whether the server undoes a whole transaction that waits for a row too long."""
    return mysql.is_lock_timeout(error) and bool(
        connection.exec_driver_sql("SELECT @@innodb_rollback_on_timeout").scalar()
    )


def _committing(send: Callable[[], T], what: str) -> T:
    """What a statement gives that commits."""
    try:
        return send()
    except DBAPIError as error:
        if _is_doubtful(error):
            raise _in_doubt(error, what) from error
        raise


def _is_doubtful(error: DBAPIError) -> bool:
    """Whether a statement that commits may have reached the server, unanswered."""
    return is_lost(error) and not mysql.is_unsent(error)


def _in_doubt(error: DBAPIError, what: str) -> InDoubt:
    return InDoubt(
        f"{what}: the connection broke off at COMMIT ({error.orig}), so that it may be stored or "
        "not; send the same request again, or call resolve()"
    )


def _not_stored(error: DBAPIError, what: str) -> NotStored:
    return NotStored(
        f"{what}: nothing was stored, the server said: {error.orig}; send the same request later"
    )
