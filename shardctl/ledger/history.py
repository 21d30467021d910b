"""All that ran on the tables, what was undone since as well, and the commands that ran it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from shardctl.ledger import creation, schema
from shardctl.ledger.rows import clause_rows
from shardctl.ledger.values import ClauseRow


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One command that held the lock. All instants are in UTC.

    Attributes:
        token: what its clauses bear.
        version: of the shardctl that ran it.
        ended_at: None while it runs, and where it was killed.
    """

    token: str
    command: str
    owner: str
    host: str
    pid: int | None
    version: str
    begun_at: datetime
    ended_at: datetime | None


def sessions(connection: Connection) -> dict[str, SessionRow]:
    """The commands that held the lock, by their tokens, the earliest first."""
    if (creation.version(connection) or 0) < creation.LOG_SINCE:
        return {}
    rows = connection.execute(select(schema.session).order_by(schema.session.c.begun_at))
    return {row.token: SessionRow(*row) for row in rows}


def history(
    connection: Connection, *, revision: str | None = None
) -> tuple[tuple[ClauseRow, bool], ...]:
    """What is recorded of clauses, the earliest first, each with whether it still counts.

    Args:
        revision: of this one only; None: of all.
    """
    version = creation.version(connection) or 0
    found: list[tuple[ClauseRow, bool]] = []
    for table in (schema.clause, schema.log):
        if table is schema.log and version < creation.LOG_SINCE:
            continue
        which = () if revision is None else (table.c.revision == revision,)
        counts = table is schema.clause
        found += [(row, counts) for row in clause_rows(connection, *which, of=table)]
    return tuple(sorted(found, key=lambda each: (each[0].begun_at, each[0].table, each[0].n)))
