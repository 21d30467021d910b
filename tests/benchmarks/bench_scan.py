"""What `scan` and `total` cost: `python -m tests.benchmarks.bench_scan [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own. All rows of 60 months are read by `scan`, and
by SQLAlchemy Core with a statement a month by hand, whose rows are streamed (`yield_per`) or held,
turn and turn about in one run: the figure is rows a second, relative to the faster of these. What
`scan` holds at most is measured by itself, of one month and of all. `total` is compared
with the statements of the months one by one, added up by hand. The exit code is 1 where a figure
is not as wanted.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

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
    func,
    select,
    text,
)

from shardctl import DigitsGene, Family, Month
from shardctl.pages import scan
from shardctl.reads import total
from shardctl.tables import MonthlyTable
from tests.benchmarks.months import everywhere, flavour_of

SPEED, MEMORY = 0.90, 1.1
MONTHS = [Month(2020, 1) + n for n in range(60)]
END = MONTHS[-1] + 1
FAMILY = Family(
    "bench_s_order",
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
DIGITS = " CROSS JOIN ".join(
    f"(SELECT {' d UNION ALL SELECT '.join(map(str, range(10)))} d) d{n}" for n in range(5)
)


def main() -> None:
    parser = argparse.ArgumentParser(description="What scan and total cost.")
    parser.add_argument("--url", help="of a database in which tables may be made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=16_667, help="in each of 60 months")
    arguments = parser.parse_args()
    sys.exit(everywhere(arguments.url, lambda url: measure(url, arguments.rounds, arguments.rows)))


def measure(url: str, rounds: int, rows: int) -> bool:
    """Print the figures of a database; whether one is not as wanted."""
    engine = create_engine(url)
    with engine.connect() as connection, filled(connection, rows):
        print(f"{flavour_of(url)}: {len(MONTHS)} months of {rows:,} rows")
        plain, held, scanned = compare(
            [
                partial(count, partial(streamed, connection)),
                partial(count, partial(at_once, connection)),
                partial(count, partial(scan_all, connection)),
            ],
            rounds,
        )
        speed = min(plain, held) / scanned
        print(f"  by hand, streamed {plain:.2f} s, held {held:.2f} s; scan {scanned:.2f} s")
        print(f"  scan: {speed:.2f} of the speed by hand (wanted: at least {SPEED})")
        few, many = (most_held(partial(scan_all, connection, until)) for until in (MONTHS[1], END))
        print(
            f"  held at most: {few / 2**20:.2f} MiB of one month, {many / 2**20:.2f} MiB of all "
            f"(wanted: at most {MEMORY} of that)"
        )
        added, combined = compare([partial(by_month, connection), partial(of_all, connection)], 5)
        print(f"  total: {combined:.2f} s, month by month by hand {added:.2f} s")
    engine.dispose()
    return speed < SPEED or many > few * MEMORY


def scan_all(connection: Connection, until: Month = END) -> Iterable[Any]:
    return scan(connection, select(TABLE.declared), TABLE, until=until)


def streamed(connection: Connection) -> Iterator[Any]:
    for month in MONTHS:
        statement = select(TABLE.month(month))
        yield from connection.execute(statement, execution_options={"yield_per": 1000})


def at_once(connection: Connection) -> Iterator[Any]:
    for month in MONTHS:
        yield from connection.execute(select(TABLE.month(month))).all()


def by_month(connection: Connection) -> None:
    for month in MONTHS:
        c = TABLE.month(month).c
        statement = select(c.status, func.count(), func.sum(c.coin)).group_by(c.status)
        connection.execute(statement).all()


def of_all(connection: Connection) -> None:
    c = TABLE.declared.c
    statement = select(c.status, func.count(), func.sum(c.coin)).group_by(c.status)
    total(connection, statement, TABLE, until=END)


def count(rows: Callable[[], Iterable[Any]]) -> None:
    for _ in rows():
        pass


def compare(calls: list[Callable[[], None]], rounds: int) -> list[float]:
    """The median of each in seconds, turn and turn about."""
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(rounds + 1):
        for call, times in zip(calls, taken, strict=True):
            gc.collect()
            begun = time.perf_counter()
            call()
            if number:  # in the first round caches are filled
                times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


def most_held(rows: Callable[[], Iterable[Any]]) -> int:
    """Bytes that Python holds at most while rows are gone through."""
    gc.collect()
    tracemalloc.start()
    count(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@contextmanager
def filled(connection: Connection, rows: int) -> Iterator[None]:
    """The template and the months with rows."""
    TABLE.template.create(connection, checkfirst=True)
    numbers = " + ".join(f"{10**n} * d{n}.d" for n in range(5))
    try:
        for month in MONTHS:
            table = TABLE.month(month)
            table.create(connection)
            connection.execute(
                text(
                    f"INSERT INTO {table.name} SELECT CONCAT('{month:%Y%m}15093643', "
                    f"LPAD(n, 14, '0')), n, n / 4, n % 7, '{month:%Y-%m}-15 09:36:43' "
                    f"FROM (SELECT {numbers} AS n FROM {DIGITS}) s WHERE n < {rows}"
                )
            )
            connection.commit()
        yield
    finally:
        connection.rollback()
        for month in MONTHS:
            TABLE.month(month).drop(connection, checkfirst=True)
        TABLE.template.drop(connection)


if __name__ == "__main__":
    main()
