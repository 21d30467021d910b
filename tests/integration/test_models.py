"""Models of a month: declared once, mapped for each month, never mixed up."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Engine,
    ForeignKey,
    Index,
    MetaData,
    String,
    UniqueConstraint,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    literal,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    column_property,
    declarative_base,
    declared_attr,
    foreign,
    joinedload,
    mapped_column,
    selectinload,
)
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month
from shardctl.errors import ConfigError, ImplausibleGene, InvalidId, InvalidMonth, MonthMissing
from shardctl.tables import MonthlyModel, relationship

JANUARY, FEBRUARY = Month(2020, 1), Month(2020, 2)
GENE = DigitsGene(0, "%Y%m%d")
ORDERS = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), gene=GENE)
ITEMS = Family("t_item", key=("item_id",), gene=GENE)
ORDER_ID = "2020010100000000000000000001"


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "t_user"

    id: Mapped[int] = mapped_column(primary_key=True)


class Created:
    """What several models share."""

    created: Mapped[datetime] = mapped_column("create_time")


class Order(MonthlyModel, Created, Base):
    __family__ = ORDERS
    __table_args__ = (Index("ix_coin", "coin"), UniqueConstraint("coin", "create_time"))

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    coin: Mapped[int]
    note: Mapped[str | None] = mapped_column(String(100), deferred=True)
    version: Mapped[int] = mapped_column()
    user_id: Mapped[int | None] = mapped_column(ForeignKey("t_user.id"))
    items: Mapped[list[Item]] = relationship(
        lambda: Item,
        back_populates="order",
        order_by=lambda _, item: item.item_id.desc(),
        cascade="all, delete-orphan",
    )
    user: Mapped[User | None] = relationship(lambda: User)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012

    @hybrid_property
    def dear(self) -> bool:
        return self.coin > 100


class Item(MonthlyModel, Base):
    __family__ = ITEMS

    item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("t_order.order_id"))
    order: Mapped[Order] = relationship(lambda: Order, back_populates="items")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A database with the plain tables and two months of each family."""
    engine = create_engine(url, poolclass=NullPool)
    Base.metadata.create_all(engine)
    create(engine, Order, Item)
    yield engine
    engine.dispose()


def create(engine: Engine, *models: type[MonthlyModel]) -> None:
    """Month tables as a database has them: like the declared ones, each index its own."""
    for model in models:
        for month in (JANUARY, FEBRUARY):
            table = model.monthly_table().month(month).to_metadata(MetaData())
            table.indexes.clear()
            for constraint in table.foreign_key_constraints:
                table.constraints.remove(constraint)
            table.create(engine)


def order(month: Month, **values: Any) -> Order:
    """An order as small as it can be."""
    defaults = {"order_id": ORDER_ID, "coin": 1, "created": datetime(2020, 1, 1)}  # noqa: DTZ001
    return Order.at(month)(**defaults | values)


# -- which class ---------------------------------------------------------------------------------


def test_a_month_s_class_is_a_subclass_mapped_to_the_month_s_table() -> None:
    january = Order.at(JANUARY)
    assert issubclass(january, Order)
    assert inspect(january).local_table.name == "t_order_202001"
    assert january.__month__ == JANUARY
    assert Order.at(JANUARY) is january
    assert Order.for_id(ORDER_ID) is january
    shanghai = ORDERS.zone
    assert Order.for_instant(datetime(2020, 2, 1, tzinfo=shanghai)) is Order.at(FEBRUARY)


def test_what_names_no_month_gives_no_class() -> None:
    with pytest.raises(InvalidId):
        Order.for_id("x" * 28)
    with pytest.raises(ImplausibleGene):
        Order.for_id("29990101" + "1" * 20)
    with pytest.raises(InvalidMonth):
        Order.for_instant(datetime(2020, 1, 1))  # noqa: DTZ001


def test_a_model_without_a_month_can_neither_be_made_nor_queried() -> None:
    with pytest.raises(TypeError, match=r"Order has no month: use Order\.at\(month\)\(…\)"):
        Order(coin=1)  # type: ignore[abstract]
    with pytest.raises(ArgumentError):
        select(Order)


@pytest.mark.parametrize("month", [None, "202001"])
def test_what_is_no_month_has_no_class_and_not_the_template_s(month: Any) -> None:
    with pytest.raises(InvalidMonth, match="is no Month"):
        Order.at(month)


def test_the_metadata_holds_the_declared_tables_and_no_month() -> None:
    Order.at(JANUARY)
    assert set(Base.metadata.tables) == {"t_user", "t_order", "t_item"}
    declared = Base.metadata.tables["t_order"]
    assert declared is Order.monthly_table().declared
    assert {index.name for index in declared.indexes} == {"ix_coin"}


