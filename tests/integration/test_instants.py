"""Add-times: aware in, the family's own time in the column, UTC out, in whatever session."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    insert,
    make_url,
    select,
    text,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl import DigitsGene, Family, Month
from shardctl.errors import ConfigError, InvalidInstant
from shardctl.tables import InstantType, MonthlyModel, MonthlyTable

NOVEMBER = Month(2026, 11)
TURN = datetime(2026, 11, 30, 16, tzinfo=UTC)  # midnight of 1 December in Shanghai
LAST = TURN - timedelta(microseconds=1)
ZONES = ["+00:00", "+08:00", "-05:00", "SYSTEM"]


def family(unit: str = "", zone: str = "Asia/Shanghai") -> Family:
    return Family("t_order", timezone=zone, key=("id",), time="create_time", time_unit=unit)


def orders(type_: TypeEngine[Any], unit: str = "", zone: str = "Asia/Shanghai") -> Any:
    declared = Table(
        "t_order",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("create_time", type_, index=True, nullable=True),
    )
    return MonthlyTable(family(unit, zone), declared)


Sessions = Callable[[str], Connection]


@pytest.fixture
def sessions(url: str) -> Iterator[Sessions]:
    """`sessions(time_zone)` opens a session in it; SQLite has none."""
    made: list[tuple[Engine, Connection]] = []

    def opened(time_zone: str) -> Connection:
        engine = create_engine(url, poolclass=NullPool)
        connection = engine.connect()
        made.append((engine, connection))
        if engine.dialect.name != "sqlite":
            connection.execute(text("SET time_zone = :zone"), {"zone": time_zone})
            connection.commit()
        return connection

    yield opened
    for engine, connection in made:
        connection.close()
        engine.dispose()


def create(connection: Connection, table: Table) -> None:
    """The table as the database has it, of the declared types."""
    plain = [Column(each.name, getattr(each.type, "declared", each.type)) for each in table.c]
    Table(table.name, MetaData(), *plain).create(connection)
    connection.commit()


def held(connection: Connection, table: Table) -> list[Any]:
    """What the columns hold, without the library: a TIMESTAMP as UTC, a number as it is."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SET time_zone = '+00:00'"))
    statement = text(f"SELECT CAST(create_time AS CHAR) FROM {table.name} ORDER BY id")
    return list(connection.scalars(statement))


# -- what is stored and what comes back --------------------------------------------------------

KINDS: dict[str, tuple[TypeEngine[Any], str, int]] = {  # type, unit, microseconds of a step
    "datetime": (DateTime(), "", 1_000_000),
    "datetime(3)": (mysql.DATETIME(fsp=3), "", 1000),
    "datetime(6)": (mysql.DATETIME(fsp=6), "", 1),
    "variant": (DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), "", 1),
    "timestamp": (TIMESTAMP(), "", 1_000_000),
    "timestamp(3)": (mysql.TIMESTAMP(fsp=3), "", 1000),
    "timestamp(6)": (mysql.TIMESTAMP(fsp=6), "", 1),
    "seconds": (BigInteger(), "s", 1_000_000),
    "milliseconds": (mysql.BIGINT(unsigned=True), "ms", 1000),
}


def cut(instant: datetime, step: int) -> datetime:
    return instant - timedelta(microseconds=instant.microsecond % step)


@pytest.mark.parametrize("kind", KINDS)
def test_an_instant_comes_back_the_same_in_every_session_cut_to_the_column(
    sessions: Sessions, kind: str
) -> None:
    type_, unit, step = KINDS[kind]
    table = orders(type_, unit).month(NOVEMBER)
    given = [
        TURN + timedelta(microseconds=n) for n in (-1_000_000, -600_000, -1001, -1, 0, 1, 999_999)
    ]
    cuts = [cut(each, step) for each in given]
    create(sessions("+00:00"), table)
    for zone in ZONES:
        writer = sessions(zone)
        spelled = [each.astimezone(timezone(timedelta(hours=-3))) for each in given]
        rows = [{"id": n, "create_time": each} for n, each in enumerate(spelled)]
        writer.execute(insert(table), rows)
        writer.commit()
        for reader_zone in ZONES:
            reader = sessions(reader_zone)
            found = reader.scalars(select(table.c.create_time).order_by(table.c.id)).all()
            assert found == cuts
            assert {each.tzinfo for each in found} == {UTC}
        writer.execute(table.delete())
        writer.commit()
    assert [table.c.create_time.type.stored(each) for each in given] == cuts


