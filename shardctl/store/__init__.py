"""Writing rows so that the same request, repeated, has the same result."""

from __future__ import annotations

from shardctl.errors import (
    Conflict,
    InDoubt,
    NotStored,
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
from shardctl.store.placing import SameTime
from shardctl.store.store import Store
from shardctl.store.transaction import Retry

__all__ = [
    "Advance",
    "Conflict",
    "Fingerprint",
    "InDoubt",
    "NotStored",
    "Outcome",
    "Retry",
    "RowMissing",
    "SameTime",
    "StateConflict",
    "Store",
    "TransactionLost",
    "TwinId",
    "Unbounded",
    "Unsettled",
]