# -- rows --------------------------------------------------------------------------------------


def test_the_same_id_in_two_months_is_two_objects_and_two_rows(engine: Engine) -> None:
    with Session(engine) as session:
        session.add_all([order(JANUARY, coin=1), order(FEBRUARY, coin=2)])
        session.commit()
        january = session.get_one(Order.at(JANUARY), ORDER_ID)
        february = session.get_one(Order.at(FEBRUARY), ORDER_ID)
        assert january is not february
        assert (january.coin, february.coin) == (1, 2)
        january.coin = 10
        session.commit()
        assert (january.coin, february.coin) == (10, 2)
    with Session(engine) as session:
        for month, coin in ((JANUARY, 10), (FEBRUARY, 2)):
            model = Order.at(month)
            assert session.scalars(select(model.coin)).all() == [coin]


@pytest.mark.parametrize("id", [ORDER_ID[:19], int(ORDER_ID[:19])])
@pytest.mark.parametrize("type_", [BigInteger(), String(28)])
def test_a_row_is_one_object_however_its_id_is_given(url: str, type_: Any, id: str | int) -> None:
    class Base(DeclarativeBase):
        pass

    class Sale(MonthlyModel, Base):
        __family__ = Family("t_sale", key=("sale_id",), time="made", gene=GENE)

        sale_id: Mapped[Any] = mapped_column(type_, primary_key=True)
        made: Mapped[datetime] = mapped_column(primary_key=True)

    engine = create_engine(url, poolclass=NullPool)
    create(engine, Sale)
    model, made = Sale.at(JANUARY), datetime(2020, 1, 1, 5, 0, 0, 999_999, tzinfo=UTC)
    with Session(engine) as session:
        added = model(sale_id=id, made=made)
        session.add(added)
        session.flush()
        for other in (str(id), int(id)):
            assert session.scalars(select(model).where(model.sale_id == other)).one() is added
            assert session.merge(model(sale_id=other, made=made)) is added
        session.commit()
        assert session.get_one(model, (added.sale_id, added.made)) is added
        assert session.scalars(select(model)).all() == [added]
        added.sale_id = literal(int(id))
        session.flush()
        with pytest.raises(InvalidId):
            model(sale_id=1.5)
    engine.dispose()


def test_update_and_delete_reach_one_month(engine: Engine) -> None:
    january, february = Order.at(JANUARY), Order.at(FEBRUARY)
    with Session(engine) as session:
        session.add_all([order(JANUARY), order(FEBRUARY)])
        session.commit()
        session.execute(update(january).where(january.order_id == int(ORDER_ID)).values(coin=5))
        session.execute(delete(february).where(february.order_id == ORDER_ID))
        session.commit()
        assert session.scalars(select(january.coin)).all() == [5]
        assert session.scalar(select(func.count()).select_from(february)) == 0


def test_attributes_keep_their_names_and_options_in_every_month(engine: Engine) -> None:
    model = Order.at(JANUARY)
    assert model.__table__.c.keys() == Base.metadata.tables["t_order"].c.keys()
    created = datetime(2020, 1, 5)  # noqa: DTZ001
    with Session(engine) as session:
        session.add(order(JANUARY, created=created, note="a note", coin=101))
        session.commit()
        found = session.scalars(select(model).where(model.created == created, model.dear)).one()
        assert "note" in inspect(found).unloaded
        assert (found.note, found.dear, found.version) == ("a note", True, 1)


