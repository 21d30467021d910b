"""`get` and `get_many`: rows by their IDs, each in the month that its ID bears."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select

from shardctl.dialects.bind import connected
from shardctl.errors import ConfigError, MonthMissing
from shardctl.month import Month, spans
from shardctl.reads.keys import Places
from shardctl.reads.lookup import Lookups
from shardctl.reads.project import Lacking, refuse_unknown
from shardctl.reads.seen import Seen, Sight
from shardctl.reads.span import Missing
from shardctl.reads.steady import steady
from shardctl.tables import MonthlyModel, MonthlyTable, tables_of


@dataclass(frozen=True, slots=True)
class Found:
    """What `get_many` gives.

    Attributes:
        rows: one for each ID, in the order in which they were given; None where there is none.
        missing: the IDs without a row, as they were given.
    """

    rows: tuple[Row[Any] | None, ...]
    missing: tuple[Any, ...]


def get(
    bind: Engine | Connection,
    id: Any,
    table: MonthlyTable[Any] | type[MonthlyModel],
    select: Select[Any] | None = None,
    *,
    months: Iterable[Month] | None = None,
    missing: Missing = "error",
    lacking: Lacking = "default",
) -> Row[Any] | None:
    """The row with an ID, as `get_many`; None where there is none."""
    found = get_many(bind, (id,), table, select, months=months, missing=missing, lacking=lacking)
    return found.rows[0]


def get_many(
    bind: Engine | Connection,
    ids: Iterable[Any],
    table: MonthlyTable[Any] | type[MonthlyModel],
    select: Select[Any] | None = None,
    *,
    months: Iterable[Month] | None = None,
    missing: Missing = "error",
    lacking: Lacking = "default",
) -> Found:
    """Rows by their IDs: one statement for each month that IDs bear, or for 500 IDs of one.

    Months that were asked for together before are asked by one statement.

    IDs are compared by the server, as their column compares them; how they are spelled does not
    matter where it does not matter to the column. It is no snapshot, but in a transaction that is
    one.

    Args:
        bind: an engine, or a connection; a replica's, where that is wanted.
        ids: IDs as text or numbers; where the key has further columns, the values of all, by
            column.
        table: the family's tables, or its model.
        select: which columns, on the declared table, its template, or the class that is mapped to
            it; by default all. A WHERE says what else has to hold for the rows.
        months: where to look, the latest first, and no further than to the last ID: for IDs that
            bear no gene. `family.months(since, until)` gives those of a range.
        missing: what to do about months that have no table: "error", or "skip", by which their
            IDs are missing.
        lacking: what is read in a month that does not have a column yet: the template's
            "default", "null", or nothing: "error".

    Raises:
        InvalidId: IDs bear no gene, and there are no `months`; a column of the key has no value,
            or cannot hold it; and what `Family.month` raises of an ID.
        QueryRefused: the SELECT is not one of the rows of a month as they are.
        MonthMissing: a month has no table.
        ColumnMissing: a month lacks a column, and nothing can stand for it.
        ConfigError: an argument is none of those above.
    """
    if missing not in ("error", "skip"):
        raise ConfigError(f"missing={missing!r}: give 'error' or 'skip'")
    tables = tables_of(table)
    lookups = tables.held(Lookups)
    lookup, values = lookups.of(select)
    given = tuple(ids)
    keys, places = lookups.keys.places(given, months)

    def read(connection: Connection) -> tuple[Mapping[Any, Row[Any]], Seen, Collection[Month]]:
        seen, there = _there(tables, connection, places, missing)
        refuse_unknown(tables.family, seen, lookup.query.names, lacking)
        together = (
            None if months is not None else lookup.find_together(connection, there, values, seen)
        )
        if together is not None:
            return together, seen, ()
        found: dict[Any, Row[Any]] = {}
        for month, those in there.items():
            if wanted := [key for key in those if key not in found]:
                found |= lookup.find(connection, month, wanted, values, seen, lacking)
        return found, seen, [month for month in there if seen.lacking(month, lookup.query.names)]

    with connected(bind) as connection:
        found = steady(tables, connection, lambda: read(connection))
    rows = tuple([found.get(key) for key in keys])
    return Found(rows, tuple([id for id, row in zip(given, rows, strict=True) if row is None]))


def _there(
    table: MonthlyTable[Any], connection: Connection, places: Places, missing: Missing
) -> tuple[Seen, Places]:
    """The places whose months have a table; the database is looked at again where one has none."""
    sight = table.held(Sight)
    seen = sight(connection)
    if places.keys() <= seen.columns.keys():
        return seen, places
    seen = sight.again(connection)
    absent = sorted(places.keys() - seen.columns.keys())
    if absent and missing == "error":
        raise MonthMissing(
            f"{table.family.name} has no table for {spans(absent)}, to which IDs lead: 'shardctl "
            f"premake {table.family.name}' makes those to come; missing='skip' counts such IDs as "
            "missing"
        )
    return seen, {month: keys for month, keys in places.items() if month in seen.columns}
