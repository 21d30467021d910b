"""Pages: full, in order, in few statements; what is refused; months that change meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    TIMESTAMP,
    Column,
    Date,
    DateTime,
    Engine,
    Enum,
    Float,
    Integer,
    Select,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from shardctl import Month
from shardctl.aio import call
from shardctl.errors import (
    ColumnMissing,
    ConfigError,
    CursorMonthGone,
    CursorOfOtherQuery,
    CursorRefused,
    CursorTampered,
    MonthMissing,
    QueryRefused,
)
from shardctl.pages import Page, page
from shardctl.tables import MonthlyModel, MonthlyTable
from tests.integration.test_async import async_url
from tests.orders import FAMILY, FEBRUARY, JANUARY, made, order, order_id, orders

__all__ = ["async_url"]  # a fixture

YEAR = [JANUARY + n for n in range(15)]


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def at(month: Month, day: int, second: int = 0) -> datetime:
    begin = month.start(FAMILY.zone).astimezone(UTC)
    return begin + timedelta(days=day - 1, hours=4, seconds=second)


def store(engine: Engine, table: MonthlyTable[Table], *rows: dict[str, Any]) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(insert(table.for_id(row["order_id"])), [row])


def newest(table: MonthlyTable[Table], *columns: Any) -> Select[Any]:
    t = table.declared.c
    return select(*(columns or (t.user_id,))).order_by(t.create_time.desc(), t.order_id.desc())


def oldest(table: MonthlyTable[Table]) -> Select[Any]:
    t = table.declared.c
    return select(t.user_id).order_by(t.create_time, t.order_id)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def hear(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(engine, "before_cursor_execute", hear)
    yield sent
    event.remove(engine, "before_cursor_execute", hear)


def read(bind: Any, table: MonthlyTable[Table], statement: Select[Any], **how: Any) -> Page:
    """A page of all months up to the last that a test has made, without the present."""
    how = {"since": JANUARY, "until": YEAR[-1] + 1, "missing": "skip"} | how
    return page(bind, statement, table, **how)


def users(found: Page) -> list[int]:
    return [row.user_id for row in found.rows]


def pages(bind: Any, table: MonthlyTable[Table], statement: Select[Any], **how: Any) -> list[Any]:
    """The rows of all pages."""
    found = read(bind, table, statement, **how)
    rows = list(found.rows)
    while found.has_next:
        found = read(bind, table, statement, after=found.cursor, **how)
        rows += found.rows
    return rows


# -- pages --------------------------------------------------------------------------------------


def test_a_page_goes_on_where_the_one_before_ended(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(JANUARY, n)) for n in (1, 2, 3)))
    store(engine, table, *(order(n, at(FEBRUARY, n)) for n in (4, 5)))
    first = read(engine, table, newest(table), size=2)
    assert (users(first), first.has_next) == ([5, 4], True)
    second = read(engine, table, newest(table), size=2, after=first.cursor)
    assert (users(second), second.has_next) == ([3, 2], True)
    third = read(engine, table, newest(table), size=2, after=second.cursor)
    assert (users(third), third.has_next) == ([1], False)
    after = read(engine, table, newest(table), size=2, after=third.cursor)
    assert (users(after), after.has_next, after.cursor) == ([], False, third.cursor)
    nothing = read(engine, table, newest(table).where(table.declared.c.user_id == 9))
    assert (users(nothing), nothing.has_next, nothing.cursor) == ([], False, None)


def test_a_page_that_is_just_full_has_no_next(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, order(1, at(JANUARY, 1)), order(2, at(FEBRUARY, 1)))
    found = read(engine, table, newest(table), size=2)
    assert (users(found), found.has_next) == ([2, 1], False)


def test_rows_have_the_columns_that_were_named_and_no_others(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)))
    t = table.declared.c
    statement = newest(table, t.user_id.label("user"), t.coin)
    for size in (1, 4):  # of one month, and of two
        for row in read(engine, table, statement, size=size).rows:
            assert list(row._mapping) == ["user", "coin"]
            assert row.user in (1, 2)


def test_rows_that_come_between_two_pages_lead_to_no_duplicate_and_no_hole(engine: Engine) -> None:
    """Those before the cursor are not seen any more, those after it are; so are new months."""
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(JANUARY, n)) for n in (2, 4)))
    first = read(engine, table, oldest(table), size=1)
    store(engine, table, order(1, at(JANUARY, 1)), order(3, at(JANUARY, 3)))
    made(table, engine, FEBRUARY + 1)
    store(engine, table, order(5, at(FEBRUARY + 1, 5)))
    rest = read(engine, table, oldest(table), after=first.cursor)
    assert users(first) + users(rest) == [2, 3, 4, 5]
    store(engine, table, order(6, at(FEBRUARY + 1, 6)))
    assert users(read(engine, table, oldest(table), after=rest.cursor)) == [6]


def test_a_page_of_the_newest_month_is_one_statement(engine: Engine) -> None:
    table = orders()
    made(table, engine, *YEAR)
    store(engine, table, *(order(n, at(YEAR[-1], n)) for n in range(1, 6)))
    with engine.connect() as connection:
        read(connection, table, newest(table))
        with statements(engine) as sent:
            assert users(read(connection, table, newest(table), size=4)) == [5, 4, 3, 2]
    assert len(sent) == 1
    assert "UNION" not in sent[0]


def test_a_range_up_to_a_month_s_end_is_one_statement_though_the_next_month_is_there(
    engine: Engine,
) -> None:
    """Which `skew` reaches, and which hardly has a row of it."""
    table = orders()
    made(table, engine, *YEAR)
    store(engine, table, *(order(n, at(YEAR[3], n)) for n in range(1, 6)))
    bounds = {"since": JANUARY, "until": YEAR[4]}
    with engine.connect() as connection:
        read(connection, table, newest(table), **bounds)
        with statements(engine) as sent:
            found = read(connection, table, newest(table), size=4, **bounds)
        assert users(found) == [5, 4, 3, 2]
        assert users(read(connection, table, oldest(table), since=YEAR[3], size=2)) == [1, 2]
    assert len(sent) == 1


def test_rows_behind_twelve_empty_months_take_two_statements(engine: Engine) -> None:
    table = orders()
    made(table, engine, *YEAR)
    store(engine, table, *(order(n, at(YEAR[1], n)) for n in range(1, 6)))
    with engine.connect() as connection:
        read(connection, table, newest(table))
        with statements(engine) as sent:
            assert users(read(connection, table, newest(table), size=4)) == [5, 4, 3, 2]
    assert len(sent) == 2


def test_pages_stay_full_where_rows_are_judged_afterwards(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    for month in (JANUARY, FEBRUARY):
        store(engine, table, *(order(n, at(month, 1, n)) for n in range(60)))
    found = read(engine, table, oldest(table), size=3, keep=lambda row: row.user_id % 25 == 0)
    assert (users(found), found.has_next) == ([0, 25, 50], True)
    rest = read(
        engine, table, oldest(table), size=3, after=found.cursor, keep=lambda r: r.user_id % 25 == 0
    )
    assert (users(rest), rest.has_next) == ([0, 25, 50], False)


def test_another_order_merges_the_months(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    coins = {1: 5, 2: 1, 3: 9, 4: 5, 5: 2}
    store(engine, table, *(order(n, at(JANUARY, n), coin=coins[n]) for n in (1, 2, 3)))
    store(engine, table, *(order(n, at(FEBRUARY, n), coin=coins[n]) for n in (4, 5)))
    t = table.declared.c
    richest = select(t.user_id).order_by(t.coin.desc(), t.order_id)
    assert [row.user_id for row in pages(engine, table, richest, size=1)] == [3, 1, 4, 5, 2]


def test_one_id_in_two_months_is_two_rows(engine: Engine) -> None:
    """Where IDs bear no gene."""
    family = replace(FAMILY, gene=None)
    table = orders(family)
    made(table, engine)
    with engine.begin() as connection:
        for month in (JANUARY, FEBRUARY):
            row = order(1, at(month, 1)) | {"order_id": "7"}
            connection.execute(insert(table.month(month)), [row])
    t = table.declared.c
    for statement in (
        select(t.order_id).order_by(t.coin, t.order_id),
        select(t.order_id).order_by(t.coin.desc(), t.order_id.desc()),
    ):
        assert len(pages(engine, table, statement, size=1)) == 2


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(
    ("type_", "unit"),
    [
        (Date(), ""),
        (Integer(), "s"),
        (TIMESTAMP(), ""),
        (DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"), ""),
    ],
    ids=lambda value: type(value).__name__ if value else "",
)
def test_rows_on_both_sides_of_a_month_s_end_are_in_order(
    engine: Engine, type_: Any, unit: str, descending: bool
) -> None:
    """An ID's gene and the add-time may disagree by `skew`, so that months overlap."""
    table = orders(replace(FAMILY, time_unit=unit), time=type_)
    made(table, engine)
    border = FEBRUARY.start(FAMILY.zone).astimezone(UTC)
    rows = []
    for number, seconds in enumerate((-86400, -4.5, -3, -2.5, 0, 0, 1.5, 4, 4, 86400)):
        time = border + timedelta(seconds=seconds)
        for month, inside in ((JANUARY, -1), (FEBRUARY, 0)):
            if abs(seconds) < 5 or (month == JANUARY) == (seconds < 0):
                gene = time if abs(seconds) > 5 else border + timedelta(seconds=inside)
                rows.append(order(number * 2 + 1 + inside, gene) | {"create_time": time})
    store(engine, table, *rows)
    t = table.declared.c
    by = (t.create_time, t.order_id)
    statement = select(*by).order_by(*(each.desc() if descending else each for each in by))
    for size in (1, 3, 7):
        found = [tuple(row) for row in pages(engine, table, statement, size=size)]
        assert len(found) == len(rows)
        assert found == sorted(found, reverse=descending)


