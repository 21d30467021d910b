"""Month tables for SQLAlchemy: a declared table or model, once for every month."""

from __future__ import annotations

from shardctl.tables.instant import InstantType
from shardctl.tables.model import MonthlyModel, tables_of
from shardctl.tables.relation import relationship
from shardctl.tables.table import MonthlyTable

__all__ = ["InstantType", "MonthlyModel", "MonthlyTable", "relationship", "tables_of"]
