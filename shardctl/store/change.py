"""Rows that are changed or deleted: one by its ID, those of a time, or, with a reason, of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from sqlalchemy import ColumnElement, Connection, Table, delete, update

from shardctl.errors import ConfigError, MonthMissing, Unbounded
from shardctl.gene import Id
from shardctl.month import Month, spans
from shardctl.store.address import Condition, address, months_told
from shardctl.store.request import Requests
from shardctl.tables.range import before, existing, not_before

Part = tuple[Table, tuple[ColumnElement[bool], ...]]


class Rows(TypedDict, total=False):
    """Which rows are meant: by `id`, by `since` and `until`, or those of `all_months`.

    Attributes:
        id: of one row; where the key has further columns, the values of all, by column.
        instant: that row's add-time, aware, where IDs bear no gene.
        month: its month, where IDs bear no gene and it is known.
        since: the add-time of the earliest rows, aware.
        until: the add-time, aware, before which the latest rows are.
        all_months: no time bounds the rows.
        reason: why, for who reads the code.
        where: what else holds for them, of the table of each month.
        missing: what to do about months between `since` and `until` that have no table.
    """

    id: Id | Mapping[str, Any]
    instant: datetime | None
    month: Month | None
    since: datetime
    until: datetime
    all_months: bool
    reason: str
    where: Condition
    missing: Literal["error", "skip"]


@dataclass(frozen=True, slots=True)
class Change:
    """What is done with certain rows of a family.

    Attributes:
        requests: where the family's rows belong.
        rows: which they are.
        values: what they are to hold, by column; None deletes them.
    """

    requests: Requests
    rows: Rows
    values: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        rows, name = self.rows, self.requests.table.family.name
        if (rows.get("since") is None) != (rows.get("until") is None):
            raise Unbounded(f"{name}: a range of time has two ends: give both 'since' and 'until'")
        ways = [way for way in ("id", "since", "all_months") if rows.get(way) not in (None, False)]
        if not ways:
            raise Unbounded(
                f"{name}: nothing bounds which rows are meant: give 'id', or 'since' and 'until', "
                "or all_months=True with a reason"
            )
        if len(ways) > 1:
            raise ConfigError(f"{name}: give either {' or '.join(map(repr, ways))}, not both")
        if ways == ["all_months"] and not rows.get("reason", "").strip():
            raise Unbounded(f"{name}: all_months=True wants a reason: reason='…'")
        if rows.get("missing", "error") not in ("error", "skip"):
            raise ConfigError(f"missing={rows['missing']!r}: give 'error' or 'skip'")
        if self.values is not None and not self.values:
            raise ConfigError(f"{name}: there is no column to set")
        if ways == ["since"] and self.requests.time is None:
            raise ConfigError(f"{name} names no column for the add-time: set 'time'")

    @property
    def single(self) -> bool:
        """Whether one statement does it."""
        return self.rows.get("id") is not None

    @property
    def what(self) -> str:
        """The rows as errors name them."""
        rows, name = self.rows, self.requests.table.family.name
        if self.single:
            return f"{name} {rows['id']!r}"
        if rows.get("since") is not None:
            return f"{name} from {rows['since']} to {rows['until']}"
        return f"all months of {name}"

    def carry_out(self, connection: Connection) -> int:
        """Change the rows, month after month; give how many they were.

        Raises:
            MonthMissing: a month has no table; nothing was changed.
        """
        where = self.rows.get("where")
        changed = 0
        with months_told(self.requests.table.family):
            for table, conditions in list(self._parts(connection)):
                change = delete(table) if self.values is None else update(table).values(self.values)
                further = (where(table),) if where else ()
                changed += connection.execute(change.where(*conditions, *further)).rowcount
        return changed

    def _parts(self, connection: Connection) -> Iterator[Part]:
        """The table of each month with what holds there for the rows, without `where`."""
        rows, tables = self.rows, self.requests.table
        if (id := rows.get("id")) is not None:
            instant, month = rows.get("instant"), rows.get("month")
            at = address(self.requests, id, instant=instant, month=month)
            yield at.table, at.conditions
        elif rows.get("since") is not None:
            for month in self._months(connection, rows["since"], rows["until"]):
                table = tables.month(month)
                time = table.c[str(self.requests.time)]
                yield table, (not_before(time, rows["since"]), before(time, rows["until"]))
        else:
            for month in existing(connection, tables.family):
                yield tables.month(month), ()

    def _months(self, connection: Connection, since: datetime, until: datetime) -> list[Month]:
        """The months of a range that have a table.

        Beside those that it touches, the neighbours that `skew` reaches: where an ID's time and
        the add-time fall on two sides of midnight, the ID decides.
        """
        family = self.requests.table.family
        there = existing(connection, family)
        absent = [month for month in family.months(since, until) if month not in there]
        if absent and self.rows.get("missing") != "skip":
            raise MonthMissing(
                f"{family.name} has no table for {spans(absent)}, so nothing was changed: "
                f"'shardctl premake {family.name} --fill-gaps' makes those between others; "
                "missing='skip' goes without"
            )
        return [month for month in family.months(since, until, skew=family.skew) if month in there]
