"""SQLite: the embedded default, and the server of the first trial.

SQLite keeps a table as the text that made it and reads that text at every opening. So the text
is what is read, compared, copied and edited here; it is edited by tokens, never searched.
"""

from __future__ import annotations

from shardctl.dialects.sqlite.dialect import SQLite

__all__ = ["SQLite"]
