"""MySQL and MariaDB: one dialect, whose flavour and version the server tells."""

from __future__ import annotations

from shardctl.dialects.mysql.dialect import MySQL

__all__ = ["MySQL"]
