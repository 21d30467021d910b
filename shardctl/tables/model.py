"""One declarative class, and the mapped class of each month that is like it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sqlalchemy import Table

from shardctl.family import Family
from shardctl.month import Month, required
from shardctl.tables.mapping import Months
from shardctl.tables.table import MonthlyTable


class MonthlyModel:
    """The base, before the user's own, of a model that is declared once for all months.

        class Order(MonthlyModel, Base):
            __family__ = orders
            order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
            coin: Mapped[int]

        order = Order.for_id(order_id)
        session.scalars(select(order).where(order.order_id == order_id))

    `Order` itself is mapped to nothing, so that a statement for which the month was forgotten
    fails at once. A month's class is a subclass of it, with a mapper and an identity of its own:
    the same ID in two months is two objects. `Base.metadata` gets the family's declared table,
    as Alembic wants it, and no months. The family's time column takes aware datetimes, and an
    object that was read has it in UTC. Relationships are declared by
    `shardctl.tables.relationship`. `__month__` tells the month of a class or an object, which can
    be pickled where the model can. `MappedAsDataclass` cannot make such a model.
    """

    __family__: ClassVar[Family]
    __month__: ClassVar[Month | None] = None
    __months__: ClassVar[Months[Any]]

    if TYPE_CHECKING:

        @abstractmethod
        def _has_no_month_use_at_or_for_id(self) -> None:
            """Lets type checkers refuse `Order(…)`, which has no month."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        declares = "__family__" in cls.__dict__
        if declares:
            cls.__abstract__ = True  # type: ignore[attr-defined]  # SQLAlchemy reads it below
        super().__init_subclass__(**arguments)
        if declares:
            cls.__months__ = Months(cls, cls.__family__)

    def __new__(cls, *_: Any, **__: Any) -> Self:
        if cls.__month__ is None:
            raise TypeError(f"{cls.__name__} has no month: use {cls.__name__}.at(month)(…)")
        return super().__new__(cls)

    @classmethod
    def at(cls, month: Month) -> type[Self]:
        """The class of one month.

        Raises:
            InvalidMonth: what is given is no `Month`; None is not the template's.
        """
        return cls.__months__.at(required(month))

    @classmethod
    def for_id(cls, id: str | int) -> type[Self]:
        """The class of the month that an ID bears.

        Raises:
            InvalidId: the ID has not the form that the family declares.
            ImplausibleGene: no table of the family can bear its month.
        """
        return cls.__months__.at(cls.__family__.month(id=id))

    @classmethod
    def for_instant(cls, instant: datetime) -> type[Self]:
        """The class of the month in which an add-time falls.

        Args:
            instant: an aware datetime.

        Raises:
            InvalidMonth: the instant is naive.
        """
        return cls.__months__.at(cls.__family__.month(instant=instant))

    @classmethod
    def monthly_table(cls) -> MonthlyTable[Table]:
        """The tables of the months, for Core."""
        return cls.__months__.tables


def tables_of(given: MonthlyTable[Any] | type[MonthlyModel]) -> MonthlyTable[Any]:
    """A family's tables, which are given themselves or as its model."""
    return given if isinstance(given, MonthlyTable) else given.monthly_table()
