"""What the library adds to a SELECT by ID: `python -m tests.benchmarks.bench_tables --url URL`.

The same Core statement is executed once for a table written by hand and once for the one that
the library gives for the ID, turn and turn about on one connection; the figure is the ratio of
the medians. Everything from the ID to the row is timed. A second pair selects the time column
too, which the library turns into the instant that it is, a third has the statement through a
model, which loads that column. The tables are made in the database of the URL and dropped.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, create_engine, select
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from shardctl import DigitsGene, Family, Month
from shardctl.tables import MonthlyModel, MonthlyTable

Call = Callable[[Connection, Table, str], int]

WANTED = 1.03
MONTHS = [Month(2024, 1) + n for n in range(12)]
IDS = [f"{month:%Y%m}15{number:020}" for number in range(8) for month in MONTHS]
FAMILY = Family(
    "bench_t_order",
    timezone="Asia/Shanghai",
    key=("order_id",),
    time="create_time",
    gene=DigitsGene(0, "%Y%m%d"),
    length=(28,),
)


class Base(DeclarativeBase):
    pass


class Order(MonthlyModel, Base):
    """The table as a model."""

    __family__ = FAMILY

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    coin: Mapped[int]
    create_time: Mapped[datetime] = mapped_column(DATETIME(fsp=6))


class HandWritten(Base):
    """One month as a model written by hand."""

    __tablename__ = "bench_t_order_202401"

    order_id: Mapped[str] = mapped_column(String(28), primary_key=True)
    coin: Mapped[int]
    create_time: Mapped[datetime] = mapped_column(DATETIME(fsp=6))


def hand_written(month: Month) -> Table:
    """A month's table as somebody writes it who has no library."""
    return Table(
        f"bench_t_order_{month:%Y%m}",
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("coin", Integer, nullable=False),
        Column("create_time", DATETIME(fsp=6), nullable=False),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What the library adds to a SELECT by ID.")
    parser.add_argument("--url", required=True, help="of a database in which tables may be made")
    parser.add_argument("--rounds", type=int, default=100, help="each executes every ID once")
    arguments = parser.parse_args()
    engine = create_engine(arguments.url)
    by_hand = {f"{month:%Y%m}": hand_written(month) for month in MONTHS}
    with engine.connect() as connection, made(connection, list(by_hand.values())):
        core, timed = (
            compare(
                by_name(connection, by_hand, call),
                through_library(connection, call),
                IDS,
                arguments.rounds,
            )
            for call in (read, read_timed)
        )
        report("Core", *core)
        report("Core, with the time column", *timed)
        with Session(connection) as session:
            january = [order_id for order_id in IDS if order_id.startswith("202401")]
            orm = compare(
                lambda order_id: load(session, HandWritten, order_id),
                lambda order_id: load(session, Order.for_id(order_id), order_id),
                january,
                arguments.rounds * 6,
            )
        report("ORM", *orm)
    print(f"wanted: at most {WANTED} for Core; {core[1] / core[0]:.3f} measured")


def by_name(connection: Connection, tables: dict[str, Table], call: Call) -> Callable[[str], int]:
    """The same by hand, with the month cut out of the ID."""
    return lambda order_id: call(connection, tables[order_id[:6]], order_id)


def through_library(connection: Connection, call: Call) -> Callable[[str], int]:
    """What an application writes."""
    orders = MonthlyTable(FAMILY, hand_written(MONTHS[0]).to_metadata(MetaData(), name=FAMILY.name))
    return lambda order_id: call(connection, orders.for_id(order_id), order_id)


def read(connection: Connection, table: Table, order_id: str) -> int:
    statement = select(table.c.coin).where(table.c.order_id == order_id)
    found: int = connection.execute(statement).scalar_one()
    return found


def read_timed(connection: Connection, table: Table, order_id: str) -> int:
    statement = select(table.c.coin, table.c.create_time).where(table.c.order_id == order_id)
    found: int = connection.execute(statement).one()[0]
    return found


def load(session: Session, model: Any, order_id: str) -> int:
    found: int = session.scalars(select(model).where(model.order_id == order_id)).one().coin
    session.expunge_all()
    return found


@contextmanager
def made(connection: Connection, tables: list[Table]) -> Iterator[None]:
    """The months with a row for every ID."""
    for table in tables:
        table.create(connection, checkfirst=True)
        since = datetime.strptime(table.name[-6:], "%Y%m")  # noqa: DTZ007
        rows = [
            {"order_id": each, "coin": 7, "create_time": since}
            for each in IDS
            if table.name.endswith(each[:6])
        ]
        connection.execute(table.insert(), rows)
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        for table in tables:
            table.drop(connection)
        connection.commit()


def compare(
    hand: Callable[[str], int], library: Callable[[str], int], ids: list[str], rounds: int
) -> tuple[float, float]:
    """The medians of both, in seconds for one ID; who is first changes from call to call."""
    for order_id in ids:  # what is compiled and cached once is not the matter here
        assert hand(order_id) == library(order_id) == 7
    times: tuple[list[float], list[float]] = [], []
    gc.disable()
    for number in range(rounds):
        for at, order_id in enumerate(ids):
            for which in (0, 1) if (number + at) % 2 else (1, 0):
                call = (hand, library)[which]
                begun = time.perf_counter()
                call(order_id)
                times[which].append(time.perf_counter() - begun)
        gc.collect()
    gc.enable()
    return statistics.median(times[0]), statistics.median(times[1])


def report(name: str, hand: float, library: float) -> None:
    print(
        f"{name}: by hand {hand * 1e6:.1f} µs, through the library {library * 1e6:.1f} µs, "
        f"ratio {library / hand:.3f}"
    )


if __name__ == "__main__":
    main()
