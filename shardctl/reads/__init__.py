"""Reading many months by one SELECT, which is written on the family's declared table.

`get` and `get_many` read rows by their IDs, `total` is for aggregates. They stand on `move`, which
makes of a SELECT the same on one month's table, as an object; `span` tells which months a range
of time touches; `seen` knows what the database has of them; `project` stands in for a column that
a month lacks; `steady` asks again where a migration has come between.
"""

from __future__ import annotations

from shardctl.reads.by_id import Found, get, get_many
from shardctl.reads.total import total

__all__ = ["Found", "get", "get_many", "total"]
