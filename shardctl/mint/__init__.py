"""Minting: new IDs that bear their month, each with its add-time, both from one instant.

```python
minter = Minter(orders, worker=7)  # one a process
minted = minter()
connection.execute(insert(t), {"order_id": minted.id, "create_time": minted.instant})
```

IDs are to leave the back end as text, in JSON above all: `minted.text`. A number in JavaScript,
and in many readers of JSON, is a double, which holds integers up to 2^53 exactly:
915270952550404103 becomes 915270952550404100 there. An ID that is damaged so still bears its
millisecond: it is routed to the right table, and is missed there, or taken for its neighbour.
"""

from __future__ import annotations

from shardctl.mint.decimal import DigitsLayout, TimestampLayout
from shardctl.mint.front import FrontEnd
from shardctl.mint.layout import Layout, RandomLayout, SnowflakeLayout
from shardctl.mint.minter import Minted, Minter, layout_of
from shardctl.mint.worker import GivenWorker, Grant, Workers

__all__ = [
    "DigitsLayout",
    "FrontEnd",
    "GivenWorker",
    "Grant",
    "Layout",
    "Minted",
    "Minter",
    "RandomLayout",
    "SnowflakeLayout",
    "TimestampLayout",
    "Workers",
    "layout_of",
]
