"""The ledger: what ran where, in tables of shardctl's own in the user's database.

Reading takes a connection, never writes, and finds nothing where the tables are not made yet.
Writing is `Ledger`'s, which the holder of the database's lock gets from its lease: what is
written through one that was taken over raises `LockLost`. Worker numbers are leased without it;
nor does it guard what applications write beside their own rows, see `schema`.
"""

from __future__ import annotations

from shardctl.ledger.clauses import Sent
from shardctl.ledger.creation import VERSION, ensure, version
from shardctl.ledger.fingerprint import verify
from shardctl.ledger.history import SessionRow, history, sessions
from shardctl.ledger.ready import ready
from shardctl.ledger.rows import (
    accepted,
    backfills,
    begun_tokens,
    families,
    finished,
    is_accepted,
    months,
    newest,
    rows_of,
    run,
    skipped,
    unfinished,
)
from shardctl.ledger.values import (
    BackfillRow,
    ClauseRow,
    Direction,
    FamilyRow,
    How,
    MonthRow,
    Origin,
    Run,
)
from shardctl.ledger.worker import WorkerLeases
from shardctl.ledger.write import Ledger

__all__ = [
    "VERSION",
    "BackfillRow",
    "ClauseRow",
    "Direction",
    "FamilyRow",
    "How",
    "Ledger",
    "MonthRow",
    "Origin",
    "Run",
    "Sent",
    "SessionRow",
    "WorkerLeases",
    "accepted",
    "backfills",
    "begun_tokens",
    "ensure",
    "families",
    "finished",
    "history",
    "is_accepted",
    "months",
    "newest",
    "ready",
    "rows_of",
    "run",
    "sessions",
    "skipped",
    "unfinished",
    "verify",
    "version",
]
