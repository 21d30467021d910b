"""MySQL and MariaDB: one dialect, whose flavour and version the server tells."""

from shardctl.dialects.mysql.dialect import MySQL

__all__ = ["MySQL"]
