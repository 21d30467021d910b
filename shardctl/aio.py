"""The same library under asyncio: `await call(store.create, engine, values)`.

There are no second versions of anything: SQLAlchemy runs the one code in a greenlet that waits
for the event loop wherever it waits for the server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util import greenlet_spawn

from shardctl.pages import Scan

P = ParamSpec("P")
T = TypeVar("T")


async def call(
    function: Callable[Concatenate[Any, P], T],
    bind: AsyncEngine | AsyncConnection,
    /,
    *arguments: P.args,
    **named: P.kwargs,
) -> T:
    """What a function of the library gives whose first argument is an engine or a connection.

    Args:
        function: such as `store.create` or `store.advance`.
        bind: an engine, for a transaction of its own, or a connection, for the caller's.
        arguments: those that follow.
        named: likewise.

    Raises:
        Exception: what the function raises.
    """
    if isinstance(bind, AsyncConnection):
        return await bind.run_sync(function, *arguments, **named)
    return await greenlet_spawn(partial(function, bind.sync_engine, *arguments, **named))


async def each(scan: Scan) -> AsyncIterator[Row[Any]]:
    """The rows of a scan: `async for row in each(await call(scan, engine, select, table))`.

    Args:
        scan: what `shardctl.pages.scan` gives; its `cursor` is that of the row given last.

    Raises:
        Exception: what iterating the scan raises.
    """
    while True:
        for row in scan.at_hand():
            yield row
        if not await greenlet_spawn(scan.read):
            return