@pytest.mark.parametrize("kind", KINDS)
def test_a_month_s_last_microsecond_is_compared_as_it_is_stored(
    sessions: Sessions, kind: str
) -> None:
    type_, unit, step = KINDS[kind]
    table = orders(type_, unit).month(NOVEMBER)
    column = table.c.create_time
    create(sessions("+00:00"), table)
    writer = sessions("-05:00")
    writer.execute(insert(table).values(id=1, create_time=LAST))
    writer.execute(insert(table).values(id=2, create_time=TURN))
    writer.execute(insert(table).values(id=3, create_time=None))
    writer.commit()
    for zone in ZONES:
        connection = sessions(zone)
        for condition, ids in (
            (column >= TURN, [2]),
            (column < TURN, [1]),
            (column == LAST, [1]),
            (column.in_([LAST, TURN]), [1, 2]),
            (column.not_in([LAST]), [2]),
            (column.between(LAST, TURN), [1, 2]),
            (column.is_(None), [3]),
            (func.coalesce(column, column) != TURN, [1]),
        ):
            statement = select(table.c.id).where(condition).order_by(table.c.id)
            assert connection.scalars(statement).all() == ids
        bounds = select(func.min(column), func.max(column))
        assert tuple(connection.execute(bounds).one()) == (cut(LAST, step), TURN)


def test_a_datetime_holds_the_family_s_own_time(sessions: Sessions) -> None:
    table = orders(DateTime()).month(NOVEMBER)
    connection = sessions("+00:00")
    create(connection, table)
    connection.execute(insert(table).values(id=1, create_time=LAST))
    connection.execute(insert(table).values(id=2, create_time=TURN))
    found = [each.removesuffix(".000000") for each in held(connection, table)]
    assert found == ["2026-11-30 23:59:59", "2026-12-01 00:00:00"]


def test_numbers_are_unix_time_rounded_down(sessions: Sessions) -> None:
    connection = sessions("+08:00")
    for month, unit, expected in (
        (NOVEMBER, "s", ["1796054399", "1796054400", "-1"]),
        (NOVEMBER + 1, "ms", ["1796054399999", "1796054400000", "-1"]),
    ):
        table = orders(BigInteger(), unit).month(month)
        create(connection, table)
        before_1970 = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
        for number, instant in enumerate((LAST, TURN, before_1970)):
            connection.execute(insert(table).values(id=number, create_time=instant))
        assert held(connection, table) == expected


def test_a_date_is_the_day_in_the_family_s_zone(sessions: Sessions) -> None:
    table = orders(Date()).month(NOVEMBER)
    column = table.c.create_time
    connection = sessions("-05:00")
    create(connection, table)
    for number, given in enumerate((LAST, TURN, date(2026, 12, 2))):
        connection.execute(insert(table).values(id=number, create_time=given))
    days = [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2)]
    assert connection.scalars(select(column).order_by(table.c.id)).all() == days
    since = select(table.c.id).where(column >= TURN, column < date(2026, 12, 2))
    assert connection.scalars(since).all() == [1]
    assert [column.type.stored(each) for each in (LAST, TURN)] == days[:2]


def test_columns_move_between_tables_and_queries_without_a_change(sessions: Sessions) -> None:
    connection = sessions("+08:00")
    for month, type_ in ((NOVEMBER, mysql.DATETIME(fsp=6)), (NOVEMBER + 3, mysql.TIMESTAMP(fsp=6))):
        shop = orders(type_)
        table, other = shop.month(month), shop.month(month + 1)
        create(connection, table)
        create(connection, other)
        connection.execute(insert(table).values(id=1, create_time=LAST))
        connection.execute(insert(other).from_select(["id", "create_time"], select(table)))
        connection.execute(update(other).values(create_time=TURN, id=2))
        both = union_all(select(table.c.create_time), select(other.c.create_time))
        assert sorted(connection.scalars(both)) == [LAST, TURN]
        inner = select(table.c.create_time.label("at")).subquery()
        assert connection.scalars(select(inner.c.at).where(inner.c.at == LAST)).all() == [LAST]
        latest = select(func.max(other.c.create_time)).scalar_subquery()
        assert connection.scalar(select(latest)) == TURN


# -- clocks that are set back --------------------------------------------------------------------


