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


def end(connection: Connection, server: Server, token: str) -> int | None:
    """End the session that has claimed a token or runs a statement that bears it, and await that.

    Returns:
        The id of the session that was ended; None where there was none.

    Raises:
        Refused: it is another user's session and ours may not end it.
        StepFailed: it was told to end but has not within 30 s.
    """
    ended = None
    deadline = time.monotonic() + PATIENCE
    while (session := _session(connection, server, token)) is not None:
        if session != ended:
            _kill(connection, session)
            ended = session
        if time.monotonic() > deadline:
            raise StepFailed(
                f"session {session} of an earlier run was killed but has not ended within "
                f"{PATIENCE:.0f} s; see SHOW PROCESSLIST, and run again when it is gone"
            )
        time.sleep(_POLL)
    return ended


def interrupt(
    connection: Connection, server: Server, token: str, *, waiting: int | None = None
) -> bool:
    """End the statement, not the session, of a token; whether there was one.

    Args:
        waiting: only one that waits for a lock on its table, and began at most so many seconds
            ago: a longer one has had the lock, and waits again at its end.
    """
    session = _session(connection, server, token)
    if session is None:
        return False
    if waiting is not None:
        waits = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM information_schema.processlist "
            "WHERE id = %s AND state = 'Waiting for table metadata lock' AND time <= %s",
            (session, waiting),
        )
        if not waits.scalar_one():
            return False
    _kill(connection, session, "KILL QUERY")
    return True


def _name(token: str) -> str:
    return f"shardctl:{token}"


def _session(connection: Connection, server: Server, token: str) -> int | None:
    """The session of a token, other than our own."""
    own = connection_id(connection)
    _, holder = claimed(connection, server, token)
    if holder is not None:
        return None if holder == own else holder
    tagged = connection.exec_driver_sql(
        "SELECT id FROM information_schema.processlist WHERE info LIKE %s AND id <> %s",
        (f"/* shardctl {token} %", own),
    )
    return tagged.scalars().first()


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
