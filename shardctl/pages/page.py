"""`page`: so many rows of many months, in order, and the place where the next ones begin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.bind import connected
from shardctl.dialects.mysql import errors as mysql
from shardctl.errors import ConfigError, CursorMonthGone, QueryRefused
from shardctl.month import Month
from shardctl.pages.cursor import decode, encode
from shardctl.pages.plan import Plans
from shardctl.pages.reading import Reading
from shardctl.reads.project import Lacking, refuse_unknown
from shardctl.reads.seen import Seen, Sight
from shardctl.reads.span import AGAIN, Instant, Missing, find
from shardctl.reads.steady import steady
from shardctl.tables import MonthlyModel, MonthlyTable, tables_of


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        rows: as the SELECT names their columns.
        has_next: whether more rows come after them.
        cursor: the place after the last one, for `after`, also where none come now; None where
            there was no row at all.
    """

    rows: Sequence[Row[Any]]
    has_next: bool
    cursor: str | None


def page(
    bind: Engine | Connection,
    select: Select[Any],
    table: MonthlyTable[Any] | type[MonthlyModel],
    *,
    since: Instant = None,
    until: Instant = None,
    size: int = 20,
    after: str | None = None,
    missing: Missing = "error",
    lacking: Lacking = "default",
    keep: Callable[[Row[Any]], bool] | None = None,
    key: bytes | None = None,
) -> Page:
    """The rows of a SELECT that come after a cursor, as if all months were one table.

    Months are read one after another, and no further than to a full page, where the ORDER BY
    begins with the time column or with IDs in order of time; once the first has not filled it, the
    next ones are read together, in one statement. By another order so many rows of every month
    are read, in one statement.

    While a migration gives months another collation, those that are read one after another are
    read by a statement each, in the collation that each has; by another order the template's
    collation holds for all, which no index serves in a month that has another.

    It is no snapshot: rows that come or go between two pages, or between two statements of one,
    are seen or not by where they stand. What was given is given once, as long as rows keep what
    they are ordered by.

    Args:
        bind: an engine, or a connection; a replica's, where that is wanted. On a connection that
            has a transaction already, a month that was altered after that began may be refused by
            the server (1412).
        select: on the declared table, its template, or the class that is mapped to it. Its
            ORDER BY has to end in the key; and, where a join gives a row several times, in that
            of the joined table.
        table: the family's tables, or its model.
        since: the add-time of the earliest rows: an aware datetime, or a month, for its beginning
            in the family's zone; None for no bound.
        until: the add-time, likewise, before which the latest rows are. A range may change from
            page to page: it bounds what comes after the cursor.
        size: how many rows; at least one.
        after: the cursor of the page before; None for the first page.
        missing: what to do about months of the range that have no table: those not made yet, and
            retired ones. "error" or "skip"; those of the future hold no rows and are left out.
        lacking: what is read in a month that does not have a column yet: the template's
            "default", "null", or nothing: "error".
        keep: which rows are wanted, besides what the SELECT says; pages are full all the same.
        key: what cursors are signed with, for such as come back through the hands of strangers.

    Raises:
        QueryRefused: the SELECT cannot be read in pages; the message says what to change.
        MonthMissing: a month has no table.
        ColumnMissing: a month lacks a column, and nothing can stand for it.
        CursorTampered: the cursor is none of this function's, or was signed with another key.
        CursorOfOtherQuery: it belongs to another query, or to other values in it.
        CursorMonthGone: the month of its row has no table any more.
        InvalidMonth: `since` or `until` is naive, or beyond the calendar.
        ConfigError: an argument is none of those above.
    """
    if size < 1:
        raise ConfigError(f"size={size}: a page has one row at least")
    tables = tables_of(table)
    plan, values = tables.held(Plans).prepared(select)
    digest = plan.digest(bind, values)
    position = None if after is None else decode(after, digest, len(plan.orders), key)

    def read(connection: Connection) -> tuple[Page, Seen, Collection[Month]]:
        seen, span = find(tables, connection, since, until, missing)
        if plan.minds_collations(seen, span) and monotonic() - seen.at > AGAIN:
            tables.held(Sight).again(connection)
            seen, span = find(tables, connection, since, until, missing)
        refuse_unknown(tables.family, seen, plan.query.names, lacking)
        if position and position.month not in seen.columns:
            raise CursorMonthGone(
                f"{tables.family.table_name(position.month)}, where the cursor's row was, is gone: "
                "begin at the first page"
            )
        reading = Reading(plan, connection, seen, span, lacking, values, keep)
        rows, has_next, end = reading.rows(position, size)
        cursor = after if end is None else encode(end, digest, key)
        return Page(rows, has_next, cursor), seen, reading.doubtful

    try:
        with connected(bind) as connection:
            return steady(tables, connection, lambda: read(connection))
    except DBAPIError as error:
        if not mysql.is_collation_mix(error):
            raise
        raise QueryRefused(
            f"months of {tables.family.name} have unlike collations, and no template says which "
            "holds for all of this SELECT: read one month at a time, by 'since' and 'until', until "
            "the migration under way has ended"
        ) from error