def test_an_hour_that_clocks_show_twice_is_read_as_its_first_pass(sessions: Sessions) -> None:
    """A DATETIME cannot tell them apart; Unix time can."""
    zone = "America/New_York"
    first = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    second = first + timedelta(hours=1)
    connection = sessions("+00:00")
    for month, type_, unit, read in (
        (NOVEMBER, DateTime(), "", [first, first]),
        (NOVEMBER + 1, BigInteger(), "s", [first, second]),
    ):
        table = orders(type_, unit, zone).month(month)
        create(connection, table)
        for number, instant in enumerate((first, second)):
            connection.execute(insert(table).values(id=number, create_time=instant))
        found = connection.scalars(select(table.c.create_time).order_by(table.c.id)).all()
        assert found == read
        assert [table.c.create_time.type.stored(each) for each in (first, second)] == read


# -- what is refused, what is left alone -----------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "date"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (datetime(2026, 11, 30, 16), "2026-11-30T16:00:00 has no time zone"),  # noqa: DTZ001
        ("2026-11-30 16:00:00", "an aware datetime, not '2026-11-30 16:00:00'"),
        (1796054400, "an aware datetime, not 1796054400"),
        (True, "an aware datetime, not True"),
        (timedelta(1), "an aware datetime, not datetime.timedelta"),
    ],
)
def test_what_is_no_aware_datetime_is_refused_whether_stored_or_compared(
    kind: str, given: Any, words: str
) -> None:
    type_, unit, _ = KINDS.get(kind, (Date(), "", 0))
    table = orders(type_, unit).month(NOVEMBER)
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        for statement in (
            insert(table).values(id=1, create_time=given),
            select(table).where(table.c.create_time >= given),
            select(table).where(table.c.create_time == given),
            select(table).where(table.c.create_time.in_([given])),
        ):
            with pytest.raises(InvalidInstant, match=words):
                connection.execute(statement)
    engine.dispose()
    with pytest.raises(InvalidInstant, match=words):
        table.c.create_time.type.stored(given)


@pytest.mark.parametrize("kind", ["datetime", "timestamp", "seconds"])
def test_a_plain_date_names_no_instant(kind: str) -> None:
    type_, unit, _ = KINDS[kind]
    with pytest.raises(InvalidInstant, match=r"an aware datetime, not datetime\.date"):
        orders(type_, unit).month(NOVEMBER).c.create_time.type.stored(date(2026, 11, 30))


def test_what_is_beyond_a_column_is_refused_before_the_server_makes_null_of_it() -> None:
    column = orders(TIMESTAMP()).month(NOVEMBER).c.create_time
    last = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)
    first = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert [column.type.stored(each) for each in (first, last)] == [first, last]
    for instant in (first, last + timedelta(seconds=2)):
        with pytest.raises(InvalidInstant, match="beyond what its column holds"):
            column.type.stored(instant - timedelta(seconds=1))
    with pytest.raises(InvalidInstant, match="beyond what its column holds"):
        orders(DateTime()).month(NOVEMBER).c.create_time.type.stored(
            datetime.max.replace(tzinfo=UTC)
        )


def test_a_number_of_another_unit_is_told_when_it_is_read(sessions: Sessions) -> None:
    table = orders(BigInteger(), "s").month(NOVEMBER)
    connection = sessions("+00:00")
    create(connection, table)
    connection.execute(text(f"INSERT INTO {table.name} VALUES (1, 1796054400000)"))
    with pytest.raises(InvalidInstant, match="holds 1796054400000, no instant in the unit 's'"):
        connection.execute(select(table)).all()


