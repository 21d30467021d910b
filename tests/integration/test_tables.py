"""Month tables for Core: the right table, the ID in its column's type, foreign keys in a month."""

from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import Enum
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    func,
    insert,
    inspect,
    literal,
    select,
    text,
)
from sqlalchemy.dialects.mysql import BIGINT
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from shardctl import DigitsGene, Family, Month, Tag
from shardctl.errors import ConfigError, ImplausibleGene, InvalidId, InvalidMonth, MonthMissing
from shardctl.gene import TWITTER, UlidGene
from shardctl.tables import MonthlyTable

JANUARY, FEBRUARY = Month(2020, 1), Month(2020, 2)
GENE = DigitsGene(0, "%Y%m%d")
ORDERS = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), gene=GENE)
ITEMS = Family("t_item", key=("item_id",), gene=GENE)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def order_table(type_: Any = None) -> Table:
    type_ = String(28) if type_ is None else type_
    return Table(
        "t_order",
        MetaData(),
        Column("order_id", type_, primary_key=True),
        Column("coin", Integer, nullable=False),
    )


def create(engine: Engine, declared: Table, *months: Month) -> None:
    """Make month tables as the database has them: by declared structure alone."""
    for month in months:
        declared.to_metadata(MetaData(), name=ORDERS.table_name(month)).create(engine)


# -- which table -----------------------------------------------------------------------------


def test_an_id_finds_the_row_in_its_month_and_nowhere_else(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    create(engine, orders.declared, JANUARY, FEBRUARY)
    with engine.begin() as connection:
        for order_id, coin in (("20200131" + "1" * 20, 31), ("20200201" + "1" * 20, 1)):
            table = orders.for_id(order_id)
            connection.execute(insert(table).values(order_id=order_id, coin=coin))
    with engine.connect() as connection:
        for month, coins in ((JANUARY, [31]), (FEBRUARY, [1])):
            table = orders.month(month)
            assert connection.scalars(select(table.c.coin)).all() == coins


def test_an_add_time_finds_the_month_of_the_family_s_zone() -> None:
    orders = MonthlyTable(ORDERS, order_table())
    assert orders.for_instant(datetime(2020, 1, 31, 15, 59, 59, 999999, UTC)).name == (
        "t_order_202001"
    )
    assert orders.for_instant(datetime(2020, 1, 31, 16, tzinfo=UTC)).name == "t_order_202002"
    with pytest.raises(InvalidMonth):
        orders.for_instant(datetime(2020, 1, 31))  # noqa: DTZ001


def test_an_id_without_a_plausible_month_has_no_table() -> None:
    orders = MonthlyTable(ORDERS, order_table())
    with pytest.raises(ImplausibleGene):
        orders.for_id("29990101" + "1" * 20)
    with pytest.raises(InvalidId):
        orders.for_id("x" * 28)


@pytest.mark.parametrize("month", [None, "202001", 202001])
def test_what_is_no_month_has_no_table_and_not_the_template_s(month: Any) -> None:
    with pytest.raises(InvalidMonth, match="is no Month"):
        MonthlyTable(ORDERS, order_table()).month(month)


def test_the_template_is_the_table_that_the_family_names() -> None:
    family = Family("t_order", template="t_order_template", key=("order_id",), gene=GENE)
    assert MonthlyTable(family, order_table()).template.name == "t_order_template"
    assert MonthlyTable(ORDERS, order_table()).template.name == "t_order"


def test_a_mapped_class_declares_a_table_too() -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "t_order"
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)

    table = MonthlyTable(ORDERS, Order).month(JANUARY)
    assert (table.name, table.c.keys()) == ("t_order_202001", ["order_id"])