def test_a_range_is_exact_and_may_begin_in_the_middle_of_a_second(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    times = [at(JANUARY, 31, second) for second in range(4)]
    store(engine, table, *(order(n, time) for n, time in enumerate(times)))
    half = timedelta(milliseconds=500)
    for since, until, found in (
        (times[1], times[3], [1, 2]),
        (times[0] + half, times[2] + half, [1, 2]),
        (times[3], None, [3]),
        (None, times[1], [0]),
    ):
        given = page(engine, oldest(table), table, since=since, until=until, missing="skip")
        assert users(given) == found


def test_rows_beyond_a_range_are_not_given_where_reading_begins_without_its_bound(
    engine: Engine,
) -> None:
    """After a cursor, and in a month up to the present, where hardly a row lies beyond."""
    table = orders()
    present = FAMILY.current_month()
    made(table, engine, JANUARY, *(present + n for n in (-1, 0, 1)))
    store(engine, table, *(order(n, at(JANUARY, n)) for n in range(1, 6)))
    first = read(engine, table, newest(table), size=1)
    rest = read(engine, table, newest(table), after=first.cursor, until=at(JANUARY, 3))
    assert users(first) + users(rest) == [5, 2, 1]
    first = read(engine, table, oldest(table), size=1)
    rest = read(engine, table, oldest(table), after=first.cursor, since=at(JANUARY, 4))
    assert users(first) + users(rest) == [1, 4, 5]
    now = datetime.now(UTC)
    store(engine, table, *(order(n, now + timedelta(minutes=n)) for n in (7, 9)))
    assert users(read(engine, table, newest(table), since=now, until=now)) == []
    for minutes, found in ((8, [7]), (10, [9, 7])):
        until = now + timedelta(minutes=minutes)
        assert users(read(engine, table, newest(table), since=present + -1, until=until)) == found


def test_a_mapped_class_and_a_model_are_read(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(MonthlyModel, Base):
        __family__ = FAMILY
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        user_id: Mapped[int]
        create_time: Mapped[datetime]

    made(Order.monthly_table(), engine)
    table = Order.monthly_table()
    store(engine, table, *(order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)))
    t = table.declared.c
    statement = select(t.user_id).order_by(t.create_time, t.order_id)
    given = page(engine, statement, Order, since=JANUARY, until=FEBRUARY + 1)
    assert users(given) == [1, 2, 1, 2]


def test_a_page_is_read_under_asyncio(async_url: str) -> None:
    async def main() -> None:
        table = orders()
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.begin() as connection:
            for month in (JANUARY, FEBRUARY):
                await connection.run_sync(table.month(month).create)
                await connection.execute(insert(table.month(month)), [order(1, at(month, 1))])
        bounds: Any = {"since": JANUARY, "until": FEBRUARY + 1}
        async with engine.connect() as connection:
            found = await call(page, connection, newest(table), table, size=1, **bounds)
        found = await call(page, engine, newest(table), table, after=found.cursor, **bounds)
        assert (users(found), found.has_next) == ([1], False)
        await engine.dispose()

    asyncio.run(main())


def test_a_family_without_a_time_column_is_read_by_its_ids_and_has_no_bounds(
    engine: Engine,
) -> None:
    table = orders(replace(FAMILY, time=""))
    made(table, engine)
    plain = datetime(2020, 1, 1)  # noqa: DTZ001  as DATETIME has it
    rows = [order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)]
    store(engine, table, *(row | {"create_time": plain} for row in rows))
    t = table.declared.c
    by_id = select(t.order_id).order_by(t.order_id)
    first = page(engine, by_id, table, size=3, missing="skip")
    rest = page(engine, by_id, table, size=3, missing="skip", after=first.cursor)
    found = [row.order_id for row in (*first.rows, *rest.rows)]
    assert found == [row["order_id"] for row in rows]
    with pytest.raises(ConfigError, match="no column for the add-time"):
        page(engine, by_id, table, since=JANUARY)


