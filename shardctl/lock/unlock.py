"""Taking the lock away from one who holds it, by hand."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, update

from shardctl import ledger
from shardctl.dialects import Database
from shardctl.errors import LockHeld
from shardctl.ledger import schema
from shardctl.lock.acquire import end_session
from shardctl.lock.holder import Holder, claim_of


@dataclass(frozen=True, slots=True)
class Freed:
    """A lock that was taken away.

    Attributes:
        holder: who held it, in words.
        ended: the ids of its sessions that were ended on the server.
    """

    holder: str
    ended: tuple[int, ...]


def unlock(database: Database, *, force: bool = False) -> Freed | None:
    """Take the lock away from its holder; None where nobody holds it.

    What the holder left running on the server is ended first. One that lives after all can write
    no more in the ledger from then on, and ends at its next step.

    Args:
        force: even where the holder lives.

    Raises:
        LockHeld: it lives; the message says how that is known.
        Refused: this user may not end one of its sessions; the message says what to run.
        StepFailed: a session has not ended within half a minute.
    """
    with database.connect() as connection:
        if ledger.version(connection) is None:
            return None
        seen = Holder.read(connection)
        if not seen.held:
            return None
        if not force and (life := seen.sign_of_life(connection, database.dialect)):
            raise LockHeld(
                f"{seen.introduced(database)}; {life}, so nothing was done: end it there, or let "
                "'shardctl unlock --force' end its sessions on the server"
            )
        ledger.ensure(connection, database.dialect)
        ended = _end_sessions(database, connection, seen)
        with database.dialect.transaction(connection):
            if _free(connection, seen):
                end_session(connection, seen.token)
                return Freed(seen.introduced(database), ended)
    # Another has taken it over, or given it back, between our look and our word.
    return unlock(database, force=force)


def _end_sessions(database: Database, connection: Connection, seen: Holder) -> tuple[int, ...]:
    """End those that work, and the one that gives the signs of life."""
    tokens = {seen.token, *seen.orphans, *ledger.begun_tokens(connection)}
    ended = [database.dialect.end_orphan(connection, token) for token in sorted(tokens)]
    ended.append(database.dialect.end_orphan(connection, claim_of(seen.token)))
    return tuple(session for session in ended if session is not None)


def _free(connection: Connection, seen: Holder) -> bool:
    """Raise the fencing number, so that the old holder's counts no more; False: it was raised."""
    lock, heartbeat = schema.lock, schema.heartbeat
    beat = update(heartbeat).where(heartbeat.c.name == schema.LOCK, heartbeat.c.fence == seen.fence)
    ours = update(lock).where(lock.c.name == schema.LOCK, lock.c.fence == seen.fence, lock.c.held)
    raised = seen.fence + 1
    # In the order in which those who take the lock over change the two rows.
    if not connection.execute(beat.values(fence=raised, beat_at=None)).rowcount:
        return False
    return bool(connection.execute(ours.values(fence=raised, held=False, orphans="")).rowcount)
