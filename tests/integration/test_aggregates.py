"""Totals of many months against an oracle: one big table with the same rows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from sqlalchemy import (
    TIMESTAMP,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Engine,
    Integer,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    create_engine,
    desc,
    distinct,
    event,
    exists,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from shardctl import Month
from shardctl.aio import call
from shardctl.errors import ColumnMissing, MonthMissing, QueryRefused
from shardctl.reads import total
from shardctl.tables import MonthlyTable
from tests.integration.test_async import async_url
from tests.orders import FAMILY, order_id

__all__ = ["async_url"]  # a fixture

FIRST: Final = Month(2020, 1)
MONTHS: Final = [FIRST + n for n in range(6)]
END: Final = MONTHS[-1] + 1
WITHOUT_ROOM: Final = MONTHS[1:3]
"""Months that lack `room_id`."""
ROOM: Final = 7
NAMES: Final = (None, "a", "A", "ä", "b", "B ", "b ", "")

Given = dict[str, Any]


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
        Column("score", Double),
        Column("paid_at", TIMESTAMP, nullable=True),
        Column("opened", Date),
        Column("create_time", DateTime, nullable=False),
        Column("room_id", Integer, nullable=False, server_default=str(ROOM)),
    ]


def rows(month: Month, chance: random.Random, coins: int) -> Iterator[Given]:
    """A month's rows, some at its boundaries on either side; two months have no `note` at all.

    Args:
        coins: so many fourths at most.
    """
    begin = month.start(FAMILY.zone).astimezone(UTC)
    for number in range(20):
        at = begin + timedelta(seconds=chance.choice((0, 1, 5, chance.randrange(10**6))))
        yield {
            "order_id": order_id(chance.randrange(10**6) * 100 + number, at),
            "user_id": chance.randrange(4),
            "coin": Decimal(chance.randrange(coins)) / 4,
            "name": chance.choice(NAMES),
            "note": None if month in MONTHS[2:4] else chance.choice((None, -1, 2)),
            "score": chance.choice((None, 0.5, -2.0)),
            "paid_at": chance.choice((None, datetime(2021, 2, 3, 4, number))),  # noqa: DTZ001  as DATETIME has it
            "opened": chance.choice((None, datetime(2021, 2, 3 + number, tzinfo=UTC).date())),
            "create_time": at - timedelta(seconds=3) if number < 2 else at,
            "room_id": ROOM if month in WITHOUT_ROOM else chance.choice((ROOM, 1, 9)),
        }


@pytest.fixture(scope="module")
def world(lasting_url: str) -> Iterator[World]:
    engine = create_engine(lasting_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield made(connection, lasting_url)
    engine.dispose()


def made(connection: Connection, url: str) -> World:
    """The months and the oracle, with rows."""
    table = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(url)))
    before = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(url)[:-1]))
    big = MonthlyTable(FAMILY, Table(FAMILY.name, MetaData(), *columns(url)))
    everything = big.month(Month(2019, 1)).to_metadata(MetaData(), name="everything")
    chance = random.Random(20201101)
    coins = 10**6 if url.startswith("sqlite") else 10**25  # SQLite has floats
    everything.create(connection)
    table.template.create(connection)
    for month in MONTHS:
        here = (before if month in WITHOUT_ROOM else table).month(month)
        here.create(connection)
        those = list(rows(month, chance, coins))
        connection.execute(insert(everything), those)
        names = here.c.keys()
        connection.execute(insert(here), [{k: row[k] for k in names} for row in those])
    connection.commit()
    return World(connection, table, everything)


def told(rows: Any) -> list[str]:
    """Rows with their values' types, in one order."""
    return sorted(map(repr, map(tuple, rows)))