# -- refused ------------------------------------------------------------------------------------


REFUSED: list[tuple[str, Callable[[Any, Select[Any]], Select[Any]]]] = [
    ("OFFSET", lambda _, s: s.offset(20)),
    ("LIMIT", lambda _, s: s.limit(20)),
    ("DISTINCT", lambda _, s: s.distinct()),
    ("GROUP BY", lambda t, s: s.group_by(t.user_id)),
    ("FOR UPDATE", lambda _, s: s.with_for_update()),
    ("ORDER BY", lambda _, s: s.order_by(None)),
    ("append t_order.c.order_id", lambda t, s: s.order_by(None).order_by(t.create_time)),
    ("NULLs", lambda t, s: s.order_by(None).order_by(t.coin.desc().nulls_first(), t.order_id)),
    ("not texts", lambda t, s: s.order_by(None).order_by("user_id", t.order_id)),
    ("FLOAT", lambda t, s: s.order_by(None).order_by(t.weight, t.order_id)),
    ("ENUM", lambda t, s: s.order_by(None).order_by(t.kind, t.order_id)),
    ("each month's own", lambda t, s: s.add_columns(func.count(t.coin))),
    ("each month's own", lambda t, s: s.add_columns(func.row_number().over(order_by=t.coin))),
    ("params", lambda t, s: s.where(t.user_id == bindparam("user"))),
]