def test_an_object_is_pickled_and_read_by_another_process(engine: Engine) -> None:
    with Session(engine) as session:
        session.add(order(FEBRUARY, coin=7))
        session.commit()
        stored = session.scalars(select(Order.at(FEBRUARY))).one()
        pickled = pickle.dumps([stored, Order.at(JANUARY), Order.monthly_table().month(JANUARY)])
    again = pickle.loads(pickled)
    assert type(again[0]) is type(stored)
    assert again[1] is Order.at(JANUARY)
    program = (
        "import pickle, sys\n"
        "order, january, _ = pickle.load(sys.stdin.buffer)\n"
        "print(order.__month__, order.coin, order.order_id, january.__month__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=pickled,
        capture_output=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.decode().split() == ["2020-02", "7", ORDER_ID, "2020-01"]


def test_an_expression_of_columns_is_of_the_month_s_own(url: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Priced:
        price: Mapped[int]
        hidden: Mapped[int] = mapped_column("secret", deferred=True)

        @declared_attr
        def double(cls) -> Mapped[int]:  # noqa: N805
            return column_property(cls.price * 2)

    class Sale(MonthlyModel, Priced, Base):
        __family__ = Family("t_sale", key=("sale_id",), gene=GENE)

        sale_id: Mapped[str] = mapped_column(String(28), primary_key=True)

    engine = create_engine(url, poolclass=NullPool)
    create(engine, Sale)
    with Session(engine) as session:
        for price, month in enumerate((JANUARY, FEBRUARY), 5):
            session.add(Sale.at(month)(sale_id=ORDER_ID, price=price, hidden=1))
        session.commit()
        assert session.scalars(select(Sale.at(JANUARY).double)).all() == [10]
        assert session.scalars(select(Sale.at(FEBRUARY))).one().double == 12
        assert Sale.at(FEBRUARY).hidden.expression.table is Sale.at(FEBRUARY).__table__
    engine.dispose()


def test_a_version_column_guards_a_month_s_rows(engine: Engine) -> None:
    model = Order.at(JANUARY)
    with Session(engine) as session:
        session.add(order(JANUARY))
        session.commit()
        stale = session.get_one(model, ORDER_ID)
        assert stale.version == 1
        behind = update(model).values(version=99)
        session.execute(behind, execution_options={"synchronize_session": False})
        stale.coin = 11
        with pytest.raises(StaleDataError):
            session.flush()


def test_a_missing_month_is_told_by_the_orm_too(engine: Engine) -> None:
    Order.monthly_table().watch(engine)
    with Session(engine) as session:
        with pytest.raises(MonthMissing, match="t_order has no table for 2020-03"):
            session.get(Order.at(Month(2020, 3)), ORDER_ID)
        session.rollback()
        session.add(order(Month(2020, 3)))
        with pytest.raises(MonthMissing):
            session.flush()


# -- relationships -----------------------------------------------------------------------------


@pytest.mark.parametrize("load", [None, joinedload, selectinload])
def test_relationships_stay_in_their_month(engine: Engine, load: Any) -> None:
    with Session(engine) as session:
        for month, numbers in ((JANUARY, (1, 2)), (FEBRUARY, (3,))):
            items = [Item.at(month)(item_id=20200101000 + number) for number in numbers]
            session.add(order(month, items=items, user=User()))
        session.commit()
    with Session(engine) as session:
        for month, numbers in ((JANUARY, [2, 1]), (FEBRUARY, [3])):
            model = Order.at(month)
            options = [load(model.items)] if load else []
            found = session.scalars(select(model).options(*options)).unique().one()
            assert [item.item_id - 20200101000 for item in found.items] == numbers
            assert {type(item) for item in found.items} == {Item.at(month)}
            assert all(item.order is found for item in found.items)
            assert isinstance(found.user, User)
            joined = select(func.count()).select_from(model).join(model.items)
            assert session.scalar(joined) == len(numbers)


def test_what_belongs_to_an_order_goes_with_it_in_its_month_alone(engine: Engine) -> None:
    with Session(engine) as session:
        for month in (JANUARY, FEBRUARY):
            session.add(order(month, items=[Item.at(month)(item_id=20200101001)]))
        session.commit()
        session.delete(session.get_one(Order.at(JANUARY), ORDER_ID))
        session.commit()
        for month, left in ((JANUARY, 0), (FEBRUARY, 1)):
            assert session.scalar(select(func.count()).select_from(Item.at(month))) == left


def test_an_object_of_another_month_is_refused_by_a_relationship(engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(AssertionError, match="Item_202002"):
        session.add(order(JANUARY, items=[Item.at(FEBRUARY)(item_id=20200101001)]))


def test_a_relationship_without_a_foreign_key_names_columns_by_the_month_s_classes(
    url: str,
) -> None:
    class Plain(DeclarativeBase):
        pass

    class Left(MonthlyModel, Plain):
        __family__ = ORDERS
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        logs: Mapped[list[Right]] = relationship(
            lambda: Right,
            primaryjoin=lambda left, right: left.order_id == foreign(right.about),
            viewonly=True,
        )

    class Right(MonthlyModel, Plain):
        __family__ = ITEMS
        item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        about: Mapped[str] = mapped_column(String(28))

    engine = create_engine(url, poolclass=NullPool)
    create(engine, Left, Right)
    with Session(engine) as session:
        for month, count in ((JANUARY, 2), (FEBRUARY, 1)):
            session.add(Left.at(month)(order_id=ORDER_ID))
            session.add_all(
                Right.at(month)(item_id=20200101001 + n, about=ORDER_ID) for n in range(count)
            )
        session.commit()
        for month, count in ((JANUARY, 2), (FEBRUARY, 1)):
            left = session.get_one(Left.at(month), ORDER_ID)
            assert [type(right) for right in left.logs] == [Right.at(month)] * count
    engine.dispose()


def test_foreign_keys_of_two_families_may_refer_to_each_other() -> None:
    class Mutual(DeclarativeBase):
        pass

    class First(MonthlyModel, Mutual):
        __family__ = ORDERS
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        last_item: Mapped[int | None] = mapped_column(ForeignKey("t_item.item_id"))

    class Second(MonthlyModel, Mutual):
        __family__ = ITEMS
        item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        order_id: Mapped[str] = mapped_column(ForeignKey("t_order.order_id"))

    first, second = First.at(JANUARY).__table__, Second.at(JANUARY).__table__
    assert [key.column for key in first.foreign_keys] == [second.c.item_id]
    assert [key.column for key in second.foreign_keys] == [first.c.order_id]


# -- bases and mistakes ----------------------------------------------------------------------------


def test_models_work_with_the_older_kind_of_base(url: str) -> None:
    Older: Any = declarative_base()  # noqa: N806

    class Old(MonthlyModel, Older):
        __family__ = ORDERS
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)

    engine = create_engine(url, poolclass=NullPool)
    create(engine, Old)
    with Session(engine) as session:
        session.add(Old.at(JANUARY)(order_id=ORDER_ID))
        session.commit()
        assert session.get_one(Old.at(JANUARY), ORDER_ID).order_id == ORDER_ID
        assert session.get(Old.at(FEBRUARY), ORDER_ID) is None
    engine.dispose()


def test_a_model_that_does_not_fit_its_family_is_refused_where_it_is_declared() -> None:
    class Wrong(DeclarativeBase):
        pass

    with pytest.raises(ConfigError, match="names the columns order_id"):

        class Misfit(MonthlyModel, Wrong):
            __family__ = ORDERS
            id: Mapped[int] = mapped_column(primary_key=True)


def test_sqlalchemy_s_own_relationship_is_refused_with_the_one_to_take() -> None:
    from sqlalchemy.orm import relationship as plain

    class Wrong(DeclarativeBase):
        pass

    with pytest.raises(TypeError, match=r"Misfit\.others: take shardctl\.tables\.relationship"):

        class Misfit(MonthlyModel, Wrong):
            __family__ = ORDERS
            order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
            others: Mapped[list[Any]] = plain(lambda: Misfit)


# -- threads ---------------------------------------------------------------------------------------


def test_threads_that_make_and_query_months_at_once_neither_clash_nor_wait_for_ever() -> None:
    """Making a month's classes and SQLAlchemy's relating of classes hold one lock."""

    class Busy(DeclarativeBase):
        pass

    class Head(MonthlyModel, Busy):
        __family__ = ORDERS
        order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
        parts: Mapped[list[Part]] = relationship(lambda: Part, back_populates="head")

    class Part(MonthlyModel, Busy):
        __family__ = ITEMS
        item_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
        order_id: Mapped[str] = mapped_column(ForeignKey("t_order.order_id"))
        head: Mapped[Head] = relationship(lambda: Head, back_populates="parts")

    barrier = Barrier(6)

    def work(number: int) -> list[type[Any]]:
        made: list[type[Any]] = []
        for step in range(60):
            barrier.wait()
            month = JANUARY + step
            head, part = SimpleNamespace(), SimpleNamespace()
            match number % 3:
                case 0:
                    head, part = Head.at(month), Part.at(month)
                case 1:
                    part, head = Part.at(month), Head.at(month)
                case 2:
                    Busy.registry.configure()
                    head, part = Head.at(month), Part.at(month)
            assert str(select(head).join(head.parts)).count(ITEMS.table_name(month)) > 0
            made += [head, part]
        return made

    with ThreadPoolExecutor(6) as pool:
        first, *others = pool.map(work, range(6))
    assert all(other == first for other in others)


def test_bulk_rows_go_to_the_month_of_their_class(engine: Engine) -> None:
    model = Item.at(JANUARY)
    with Session(engine) as session:
        rows = [{"item_id": f"2020010100{n}", "order_id": int(ORDER_ID)} for n in range(10, 15)]
        session.execute(insert(model), rows)
        session.commit()
        assert session.scalars(select(model.item_id).order_by(model.item_id)).all() == [
            202001010010 + n for n in range(5)
        ]
        assert set(session.scalars(select(model.order_id))) == {ORDER_ID}
