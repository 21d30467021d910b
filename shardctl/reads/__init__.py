"""Reading many months by one SELECT, which is written on the family's declared table.

`move` makes of it the same on one month's table, as an object; `span` tells which months a range
of time touches; `seen` knows what the database has of them; `project` stands in for a column that
a month lacks; `steady` asks again where a migration has come between. On these stand `get` and
`get_many`, which read rows by their IDs, and `total`, which is for aggregates.
"""

from __future__ import annotations

from shardctl.reads.by_id import Found, get, get_many
from shardctl.reads.total import total

__all__ = ["Found", "get", "get_many", "total"]
