"""What the store adds to an INSERT: `python -m tests.benchmarks.bench_store [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own with their default, durable settings.

A new row by `Store.create` on an engine that commits by itself, without and with a fingerprint,
against the same INSERT by SQLAlchemy Core on the same engine; all turn and turn about in one run,
into tables of their own.
Figures are medians, and what counts are their ratios. The exit code is 1 where one is not as
wanted.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BINARY,
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    create_engine,
    event,
    insert,
)

from shardctl import DigitsGene, Family, Month
from shardctl.store import Fingerprint, Store
from shardctl.tables import MonthlyTable
from tests.servers import FLAVOURS, Unusable, private

NEW, PRINTED, REPLAY = 1.10, 1.12, 2
MONTH = Month(2026, 11)
INSTANT = datetime(2026, 11, 21, 1, 36, 43, tzinfo=UTC)
FAMILY = Family(
    "bench_t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    key=("order_id",),
    time="create_time",
    first=Month(2026, 1),
)
PRINT = Fingerprint("fp", "fp_version", {1: ("user_id", "coin")})


def declared(name: str, *more: Column[Any]) -> Table:
    """A table of orders."""
    return Table(
        name,
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("status", Integer, nullable=False),
        Column("create_time", DateTime, nullable=False),
        *more,
    )


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a database in which tables may be made")
    parser.add_argument("--rows", type=int, default=3000)
    given = parser.parse_args()
    if given.url:
        return compare(given.url, given.rows)
    worse = False
    for flavour in FLAVOURS:
        try:
            with private(flavour, os.environ) as own, own.server.fresh_database() as url:
                print(f"{flavour}, with its default settings")
                worse |= compare(url, given.rows)
        except Unusable as error:
            print(error)
            worse = True
    return worse


def compare(url: str, rows: int) -> bool:
    """Measure in one database; whether something is not as wanted."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    table = MonthlyTable(FAMILY, declared(FAMILY.name))
    bears = [Column("fp", BINARY(16)), Column("fp_version", SmallInteger)]
    other = replace(FAMILY, name="bench_t_printed", template="bench_t_printed")
    printed = MonthlyTable(other, declared(other.name, *bears))
    by_hand = declared("bench_by_hand")
    store = Store(table, mutable=["status"])
    printing = Store(printed, mutable=["status"], fingerprint=PRINT)
    with made(engine, table.month(MONTH), printed.month(MONTH), by_hand):
        core, library, fingerprinted = measure(
            [
                lambda row: core_insert(engine, by_hand, row),
                lambda row: store.create(engine, row),
                lambda row: printing.create(engine, row),
            ],
            rows,
        )
        routed = statistics.median(timed(lambda row: FAMILY.month(id=row["order_id"]), range(1000)))
        sent = trips(engine, lambda: store.create(engine, row_of(0)))
    engine.dispose()
    ratio, with_print = library / core, fingerprinted / core
    print(f"new row: by hand {core / 1e3:.1f} µs, create {library / 1e3:.1f} µs, ratio {ratio:.3f}")
    print(f"  with a fingerprint {fingerprinted / 1e3:.1f} µs, ratio {with_print:.3f}")
    print(f"  routing {routed / 1e3:.2f} µs of it, {routed / library:.2%}")
    print(f"replay: {sent} statements")
    return ratio > NEW or with_print > PRINTED or sent > REPLAY


def core_insert(engine: Engine, table: Table, row: dict[str, Any]) -> None:
    """What an application writes that has no library."""
    with engine.connect() as connection:
        connection.execute(insert(table), row)


def row_of(number: int) -> dict[str, Any]:
    """A row as an application gives it, with an add-time that agrees with the ID."""
    return {
        "order_id": f"20261121093643{number:014d}",
        "user_id": number,
        "coin": Decimal("19.90"),
        "status": 1,
        "create_time": INSTANT,
    }


def measure(ways: Sequence[Callable[[dict[str, Any]], Any]], rows: int) -> list[float]:
    """The median of each way, in nanoseconds a row; who is first changes from row to row."""
    times: list[list[int]] = [[] for _ in ways]
    gc.disable()
    for number in range(rows):
        row = row_of(number)
        for turn in range(len(ways)):
            which = (number + turn) % len(ways)
            begun = time.perf_counter_ns()
            ways[which](row)
            times[which].append(time.perf_counter_ns() - begun)
    gc.enable()
    return [statistics.median(each) for each in times]


def timed(call: Callable[[dict[str, Any]], Any], numbers: range) -> list[int]:
    """Nanoseconds of each call."""
    found = []
    for number in numbers:
        row = row_of(number)
        begun = time.perf_counter_ns()
        call(row)
        found.append(time.perf_counter_ns() - begun)
    return found


def trips(engine: Engine, call: Callable[[], Any]) -> int:
    """How many statements a call sends."""
    sent: list[str] = []

    def count(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(engine, "before_cursor_execute", count)
    call()
    event.remove(engine, "before_cursor_execute", count)
    return len(sent)


@contextmanager
def made(engine: Engine, *tables: Table) -> Iterator[None]:
    """Empty tables, which are dropped at the end."""
    for table in tables:
        table.drop(engine, checkfirst=True)
        table.create(engine)
    try:
        yield
    finally:
        for table in tables:
            table.drop(engine)


if __name__ == "__main__":
    sys.exit(main())
