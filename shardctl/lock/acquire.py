"""Taking the lock, waiting for it, taking it over, giving it back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Final

from sqlalchemy import Connection, Insert, insert, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shardctl import __version__, ledger
from shardctl.dialects import Database
from shardctl.errors import LockHeld, ShardctlError
from shardctl.ledger import Ledger, schema
from shardctl.ledger.clock import utc_now
from shardctl.lock.holder import Holder, claim_of
from shardctl.lock.lease import Lease, Pulse
from shardctl.lock.process import Process

POLL: Final = 0.25
"""Seconds between two looks at a lock that another holds."""


@contextmanager
def acquire(database: Database, *, command: str, wait: float = 0.0) -> Iterator[Lease]:
    """Hold the database's one lock for the length of a block.

    The ledger's tables are made where they are missing. A lock whose owner is gone is taken over:
    at once when that is certain (its process has ended, or its session has), else after 30 s
    without a sign of life. Before the block begins, what earlier owners left running on the
    server has been ended.

    Args:
        command: what the lock is held for, as others are told: "upgrade".
        wait: how long to wait for another holder, in seconds; 0: not at all.

    Raises:
        LockHeld: another holds it; the message says who, since when and what to do.
        Refused: a statement of an earlier owner cannot be ended for want of a privilege, or the
            ledger is of a newer version.
        DatabaseUnavailable: the server does not answer.
    """
    with database.connect() as connection:
        if ledger.version(connection) is None:
            ledger.ensure(connection, database.dialect)
        token = secrets.token_hex(8)
        database.dialect.claim(connection, claim_of(token))
        row = _row(database, connection, token, command)
        taken = _take(database, connection, row, time.monotonic() + wait)
        fence = taken.fence + 1
        try:
            with _pulse(database, connection, fence, token) as pulse:
                with database.connect() as other:
                    _end_orphans(database, other, taken)
                    _update(other, fence, orphans="")
                yield Lease(fence, token, Ledger(database.dialect, fence, token), pulse)
        except BaseException:
            # What we sent may have outlived our Ctrl-C or a lost connection; if it cannot be
            # ended, the next holder tries.
            with suppress(SQLAlchemyError, ShardctlError):
                database.dialect.end_orphan(connection, token)
            raise
        finally:
            # The server is away, or the session broke off: the next one finds our claim gone.
            with suppress(SQLAlchemyError):
                _update(connection, fence, held=False)
                end_session(connection, token)


def _row(database: Database, connection: Connection, token: str, command: str) -> dict[str, Any]:
    """What the lock's row is to say of this process."""
    me = Process.this()
    own = database.dialect.connection_id(connection)
    with database.connect() as other:
        server, holder = database.dialect.claimed(other, claim_of(token))
    return {
        "held": True,
        "token": token,
        "command": command,
        "owner": me.user,
        "host": me.host,
        "machine": me.machine,
        "pid": me.pid,
        "started": me.started,
        # A claim that another session cannot see proves nothing when it is gone.
        "server": server if own is not None and holder == own else "",
        "connection_id": own,
        "acquired_at": utc_now(),
    }


def _take(
    database: Database, connection: Connection, row: dict[str, Any], deadline: float
) -> Holder:
    """Write our row over that of an owner who has none or is gone; gives what stood there."""
    while True:
        seen = Holder.read(connection)
        if not seen.held or seen.is_gone(connection, database.dialect):
            if seen.held:  # else a transaction of theirs could keep us from the row
                _end_orphans(database, connection, seen)
            # Not before: an earlier shardctl that is at work knows its own version only.
            ledger.ensure(connection, database.dialect)
            if _won(database, connection, seen, row):
                return seen
            seen = Holder.read(connection)
        left = deadline - time.monotonic()
        if left <= 0:
            raise LockHeld(seen.tell(database))
        time.sleep(min(POLL, left))


def _won(database: Database, connection: Connection, seen: Holder, row: dict[str, Any]) -> bool:
    """Whether our row stands there now; one of several who try at once is first."""
    lock, heartbeat = schema.lock, schema.heartbeat
    fence = seen.fence + 1
    orphans = " ".join(filter(None, (*seen.orphans, seen.token)))
    beats = row["connection_id"] is not None
    # Both rows bear the fencing number, and whoever changes it begins with this one.
    beat = update(heartbeat).where(
        heartbeat.c.name == schema.LOCK,
        heartbeat.c.fence == seen.fence,
        heartbeat.c.beat_at.is_not_distinct_from(seen.beat),
    )
    take = update(lock).where(lock.c.name == schema.LOCK)
    try:
        with database.dialect.transaction(connection):
            first = beat.values(fence=fence, beat_at=utc_now() if beats else None)
            if not connection.execute(first).rowcount:
                return False  # another was faster, or the owner has given a sign of life
            connection.execute(take.values(row | {"fence": fence, "orphans": orphans}))
            connection.execute(_session(row))
    except DBAPIError as error:
        if database.dialect.is_lock_timeout(error):
            return False
        raise
    return True


def _session(row: dict[str, Any]) -> Insert:
    """What is kept of the command for good: by it the log tells who ran a clause."""
    kept = {name: row[name] for name in ("token", "command", "owner", "host", "pid")}
    return insert(schema.session).values(kept | {"version": __version__, "begun_at": utc_now()})


def end_session(connection: Connection, token: str) -> None:
    """Record that a command holds the lock no more."""
    session = schema.session
    ours = update(session).where(session.c.token == token, session.c.ended_at.is_(None))
    connection.execute(ours.values(ended_at=utc_now()))


def _pulse(
    database: Database, connection: Connection, fence: int, token: str
) -> AbstractContextManager[Pulse | None]:
    """The heartbeat, where a server stands between the processes.

    SQLite's are on one machine, where a process that lives is seen to live; and a beat would
    wait for every long transaction of its own process.
    """
    if database.dialect.connection_id(connection) is None:
        return nullcontext()
    return Pulse(connection, database.dialect, fence, claim_of(token))


def _end_orphans(database: Database, connection: Connection, earlier: Holder) -> None:
    """End what earlier owners left running on the server; their tokens tell the sessions."""
    tokens = {earlier.token, *earlier.orphans, *ledger.begun_tokens(connection)}
    for token in sorted(tokens - {""}):
        database.dialect.end_orphan(connection, token)


def _update(connection: Connection, fence: int, **values: object) -> None:
    lock = schema.lock
    ours = update(lock).where(lock.c.name == schema.LOCK, lock.c.fence == fence)
    connection.execute(ours.values(values))
