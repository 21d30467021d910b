"""Whether an application and the database agree on where a family's IDs go."""

from __future__ import annotations

from sqlalchemy import Connection

from shardctl.errors import FingerprintMismatch
from shardctl.family import Family
from shardctl.ledger.rows import families


def verify(connection: Connection, family: Family) -> bool:
    """Make sure that this application and the database agree on where a family's IDs go.

    For an application's start: where they disagree, as after a change of the time zone, a retry
    would look for its row in another month, find none, and write it a second time.

    Args:
        connection: to the database with the family's tables; nothing is written.

    Returns:
        Whether the ledger knows the family at all; `adopt`, `upgrade` and `premake` record it.

    Raises:
        FingerprintMismatch: they disagree; the message has both.
        Refused: the ledger is of a newer version than this shardctl knows.
    """
    known = families(connection).get(family.name)
    if known is not None and known.fingerprint != family.fingerprint:
        raise FingerprintMismatch(
            f"family {family.name} routes IDs by {_inline(family.routing)} here, and by "
            f"{_inline(known.routing)} in the database: mend what is wrong, or where the change "
            f"is meant run 'shardctl adopt {family.name} --accept-routing'"
        )
    return known is not None


def _inline(routing: str) -> str:
    """Zone, suffix and schemes; what stands before them is the same on both sides."""
    return "'" + "; ".join(routing.splitlines()[2:]) + "'"
