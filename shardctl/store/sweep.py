"""Rows that got stuck on their way: found over months' ends, and after a sweeper's long absence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, select

from shardctl.errors import ConfigError
from shardctl.month import Month
from shardctl.store.address import months_told
from shardctl.store.request import Requests
from shardctl.store.states import States
from shardctl.store.watermark import Watermark
from shardctl.tables.range import before, existing

_UNITS: Final = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_DURATION: Final = re.compile(rf"(\d+) ?({'|'.join(_UNITS)})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A row that has been in a state for longer than it should.

    Attributes:
        month: where it is.
        row: all of it, by column.
    """

    month: Month
    row: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A search for what is stuck, from a watermark on.

    Attributes:
        requests: where the family's rows belong.
        column: the key of the column of the state.
        states: in which rows are stuck.
        open: the states from which a row may still come into one of those, and those themselves.
        older_than: how old a stuck row's add-time is at least.
        limit: how many rows to give at most.
        margin: how long after its add-time a row may be stored, or come into its month.
        watermark: what is known of earlier sweeps.
    """

    requests: Requests
    column: str
    states: tuple[Any, ...]
    open: tuple[Any, ...]
    older_than: timedelta
    limit: int
    margin: timedelta
    watermark: Watermark

    @classmethod
    def of(
        cls,
        requests: Requests,
        column: str,
        graph: States | None,
        states: Collection[Any],
        *,
        older_than: timedelta | str,
        limit: int,
        margin: timedelta,
        name: str,
    ) -> Sweep:
        """One for certain states.

        Args:
            name: the watermark's; by default made of the states.

        Raises:
            ConfigError: the family has no add-time, the store no state, or the graph not these;
                the name is too long; nothing would be found; `older_than` is no time.
        """
        family = requests.table.family.name
        if not column or requests.time is None:
            raise ConfigError(f"a sweep of {family} wants 'state' and 'time': set their columns")
        if not states or isinstance(states, int | str) or limit < 1:
            raise ConfigError(f"a sweep of {family} wants a list of states, and a limit from 1 on")
        watched = tuple(states)
        if graph is None:
            open_ = watched
        else:
            graph.known(*watched)
            open_ = tuple(s for s in graph.after if any(graph.is_past(each, s) for each in watched))
        name = name or ",".join(sorted(map(str, watched)))
        if len(name) > 64:
            raise ConfigError(f"a sweep's name has up to 64 characters, {name!r} more: give 'name'")
        mark = Watermark(family, name)
        least = _duration(older_than)
        return cls(requests, column, watched, open_, least, limit, margin, mark)

    @property
    def what(self) -> str:
        """The sweep as errors name it."""
        return f"the sweep {self.watermark.name} of {self.watermark.family}"

    def carry_out(self, connection: Connection) -> tuple[Stuck, ...]:
        """The rows that are stuck, oldest first; the watermark goes to the oldest one still open.

        So it never passes a row that is not settled, nobody has to acknowledge one, and where it
        is lost or not written, later sweeps look at more months than they would have to.
        """
        now = self.requests.clock()
        until = now - self.older_than
        there = existing(connection, self.requests.table.family)
        read = self.watermark.read(connection)
        if read is None:
            read = self.watermark.begin(connection, self._beginning(there, until))
        months = [month for month in self._months(read, now) if month in there]
        found: list[Stuck] = []
        oldest: datetime | None = None
        with months_told(self.requests.table.family):
            for month in months:
                oldest = oldest or self._oldest(connection, month, until)
                found += self._stuck(connection, month, until, self.limit - len(found))
        self.watermark.move(connection, read, oldest or until)
        return tuple(sorted(found, key=lambda each: self._instant(each.row)))

    def _beginning(self, there: tuple[Month, ...], until: datetime) -> datetime:
        """From when on the first sweep looks: the earliest month that may have rows."""
        family = self.requests.table.family
        months = [month for month in there if not family.first or family.first <= month]
        return min([until, *(month.start(family.zone) for month in months[:1])])

    def _months(self, read: datetime, now: datetime) -> tuple[Month, ...]:
        """The months to visit, earliest first."""
        family = self.requests.table.family
        return family.months(min(read, now) - self.margin, now, skew=family.skew)

    def _oldest(self, connection: Connection, month: Month, until: datetime) -> datetime | None:
        """The add-time of the oldest row of a month that is, or may come, in a watched state."""
        for row in self._rows(connection, month, self.open, until, 1):
            return self._instant(row)
        return None

    def _stuck(
        self, connection: Connection, month: Month, until: datetime, limit: int
    ) -> Iterator[Stuck]:
        if limit:
            for row in self._rows(connection, month, self.states, until, limit):
                yield Stuck(month, row)

    def _rows(
        self,
        connection: Connection,
        month: Month,
        states: tuple[Any, ...],
        until: datetime,
        limit: int,
    ) -> list[dict[str, Any]]:
        """The oldest rows of a month in certain states, by an index on state and add-time."""
        table, requests = self.requests.table.month(month), self.requests
        added, state = table.c[str(requests.time)], table.c[self.column]
        order = added, *(table.c[name] for name in requests.key)
        these = select(table).where(state.in_(states), before(added, until))
        rows = connection.execute(these.order_by(*order).limit(limit))
        return [{c.key: row[n] for n, c in enumerate(table.c)} for row in rows]

    def _instant(self, row: Mapping[str, Any]) -> datetime:
        """A row's add-time; of one that has only a day, its beginning."""
        added: date = row[str(self.requests.time)]
        if isinstance(added, datetime):
            return added
        return datetime.combine(added, time.min, self.requests.table.family.zone)


def _duration(given: timedelta | str) -> timedelta:
    if isinstance(given, str) and (match := _DURATION.fullmatch(given)):
        given = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not isinstance(given, timedelta) or given < timedelta(0):
        raise ConfigError(
            f"older_than={given!r}: give a timedelta, or such as '1 min', '30 s', '2 h'"
        )
    return given
