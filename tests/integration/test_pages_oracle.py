"""Pages of 24 months against an oracle: one big table with the same rows, read at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    create_engine,
    insert,
    select,
)
from sqlalchemy.pool import NullPool

from shardctl import Month
from shardctl.pages import page
from shardctl.tables import MonthlyTable
from tests.orders import FAMILY, order_id

FIRST, COUNT = Month(2020, 1), 24
MONTHS: Final = [FIRST + n for n in range(COUNT)]
WITHOUT_ROOM: Final = frozenset(MONTHS[3:11])
"""Months that lack `room_id`."""
SPARSE: Final = frozenset(MONTHS[5:19])
"""Months in which user 0 has no rows."""
ROOM: Final = 7
NAMES: Final = (None, "a", "A", "ä", "b", "B ", "b ", "", "Z")
OFFSETS: Final = tuple(timedelta(seconds=n) for n in (-5, -3, -1, 0, 1, 3, 4))
"""Seconds from a month's beginning within which a row may be in either of two months."""
ORDERED_BY: Final = ("create_time", "order_id", "coin", "name", "note", "user_id", "room_id")


@dataclass(frozen=True)
class World:
    """The months, and the oracle."""

    connection: Connection
    table: MonthlyTable[Table]
    everything: Table

    def oracle(self, statement: Select[Any]) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.connection.execute(statement)]


def columns(url: str) -> list[Column[Any]]:
    collation = "NOCASE" if url.startswith("sqlite") else "utf8mb4_general_ci"
    return [
        Column("order_id", String(28), primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("name", String(10, collation)),
        Column("note", Integer),
        Column("create_time", DateTime, nullable=False),
        Column("room_id", Integer, nullable=False, server_default=str(ROOM)),
    ]


def rows(month: Month, chance: random.Random) -> Iterator[dict[str, Any]]:
    """A month's rows: many with equal times, some at its very boundaries, on either side."""
    begin, end = (each.start(FAMILY.zone).astimezone(UTC) for each in (month, month + 1))
    inside = [begin + timedelta(seconds=chance.randrange(10**6)) for _ in range(6)]
    edges = [edge + by for edge in (begin, end) for by in OFFSETS]
    for number in range(30):
        time = chance.choice(inside if number % 2 else edges)
        made = min(max(time, begin), end - timedelta(seconds=1))
        user = chance.randrange(1 if month not in SPARSE else 2, 5) - (month not in SPARSE)
        yield {
            "order_id": order_id(chance.randrange(10**6) * 100 + number, made),
            "user_id": user,
            "coin": Decimal(chance.randrange(6)) / 2,
            "name": chance.choice(NAMES),
            "note": chance.choice((None, None, 1, 2)),
            "create_time": time,
            "room_id": ROOM if month in WITHOUT_ROOM else chance.choice((ROOM, 1, 9)),
        }


@pytest.fixture(scope="module")
def world(lasting_url: str) -> Iterator[World]:
    engine = create_engine(lasting_url, poolclass=NullPool)
    table = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(lasting_url)))
    before = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(lasting_url)[:-1]))
    big = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(lasting_url)))
    everything = big.month(Month(2019, 1)).to_metadata(MetaData(), name="everything")
    chance = random.Random(20201101)
    with engine.connect() as connection:
        everything.create(connection)
        table.template.create(connection)
        for month in MONTHS:
            old = month in WITHOUT_ROOM
            here = (before if old else table).month(month)
            here.create(connection)
            made = list(rows(month, chance))
            connection.execute(insert(everything), made)
            left_out = {"room_id"} if old else set()
            connection.execute(
                insert(here), [{k: v for k, v in row.items() if k not in left_out} for row in made]
            )
        connection.commit()
        yield World(connection, table, everything)
    engine.dispose()


def instants() -> st.SearchStrategy[Any]:
    """Bounds of ranges: none, months, their boundaries to the microsecond, any time."""
    months = st.integers(-1, COUNT + 1).map(lambda n: FIRST + n)
    begins = months.map(lambda month: month.start(FAMILY.zone).astimezone(UTC))
    by = st.sampled_from([*OFFSETS, timedelta(microseconds=1), -timedelta(microseconds=1)])
    near = st.tuples(begins, by).map(sum_of)
    return st.one_of(st.none(), months, near, near)


def sum_of(pair: tuple[datetime, timedelta]) -> datetime:
    return pair[0] + pair[1]


@st.composite
def orderings(draw: st.DrawFn) -> list[tuple[str, bool]]:
    """Columns with their directions, the key last; more often than not the time first."""
    names = draw(st.lists(st.sampled_from(ORDERED_BY), unique=True, max_size=3))
    lead = draw(st.sampled_from(["create_time", "create_time", "order_id", ""]))
    names = [lead, *(name for name in names if name != lead)] if lead else names
    names = [*(name for name in names if name != "order_id" or name == lead), "order_id"]
    return [(name, draw(st.booleans())) for name in dict.fromkeys(names)]


CONDITIONS: Final[dict[str, Any]] = {
    "all": lambda c: (c.user_id >= 0,),
    "sparse": lambda c: (c.user_id == 0,),
    "nobody": lambda c: (c.user_id == 99,),
    "room": lambda c: (c.room_id == ROOM, c.user_id != 2),
    "named": lambda c: (c.name.in_(["A", "b"]),),
    "not null": lambda c: (c.note.is_not(None) | (c.coin > 1),),
}


@settings(max_examples=20)
@given(
    order=orderings(),
    condition=st.sampled_from(sorted(CONDITIONS)),
    chosen=st.lists(st.sampled_from(ORDERED_BY), unique=True, min_size=1),
    since=instants(),
    until=instants(),
    size=st.integers(1, 40),
    keep=st.sampled_from([0, 0, 2, 5]),
)
def test_all_pages_together_are_what_one_big_table_gives(
    world: World,
    order: list[tuple[str, bool]],
    condition: str,
    chosen: list[str],
    since: Any,
    until: Any,
    size: int,
    keep: int,
) -> None:
    """Every row once, in order; pages are full but for the last, and each tells whether it is."""

    def statement(table: Table) -> Select[Any]:
        c = table.c
        by = [c[name].desc() if down else c[name].asc() for name, down in order]
        return select(*(c[name] for name in chosen)).where(*CONDITIONS[condition](c)).order_by(*by)

    def instant(bound: Any) -> Any:
        return bound.start(FAMILY.zone) if isinstance(bound, Month) else bound

    wanted = statement(world.everything)
    time = world.everything.c.create_time
    if since is not None:
        held = instant(since)
        wanted = wanted.where(time > held if held.microsecond else time >= held)
    if until is not None:
        held = instant(until)
        wanted = wanted.where(time <= held if held.microsecond else time < held)
    oracle = world.oracle(wanted)
    # More than some pages would only tell the same again.
    size = max(size, len(oracle) // 5)

    def kept(row: Any) -> bool:
        return not keep or hash(tuple(row)) % keep == 0

    found: list[Any] = []
    cursor = None
    while True:
        given = page(
            world.connection,
            statement(world.table.declared),
            world.table,
            since=since,
            until=until,
            size=size,
            after=cursor,
            missing="skip",
            keep=kept if keep else None,
        )
        found += map(tuple, given.rows)
        assert not given.has_next or len(given.rows) == size
        if not given.has_next:
            break
        cursor = given.cursor
    assert found == [row for row in oracle if kept(row)]