def test_a_literal_with_the_family_s_name_stays_as_it_is(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    create(engine, orders.declared, JANUARY)
    table = orders.month(JANUARY)
    with engine.begin() as connection:
        connection.execute(insert(table).values(order_id="t_order", coin=1))
        row = connection.execute(
            select(table.c.order_id, literal("t_order.coin"), text("'t_order'"))
        ).one()
    assert tuple(row) == ("t_order", "t_order.coin", "t_order")


# -- copies and the declared table -------------------------------------------------------------


def test_the_declared_table_and_its_collection_stay_as_they_are() -> None:
    metadata = MetaData()
    Table("t_user", metadata, Column("id", BigInteger, primary_key=True))
    declared = Table(
        "t_order",
        metadata,
        Column("order_id", BigInteger, primary_key=True),
        Column("user_id", ForeignKey("t_user.id", name="fk_user")),
        Column("coin", Integer),
        CheckConstraint("coin > 0", name="ck_coin"),
        UniqueConstraint("coin", name="uq_coin"),
        Index("ix_coin", "coin"),
    )

    def state() -> Any:
        return (
            set(metadata.tables),
            [(column, column.type, *column.foreign_keys) for column in declared.c],
            set(declared.constraints),
            set(declared.indexes),
            set(declared.foreign_keys),
        )

    before = state()
    orders = MonthlyTable(ORDERS, declared)
    months = [orders.month(JANUARY + n) for n in range(30)]
    assert state() == before
    for month in months:
        assert {index.name for index in month.indexes} == {i.name for i in declared.indexes}
        assert {str(c.name) for c in month.constraints} == {str(c.name) for c in before[2]}
        assert month.metadata.tables.keys() == {month.name}


def test_a_month_is_one_object_as_long_as_somebody_holds_it() -> None:
    for size in (0, 2):
        orders = MonthlyTable(ORDERS, order_table(), size=size)
        january = orders.month(JANUARY)
        for n in range(1, 10):
            orders.month(JANUARY + n)
        assert orders.month(JANUARY) is january


def test_months_that_nobody_holds_are_given_up() -> None:
    orders = MonthlyTable(ORDERS, order_table(), size=2)
    made = [weakref.ref(orders.month(JANUARY + n)) for n in range(10)]
    gc.collect()
    assert [reference() is not None for reference in made] == [False] * 8 + [True] * 2


def test_threads_that_ask_at_once_get_the_same_table() -> None:
    orders = MonthlyTable(ORDERS, order_table(), size=3)
    barrier = Barrier(8)

    def ask(_: int) -> list[Table]:
        barrier.wait()
        return [orders.month(JANUARY + n) for n in range(60)]

    with ThreadPoolExecutor(8) as pool:
        first, *others = pool.map(ask, range(8))
    assert all(a is b for other in others for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (Family("t_log"), "declared for family t_log"),
        (Family("t_order", key=("business", "order_id")), "columns business"),
        (Family("t_order", key=("order_id",), time="create_time"), "columns create_time"),
    ],
)
def test_a_table_of_another_family_is_refused(family: Family, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MonthlyTable(family, order_table())


@pytest.mark.parametrize(
    ("family", "type_", "words"),
    [
        (Family("t_order", key=("order_id",), gene=UlidGene()), BigInteger(), "is a number"),
        (
            Family("t_order", key=("order_id",), gene=GENE, length=(28,)),
            BigInteger(),
            "IDs have up to 28 characters, column order_id holds 19",
        ),
        (
            Family("t_order", key=("order_id",), gene=GENE, length=(27, 28)),
            String(27),
            "IDs have up to 28 characters, column order_id holds 27",
        ),
        (Family("t_order", key=("order_id",), gene=GENE), Float(), "a float, which rounds IDs"),
        (
            Family("t_order", key=("coin", "order_id"), gene=GENE, length=(28,)),
            String(27),
            "IDs have up to 28 characters, column order_id holds 27",
        ),
        (
            Family("t_order", key=("order_id",), gene=UlidGene(), tag=Tag("ORDER_KEY")),
            String(26),
            "IDs have up to 34 characters, column order_id holds 26",
        ),
        (
            Family("t_order", key=("order_id",), gene=TWITTER, tag=Tag("ORDER_KEY")),
            Numeric(40),
            "is a number",
        ),
    ],
)
def test_a_key_column_that_cannot_hold_the_ids_is_refused(
    family: Family, type_: Any, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        MonthlyTable(family, order_table(type_))


# -- foreign keys --------------------------------------------------------------------------------


def shop() -> tuple[MonthlyTable[Table], MonthlyTable[Table], Table]:
    metadata = MetaData()
    user = Table("t_user", metadata, Column("id", BigInteger, primary_key=True))
    order = Table(
        "t_order",
        metadata,
        Column("order_id", String(28), primary_key=True),
        Column("user_id", ForeignKey("t_user.id")),
        Column("replaces", ForeignKey("t_order.order_id")),
    )
    item = Table(
        "t_item",
        metadata,
        Column("item_id", BigInteger, primary_key=True),
        Column("order_id", ForeignKey("t_order.order_id")),
    )
    orders = MonthlyTable(ORDERS, order)
    return orders, MonthlyTable(ITEMS, item, siblings=[orders]), user


def test_foreign_keys_bind_month_to_month_and_to_plain_tables_as_they_are() -> None:
    orders, items, user = shop()
    for month in (JANUARY, FEBRUARY):
        order, item = orders.month(month), items.month(month)
        targets = {key.parent.name: key.column for key in order.foreign_keys}
        assert targets == {"user_id": user.c.id, "replaces": order.c.order_id}
        assert [key.column for key in item.foreign_keys] == [order.c.order_id]


def test_tables_of_a_month_join_by_their_foreign_keys(engine: Engine) -> None:
    orders, items, user = shop()
    user.metadata.create_all(engine)
    for each in (orders, items):
        for month in (JANUARY, FEBRUARY):
            plain = [Column(column.name, column.type) for column in each.declared.c]
            Table(each.family.table_name(month), MetaData(), *plain).create(engine)
    order_id = 20200101_0000_0000_0000_0000_0000
    order, item = orders.for_id(order_id), items.for_id(order_id)
    with engine.begin() as connection:
        connection.execute(insert(order).values(order_id=order_id, user_id=7))
        connection.execute(insert(item).values(item_id="2020010100000001", order_id=order_id))
        joined = select(item.c.item_id, order.c.order_id).select_from(order.join(item))
        assert connection.execute(joined).all() == [(2020010100000001, str(order_id))]


# -- IDs in the column's type --------------------------------------------------------------------

NUMBER = 2020010100000000001


def test_a_number_is_not_compared_with_text(engine: Engine) -> None:
    """As doubles, which is how MySQL compares the two, all of these are one."""
    orders = MonthlyTable(ORDERS, order_table())
    create(engine, orders.declared, JANUARY)
    table = orders.month(JANUARY)
    neighbours = [str(NUMBER), str(NUMBER + 1), f"0{NUMBER}", f"{NUMBER}x"]
    with engine.begin() as connection:
        connection.execute(insert(table), [{"order_id": n, "coin": 1} for n in neighbours])
        for condition in (
            table.c.order_id == NUMBER,
            table.c.order_id.in_([NUMBER]),
            table.c.order_id.between(NUMBER, NUMBER),
        ):
            found = connection.scalars(select(table.c.order_id).where(condition)).all()
            assert found == [str(NUMBER)]
        changed = connection.execute(
            table.update().where(table.c.order_id == NUMBER).values(coin=2)
        )
        assert changed.rowcount == 1


def test_text_is_not_compared_with_a_number(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table(BigInteger()))
    create(engine, orders.declared, JANUARY)
    table = orders.month(JANUARY)
    with engine.begin() as connection:
        connection.execute(insert(table).values(order_id=str(NUMBER), coin=1))
        connection.execute(insert(table).values(order_id=NUMBER + 1, coin=1))
        statement = select(table.c.order_id).where(table.c.order_id == str(NUMBER))
        assert connection.scalars(statement).all() == [NUMBER]
        typed = select(func.count()).where(table.c.order_id == NUMBER)
        assert connection.scalar(typed) == 1


@pytest.mark.parametrize(
    ("type_", "id", "words"),
    [
        (BigInteger(), f"{NUMBER}x", "decimal digits of a number"),
        (BigInteger(), f"{NUMBER}.4", "decimal digits of a number"),
        (BigInteger(), f" {NUMBER}", "decimal digits of a number"),
        (BigInteger(), f"+{NUMBER}", "decimal digits of a number"),
        (BigInteger(), "２０２００１", "decimal digits of a number"),
        (BigInteger(), "2020_01", "decimal digits of a number"),
        (BigInteger(), f"0{NUMBER}", "leading zeros"),
        (BigInteger(), float(NUMBER), "decimal digits of a number"),
        (BigInteger(), True, "decimal digits of a number"),
        (BigInteger(), 2**63, "beyond what its column holds"),
        (BigInteger(), "20200101000000000001", "beyond what its column holds"),
        (BIGINT(unsigned=True), 2**64, "beyond what its column holds"),
        (BIGINT(unsigned=True), -1, "beyond what its column holds"),
        (Numeric(28, 0), 10**28, "beyond what its column holds"),
        (String(10), NUMBER, "19 characters, its column holds 10"),
        (String(28), float(NUMBER), "a string or an integer"),
        (String(28), False, "a string or an integer"),
        (String(28), b"20200101", "a string or an integer"),
        (LargeBinary(10), str(NUMBER), "19 characters, its column holds 10"),
    ],
)
def test_an_id_that_the_column_cannot_hold_is_refused(type_: Any, id: Any, words: str) -> None:
    table = MonthlyTable(ORDERS, order_table(type_)).month(JANUARY)
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(InvalidId, match=words):
        connection.execute(select(table).where(table.c.order_id.in_([id])))
    engine.dispose()


class Text(str, Enum):  # noqa: UP042  `str` of it is its name, as of many a subclass
    ID = str(NUMBER)


class Whole(int, Enum):
    ID = NUMBER


@pytest.mark.parametrize("id", [NUMBER, str(NUMBER), Text.ID, Whole.ID])
@pytest.mark.parametrize(
    ("type_", "stored"),
    [
        (BIGINT(unsigned=True), NUMBER),
        (Numeric(28, 0), NUMBER),
        (String(28), str(NUMBER)),
        (LargeBinary(28), str(NUMBER).encode()),
    ],
)
def test_an_id_is_bound_as_each_type_of_column_holds_it(
    server_url: str, type_: Any, stored: Any, id: Any
) -> None:
    engine = create_engine(server_url, poolclass=NullPool)
    declared = Table("t_order", MetaData(), Column("order_id", type_), Column("coin", Integer))
    orders = MonthlyTable(ORDERS, declared)
    create(engine, declared, JANUARY)
    table = orders.month(JANUARY)
    with engine.begin() as connection:
        connection.execute(insert(table).values(order_id=id, coin=1))
        connection.execute(insert(table).values(order_id=None, coin=2))
        found = connection.scalars(select(table.c.order_id).where(table.c.order_id == id)).all()
        assert found == [stored]


@pytest.mark.parametrize("type_", [BigInteger(), Numeric(28, 0), String(28), LargeBinary(28)])
def test_an_id_is_not_compared_with_true_or_false(type_: Any) -> None:
    """SQLAlchemy binds neither: `order_id = true` finds 1 among numbers, and much among text."""
    order_id = MonthlyTable(ORDERS, order_table(type_)).month(JANUARY).c.order_id
    for compare in (order_id.__eq__, order_id.__ne__, order_id.is_, order_id.is_distinct_from):
        for value in (True, False):
            with pytest.raises(InvalidId, match=f"not {value}"):
                compare(value)
    with pytest.raises(InvalidId):
        True == order_id  # noqa: B015, E712, SIM300
    assert str(order_id.is_(None)) == "t_order_202001.order_id IS NULL"


def test_a_key_has_the_operators_of_its_declared_type(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    create(engine, orders.declared, JANUARY)
    table = orders.month(JANUARY)
    order_id = table.c.order_id
    with engine.begin() as connection:
        connection.execute(insert(table).values(order_id=NUMBER, coin=1))
        for condition in (
            order_id.startswith("2020"),
            order_id.like("%1"),
            order_id + "x" == literal(f"{NUMBER}x"),
            "x" + order_id == literal(f"x{NUMBER}"),
            order_id.collate("binary" if engine.dialect.name == "sqlite" else "utf8mb4_bin")
            == str(NUMBER),
        ):
            statement = select(order_id).where(condition).order_by(order_id.desc())
            assert connection.scalars(statement).all() == [str(NUMBER)]
    again = pickle.loads(pickle.dumps(table))
    assert str(again.c.order_id == NUMBER) == str(order_id == NUMBER)


def test_a_key_of_the_user_s_own_type_or_no_integer_is_left_to_it() -> None:
    class Spelled(TypeDecorator[str]):
        impl = String
        cache_ok = True

    plain = Family("t_order")
    for type_ in (Spelled(28), Float(), Numeric(28, 2), DateTime()):
        table = MonthlyTable(plain, order_table(type_)).month(JANUARY)
        assert type(table.c.order_id.type) is type(type_)


# -- a month that is missing ---------------------------------------------------------------------


def test_a_missing_month_is_told_with_what_makes_it(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    now = ORDERS.current_month()
    orders.watch(engine)
    for month, command in (
        (JANUARY, "shardctl premake t_order --fill-gaps"),
        (now, "shardctl premake t_order"),
        (now + 4, "shardctl premake t_order"),
        (now + 7, "shardctl premake t_order --months 7"),
    ):
        with engine.connect() as connection, pytest.raises(MonthMissing) as caught:
            connection.execute(select(orders.month(month)))
        assert str(caught.value) == (
            f"t_order has no table for {month} ({ORDERS.table_name(month)}): '{command}' makes it"
        )
        assert isinstance(caught.value.__cause__, Exception)
        assert caught.value.exit_code == 2


def test_only_months_of_the_family_are_told_and_the_connection_lives_on(engine: Engine) -> None:
    orders, items = MonthlyTable(ORDERS, order_table()), shop()[1]
    orders.watch(engine)
    with engine.connect() as connection:
        for statement in (
            select(items.month(JANUARY)),
            select(orders.template),
            text("SELECT * FROM t_order_202013"),
            text("SELECT * FROM t_order_202001_bak"),
            text("SELECT nonsense"),
        ):
            with pytest.raises(DBAPIError):
                connection.execute(statement)
            connection.rollback()
        with pytest.raises(MonthMissing):
            connection.execute(insert(orders.month(JANUARY)).values(order_id="1", coin=1))
        connection.rollback()
        assert connection.scalar(select(literal(1))) == 1


def test_whether_there_is_a_month_can_be_asked_of_a_watched_engine(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    orders.watch(engine)
    assert not inspect(engine).has_table("t_order_202001")
    orders.month(JANUARY).create(engine, checkfirst=True)
    assert inspect(engine).has_table("t_order_202001")


def test_an_engine_that_nobody_asked_to_watch_says_what_the_server_says(engine: Engine) -> None:
    orders = MonthlyTable(ORDERS, order_table())
    with engine.connect() as connection, pytest.raises(DBAPIError, match="t_order_202001"):
        connection.execute(select(orders.month(JANUARY)))
