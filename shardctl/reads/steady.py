"""Reading while migrations run: what was taken for true is looked at again where it was not.

A stand-in must never be shown for a column that has just come. So where one was read, the month's
columns are looked at *after* that: they still lack it, so they lacked it all the while. That
needs no ledger, and sees what a DBA alters by hand, too. While every month has every column that
a SELECT names, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors as mysql
from shardctl.dialects.sqlite import errors as sqlite
from shardctl.errors import ShardctlError
from shardctl.month import Month
from shardctl.reads.seen import Seen, Sight
from shardctl.tables import MonthlyTable
from shardctl.tables.missing import missing

R = TypeVar("R")


def steady(
    table: MonthlyTable[Any],
    connection: Connection,
    read: Callable[[], tuple[R, Seen, Collection[Month]]],
) -> R:
    """What `read` gives, once the months were as it took them to be.

    A column or a month that is not there (errors 1054 and 1146, or what `read` refuses), or
    collations that are unlike (1271), let it look and read again, as long as a look shows
    something else than the one before. In a transaction of the caller's that began before a month
    was altered, MySQL and MariaDB may refuse to read that one (error 1412), and a reader of several
    months may meet a deadlock with those who alter them (1213); one that began here is ended, and
    what was read is read again.

    Args:
        read: reads, and gives what it read, what it took for true of the months, and the months
            in which it read a stand-in.

    Raises:
        MonthMissing: a month has no table.
    """
    sight = table.held(Sight)
    alone = not connection.in_transaction()

    def look() -> Seen:
        if alone:  # MySQL's information_schema, too, is as the transaction's snapshot has it
            connection.rollback()
        return sight.again(connection)

    def stands() -> bool:
        """Whether a look shows what was known before, and what is kept since.

        For `read` may have looked itself, and what it saw may have come and gone.
        """
        known = (before, sight(connection))
        return known == (look(),) * 2

    while True:
        before = sight(connection)
        try:
            result, seen, doubtful = read()
        except ShardctlError:
            if stands():
                raise
        except DBAPIError as error:
            if alone and (mysql.is_table_changed(error) or mysql.is_deadlock(error)):
                connection.rollback()
            elif not _is_unlike(error) or stands():
                if (absent := missing(table.family, error)) is None:
                    raise
                raise absent from error
        else:
            if not doubtful or sight.holds(connection, seen, doubtful):
                return result
            look()


def _is_unlike(error: DBAPIError) -> bool:
    """A column or a table is not there, or has another collation."""
    return mysql.is_collation_mix(error) or any(
        is_missing(error)
        for each in (mysql, sqlite)
        for is_missing in (each.is_missing_column, each.is_missing_table)
    )
