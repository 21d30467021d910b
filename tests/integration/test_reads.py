"""What reads across months stand on: moved SELECTs, stand-ins, ranges, what is known of months."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Engine,
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
    literal,
    select,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

from shardctl import Month
from shardctl.errors import ColumnMissing, InvalidMonth, MonthMissing, QueryRefused
from shardctl.reads import span, steady
from shardctl.reads.move import Query
from shardctl.reads.seen import Seen, Sight
from shardctl.tables import MonthlyTable
from tests.orders import (
    FAMILY,
    FEBRUARY,
    JANUARY,
    NOON,
    items,
    later,
    made,
    order,
    order_id,
    orders,
)

ROOM = (
    Column("room_id", Integer, nullable=False, server_default="7"),
    Column("name", String(20), nullable=False, server_default="O'Neil 100% \\"),
    Column("paid", Boolean, nullable=False, server_default=text("0")),
    Column("opened", DateTime, nullable=False, server_default="2020-01-02 03:04:05"),
    Column("note", String(20)),
)
STAND_INS = (7, "O'Neil 100% \\", False, datetime(2020, 1, 2, 3, 4, 5), None)  # noqa: DTZ001  as DATETIME has it


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def rows(
    engine: Engine, table: MonthlyTable[Table], statement: Select[Any], month: Month, **how: Any
) -> list[Any]:
    """What a SELECT gives of one month."""
    query = Query.of(table, statement)
    binds = statement._generate_cache_key()
    assert binds
    values = {f"u{at}": bind.effective_value for at, bind in enumerate(binds.bindparams)}
    with engine.connect() as connection:
        seen = table.held(Sight)(connection)
        moved = query.at(month, seen, **how)
        return [tuple(row) for row in connection.execute(moved, values)]


# -- moved ------------------------------------------------------------------------------------


def test_a_select_on_the_declared_table_reads_one_month(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(1), order(2)])
        connection.execute(
            insert(table.month(FEBRUARY)), [order(3, datetime(2020, 2, 2, tzinfo=UTC))]
        )
    for source in (table.declared, table.template):
        users = select(source.c.user_id, source.c.create_time).where(source.c.user_id > 1)
        assert rows(engine, table, users, JANUARY) == [(2, NOON)]
        assert [row[0] for row in rows(engine, table, users, FEBRUARY)] == [3]


def test_values_are_bound_in_the_types_of_the_month(engine: Engine) -> None:
    """An aware datetime on the declared table, which knows nothing of zones, and IDs as numbers."""
    table = orders()
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(1), order(2, later(60))])
    t = table.declared.c
    for condition in (
        t.create_time == NOON,
        t.create_time.between(NOON, later(1)),
        t.create_time.in_([NOON]),
        t.order_id == int(order_id(1)),
        t.order_id.in_([int(order_id(1))]),
    ):
        assert rows(engine, table, select(t.user_id).where(condition), JANUARY) == [(1,)]


def test_a_mapped_class_may_be_selected_from(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        user: Mapped[int] = mapped_column("user_id")
        create_time: Mapped[datetime]

    table = MonthlyTable(FAMILY, Order)
    made(table, engine)
    with engine.begin() as connection:
        connection.execute(insert(table.month(JANUARY)), [order(1)])
    wanted = select(Order.user).where(Order.user == 1).order_by(Order.create_time)
    assert rows(engine, table, wanted, JANUARY) == [(1,)]
    assert list(Query.of(table, wanted).select.selected_columns.keys()) == ["user"]
    assert rows(engine, table, select(Order), JANUARY) == [(order_id(1), 1, NOON)]


def test_a_join_reads_the_same_month_of_a_sibling_and_plain_tables_as_they_are(
    engine: Engine,
) -> None:
    bought = items()
    table = MonthlyTable(FAMILY, orders().declared, siblings=[bought])
    users = Table("users", MetaData(), Column("id", Integer, primary_key=True))
    made(table, engine, JANUARY)
    made(bought, engine, JANUARY)
    users.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(users), [{"id": 1}])
        connection.execute(insert(table.month(JANUARY)), [order(1), order(2)])
        item = {"item_id": order_id(9), "order_id": order_id(1)}
        connection.execute(insert(bought.month(JANUARY)), [item])
    t, i = table.declared, bought.declared
    joined = (
        select(t.c.user_id, i.c.item_id)
        .join(i, i.c.order_id == t.c.order_id)
        .where(exists().where(users.c.id == t.c.user_id))
    )
    assert rows(engine, table, joined, JANUARY) == [(1, order_id(9))]


def test_what_would_see_one_month_alone_is_refused() -> None:
    table = orders()
    t = table.declared
    newest = select(func.max(t.c.create_time)).scalar_subquery()
    other = t.alias()
    for statement in (
        select(t.c.coin).where(t.c.create_time == newest),
        select(t.c.coin).join(other, other.c.user_id == t.c.user_id),
    ):
        with pytest.raises(QueryRefused, match="a second time"):
            Query.of(table, statement)
    with pytest.raises(QueryRefused, match="names no column of t_order"):
        Query.of(table, select(table.month(JANUARY).c.coin))
    with pytest.raises(QueryRefused, match="by text"):
        Query.of(table, select(text("coin")).select_from(t))


# -- columns that a month lacks -----------------------------------------------------------------


def unlike(engine: Engine) -> MonthlyTable[Table]:
    """January as it was, February and the template with new columns."""
    before, table = orders(), orders(FAMILY, *(column._copy() for column in ROOM))
    made(before, engine, JANUARY)
    made(table, engine, FEBRUARY)
    table.template.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(before.month(JANUARY)), [order(1), order(2)])
    return table


def test_a_month_that_lacks_columns_reads_as_with_the_template_s_defaults(engine: Engine) -> None:
    table = unlike(engine)
    t = table.declared.c
    columns = (t.room_id, t.name, t.paid, t.opened, t.note)
    assert rows(engine, table, select(*columns).where(t.user_id == 1), JANUARY) == [STAND_INS]
    everything = rows(engine, table, select(table.declared), JANUARY)
    assert everything[0][4:] == STAND_INS
    assert everything[0][:4] == (order_id(1), 1, Decimal(0), NOON)
    for condition, found in ((t.room_id == 7, 2), (t.room_id > 7, 0), (t.note.is_(None), 2)):
        counted = select(func.count(t.order_id)).where(condition)
        assert rows(engine, table, counted, JANUARY) == [(found,)]
    ordered = select(t.user_id).order_by(t.room_id, t.user_id.desc())
    assert rows(engine, table, ordered, JANUARY) == [(2,), (1,)]
    assert rows(engine, table, select(t.room_id), JANUARY) == [(7,), (7,)]


def test_rows_bear_the_names_of_columns_that_a_month_lacks(engine: Engine) -> None:
    table = unlike(engine)
    t = table.declared.c
    with engine.connect() as connection:
        seen = table.held(Sight)(connection)
        query = Query.of(table, select(t.room_id, t.name.label("called")))
        moved = query.at(JANUARY, seen)
        row = connection.execute(moved).first()
    assert row is not None
    assert (row.room_id, row.called) == STAND_INS[:2]


def test_a_stand_in_is_compared_by_its_column_s_collation(server_url: str) -> None:
    engine = create_engine(server_url, poolclass=NullPool)
    for collation, found in (("utf8mb4_bin", 0), ("utf8mb4_general_ci", 1), ("latin1_bin", 0)):
        name = Column("name", String(20, collation), nullable=False, server_default="Room")
        table = orders(FAMILY, name)
        made(orders(), engine, JANUARY)
        table.template.create(engine)
        with engine.begin() as connection:
            connection.execute(insert(orders().month(JANUARY)), [order(1)])
        t = table.declared.c
        counted = select(func.count()).select_from(table.declared).where(t.name == literal("ROOM"))
        assert rows(engine, table, counted, JANUARY) == [(found,)], collation
        table.template.drop(engine)
        orders().month(JANUARY).drop(engine)
    engine.dispose()


def test_what_stands_in_may_be_null_or_nothing(engine: Engine) -> None:
    table = unlike(engine)
    t = table.declared.c
    rooms = select(t.room_id).where(t.user_id == 1)
    assert rows(engine, table, rooms, JANUARY, lacking="null") == [(None,)]
    with pytest.raises(ColumnMissing, match="t_order_202001 has no column room_id yet"):
        rows(engine, table, rooms, JANUARY, lacking="error")
    assert rows(engine, table, select(t.room_id), FEBRUARY, lacking="error") == []


def test_a_default_that_is_no_constant_stands_for_nothing(engine: Engine) -> None:
    at = Column("at", DateTime, nullable=False, server_default=text("CURRENT_TIMESTAMP"))
    table = orders(FAMILY, at, Column("must", Integer, nullable=False))
    made(orders(), engine, JANUARY)
    table.template.create(engine)
    for column in (table.declared.c.at, table.declared.c.must):
        with pytest.raises(ColumnMissing, match="no constant"):
            rows(engine, table, select(column), JANUARY)


# -- ranges -----------------------------------------------------------------------------------


def months(
    engine: Engine, table: MonthlyTable[Table], since: Any, until: Any, missing: Any = "error"
) -> tuple[Month, ...]:
    with engine.connect() as connection:
        return span.find(table, connection, since, until, missing)[1].months


def test_a_range_touches_its_months_and_the_neighbours_that_skew_reaches(engine: Engine) -> None:
    table = orders()
    made(table, engine, *(JANUARY + n for n in range(4)))
    zone = FAMILY.zone
    midnight = FEBRUARY.start(zone)
    assert months(engine, table, midnight, midnight.replace(day=9)) == (JANUARY, FEBRUARY)
    ninth = midnight.replace(day=9)
    assert months(engine, table, ninth, ninth.replace(day=10)) == (FEBRUARY,)
    assert months(engine, table, FEBRUARY, FEBRUARY + 1) == (JANUARY, FEBRUARY, FEBRUARY + 1)
    assert months(engine, table, None, ninth) == (JANUARY, FEBRUARY)
    assert months(engine, table, ninth, FEBRUARY + 3, "skip")[0] == FEBRUARY
    assert months(engine, table, ninth, ninth) == ()


def test_a_naive_bound_is_refused(engine: Engine) -> None:
    made(table := orders(), engine)
    with pytest.raises(InvalidMonth, match="no time zone"):
        months(engine, table, datetime(2020, 1, 1), None)  # noqa: DTZ001  that is the point


def test_a_month_without_a_table_is_an_error_or_left_out_as_said(engine: Engine) -> None:
    table = orders()
    made(table, engine, JANUARY, JANUARY + 2)
    with pytest.raises(MonthMissing, match="2020-02"):
        months(engine, table, JANUARY, JANUARY + 3)
    assert months(engine, table, JANUARY, JANUARY + 3, "skip") == (JANUARY, JANUARY + 2)
    made(table, engine, FEBRUARY)  # is seen, though the months were looked at before
    assert len(months(engine, table, JANUARY, JANUARY + 3)) == 3


def test_a_month_made_later_is_seen(engine: Engine) -> None:
    table = orders()
    made(table, engine, JANUARY)
    months(engine, table, JANUARY, FEBRUARY)
    made(table, engine, FEBRUARY)
    assert months(engine, table, FEBRUARY.start(FAMILY.zone).replace(day=2), FEBRUARY + 1) == (
        FEBRUARY,
    )


def test_months_of_the_future_are_looked_for_once_a_minute(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = orders()
    present = FAMILY.current_month()
    made(table, engine, present)
    assert months(engine, table, present, None)[-1] == present
    made(table, engine, present + 1)
    assert months(engine, table, present, None)[-1] == present
    monkeypatch.setattr(span, "AGAIN", -1)
    assert months(engine, table, present, None)[-1] == present + 1


# -- what is known of months ---------------------------------------------------------------------


def test_nothing_is_asked_while_every_month_has_every_column(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    sent: list[str] = []
    with engine.connect() as connection:
        span.find(table, connection, JANUARY, JANUARY + 2)
        connection.execute(select(literal(1)))

        @event.listens_for(engine, "before_cursor_execute")
        def hear(*arguments: Any) -> None:
            sent.append(arguments[2])

        for _ in range(3):
            found = steady.steady(table, connection, lambda: (1, look(table, connection), ()))
            assert found == 1
    assert sent == []


def look(table: MonthlyTable[Table], connection: Any) -> Seen:
    return span.find(table, connection, JANUARY, JANUARY + 2)[0]