@pytest.mark.parametrize(("words", "change"), REFUSED, ids=[words for words, _ in REFUSED])
def test_what_pages_cannot_be_read_of_is_refused_with_the_reason(
    words: str, change: Callable[[Any, Select[Any]], Select[Any]]
) -> None:
    table = orders(FAMILY, Column("weight", Float), Column("kind", Enum("a", "b")))
    engine = create_engine("sqlite://")
    with pytest.raises(QueryRefused, match=words):
        read(engine, table, change(table.declared.c, newest(table)))
    engine.dispose()


def test_arguments_of_other_kinds_are_refused(sqlite_url: str) -> None:
    engine = create_engine(sqlite_url)
    table = orders()
    made(table, engine)
    for wrong in ({"size": 0}, {"missing": "ignore"}, {"lacking": "zero"}):
        with pytest.raises(ConfigError):
            read(engine, table, newest(table), **wrong)
    engine.dispose()


def test_a_cursor_goes_on_with_nothing_but_its_own_query(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(JANUARY, n)) for n in (1, 2)))
    t = table.declared.c
    mine = newest(table).where(t.user_id < 5)
    cursor = read(engine, table, mine, size=1).cursor
    assert cursor
    for other in (newest(table), newest(table).where(t.user_id < 6), oldest(table)):
        with pytest.raises(CursorOfOtherQuery, match="another query"):
            read(engine, table, other, after=cursor)
    for broken in ("", "x", cursor[:-3], cursor[1:], "é", cursor + "AAAA"):
        with pytest.raises(CursorRefused):
            read(engine, table, mine, after=broken)
    again = orders()  # as another process has it
    mine = newest(again).where(again.declared.c.user_id < 5)
    assert users(read(engine, again, mine, after=cursor)) == [1]
    several = [newest(table).where(t.user_id.in_(ids)) for ids in ([1, 2, 3], [3, 2, 1])]
    cursor = read(engine, table, several[0], size=1).cursor
    assert users(read(engine, table, several[1], after=cursor)) == [1]


