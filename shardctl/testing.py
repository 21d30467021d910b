"""For the tests of applications: months on SQLite, a clock that can be moved, a month's midnight.

    pytest_plugins = ["shardctl.testing"]      # in conftest.py, for the fixtures

pytest is not among shardctl's own requirements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    Engine,
    MetaData,
    Table,
    create_engine,
    func,
    inspect,
    select,
)
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql import quoted_name

from shardctl.catalog import rosters
from shardctl.dialects.sqlite import SQLite
from shardctl.gene.ticks import UNIX
from shardctl.ledger import creation
from shardctl.month import Month
from shardctl.store import Outcome
from shardctl.tables import MonthlyTable

MOMENT = timedelta(milliseconds=100)
"""How near to a month's end the clock is moved."""


class MovableClock:
    """A clock that stands still until it is moved: `Store(…, clock=clock)`.

    Args:
        now: an aware datetime.
    """

    def __init__(self, now: datetime) -> None:
        self.move_to(now)

    def __call__(self) -> datetime:
        """The time that it shows, in UTC."""
        return self._now

    def nanoseconds(self) -> int:
        """The same as `time.time_ns` has it: `Minter(…, clock=clock.nanoseconds)`."""
        return (self._now - UNIX) // timedelta(microseconds=1) * 1000

    def move_to(self, now: datetime) -> None:
        """Let it show a time, earlier or later.

        Args:
            now: an aware datetime.
        """
        if now.tzinfo is None:
            raise ValueError(f"{now} is naive: give it a time zone")
        self._now = now.astimezone(UTC)

    def let_pass(self, time: timedelta) -> None:
        """Move it on, or back."""
        self._now += time


def months_on_sqlite(table: MonthlyTable[Any], months: Iterable[Month]) -> Engine:
    """An engine on a SQLite database in memory that has these months of a family, empty.

    And the ledger's tables, for a journal, a registry or a sweep. All its connections are one, so
    that threads have to take turns; dispose it at the end.
    """
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    with engine.begin() as connection:
        creation.ensure(connection, SQLite())
        for month in months:
            _make(connection, table.month(month))
    return engine


def _make(connection: Connection, table: Table) -> None:
    """Make one table; SQLite wants index names that no other table's index has."""
    made = table.to_metadata(MetaData())
    for index in made.indexes:
        index.name = quoted_name(f"{table.name}_{index.name}", quote=None)
    made.create(connection)


def stored(engine: Engine, table: MonthlyTable[Any], values: Mapping[str, Any]) -> dict[Month, int]:
    """In which months there are how many rows that have these values; months with none left out.

    Args:
        values: by column, such as `{"order_id": …}`.
    """
    name = table.family.name
    roster = rosters({name: table.family}, inspect(engine).get_table_names())[name]
    found = {}
    with engine.connect() as connection:
        for month in [member.month for member in roster.months if member.month]:
            at = table.month(month)
            same = [at.c[column] == value for column, value in values.items()]
            query = select(func.count()).select_from(at).where(*same)
            if count := connection.scalar(query):
                found[month] = count
    return found


def repeat_over_midnight(
    create: Callable[[], Outcome], clock: MovableClock, table: MonthlyTable[Any], month: Month
) -> None:
    """Send a request just before a month's end in the family's zone, and again just after it.

    Then on the next day, and with a clock set back. All have to find the row of the first try.

    Args:
        create: sends the same request each time, by a store that has this clock.
        month: at whose end.

    Raises:
        AssertionError: a repetition was not told so, or given another row.
    """
    midnight = (month + 1).start(table.family.zone).astimezone(UTC)
    clock.move_to(midnight - MOMENT)
    first = create()
    assert first.kind == "created", f"the first try was {first.kind}: take a new ID"
    for after in (MOMENT, timedelta(days=1), -MOMENT):
        clock.move_to(midnight + after)
        again = create()
        assert again.kind == "replayed", f"{again.kind} again at {clock()}: stored a second time"
        assert again.month == first.month, f"found in {again.month}, not in {first.month}"


@pytest.fixture
def movable_clock() -> MovableClock:
    """A clock that shows the present until it is moved."""
    return MovableClock(datetime.now(UTC))


@pytest.fixture
def sqlite_months() -> Iterator[Callable[[MonthlyTable[Any], Iterable[Month]], Engine]]:
    """`months_on_sqlite`, whose engines are disposed with the test."""
    with ExitStack() as stack:

        def make(table: MonthlyTable[Any], months: Iterable[Month]) -> Engine:
            engine = months_on_sqlite(table, months)
            stack.callback(engine.dispose)
            return engine

        yield make
