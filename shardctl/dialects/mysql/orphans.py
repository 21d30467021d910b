"""Statements that outlive their client, and how to end them.

On MySQL an ALTER that waits for a metadata lock survives the death of its client and applies
when the lock comes free, hours later. So a session claims a token before it sends anything, by a
named lock: the server holds it exactly as long as the session lives, whatever that is doing;
it cannot be confused by a reused id, and asking for its holder needs no privilege. The
statements bear the token in a comment too, for servers that refuse named locks (Galera).
"""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.base import PLACES
from shardctl.dialects.mysql import errors
from shardctl.dialects.mysql.server import Server
from shardctl.errors import Refused, StepFailed

PATIENCE: Final = 30.0
"""Seconds that a killed session is given to end; rolling back a long statement takes time."""

_POLL: Final = 0.05


def connection_id(connection: Connection) -> int:
    """The session's id, as KILL takes it."""
    return int(connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())


def claim(connection: Connection, token: str) -> None:
    """Hold a token as long as the session lives; nothing where named locks are refused.

    Args:
        token: lower-case ASCII of at most 55 characters: with its prefix it is the name of a
            lock, and MySQL takes 64.

    Raises:
        Refused: another session has claimed it.
    """
    try:
        # Not 0, which some servers that speak MySQL's protocol answer with "no" at once.
        got = connection.exec_driver_sql("SELECT GET_LOCK(%s, 1)", (_name(token),)).scalar_one()
    except DBAPIError as error:
        if errors.is_not_supported(error):  # Galera
            return
        raise
    if got != 1:
        raise Refused(f"another session has claimed {token}; every session claims one of its own")


def claimed(connection: Connection, server: Server, token: str) -> tuple[str, int | None]:
    """Which server answers, and the id of the session there that has claimed a token."""
    instance = "CONCAT_WS(':', @@hostname, @@port, @@server_id)"
    if not server.is_mariadb:
        instance = f"CONCAT_WS(':', {instance}, @@server_uuid)"
    # One statement: a proxy may send two of them to two servers.
    row = connection.exec_driver_sql(f"SELECT {instance}, IS_USED_LOCK(%s)", (_name(token),)).one()
    return str(row[0]), row[1]


def end(connection: Connection, token: str) -> int | None:
    """End the sessions that have claimed a token or run statements that bear it, and await that.

    Returns:
        The id of one that was ended; None where there was none.

    Raises:
        Refused: it is another user's session and ours may not end it.
        StepFailed: it was told to end but has not within 30 s.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + PATIENCE
    while sessions := _sessions(connection, token):
        session = min(sessions)
        for each in sessions - ended:
            _kill(connection, each)
        ended |= sessions
        if time.monotonic() > deadline:
            raise StepFailed(
                f"session {session} of an earlier run was killed but has not ended within "
                f"{PATIENCE:.0f} s; see SHOW PROCESSLIST, and run again when it is gone"
            )
        time.sleep(_POLL)
    return min(ended, default=None)


def interrupt(connection: Connection, token: str, *, waiting: int | None = None) -> bool:
    """End the statements, not the sessions, of a token; whether there was one.

    Args:
        waiting: only those that wait for a lock on their table, and began at most so many seconds
            ago: a longer one has had the lock, and waits again at its end.
    """
    sessions = _sessions(connection, token)
    if waiting is not None and sessions:
        waits = connection.exec_driver_sql(
            "SELECT id FROM information_schema.processlist "
            "WHERE state = 'Waiting for table metadata lock' AND time <= %s",
            (waiting,),
        )
        sessions &= set(waits.scalars())
    for session in sessions:
        _kill(connection, session, "KILL QUERY")
    return bool(sessions)


def _name(token: str) -> str:
    return f"shardctl:{token}"


def _sessions(connection: Connection, token: str) -> set[int]:
    """The sessions of a token, other than our own: those of its places, too (`token.1`)."""
    names = [_name(each) for each in (token, *(f"{token}.{n}" for n in range(1, PLACES)))]
    held = ", ".join(["IS_USED_LOCK(%s)"] * len(names))
    holders = connection.exec_driver_sql(f"SELECT {held}", tuple(names)).one()
    tagged = connection.exec_driver_sql(
        "SELECT id FROM information_schema.processlist WHERE info LIKE %s OR info LIKE %s",
        (f"/* shardctl {token} %", f"/* shardctl {token}.%"),
    )
    found = {int(holder) for holder in holders if holder is not None} | set(tagged.scalars())
    return found - {connection_id(connection)}


def _kill(connection: Connection, session: int, kill: str = "KILL") -> None:
    try:
        connection.exec_driver_sql(f"{kill} {session:d}")
    except DBAPIError as error:
        if errors.is_missing_session(error):
            return
        if errors.is_kill_denied(error):
            raise Refused(
                f"session {session} still runs a statement of an earlier run, and this user may "
                f"not end it; have its user or an administrator run: KILL {session}"
            ) from error
        raise
