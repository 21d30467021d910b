"""From the operations of a revision to clauses: pure data, fit for any month."""

from __future__ import annotations

from shardctl.migrate.compile.backfill import BackfillOp
from shardctl.migrate.compile.operations import EACH_MONTH, compile_ops

__all__ = ["EACH_MONTH", "BackfillOp", "compile_ops"]
