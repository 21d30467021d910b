"""Relationships between models of one month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Mapped

CONDITIONS = ("primaryjoin", "secondaryjoin", "foreign_keys", "remote_side", "order_by")
"""Arguments that name columns, and so must name a month's."""


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a model declares once, and of which every month gets one of its own."""

    target: Callable[[], type[Any]]
    arguments: dict[str, Any] = field(default_factory=dict)


def relationship(target: Callable[[], type[Any]], **arguments: Any) -> Mapped[Any]:
    """A relationship of a `MonthlyModel`, in place of `sqlalchemy.orm.relationship`.

    `items: Mapped[list[Item]] = relationship(lambda: Item, back_populates="order")` relates each
    month's orders to the same month's items. Columns are named by functions of the two classes:
    `primaryjoin=lambda order, item: order.order_id == foreign(item.order_id)`.

    Args:
        target: gives the other class, a `MonthlyModel` or any mapped class.
        arguments: those of `sqlalchemy.orm.relationship`.
    """
    declared: Any = Relationship(target, arguments)
    return declared  # type: ignore[no-any-return]