def test_a_signed_cursor_is_taken_with_its_key_alone(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(JANUARY, n)) for n in (1, 2)))
    signed = read(engine, table, newest(table), size=1, key=b"secret").cursor
    bare = read(engine, table, newest(table), size=1).cursor
    assert users(read(engine, table, newest(table), after=signed, key=b"secret")) == [1]
    for cursor, key in ((signed, b"other"), (signed, None), (bare, b"secret")):
        with pytest.raises(CursorTampered):
            read(engine, table, newest(table), after=cursor, key=key)


def test_a_cursor_of_a_month_that_is_gone_is_refused(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, order(1, at(JANUARY, 1)), *(order(n, at(FEBRUARY, n)) for n in (2, 3)))
    cursor = read(engine, table, newest(table), size=1).cursor
    table.month(FEBRUARY).drop(engine)
    with pytest.raises(CursorMonthGone, match="t_order_202002"):
        read(engine, table, newest(table), after=cursor)


def test_a_month_that_is_gone_is_an_error_or_left_out_as_said(engine: Engine) -> None:
    table = orders()
    made(table, engine, JANUARY, FEBRUARY, FEBRUARY + 1)
    store(engine, table, *(order(n, at(m, n)) for n, m in ((1, JANUARY), (3, FEBRUARY + 1))))
    whole: Any = {"since": JANUARY, "until": FEBRUARY + 2, "missing": "error"}
    assert users(read(engine, table, newest(table), **whole)) == [3, 1]
    table.month(FEBRUARY).drop(engine)
    with pytest.raises(MonthMissing, match="2020-02"):
        read(engine, table, newest(table), **whole)
    assert users(read(engine, table, newest(table), **whole | {"missing": "skip"})) == [3, 1]


# -- months of unlike structure, and those that change meanwhile -----------------------------------


def room() -> Column[Any]:
    return Column("room_id", Integer, nullable=False, server_default="7")


def alter(engine: Engine, month: Month | None, change: str) -> None:
    name = FAMILY.template if month is None else FAMILY.table_name(month)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {name} {change}"))


ADD = "ADD COLUMN room_id INTEGER NOT NULL DEFAULT 7"


def unlike(engine: Engine) -> MonthlyTable[Table]:
    """Two months without the column that the template has."""
    table = orders(FAMILY, room())
    made(orders(), engine)
    table.template.create(engine)
    store(engine, orders(), *(order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)))
    return table


def rooms(bind: Any, table: MonthlyTable[Table], **how: Any) -> list[Any]:
    statement = newest(table, table.declared.c.room_id)
    how = {"until": FEBRUARY + 1} | how  # no month is missing: nothing else lets it look again
    return [row.room_id for row in read(bind, table, statement, **how).rows]


def test_a_column_that_months_lack_reads_as_the_template_s_default(engine: Engine) -> None:
    table = unlike(engine)
    t = table.declared.c
    assert rooms(engine, table) == [7] * 4
    assert rooms(engine, table, lacking="null") == [None] * 4
    with pytest.raises(ColumnMissing, match="room_id"):
        rooms(engine, table, lacking="error")
    by_room = select(t.user_id).where(t.room_id == 7).order_by(t.room_id.desc(), t.order_id)
    assert [row.user_id for row in pages(engine, table, by_room, size=1)] == [1, 2, 1, 2]
    alter(engine, FEBRUARY, ADD)
    with engine.begin() as connection:
        connection.execute(table.month(FEBRUARY).update().values(room_id=9))
    assert rooms(engine, table) == [9, 9, 7, 7]
    rows = pages(engine, table, by_room.where(t.user_id == 1), size=1)
    assert [row.user_id for row in rows] == [1]