@pytest.mark.parametrize(
    ("type_", "unit", "words"),
    [
        (BigInteger(), "", 'give its unit, as in time = { column = "create_time", unit = "s" }'),
        (DateTime(), "s", "column create_time counts nothing"),
        (Date(), "ms", "column create_time counts nothing"),
    ],
)
def test_a_time_column_of_another_kind_than_the_family_s_is_refused(
    type_: TypeEngine[Any], unit: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        orders(type_, unit)


def test_a_time_column_of_the_user_s_own_type_and_other_columns_are_left_alone() -> None:
    class Spelled(TypeDecorator[str]):
        impl = DateTime
        cache_ok = True

    assert type(orders(Spelled()).month(NOVEMBER).c.create_time.type) is Spelled
    declared = Table(
        "t_order",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("at", BigInteger, key="added", primary_key=True),
        Column("paid", DateTime),
    )
    timed = Family("t_order", time="at", time_unit="s")
    table = MonthlyTable(timed, declared).month(NOVEMBER)
    assert type(table.c.paid.type) is DateTime
    assert isinstance(table.c.added.type, InstantType)  # and no key's type, in the primary key
    assert type(declared.c.added.type) is BigInteger


def test_a_table_with_a_time_column_can_be_pickled() -> None:
    for type_, unit, _ in KINDS.values():
        condition = orders(type_, unit).month(NOVEMBER).c.create_time > TURN
        again = pickle.loads(pickle.dumps(condition))
        assert again.left.type.stored(TURN) == TURN


# -- how a server answers --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["datetime(6)", "timestamp(6)", "milliseconds"])
def test_the_index_of_the_time_column_is_used(server_url: str, kind: str) -> None:
    type_, unit, _ = KINDS[kind]
    table = orders(type_, unit).month(NOVEMBER)
    engine = create_engine(server_url, poolclass=NullPool)
    with engine.connect() as connection:
        create(connection, table)
        connection.execute(text(f"CREATE INDEX ix_at ON {table.name} (create_time)"))
        rows = [{"id": n, "create_time": TURN + timedelta(seconds=n)} for n in range(500)]
        connection.execute(insert(table).values(rows))
        connection.execute(text(f"ANALYZE TABLE {table.name}")).all()
        for condition in (
            table.c.create_time >= TURN + timedelta(seconds=495),
            table.c.create_time == TURN,
        ):
            before = rows_read(connection)
            assert connection.scalars(select(table.c.create_time).where(condition)).all()
            assert rows_read(connection) - before < 10
    engine.dispose()


def rows_read(connection: Connection) -> int:
    """How many rows this session has been given by indexes and scans."""
    found = connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
    return sum(int(value) for _, value in found)


def test_both_servers_hold_the_same_of_what_is_too_fine(server_url: str) -> None:
    """By itself MySQL rounds into the next month, and MariaDB does not."""
    table = orders(DateTime()).month(NOVEMBER)
    engine = create_engine(server_url, poolclass=NullPool)
    with engine.connect() as connection:
        create(connection, table)
        connection.execute(insert(table).values(id=1, create_time=LAST))
        assert held(connection, table) == ["2026-11-30 23:59:59"]
    engine.dispose()


# -- models, asyncio ------------------------------------------------------------------------------


class Base(DeclarativeBase):
    pass


class Order(MonthlyModel, Base):
    __family__ = Family(
        "t_order",
        timezone="Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        gene=DigitsGene(0, "%Y%m%d"),
    )

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    created: Mapped[datetime] = mapped_column("create_time", mysql.TIMESTAMP(fsp=6))


ORDER_ID = "2026113000000000000000000001"


def test_models_take_and_give_aware_datetimes(sessions: Sessions) -> None:
    november = Order.at(NOVEMBER)
    connection = sessions("-05:00")
    create(connection, Order.monthly_table().month(NOVEMBER))
    with Session(connection) as session:
        made = november(order_id=ORDER_ID, created=LAST)
        session.add(made)
        session.commit()
        assert (made.created, made.created.tzinfo) == (LAST, UTC)
        made.created = TURN
        session.flush()
        session.expunge_all()
        statement = select(november).where(november.created >= TURN)
        assert session.scalars(statement).one().created == TURN
        session.execute(update(november).values(created=LAST))
        assert session.get_one(november, ORDER_ID).created == LAST
        session.add(november(order_id=f"{ORDER_ID[:-1]}2", created=LAST.replace(tzinfo=None)))
        with pytest.raises(InvalidInstant):
            session.flush()


@pytest.mark.parametrize("database", ["sqlite", "mysql", "mariadb"])
def test_it_is_the_same_under_asyncio(request: pytest.FixtureRequest, database: str) -> None:
    url = make_url(request.getfixturevalue(f"{database}_url"))
    driver = "aiosqlite" if database == "sqlite" else "asyncmy"
    url = url.difference_update_query(["ssl_disabled"])
    november = Order.at(NOVEMBER)
    table = Order.monthly_table().month(NOVEMBER)

    async def run() -> list[datetime]:
        engine = create_async_engine(
            url.set(drivername=f"{url.get_backend_name()}+{driver}"), poolclass=NullPool
        )
        try:
            async with engine.connect() as connection:
                await connection.run_sync(create, table)
                if database != "sqlite":
                    await connection.execute(text("SET time_zone = '-05:00'"))
                await connection.execute(insert(table).values(order_id=ORDER_ID, create_time=LAST))
                await connection.commit()
            async with AsyncSession(engine) as session:
                statement = select(november).where(november.created == LAST)
                found = [(await session.scalars(statement)).one().created]
                late = select(table.c.create_time).where(table.c.create_time < TURN)
                return [*found, *(await session.scalars(late)).all()]
        finally:
            await engine.dispose()

    assert asyncio.run(run()) == [LAST, LAST]
