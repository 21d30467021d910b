"""Tables of the ledger that applications write in, where a database has them not yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite
from shardctl.errors import LedgerMissing


@contextmanager
def wanted(table: Table) -> Iterator[None]:
    """Statements on a table of the ledger, which commands make and applications never do.

    Raises:
        LedgerMissing: it is not there.
    """
    try:
        yield
    except DBAPIError as error:
        if table.name not in (mysql.missing_table(error), sqlite.missing_table(error)):
            raise
        raise LedgerMissing(
            f"this database has no table {table.name}: 'shardctl upgrade' makes it"
        ) from error