def test_a_stand_in_is_never_shown_for_a_column_that_has_just_come(engine: Engine) -> None:
    """It comes, with other values, right after the statement that read a stand-in for it."""
    table = unlike(engine)
    rooms(engine, table)
    other = create_engine(engine.url, poolclass=NullPool)
    come: list[Month] = []

    def comes(*arguments: Any) -> None:
        if "FROM t_order_2020" in arguments[2] and not come:
            come.append(FEBRUARY)
            alter(other, FEBRUARY, ADD)
            with other.begin() as connection:
                connection.execute(table.month(FEBRUARY).update().values(room_id=9))

    event.listen(engine, "before_cursor_execute", comes)
    assert rooms(engine, table) == [9, 9, 7, 7]
    assert come
    other.dispose()


def test_columns_that_come_and_go_are_noticed_without_an_error(engine: Engine) -> None:
    table = unlike(engine)
    for month in (None, JANUARY, FEBRUARY):
        if month:
            alter(engine, month, ADD)
        assert rooms(engine, table) == [7] * 4
    for month in (FEBRUARY, JANUARY):
        alter(engine, month, "DROP COLUMN room_id")
        assert rooms(engine, table) == [7] * 4


def test_a_column_that_the_template_lost_is_not_seen_in_old_months(engine: Engine) -> None:
    table = unlike(engine)
    alter(engine, JANUARY, ADD)
    assert rooms(engine, table) == [7] * 4
    alter(engine, None, "DROP COLUMN room_id")
    alter(engine, FEBRUARY, ADD)
    alter(engine, FEBRUARY, "DROP COLUMN room_id")
    fresh = orders(FAMILY, room())
    with pytest.raises(QueryRefused, match="template t_order lacks it"):
        rooms(engine, fresh)
    assert users(read(engine, fresh, newest(fresh))) == [2, 1, 2, 1]
    alter(engine, None, ADD)  # which is noticed, too
    assert rooms(engine, fresh) == [7] * 4


def test_nothing_is_asked_once_all_months_are_alike(engine: Engine) -> None:
    table = unlike(engine)
    rooms(engine, table)
    for month in (JANUARY, FEBRUARY):
        alter(engine, month, ADD)
    with engine.connect() as connection:
        assert rooms(connection, table) == [7] * 4
        with statements(engine) as sent:
            assert rooms(connection, table, size=1) == [7]
    assert len(sent) == 1


def test_a_month_altered_after_a_page_s_first_statement_is_read(server_url: str) -> None:
    """MySQL refuses it to the transaction that is under way: it is begun anew (1412)."""
    table = orders()
    engine = create_engine(server_url, poolclass=NullPool)
    other = create_engine(server_url, poolclass=NullPool)
    made(table, engine)
    store(engine, table, *(order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)))
    read(engine, table, newest(table))
    done: list[bool] = []

    def rebuild(*arguments: Any) -> None:
        if "FROM t_order_202001" in arguments[2] and not done:
            done.append(True)
            alter(other, JANUARY, "FORCE")

    event.listen(engine, "before_cursor_execute", rebuild)
    with engine.connect() as connection:
        assert users(read(connection, table, newest(table))) == [2, 1, 2, 1]
        assert done
    engine.dispose()
    other.dispose()


def test_the_ids_of_an_order_by_id_are_read_month_after_month(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    store(engine, table, *(order(n, at(m, n)) for m in (JANUARY, FEBRUARY) for n in (1, 2)))
    t = table.declared.c
    by_id = select(t.user_id).order_by(t.order_id.desc())
    with engine.connect() as connection:
        read(connection, table, by_id)
        with statements(engine) as sent:
            until = FEBRUARY.start(FAMILY.zone) + timedelta(days=20)
            assert users(read(connection, table, by_id, size=1, until=until)) == [2]
    assert len(sent) == 1
    assert "UNION" not in sent[0]
    found = pages(engine, table, select(t.order_id).order_by(t.order_id.desc()), size=1)
    assert [row.order_id for row in found] == [
        order_id(n, at(m, n)) for m in (FEBRUARY, JANUARY) for n in (2, 1)
    ]
