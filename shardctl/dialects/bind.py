"""What applications hand over: an engine, or a connection of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine


@contextmanager
def connected(bind: Engine | Connection) -> Iterator[Connection]:
    """A connection for reading: the caller's own, in its transaction, or one of the engine's."""
    if isinstance(bind, Engine):
        with bind.connect() as connection:
            yield connection
    else:
        yield bind