STATEMENTS: Final[dict[str, Callable[[Any], Select[Any]]]] = {
    "count": lambda t: select(func.count()).select_from(t),
    "count of a column": lambda t: select(func.count(t.c.note), func.count(t.c.order_id)),
    "sum": lambda t: select(func.sum(t.c.coin), func.sum(t.c.note), func.sum(t.c.score)),
    "avg": lambda t: select(func.avg(t.c.note), func.avg(t.c.score)),
    "min": lambda t: select(func.min(t.c.coin), func.min(t.c.name), func.min(t.c.opened)),
    "max": lambda t: select(func.max(t.c.order_id), func.max(t.c.create_time), func.max(t.c.note)),
    "nothing": lambda t: select(
        func.count(), func.sum(t.c.coin), func.avg(t.c.coin), func.max(t.c.name)
    ).where(t.c.user_id > 9),
    "a column that months lack": lambda t: (
        select(t.c.room_id, func.count(), func.sum(t.c.room_id))
        .where(t.c.room_id > 1)
        .group_by(t.c.room_id)
    ),
    "groups": lambda t: (
        select(t.c.user_id, func.count(), func.sum(t.c.note), func.max(t.c.create_time))
        .where(t.c.user_id.in_([1, 2, 3]))
        .group_by(t.c.user_id)
    ),
    "groups without aggregates": lambda t: select(t.c.user_id, t.c.note).group_by(
        t.c.note, t.c.user_id
    ),
    "groups of a collation": lambda t: select(func.count(), func.sum(t.c.coin)).group_by(t.c.name),
    "groups of time": lambda t: select(t.c.create_time, func.count()).group_by(t.c.create_time),
    "groups of timestamps": lambda t: select(t.c.paid_at, func.min(t.c.paid_at)).group_by(
        t.c.paid_at
    ),
    "groups of expressions": lambda t: select(t.c.user_id % 2, func.count()).group_by(
        t.c.user_id % 2
    ),
    "groups of two like expressions": lambda t: (
        lambda two, three: select(three, two, func.count()).group_by(two, three)
    )(t.c.user_id % 2, t.c.user_id % 3),
    "groups by name": lambda t: select((t.c.user_id + 1).label("n"), func.count()).group_by("n"),
    "expressions of aggregates": lambda t: select(
        (func.sum(t.c.note) * 2 + func.count()).label("x"),
        func.coalesce(func.sum(t.c.score), 0).label("y"),
        func.sum(t.c.user_id + t.c.room_id).label("z"),
    ),
    "having": lambda t: (
        select(t.c.user_id, func.count().label("n"))
        .group_by(t.c.user_id)
        .having((func.count() > 20) & (t.c.user_id < 4))
    ),
    "the first of an order": lambda t: (
        select(t.c.user_id.label("who"), func.sum(t.c.coin))
        .group_by(t.c.user_id)
        .order_by(func.sum(t.c.coin).desc(), "who")
        .limit(2)
        .offset(1)
    ),
    "an order by name": lambda t: (
        select(t.c.user_id, func.count().label("n"))
        .group_by(t.c.user_id)
        .order_by(desc("n"), t.c.user_id)
        .limit(3)
    ),
    "exists": lambda t: select(func.count(t.c.coin)).where(
        exists(select(text("1"))).where(t.c.user_id == 2)
    ),
}


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=list(STATEMENTS))
def test_a_total_is_what_one_big_table_gives(
    world: World, statement: Callable[[Any], Select[Any]]
) -> None:
    """To the type of each value and the scale of each decimal."""
    found = total(world.connection, statement(world.table.declared), world.table, until=END)
    wanted = world.connection.execute(statement(world.everything)).all()
    assert told(found) == told(wanted)
    assert wanted
    assert found[0]._fields == wanted[0]._fields


@pytest.mark.parametrize("by", [timedelta(0), timedelta(microseconds=1), timedelta(seconds=-2)])
def test_a_range_is_exact(world: World, by: timedelta) -> None:
    since, until = (month.start(FAMILY.zone).astimezone(UTC) + by for month in MONTHS[1:4:2])
    t, big = world.table.declared, world.everything
    found = total(
        world.connection, select(func.count(), func.sum(t.c.coin)), world.table,
        since=since, until=until,
    )  # fmt: skip
    held, end = big.c.create_time, timedelta(seconds=1) if by.microseconds == 1 else timedelta(0)
    low, high = ((bound.replace(microsecond=0) + end if end else bound) for bound in (since, until))
    wanted = select(func.count(), func.sum(big.c.coin)).where(held >= low, held < high)
    assert told(found) == told(world.oracle(wanted))


def test_a_range_without_months_gives_what_no_rows_give(world: World) -> None:
    t = world.table.declared.c
    everything = select(func.count(), func.sum(t.coin), func.avg(t.note), func.max(t.create_time))
    for statement, wanted in (
        (everything, [(0, None, None, None)]),
        (everything.group_by(t.user_id), []),
    ):
        found = total(world.connection, statement, world.table, until=FIRST - 1)
        assert [tuple(row) for row in found] == wanted


def test_an_average_of_decimals_is_the_server_s(world: World) -> None:
    """SQLite has floats, whose sums depend on the order in which they are added."""
    t, big = world.table.declared.c, world.everything.c
    (found,) = total(world.connection, select(func.avg(t.coin)), world.table, until=END)[0]
    ((wanted,),) = world.oracle(select(func.avg(big.coin)))
    if world.connection.dialect.name == "sqlite":
        assert found == pytest.approx(wanted)
    else:
        assert repr(found) == repr(wanted)


