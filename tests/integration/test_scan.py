"""All rows of many months, read in chunks, against an oracle: one big table with the same rows."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
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

from shardctl import Family
from shardctl.aio import call, each
from shardctl.errors import (
    ColumnMissing,
    ConfigError,
    CursorMonthGone,
    CursorOfOtherQuery,
    CursorTampered,
    MonthMissing,
    QueryRefused,
)
from shardctl.pages import page, scan
from shardctl.tables import MonthlyTable
from tests.integration.test_aggregates import END, MONTHS, ROOM, WITHOUT_ROOM, World, made, world
from tests.integration.test_async import async_url
from tests.orders import FAMILY, FEBRUARY, JANUARY, NOON, order, order_id, orders
from tests.orders import made as make

__all__ = ["async_url", "world"]  # fixtures

ALL = 20 * len(MONTHS)


def wanted(world: World, *columns: str, **bounds: Any) -> list[tuple[Any, ...]]:
    """What the oracle has, in the order of the ID, which is that of months and keys."""
    c = world.everything.c
    statement = select(*(c[name] for name in columns)).order_by(c.order_id)
    if "since" in bounds:
        statement = statement.where(c.create_time >= bounds["since"])
    if "until" in bounds:
        statement = statement.where(c.create_time < bounds["until"])
    return world.oracle(statement)


def tuples(rows: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("chunk", [1, 7, 20, 21, 5000])
def test_every_row_is_given_once_in_the_order_of_months_and_keys(world: World, chunk: int) -> None:
    t = world.table.declared
    rows = list(scan(world.connection, select(t), world.table, until=END, chunk=chunk))
    names = [column.name for column in t.c]
    assert tuples(rows) == wanted(world, *names)
    assert list(rows[0]._fields) == names


def test_columns_are_those_of_the_select_alone(world: World) -> None:
    """The key is read, and not given."""
    t = world.table.declared.c
    statement = select(t.coin.label("c"), t.user_id).where(t.user_id > 1)
    rows = list(scan(world.connection, statement, world.table, until=END, chunk=6))
    assert [row._fields for row in rows] == [("c", "user_id")] * len(rows)
    assert tuples(rows) == [row for row in wanted(world, "coin", "user_id") if row[1] > 1]


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-2), timedelta(days=3)])
def test_a_range_is_exact_and_half_open(world: World, by: timedelta) -> None:
    since, until = (month.start(FAMILY.zone).astimezone(UTC) + by for month in MONTHS[1:4:2])
    t = world.table.declared.c
    rows = scan(world.connection, select(t.order_id), world.table, since=since, until=until)
    assert tuples(rows) == wanted(world, "order_id", since=since, until=until)
    assert not list(scan(world.connection, select(t.coin), world.table, until=FIRST_BUT_ONE))


FIRST_BUT_ONE = MONTHS[0] - 1


def test_a_cursor_goes_on_behind_the_row_given_last(world: World) -> None:
    """From every row, with other sizes of chunks, and by a new process as it were."""
    t = world.table.declared.c
    statement = select(t.user_id).where(t.user_id >= 1)
    everything = [row for row in wanted(world, "user_id") if row[0] >= 1]
    found = scan(world.connection, statement, world.table, until=END, chunk=9)
    assert found.cursor is None
    given = []
    for row in found:
        given.append(tuple(row))
        rest = scan(world.connection, statement, world.table, until=END, after=found.cursor)
        assert rest.cursor == found.cursor
        if len(given) % 5 == 0:
            assert given + tuples(rest) == everything
    assert given == everything
    end = scan(world.connection, statement, world.table, until=END, after=found.cursor)
    assert list(end) == []
    assert end.cursor == found.cursor


def test_an_iteration_that_was_left_goes_on(world: World) -> None:
    t = world.table.declared.c
    found = scan(world.connection, select(t.order_id), world.table, until=END, chunk=8)
    first = list(islice(found, 30))
    assert tuples([*first, *found]) == wanted(world, "order_id")


def test_nothing_is_read_before_it_is_asked_for(world: World) -> None:
    """A statement a chunk; one more where the last one of a month was full."""
    t = world.table.declared.c
    next(iter(scan(world.connection, select(t.order_id), world.table, until=END)))  # has a look
    sent: list[str] = []

    def hear(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(world.connection.engine, "before_cursor_execute", hear)
    found = scan(world.connection, select(t.order_id), world.table, until=END, chunk=8)
    assert sent == []
    next(iter(found))
    assert len(sent) == 1
    assert sum(1 for _ in found) == ALL - 1
    assert len(sent) == 3 * len(MONTHS)
    event.remove(world.connection.engine, "before_cursor_execute", hear)


def test_a_cursor_of_another_query_is_refused(world: World) -> None:
    t = world.table.declared.c

    def of(statement: Select[Any], **how: Any) -> Any:
        return scan(world.connection, statement, world.table, until=END, **how)

    mine = select(t.coin).where(t.user_id == 1)
    found = of(mine, key=b"mine")
    next(iter(found))
    for other in (select(t.coin).where(t.user_id == 2), select(t.user_id).where(t.user_id == 1)):
        with pytest.raises(CursorOfOtherQuery):
            of(other, after=found.cursor, key=b"mine")
    for wrong in ({"key": b"other"}, {}, {"key": b"mine", "after": "nonsense"}):
        with pytest.raises(CursorTampered):
            of(mine, **{"after": found.cursor, **wrong})
    ordered = mine.order_by(t.order_id)
    paged = page(world.connection, ordered, world.table, until=END, size=1)
    with pytest.raises(CursorOfOtherQuery):
        of(mine, after=paged.cursor)


def test_what_cannot_be_read_in_chunks_is_refused_with_the_reason(world: World) -> None:
    t = world.table.declared.c
    users = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    for reason, statement in {
        "an order of its own": select(t.coin).order_by(t.create_time),
        "LIMIT": select(t.coin).limit(3),
        "DISTINCT": select(t.coin).distinct(),
        "GROUP BY": select(t.coin).group_by(t.coin),
        "count": select(func.count(t.coin)),
        "several times": select(t.coin).join(users, users.c.id > t.user_id),
    }.items():
        with pytest.raises(QueryRefused, match=reason):
            scan(world.connection, statement, world.table)
    with pytest.raises(ConfigError, match="chunk=0"):
        scan(world.connection, select(t.coin), world.table, chunk=0)


def test_other_tables_are_read_in_subqueries(world: World) -> None:
    t, big = world.table.declared.c, world.everything.alias("big").c
    same = exists(select(text("1"))).where(big.order_id == t.order_id, big.user_id == 2)
    found = scan(world.connection, select(t.order_id).where(same), world.table, until=END)
    assert len(list(found)) == [row[0] for row in wanted(world, "user_id")].count(2)


def test_months_and_columns_that_are_not_there_are_refused_or_left_out_as_said(
    world: World,
) -> None:
    t = world.table.declared.c

    def of(**how: Any) -> list[Any]:
        return list(scan(world.connection, select(t.room_id), world.table, **how))

    with pytest.raises(MonthMissing, match="2020-07"):
        of(until=END + 1)
    assert len(of(until=END + 1, missing="skip")) == ALL
    assert tuples(of(until=END)) == wanted(world, "room_id")
    with pytest.raises(ColumnMissing, match="room_id"):
        of(until=END, lacking="error")
    assert tuples(of(until=END, lacking="null")).count((None,)) == 20 * len(WITHOUT_ROOM)


def test_an_engine_and_a_mapped_class_do_as_well(world: World) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        user: Mapped[int] = mapped_column("user_id")
        create_time: Mapped[datetime]

    table = MonthlyTable(FAMILY, Order)
    for statement, names in (
        (select(Order.user), ["user_id"]),
        (select(Order), ["order_id", "user_id", "create_time"]),
    ):
        rows = scan(world.connection.engine, statement, table, until=END, chunk=7)
        assert tuples(rows) == wanted(world, *names)


@pytest.fixture
def engine(url: str) -> Iterator[Any]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_a_primary_key_of_several_columns_is_gone_through_by_its_index(engine: Any) -> None:
    family = Family("t_order", timezone="UTC", key=("user_id", "order_id"), gene=FAMILY.gene,
                    length=(28,), time="create_time")  # fmt: skip
    table = MonthlyTable(
        family,
        Table(
            "t_order",
            MetaData(),
            Column("create_time", DateTime, primary_key=True),
            Column("serial", Integer, primary_key=True, autoincrement=False),
            Column("user_id", Integer, nullable=False),
            Column("order_id", String(28), nullable=False),
        ),
    )
    make(table, engine)
    rows = [
        {
            "user_id": user, "order_id": order_id(number), "serial": 10 * user + number,
            "create_time": NOON + timedelta(seconds=user % 3),
        }
        for user in range(7)
        for number in range(3)
    ]  # fmt: skip
    t = table.declared.c
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), rows)
        found = scan(connection, select(t.serial), table, until=FEBRUARY + 1, chunk=4)
        ordered = sorted(rows, key=lambda row: (row["create_time"], row["serial"]))
        assert tuples(found) == [(row["serial"],) for row in ordered]


def test_rows_that_come_meanwhile_are_read_where_they_are_not_behind(engine: Any) -> None:
    """And months that are made meanwhile, and rows that are deleted under the scan."""
    table = orders()
    make(table, engine, JANUARY)
    january, february = table.month(JANUARY), table.month(FEBRUARY)
    with engine.begin() as connection:
        connection.execute(insert(january), [order(n) for n in (10, 20, 30)])
    t = table.declared.c
    found = scan(engine, select(t.user_id), table, until=FEBRUARY + 1, chunk=2, missing="skip")
    assert [row[0] for row in islice(found, 2)] == [10, 20]
    with engine.begin() as connection:
        connection.execute(january.delete().where(january.c.user_id == 20))
        connection.execute(insert(january), [order(15), order(25)])
        february.create(connection)
        connection.execute(insert(february), [order(40, datetime(2020, 2, 3, tzinfo=UTC))])
    assert [row[0] for row in found] == [25, 30, 40]


def test_a_month_that_goes_is_told_where_the_scan_stood_in_it(engine: Any) -> None:
    table = orders()
    make(table, engine)
    with engine.begin() as connection:
        for number in (1, 2, 3):
            connection.execute(insert(table.month(JANUARY)), [order(number)])
        later = order(4, datetime(2020, 2, 3, tzinfo=UTC))
        connection.execute(insert(table.month(FEBRUARY)), [later])
    t = table.declared.c

    def of(**how: Any) -> Any:
        return scan(engine, select(t.user_id), table, until=FEBRUARY + 1, missing="skip", **how)

    inside, done = of(chunk=2), of(chunk=9)
    next(iter(inside))
    for _ in islice(done, 3):
        pass
    table.month(JANUARY).drop(engine)
    with pytest.raises(CursorMonthGone, match="t_order_202001"):
        list(inside)
    assert tuples(done) == [(4,)]
    with pytest.raises(CursorMonthGone):
        list(of(after=inside.cursor))


def test_a_migration_midway_is_seen_by_the_next_chunk(engine: Any) -> None:
    """The column comes to January under the scan, and other values than its default with it."""
    before, table = orders(), orders(FAMILY, Column("room_id", Integer, server_default=str(ROOM)))
    make(before, engine)
    table.template.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(before.month(JANUARY)), [order(n) for n in range(1, 7)])
    t = table.declared.c
    found = scan(engine, select(t.room_id), table, until=FEBRUARY + 1, chunk=2)
    assert tuples(islice(found, 2)) == [(ROOM,)] * 2
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE t_order_202001 ADD room_id int DEFAULT 8"))
    assert tuples(islice(found, 2)) == [(8,)] * 2
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE t_order_202001 DROP COLUMN room_id"))
    assert tuples(found) == [(ROOM,)] * 2


def test_asyncio_has_the_same(async_url: str) -> None:
    async def main() -> None:
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.connect() as connection:
            here = await connection.run_sync(made, async_url)
        t = here.table.declared.c
        statement = select(t.order_id)
        first = await call(scan, engine, statement, here.table, until=END, chunk=8)
        given = []
        async for row in each(first):
            given.append(row[0])
            if len(given) == 30:
                break
        async with engine.connect() as connection:
            rest = await call(
                scan, connection, statement, here.table, until=END, after=first.cursor
            )
            given += [row[0] async for row in each(rest)]
        assert len(given) == len(set(given)) == ALL
        assert given == sorted(given)
        await engine.dispose()

    asyncio.run(main())


def test_what_is_held_does_not_grow_with_the_rows(engine: Any) -> None:
    table = orders()
    make(table, engine)
    template = [order(number) for number in range(10_000)]
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), template)
    t = table.declared

    def most(below: int) -> int:
        """Bytes that Python holds at most; what is made once is there already."""
        tracemalloc.start()
        statement = select(t).where(t.c.user_id < below)
        given = sum(1 for _ in scan(engine, statement, table, until=FEBRUARY + 1, chunk=200))
        assert given == below
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(400)
    assert most(10_000) < 1.5 * most(400)
