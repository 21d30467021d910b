"""What `get_many` costs: `python -m tests.benchmarks.bench_get [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own. 100 IDs of ten months, in any order, are given
to `get_many`; by hand there is one SELECT of SQLAlchemy Core a month, `order_id.in_([…])`, for
which the IDs were sorted by month beforehand, untimed, and whose rows stay as they come. Both
turn and turn about on one connection; the figure is the ratio of the medians. A second pair reads
two columns without the key, a third one row by `get`. The exit code is 1 where a ratio is not as
wanted.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
    select,
)

from shardctl import DigitsGene, Family, Month
from shardctl.reads import get, get_many
from shardctl.tables import MonthlyTable
from tests.benchmarks.months import everywhere, flavour_of

Read = Callable[[list[list[str]]], object]
"""Reads rows by their IDs, which are told by month."""

WANTED = 1.1
MONTHS = [Month(2024, 1) + n for n in range(10)]
ROWS, OF_EACH, SAMPLES = 2000, 10, 50
FAMILY = Family(
    "bench_g_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    key=("order_id",),
    time="create_time",
)
TABLE = MonthlyTable(
    FAMILY,
    Table(
        FAMILY.name,
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("status", Integer, nullable=False),
        Column("create_time", DateTime, nullable=False),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="What get_many costs.")
    parser.add_argument("--url", help="of a database in which tables may be made")
    parser.add_argument("--rounds", type=int, default=8, help="each reads 50 samples of 100 IDs")
    arguments = parser.parse_args()
    sys.exit(everywhere(arguments.url, lambda url: measure(url, arguments.rounds)))


def measure(url: str, rounds: int) -> bool:
    """Print the figures of a database; whether one is not as wanted."""
    engine = create_engine(url)
    worse = False
    with engine.connect() as connection, filled(connection) as ids:
        chance = random.Random(1)
        samples = [[chance.sample(those, OF_EACH) for those in ids] for _ in range(SAMPLES)]
        print(f"{flavour_of(url)}: {len(MONTHS)} months of {ROWS:,} rows")
        for name, (by_hand, library) in pairs(connection).items():
            hand, ours = compare(by_hand, library, samples, rounds)
            worse |= ours / hand > WANTED
            print(
                f"  {name}: by hand {hand * 1e3:.2f} ms, through the library {ours * 1e3:.2f} ms, "
                f"ratio {ours / hand:.2f} (wanted: at most {WANTED})"
            )
    engine.dispose()
    return worse


def pairs(connection: Connection) -> dict[str, tuple[Read, Read]]:
    """What is compared: by hand, and through the library."""
    tables = [TABLE.month(month) for month in MONTHS]
    declared = TABLE.declared.c

    def rows_by_hand(ids: list[list[str]]) -> None:
        for t, those in zip(tables, ids, strict=True):
            connection.execute(select(t).where(t.c.order_id.in_(those))).all()

    def columns_by_hand(ids: list[list[str]]) -> None:
        for t, those in zip(tables, ids, strict=True):
            wanted = select(t.c.order_id, t.c.coin, t.c.status)
            connection.execute(wanted.where(t.c.order_id.in_(those))).all()

    def one_by_hand(ids: list[list[str]]) -> None:
        t = TABLE.for_id(ids[0][0])
        connection.execute(select(t).where(t.c.order_id == ids[0][0])).one()

    return {
        "whole rows": (
            rows_by_hand,
            lambda ids: get_many(connection, mixed(ids), TABLE),
        ),
        "two columns": (
            columns_by_hand,
            lambda ids: get_many(
                connection, mixed(ids), TABLE, select(declared.coin, declared.status)
            ),
        ),
        "one row": (one_by_hand, lambda ids: get(connection, ids[0][0], TABLE)),
    }


def mixed(ids: list[list[str]]) -> list[str]:
    """The IDs of all months, one of each after another."""
    return [id for those in zip(*ids, strict=True) for id in those]


@contextmanager
def filled(connection: Connection) -> Iterator[list[list[str]]]:
    """The template and its months, with rows; gives the IDs of each month."""
    tables = [TABLE.template, *map(TABLE.month, MONTHS)]
    ids = []
    for table in tables:
        table.create(connection, checkfirst=True)
    for month in MONTHS:
        start = month.start(FAMILY.zone).astimezone(UTC)
        instants = [start + timedelta(seconds=1000 * number) for number in range(ROWS)]
        rows = [
            {
                "order_id": f"{at.astimezone(FAMILY.zone):%Y%m%d%H%M%S}{number:014}",
                "user_id": number,
                "coin": number,
                "status": 1,
                "create_time": at,
            }
            for number, at in enumerate(instants)
        ]
        connection.execute(insert(TABLE.month(month)), rows)
        ids.append([str(row["order_id"]) for row in rows])
    connection.commit()
    try:
        yield ids
    finally:
        connection.rollback()
        for table in tables:
            table.drop(connection)
        connection.commit()


def compare(
    hand: Read, library: Read, samples: list[list[list[str]]], rounds: int
) -> tuple[float, float]:
    """The medians of both, in seconds for one sample; who is first changes from call to call."""
    times: tuple[list[float], list[float]] = [], []
    for sample in samples:  # what is compiled and cached once is not the matter here
        hand(sample)
        library(sample)
    gc.disable()
    for number in range(rounds):
        for at, sample in enumerate(samples):
            for which in (0, 1) if (number + at) % 2 else (1, 0):
                call = (hand, library)[which]
                begun = time.perf_counter()
                call(sample)
                times[which].append(time.perf_counter() - begun)
        gc.collect()
    gc.enable()
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
