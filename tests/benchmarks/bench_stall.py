"""How long an upgrade holds up writers: `python -m tests.benchmarks.bench_stall [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own with their default, durable settings.

A process of many sessions inserts into the current month without a pause, meanwhile a column is
added to twelve months: not at all, by hand, by `upgrade`. Each INSERT is timed; shown are the
longest of those that met the current month's own ALTER TABLE, the longest of all (a busy machine
holds up writes at any time), and how many have failed. The exit code is 1 where one has failed
under `upgrade`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from shardctl.migrate import commands
from tests.benchmarks.months import ROW, Months, connected, everywhere, flavour_of

COLUMN: Final = "room_id"
WRITERS: Final = 16
ALONE: Final = 2.0
"""Seconds of writing before the change, and after it."""
SAID: Final = {"stall": "longest at the ALTER", "longest": "longest of all"}
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True)
class Written:
    """What became of the writes of one process.

    Attributes:
        writes: when each began, by the machine's monotonic clock, and how long it took; seconds.
        errors: what those that failed were told.
        altered: from when to when the current month was altered.
    """

    writes: Sequence[tuple[float, float]]
    errors: Sequence[str]
    altered: Sequence[tuple[float, float]]

    @property
    def longest(self) -> float:
        """In milliseconds."""
        return max(took for _, took in self.writes) * 1000

    @property
    def stall(self) -> float:
        """The longest of the writes that met the ALTER TABLE, in milliseconds; 0 where none did."""
        met = (
            took
            for begun, took in self.writes
            if any(begun < end and begun + took > start for start, end in self.altered)
        )
        return max(met, default=0) * 1000


def main() -> int:
    """0 where no write has failed under `upgrade`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of an empty database in which tables may be made")
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--writers", type=int, default=WRITERS)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--into", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.into:
        write(given.url, given.into, given.writers)
        return 0
    return measured(given.url, given.months, given.writers, given.runs)


def measured(url: str | None, count: int = 12, writers: int = WRITERS, runs: int = 7) -> bool:
    """Measure on servers; whether a write has failed under `upgrade`."""
    return everywhere(url, lambda database: compare(database, count, writers, runs))


def compare(url: str, count: int, writers: int, runs: int) -> bool:
    """Measure in one database; whether a write has failed under `upgrade`."""
    months = Months(url, count, family="bench_stall")
    print(f"writers: {flavour_of(url)}, {writers} insert into one of {count} months that change")
    with months.project(f"op.add_column(table, sa.Column('{COLUMN}', sa.BigInteger()))") as project:
        config = project.config
        ways: dict[str, Callable[[], object]] = {
            "no change": lambda: time.sleep(ALONE),
            "by hand": lambda: by_hand(months),
            "shardctl": lambda: commands.upgrade(config),
        }
        found: dict[str, list[Written]] = {way: [] for way in ways}
        for run in range(runs):
            for turn in range(len(ways)):
                way = list(ways)[(run + turn) % len(ways)]
                with connected(url) as connection:
                    connection.exec_driver_sql(f"TRUNCATE TABLE {months.current}")
                months.again(COLUMN)
                with writing(url, months.current, writers) as written:
                    ways[way]()
                found[way].append(written())
    for way, each in found.items():
        show(way, each)
    return any(each.errors for each in found["shardctl"])


def show(way: str, runs: list[Written]) -> None:
    """A line on one way."""
    errors = [error for each in runs for error in each.errors]
    count = sum(len(each.writes) for each in runs)
    print(f"   {way:10}{count:9} writes, {len(errors)} failed", end="")
    for what in ("stall", "longest") if way != "no change" else ("longest",):
        each_run = [getattr(each, what) for each in runs]
        middle, most = statistics.median(each_run), max(each_run)
        print(f"; {SAID[what]} {middle:.0f} ms (at most {most:.0f})", end="")
    print(flush=True)
    for error in sorted(set(errors))[:5]:
        print(f"      {error}")


def by_hand(months: Months) -> None:
    """What a DBA has who writes a loop."""
    with connected(months.url) as connection:
        for table in months.tables:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {COLUMN} bigint NULL")


@contextmanager
def writing(url: str, table: str, writers: int) -> Iterator[Callable[[], Written]]:
    """A process that writes from before the block until after it; then what became of it."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_stall", "--url", url]
    child = subprocess.Popen(
        [*command, "--into", table, "--writers", str(writers)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    altered: list[tuple[float, float]] = []
    told: list[dict[str, Any]] = []
    try:
        assert child.stdout.readline() == "writing\n"
        time.sleep(ALONE)
        with watched(table, altered):
            yield lambda: Written(**told[0], altered=altered)
        time.sleep(ALONE)
    finally:
        child.stdin.close()
        rest = child.stdout.read()
        child.wait()
    told.append(json.loads(rest))


@contextmanager
def watched(table: str, altered: list[tuple[float, float]]) -> Iterator[None]:
    """Note from when to when this process alters a table, on whichever session."""
    begun: dict[int, float] = {}

    def before(_connection: object, cursor: object, *_: object) -> None:
        begun[id(cursor)] = time.monotonic()

    def after(_connection: object, cursor: object, statement: str, *_: object) -> None:
        if "ALTER TABLE" in statement and table in statement:
            altered.append((begun[id(cursor)], time.monotonic()))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


def write(url: str, table: str, writers: int) -> None:
    """Insert on many sessions until stdin ends, then say what became of it."""
    writes: list[tuple[float, float]] = []
    errors: list[str] = []
    over = threading.Event()
    ready = threading.Barrier(writers + 1)

    def insert(writer: int) -> None:
        with connected(url) as connection:
            ready.wait()
            number = 0
            while not over.is_set():
                number += 1
                begun = time.monotonic()
                try:
                    row = (f"20261121093643{writer:04d}{number:010d}", writer)
                    connection.exec_driver_sql(ROW.format(table=table), row)
                except DBAPIError as error:
                    errors.append(str(error.orig))
                writes.append((begun, time.monotonic() - begun))

    threads = [threading.Thread(target=insert, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    ready.wait()
    print("writing", flush=True)
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"writes": writes, "errors": errors}))


if __name__ == "__main__":
    sys.exit(main())
