"""Writing rows so that the same request, repeated, has the same result."""

from __future__ import annotations

from shardctl.errors import Conflict, InDoubt, NotStored, TransactionLost, TwinId, Unsettled
from shardctl.store.outcome import Outcome
from shardctl.store.placing import SameTime
from shardctl.store.store import Store
from shardctl.store.transaction import Retry

__all__ = [
    "Conflict",
    "InDoubt",
    "NotStored",
    "Outcome",
    "Retry",
    "SameTime",
    "Store",
    "TransactionLost",
    "TwinId",
    "Unsettled",
]
