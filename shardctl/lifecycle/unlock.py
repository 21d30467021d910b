"""The lock of a database, taken away by hand from one who is gone."""

from __future__ import annotations

from shardctl import lock
from shardctl.config import Config
from shardctl.lock import Freed
from shardctl.migrate.site import opened


def unlock(config: Config, *, force: bool = False) -> Freed | None:
    """Take the lock away from its holder, and end what that left running on the server.

    Seldom needed: a holder that is gone is noticed by the next command. What it had begun goes on
    with 'shardctl upgrade'.

    Args:
        force: even where the holder lives, whose sessions on the server are ended.

    Returns:
        Who held it, and what was ended; None where nobody holds it.

    Raises:
        LockHeld: the holder lives, and `force` is not given.
        Refused: this user may not end one of its sessions; the message says what to run.
        StepFailed: a session has not ended within half a minute.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    with opened(config) as site:
        return lock.unlock(site.database, force=force)
