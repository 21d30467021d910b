"""Rows by their IDs, in whatever months these lie."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    DefaultClause,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month
from shardctl.aio import call
from shardctl.errors import ColumnMissing, InvalidId, MonthMissing, QueryRefused
from shardctl.pages import page
from shardctl.reads import get, get_many
from shardctl.tables import MonthlyTable
from tests.integration.test_async import async_url
from tests.orders import FAMILY, FEBRUARY, JANUARY, NOON, made, order, order_id, orders
from tests.servers import Server

__all__ = ["async_url"]  # a fixture

IN_FEBRUARY = datetime(2020, 2, 2, tzinfo=UTC)
IN_MARCH = datetime(2020, 3, 2, tzinfo=UTC)
ROOM = Column("room_id", Integer, nullable=False, server_default="7")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def filled(engine: Engine, *more: Any) -> MonthlyTable[Table]:
    """Orders 1 and 2 in January, 3 in February."""
    table = orders(FAMILY, *more)
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(1), order(2)])
        connection.execute(insert(table.month(FEBRUARY)), [order(3, IN_FEBRUARY)])
    return table


def test_rows_come_in_the_order_of_their_ids_and_missing_ones_are_said(engine: Engine) -> None:
    table = filled(engine)
    one, two, three = order_id(1), order_id(2), order_id(3, IN_FEBRUARY)
    absent = order_id(9)
    ids = [three, one, int(two), absent, three, one, absent]
    with engine.connect() as connection:
        found = get_many(connection, iter(ids), table)
        assert [row and row.user_id for row in found.rows] == [3, 1, 2, None, 3, 1, None]
        assert found.missing == (absent, absent)
        assert get_many(connection, [], table).rows == ()
        row = get(connection, one, table)
        assert row is not None
        assert (row.order_id, row.create_time) == (one, NOON)
        assert get(connection, absent, table) is None
    assert get(engine, int(three), table) == found.rows[0]


def test_columns_and_conditions_are_those_of_the_select(engine: Engine) -> None:
    table = filled(engine)
    t, ids = table.declared.c, [order_id(2), order_id(3, IN_FEBRUARY)]
    for user, wanted in ((2, [(2,), None]), (3, [None, (3,)])):  # one statement, two values
        mine = select(t.user_id.label("user")).where(t.user_id == user)
        found = get_many(engine, ids, table, mine)
        assert [row and tuple(row) for row in found.rows] == wanted
        assert [row.user for row in found.rows if row] == [user]
        assert len(found.missing) == 1


def test_a_mapped_class_may_be_selected_from(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        number: Mapped[str] = mapped_column("order_id", String(28), primary_key=True)
        user: Mapped[int] = mapped_column("user_id")
        create_time: Mapped[datetime]

    filled(engine)
    table = MonthlyTable(FAMILY, Order)
    assert get(engine, order_id(2), table, select(Order)) == (order_id(2), 2, NOON)
    assert get(engine, order_id(2), table, select(Order.user)) == (2,)


def test_ids_of_a_month_without_a_table_are_an_error_or_missing_as_said(engine: Engine) -> None:
    table = filled(engine)
    ids = [order_id(4, IN_MARCH), order_id(1)]
    with pytest.raises(MonthMissing, match="2020-03"):
        get_many(engine, ids, table)
    found = get_many(engine, ids, table, missing="skip")
    assert found.missing == (ids[0],)
    assert found.rows[1] == get(engine, ids[1], table)
    made(table, engine, FEBRUARY + 1)  # is seen, though the months were looked at before
    assert get_many(engine, ids, table).missing == (ids[0],)
    table.month(JANUARY).drop(engine)  # and so is that one has gone
    assert get_many(engine, ids, table, missing="skip").missing == tuple(ids)


def test_a_month_that_lacks_a_column_reads_as_with_the_template_s_default(engine: Engine) -> None:
    filled(engine)
    table = orders(FAMILY, ROOM._copy())
    table.template.create(engine)
    room = select(table.declared.c.room_id)
    assert get(engine, order_id(1), table, room) == (7,)
    row = get(engine, order_id(1), table)
    assert row is not None
    assert row.room_id == 7
    assert get(engine, order_id(1), table, room, lacking="null") == (None,)
    with pytest.raises(ColumnMissing, match="t_order_202001"):
        get(engine, order_id(1), table, room, lacking="error")
    assert get(engine, order_id(1), table, room.where(table.declared.c.room_id > 7)) is None
    with engine.begin() as connection:  # the column comes, with another value
        connection.exec_driver_sql("ALTER TABLE t_order_202001 ADD room_id int DEFAULT 8")
    assert get(engine, order_id(1), table, room) == (8,)


def test_a_row_is_told_by_its_whole_key(engine: Engine) -> None:
    family = Family("t_pay", timezone="Asia/Shanghai", gene=FAMILY.gene, key=("business", "pay_id"))
    table = MonthlyTable(
        family,
        Table(
            "t_pay",
            MetaData(),
            Column("pay_id", String(28), primary_key=True),
            Column("business", Integer, primary_key=True),
            Column("coin", Integer),
        ),
    )
    made(table, engine)
    rows = [
        {"pay_id": order_id(number), "business": business, "coin": 10 * business + number}
        for business in (1, 2)
        for number in (1, 2)
    ]
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), rows)
    ids = [{"business": 2, "pay_id": int(order_id(1))}, {"business": 1, "pay_id": order_id(2)}]
    absent = {"business": 3, "pay_id": order_id(1)}
    found = get_many(engine, [*ids, absent], table, select(table.declared.c.coin))
    assert found.rows == ((21,), (12,), None)
    assert found.missing == (absent,)
    with pytest.raises(InvalidId, match="whole key"):
        get(engine, order_id(1), table)


def test_ids_without_a_gene_are_looked_for_in_the_months_that_are_given(engine: Engine) -> None:
    family = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time")
    table = orders(family)
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(1), order(2)])
        connection.execute(insert(table.month(FEBRUARY)), [order(1), order(3)])
        twin = table.month(FEBRUARY).c
        connection.execute(table.month(FEBRUARY).update().where(twin.user_id == 1), {"user_id": 8})
    with pytest.raises(InvalidId, match="bear no gene: give the months"):
        get(engine, order_id(1), table)
    both = family.months(NOON, IN_FEBRUARY)
    users = select(table.declared.c.user_id)
    ids = [order_id(n) for n in (1, 2, 3, 4)]
    found = get_many(engine, ids, table, users, months=both)
    assert found.rows == ((8,), (2,), (3,), None)  # of two rows with an ID, the later month's
    assert get(engine, order_id(1), table, users, months=[family.month(instant=NOON)]) == (1,)


def test_an_id_is_compared_in_the_type_of_its_column(engine: Engine) -> None:
    """No neighbour is found by a number for a text, nor a row by text that begins with its ID."""
    gene, months = DigitsGene(0, "%Y%m%d"), (Month(2026, 10),)
    first, second = 2026100000000000001, 2026100000000000002
    first, second = first + 10**11, second + 10**11  # on the first of the month
    for type_ in (String(28), BigInteger()):
        family = Family(f"t_{type_.__visit_name__.lower()}", timezone="UTC", gene=gene, key=("id",))
        table = MonthlyTable(
            family, Table(family.name, MetaData(), Column("id", type_, primary_key=True))
        )
        made(table, engine, *months)
        with engine.begin() as connection:
            connection.execute(insert(table.month(months[0])), [{"id": first}, {"id": second}])
        found = get_many(engine, [second, str(second), first, str(first)], table)
        assert [str(row[0]) for row in found.rows if row] == [str(second)] * 2 + [str(first)] * 2
        for wrong in (f"{first} ", f"{first}x", True, None, -first):
            with pytest.raises(InvalidId):
                get(engine, wrong, table)


def test_ids_that_a_collation_takes_for_others_find_their_rows(server_url: str) -> None:
    family = Family("t_order", timezone="UTC", key=("id",))
    name = Column("id", String(20, "utf8mb4_general_ci"), primary_key=True)
    table = MonthlyTable(family, Table("t_order", MetaData(), name))
    engine = create_engine(server_url, poolclass=NullPool)
    made(table, engine, JANUARY)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [{"id": "Abc"}, {"id": "x"}])
    found = get_many(engine, ["aBC", "x", "ábc", "y", "Abc"], table, months=[JANUARY])
    assert found.rows == (("Abc",), ("x",), ("Abc",), None, ("Abc",))
    engine.dispose()


def test_more_ids_than_a_statement_takes_are_all_found(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(n) for n in range(1201)])
    ids = [order_id(n) for n in range(1201)]
    found = get_many(engine, ids, table)
    assert [row and row.user_id for row in found.rows] == list(range(1201))


def test_a_select_that_is_not_one_of_rows_is_refused(engine: Engine) -> None:
    table = filled(engine)
    t = table.declared.c
    plain = select(t.user_id)
    for wrong, named in (
        (plain.limit(1), "LIMIT"),
        (plain.order_by(t.user_id), "ORDER BY"),
        (plain.distinct(), "DISTINCT"),
        (plain.group_by(t.user_id), "GROUP BY"),
        (plain.with_for_update(), "FOR UPDATE"),
        (select(func.max(t.coin)), "max"),
    ):
        with pytest.raises(QueryRefused, match=named):
            get(engine, order_id(1), table, wrong)
    other = Table("numbers", MetaData(), Column("n", Integer))
    other.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(other), [{"n": 1}, {"n": 2}])
    with pytest.raises(QueryRefused, match="two rows"):
        get(engine, order_id(1), table, select(t.user_id, other.c.n).join(other, other.c.n > 0))


def test_it_works_under_asyncio(async_url: str) -> None:
    table = orders()

    async def main() -> None:
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(table.month(JANUARY).create)
            await connection.execute(insert(table.month(JANUARY)), [order(1)])
        found = await call(get_many, engine, [order_id(2), order_id(1)], table)
        assert found.missing == (order_id(2),)
        async with engine.connect() as connection:
            assert await call(get, connection, order_id(1), table) == found.rows[1]
        await engine.dispose()

    asyncio.run(main())


def test_months_that_are_asked_together_again_are_asked_by_one_statement(engine: Engine) -> None:
    table, sent = filled(engine), list[str]()
    t = table.declared.c
    ids = [order_id(3, IN_FEBRUARY), order_id(2), order_id(9), order_id(1)]
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append(given[2]))

    def users(above: int) -> list[int | None]:
        found = get_many(engine, ids, table, select(t.user_id).where(t.user_id > above))
        return [row and row.user_id for row in found.rows]

    assert users(0) == [3, 2, None, 1]
    sent.clear()
    assert users(1) == [3, 2, None, None]
    assert len(sent) == 1
    assert users(2) == [3, None, None, None]
    ids = [order_id(2), order_id(1)]
    assert users(0) == [2, 1]
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE t_order_202002 RENAME COLUMN user_id TO other")
    ids = [order_id(3, IN_FEBRUARY), order_id(1)]
    with pytest.raises(ColumnMissing):
        users(0)


def test_months_of_unlike_collations_are_asked_one_by_one(server_url: str) -> None:
    gene = DigitsGene(0, "%Y%m%d", letters=True)
    family = Family("t_order", timezone="UTC", gene=gene, key=("id",))
    table = MonthlyTable(
        family, Table("t_order", MetaData(), Column("id", String(20), primary_key=True))
    )
    engine = create_engine(server_url, poolclass=NullPool)
    ids = ["20200101Abc", "20200201x"]
    with engine.begin() as connection:
        for id, collation in zip(ids, ("general", "unicode"), strict=True):
            connection.exec_driver_sql(
                f"CREATE TABLE t_order_{id[:6]} (id varchar(20) PRIMARY KEY) "
                f"CHARSET utf8mb4 COLLATE utf8mb4_{collation}_ci"
            )
            connection.execute(insert(table.for_id(id)), [{"id": id}])
    for _ in range(3):
        assert get_many(engine, ids, table).rows == tuple((id,) for id in ids)
    lower = [ids[0].lower(), ids[1].upper()]
    assert get_many(engine, lower, table).rows == tuple((id,) for id in ids)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE t_order_202002 CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        )
    assert get_many(engine, lower, table).rows == tuple((id,) for id in ids)
    both = [ids[0], *lower]
    assert get_many(engine, both, table).rows == ((ids[0],), (ids[0],), (ids[1],))
    engine.dispose()


# -- replicas -----------------------------------------------------------------------------------


@contextmanager
def read_only(url: str) -> Iterator[Engine]:
    """An engine whose sessions cannot write, as a replica's cannot."""
    engine = create_engine(url, poolclass=NullPool)
    file = engine.dialect.name == "sqlite"

    @event.listens_for(engine, "connect")
    def close(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = ON" if file else "SET SESSION TRANSACTION READ ONLY")
        cursor.close()

    yield engine
    engine.dispose()


def test_a_replica_is_read_as_it_is_itself(server: Server) -> None:
    with server.fresh_database() as primary, server.fresh_database() as replica:
        lags_and_catches_up(primary, replica)


def test_a_replica_is_read_as_it_is_itself_on_sqlite(tmp_path: Path) -> None:
    lags_and_catches_up(f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}")


def lags_and_catches_up(primary_url: str, replica_url: str) -> None:
    """One has neither the column nor the rows that the other has; it gets one after another."""
    before, table = orders(), orders(FAMILY, ROOM._copy())
    primary = create_engine(primary_url, poolclass=NullPool)
    behind = create_engine(replica_url, poolclass=NullPool)
    for engine, tables, january in ((primary, table, table), (behind, before, before)):
        tables.template.create(engine)
        made(january, engine, JANUARY)
        with engine.begin() as connection:
            connection.execute(insert(january.month(JANUARY)), [order(1)])
    with primary.begin() as connection:
        connection.execute(table.month(JANUARY).update().values(room_id=8))
        connection.execute(insert(table.month(JANUARY)), [order(2)])
    room, ids = select(table.declared.c.room_id), [order_id(1), order_id(2)]

    with read_only(replica_url) as replica, replica.connect() as connection:
        with pytest.raises(DBAPIError):
            connection.execute(insert(before.month(JANUARY)), [order(3)])
        connection.rollback()
        assert get_many(primary, ids, table, room).rows == ((8,), (7,))
        with pytest.raises(QueryRefused, match="its template t_order lacks it"):
            get(connection, ids[0], table, room)
        connection.rollback()
        add = "ADD COLUMN room_id int NOT NULL DEFAULT 7"
        with behind.begin() as late:
            late.exec_driver_sql(f"ALTER TABLE t_order {add}")
        assert get_many(connection, ids, table, room).rows == ((7,), None)
        connection.rollback()
        with behind.begin() as late:
            late.exec_driver_sql(f"ALTER TABLE t_order_202001 {add}")
            late.execute(table.month(JANUARY).update().values(room_id=8))
            late.execute(insert(table.month(JANUARY)), [order(2)])
        assert get_many(connection, ids, table, room).rows == ((8,), (7,))
    for engine in (primary, behind):
        engine.dispose()


def test_each_database_has_the_default_of_its_own_template(tmp_path: Path) -> None:
    before, table = orders(), orders(FAMILY, ROOM._copy())
    rooms = select(table.declared.c.order_id, table.declared.c.room_id)
    in_order = rooms.order_by(table.declared.c.order_id)
    for number in (7, 9):
        engine = create_engine(f"sqlite:///{tmp_path / f'{number}.db'}", poolclass=NullPool)
        made(before, engine, JANUARY)
        default = ROOM._copy()
        default.server_default = DefaultClause(str(number))
        orders(FAMILY, default).template.create(engine)
        with engine.begin() as connection:
            connection.execute(insert(before.month(JANUARY)), [order(1)])
        assert get(engine, order_id(1), table, rooms) == (order_id(1), number)
        found = page(engine, in_order, table, since=JANUARY, until=FEBRUARY)
        assert found.rows == [(order_id(1), number)]
