"""What the benchmark of reads works on: months of orders, with rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine

from shardctl import DigitsGene, Family, Month
from shardctl.tables import MonthlyTable
from tests.benchmarks.by_hand import orders
from tests.benchmarks.months import ZONE

USERS: Final = 20
OFTEN, SELDOM, NOBODY = 7, 1000, 2000
"""Users: with rows in every month, in all but the latest ones, and without any."""

EMPTY: Final = 12
"""So many of the latest months have no rows of who orders seldom."""

FAMILY: Final = Family(
    "bench_read",
    timezone=ZONE,
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    key=("order_id",),
    time="create_time",
)


TABLE: Final = MonthlyTable(FAMILY, orders(FAMILY.name))


@dataclass(frozen=True, slots=True)
class Filled:
    """Months with rows, of which the present one is the last, and those made ahead, without.

    Attributes:
        months: those with rows, from the oldest on.
        rows: in each of them.
    """

    engine: Engine
    months: Sequence[Month]
    rows: int

    @classmethod
    def of(cls, engine: Engine, count: int, rows: int) -> Filled:
        """So many months with so many rows in each."""
        present = Month.of(datetime.now(UTC), FAMILY.zone)
        return cls(engine, [present - back for back in reversed(range(count))], rows)

    @property
    def names(self) -> Sequence[str]:
        """Of their tables."""
        return [FAMILY.table_name(month) for month in self.months]

    @contextmanager
    def made(self) -> Iterator[None]:
        """The tables, which go in the end."""
        ahead = [FAMILY.table_name(self.months[-1] + 1 + n) for n in range(FAMILY.premake)]
        tables = [orders(name) for name in (FAMILY.name, *self.names, *ahead)]
        for table in tables:
            table.create(self.engine)
        try:
            for month in self.months:
                with self.engine.begin() as connection:
                    connection.execute(TABLE.month(month).insert(), list(self._rows(month)))
            yield
        finally:
            for table in tables:
                table.drop(self.engine)

    def ids(self, count: int, months: Sequence[Month]) -> Sequence[str]:
        """IDs of orders in some months, one of each, and again."""
        return [_id(months[number % len(months)], number) for number in range(count)]

    def _rows(self, month: Month) -> Iterator[dict[str, Any]]:
        begin, long_ago = month.start(FAMILY.zone), month <= self.months[-1] - EMPTY
        for number in range(self.rows):
            user = number % USERS
            yield {
                "order_id": _id(month, number),
                "user_id": SELDOM if long_ago and user == 0 else user,
                "coin": number,
                "status": number % 3,
                "create_time": begin + timedelta(seconds=number),
            }


def _id(month: Month, number: int) -> str:
    at = month.start(FAMILY.zone) + timedelta(seconds=number)
    return f"{at:%Y%m%d%H%M%S}{number:014d}"
