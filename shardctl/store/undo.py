"""Taking one's own statement back where a later one fails, in a transaction that may go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import DBAPIError

from shardctl.store.transaction import is_lost, is_undone


@contextmanager
def undoing(connection: Connection, statement: Executable) -> Iterator[None]:
    """Execute a statement where the block fails, so that the caller may catch that and commit.

    Not where the server undid the whole transaction. A SAVEPOINT would cost two statements each
    time, and a caller's own may be under way.
    """
    try:
        yield
    except Exception as error:
        if not (isinstance(error, DBAPIError) and (is_undone(error) or is_lost(error))):
            connection.execute(statement)
        raise