def test_one_statement_is_sent_and_values_are_the_caller_s(world: World) -> None:
    t = world.table.declared.c
    sent: list[str] = []

    def hear(*arguments: Any) -> None:
        sent.append(arguments[2])

    total(
        world.connection, select(func.count(t.coin)).where(t.user_id == 0), world.table, until=END
    )
    event.listen(world.connection.engine, "before_cursor_execute", hear)
    for user in (1, 2, 9):
        statement = select(func.count(t.coin)).where(t.user_id == user)
        found = total(world.connection, statement, world.table, until=END)
        big = world.everything.c
        event.remove(world.connection.engine, "before_cursor_execute", hear)
        assert told(found) == told(world.oracle(select(func.count()).where(big.user_id == user)))
        event.listen(world.connection.engine, "before_cursor_execute", hear)
    event.remove(world.connection.engine, "before_cursor_execute", hear)
    assert len(sent) == 3


def test_what_cannot_be_combined_is_refused_with_the_reason(world: World) -> None:
    t = world.table.declared.c
    wrong = {
        "GROUP BY it, and count the groups": select(func.count(distinct(t.user_id))),
        "a value may be in several months": select(func.sum(t.user_id.distinct()) + 1),
        "cannot be combined": select(func.group_concat(t.name)),
        "user_id is neither grouped by": select(t.user_id, func.count()),
        "name is neither": select(t.user_id).group_by(t.user_id).order_by(t.name),
        "no aggregate": select(func.now()).where(t.user_id == 1),
        "DISTINCT": select(func.count(t.coin)).distinct(),
        "FOR UPDATE": select(func.count(t.coin)).with_for_update(),
        "one month alone": select(func.sum(func.count(t.coin)).over()),
        "no one column": select(func.count(t.coin)).group_by("user"),
        "by the very expression": select(t.user_id % 2, func.count()).group_by(t.user_id % 3),
    }
    for reason, statement in wrong.items():
        with pytest.raises(QueryRefused, match=reason):
            total(world.connection, statement, world.table, until=END)


def test_months_and_columns_that_are_not_there_are_refused_or_left_out_as_said(
    world: World,
) -> None:
    t = world.table.declared.c
    statement = select(func.count(), func.count(t.room_id))
    count = 20 * len(MONTHS)
    with pytest.raises(MonthMissing, match="2020-07"):
        total(world.connection, statement, world.table, until=END + 1)
    found = total(world.connection, statement, world.table, until=END + 1, missing="skip")
    assert tuple(found[0]) == (count, count)
    with pytest.raises(ColumnMissing, match="room_id"):
        total(world.connection, statement, world.table, until=END, lacking="error")
    found = total(world.connection, statement, world.table, until=END, lacking="null")
    assert tuple(found[0]) == (count, count - 20 * len(WITHOUT_ROOM))


def test_an_engine_and_a_mapped_class_do_as_well(world: World) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        user: Mapped[int] = mapped_column("user_id")
        create_time: Mapped[datetime]

    table = MonthlyTable(FAMILY, Order)
    statement = select(Order.user, func.count(Order.order_id)).group_by(Order.user)
    big = world.everything.c
    wanted = world.oracle(select(big.user_id, func.count()).group_by(big.user_id))
    engine: Engine = world.connection.engine
    assert told(total(engine, statement, table, until=END)) == told(wanted)


def test_a_column_that_comes_meanwhile_is_read_as_it_is(url: str) -> None:
    """The months are seen without it, and asked for it when it is there."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        here = made(connection, url)
        t = here.table.declared.c
        for month in WITHOUT_ROOM:
            total(connection, select(func.sum(t.room_id)), here.table, until=END)
            name = FAMILY.table_name(month)
            connection.execute(text(f"ALTER TABLE {name} ADD room_id int NOT NULL DEFAULT 100"))
            connection.commit()
        ((found,),) = total(connection, select(func.sum(t.room_id)), here.table, until=END)
        those = here.everything.c
        ((wanted,),) = here.oracle(select(func.sum(those.room_id)))
        assert found - wanted == 20 * len(WITHOUT_ROOM) * (100 - ROOM)
    engine.dispose()


def test_asyncio_has_the_same(async_url: str) -> None:
    async def main() -> None:
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.connect() as connection:
            here = await connection.run_sync(made, async_url)
            t = here.table.declared.c
            found = await call(total, connection, select(func.count(t.coin)), here.table, until=END)
            assert [tuple(row) for row in found] == [(20 * len(MONTHS),)]
        found = await call(total, engine, select(func.count(t.coin)), here.table, until=END)
        assert [tuple(row) for row in found] == [(20 * len(MONTHS),)]
        await engine.dispose()

    asyncio.run(main())
