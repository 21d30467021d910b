"""Writing rows so that the same request, repeated, has the same result."""

from __future__ import annotations

from shardctl.errors import (
    Conflict,
    InDoubt,
    LedgerMissing,
    NotStored,
    OwnTransactionNeeded,
    RowGone,
    RowMissing,
    StateConflict,
    TransactionLost,
    TwinId,
    Unbounded,
    Unsettled,
)
from shardctl.store.advance import Advance
from shardctl.store.fingerprint import Fingerprint
from shardctl.store.outcome import Outcome
from shardctl.store.placing import Neighbours, Registry, SameTime
from shardctl.store.store import Store
from shardctl.store.sweep import Stuck
from shardctl.store.transaction import Retry

__all__ = [
    "Advance",
    "Conflict",
    "Fingerprint",
    "InDoubt",
    "LedgerMissing",
    "Neighbours",
    "NotStored",
    "Outcome",
    "OwnTransactionNeeded",
    "Registry",
    "Retry",
    "RowGone",
    "RowMissing",
    "SameTime",
    "StateConflict",
    "Store",
    "Stuck",
    "TransactionLost",
    "TwinId",
    "Unbounded",
    "Unsettled",
]
