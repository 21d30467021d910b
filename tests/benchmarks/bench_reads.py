"""What reads across months cost: `python -m tests.benchmarks.bench_reads [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own, which do not wait for the disk: nothing here
writes. Each read is done as somebody does it with SQLAlchemy Core and tables written by hand, and
by the library, turn and turn about on one connection; both from a SELECT that is written anew to
rows in a list. Figures are medians, and what counts is the ratio in one run. The months end with
the present one, after which those made ahead stand empty, as in production.

What a `scan` holds is measured by processes of their own. The exit code is 1 where something is
not as wanted.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, create_engine, event, select

from shardctl.pages import page, scan
from shardctl.reads import get_many
from tests.benchmarks.by_hand import SIZE, orders, page_of_many, page_of_one, rows_by_id
from tests.benchmarks.filled import EMPTY, FAMILY, NOBODY, OFTEN, SELDOM, TABLE, Filled
from tests.benchmarks.months import everywhere, flavour_of
from tests.servers import FAST

IDS, IN_MONTHS = 100, 10
GROWN: Final = 1.1
"""So many times what it holds for a hundredth of the rows a scan may hold at most."""

ROOT: Final = Path(__file__).parents[2]

Way = Callable[[], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Pair:
    """One read in two ways, which give the same rows.

    Attributes:
        most: how many times as long the library may take.
        statements: how many it may send; None where that does not matter.
        long: whether it takes so long that it is done less often.
    """

    said: str
    hand: Way
    library: Way
    most: float
    statements: int | None = None
    long: bool = False


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of an empty database in which tables may be made")
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--rows", type=int, default=1000, help="in each month")
    parser.add_argument("--scanned", type=int, default=1_000_000, help="rows, for the memory")
    parser.add_argument("--runs", type=int, default=300, help="of each read; a scan has a tenth")
    parser.add_argument("--of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.of:
        print(held(sys.stdin.read(), given.of))
        return 0

    def measure(url: str) -> bool:
        worse = measured(url, given.months, given.rows, given.runs)
        return worse | grown(url, given.months, given.scanned)

    return everywhere(given.url, measure, *FAST)


def measured(url: str, months: int, rows: int, runs: int) -> bool:
    """Compare all reads in one database; whether one takes more than wanted."""
    print(f"{flavour_of(url)}: {months} months of {rows} rows")
    worse = False
    engine = create_engine(url)
    filled = Filled.of(engine, months, rows)
    with filled.made(), engine.connect() as connection:
        for pair in (*pages(connection, filled), *others(connection, filled)):
            worse |= compared(pair, engine, runs)
    engine.dispose()
    return worse


def pages(connection: Connection, filled: Filled) -> Sequence[Pair]:
    """Lists of a user's orders, the newest first."""
    newest = filled.names[::-1]
    since = filled.months[0]
    first = page(connection, orders_of(OFTEN), TABLE, size=SIZE, until=datetime.now(UTC))
    last = first.rows[-1]
    place = last.create_time.astimezone(FAMILY.zone).replace(tzinfo=None), last.order_id

    def by_month(*after: Any) -> Sequence[Any]:
        return connection.execute(page_of_one(newest[0], OFTEN, *after)).all()[:SIZE]

    def of_range() -> Sequence[Any]:
        """The same query on one month has the same range, as the months have it."""
        begin = since.start(FAMILY.zone).replace(tzinfo=None)
        now = datetime.now(FAMILY.zone).replace(tzinfo=None)
        found = connection.execute(page_of_one(newest[0], OFTEN, range_=(begin, now)))
        return found.all()[:SIZE]

    def together(names: Sequence[str], user: int) -> Sequence[Any]:
        wrapped = connection.dialect.name == "sqlite"  # a LIMIT has to be in a subquery there
        return connection.execute(page_of_many(names, user, wrapped)).all()[:SIZE]

    def listed(user: int, **more: Any) -> Sequence[Any]:
        range_ = {"until": datetime.now(UTC)} | more
        return page(connection, orders_of(user), TABLE, size=SIZE, **range_).rows

    return [
        Pair("a page up to now", by_month, partial(listed, OFTEN), 1.15),
        Pair("a page of a range up to now", of_range, partial(listed, OFTEN, since=since), 1.15),
        Pair("a page, and months made ahead", by_month, partial(listed, OFTEN, until=None), 2.0),
        Pair(
            "the page after it",
            partial(by_month, *place),
            partial(listed, OFTEN, after=first.cursor),
            1.15,
        ),
        Pair(
            f"a page behind {EMPTY} empty months, and no further",
            partial(together, newest[: EMPTY + 1], SELDOM),
            partial(listed, SELDOM, since=filled.months[-1 - EMPTY]),
            1.5,
            statements=2,
        ),
        Pair(
            f"a page behind {EMPTY} empty months",
            partial(together, newest, SELDOM),
            partial(listed, SELDOM),
            1.5,
            statements=2,
        ),
        Pair(
            "a page of nobody's rows",
            partial(together, newest, NOBODY),
            partial(listed, NOBODY),
            1.5,
        ),
    ]


def others(connection: Connection, filled: Filled) -> Sequence[Pair]:
    """Reads that know no order of time."""
    names = filled.names
    again = repeat(filled.ids(IDS, filled.months[-IN_MONTHS:]))

    seed = time.time_ns()  # what was asked for together once is faster the next time

    def other() -> Iterator[Sequence[str]]:
        """IDs in other months each time."""
        chance = Random(seed)
        while True:
            yield filled.ids(IDS, chance.sample(filled.months, IN_MONTHS))

    def by_ids(said: str, hand: Iterator[Sequence[str]], library: Iterator[Sequence[str]]) -> Pair:
        return Pair(
            f"{IDS} IDs in {IN_MONTHS} months{said}",
            lambda: rows_by_id(connection, FAMILY.name, next(hand)),
            lambda: get_many(connection, next(library), TABLE).rows,
            1.1,
        )

    def one_by_one() -> Sequence[Any]:
        return [row for name in names for row in connection.execute(select(orders(name))).all()]

    return [
        Pair(
            "all rows (scan)",
            one_by_one,
            lambda: list(scan(connection, select(TABLE.declared), TABLE)),
            1 / 0.9,  # as many rows a second
            long=True,
        ),
        by_ids(", the same ones again", again, again),
        by_ids(", other ones each time", other(), other()),
    ]


def orders_of(user: int) -> Select[Any]:
    """What an application writes, on the declared table."""
    c = TABLE.declared.c
    return (
        select(c.order_id, c.coin, c.status, c.create_time)
        .where(c.user_id == user)
        .order_by(c.create_time.desc(), c.order_id.desc())
    )


def compared(pair: Pair, engine: Engine, runs: int) -> bool:
    """Measure one read in both ways; whether the library takes more than wanted."""
    expected, found = pair.hand(), pair.library()
    assert [row.order_id for row in found] == [row.order_id for row in expected], pair.said
    sent = trips(engine, pair.library)
    pair.hand()  # which may read other rows each time, the same ones as the library
    hand, library = medians((pair.hand, pair.library), max(runs // 10, 2) if pair.long else runs)
    missed = library / hand > pair.most or sent > (pair.statements or sent)
    print(
        f"   {pair.said + ':':45}by hand {hand * 1e3:8.2f} ms, {library * 1e3:8.2f} ms in {sent:2} "
        f"statements: {library / hand:.2f}; wanted: at most {pair.most:.2f}"
        + f" in {pair.statements}" * bool(pair.statements)
        + ", MISSED" * missed,
        flush=True,
    )
    return missed


def trips(engine: Engine, way: Way) -> int:
    """How many statements are sent."""
    sent: list[str] = []

    def count(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(engine, "before_cursor_execute", count)
    way()
    event.remove(engine, "before_cursor_execute", count)
    return len(sent)


def medians(ways: Sequence[Way], runs: int) -> Sequence[float]:
    """The median of each way, in seconds; who is first changes from run to run."""
    took: list[list[float]] = [[] for _ in ways]
    gc.collect()
    gc.freeze()  # what is there stays; to collect what a run leaves is quick then
    gc.disable()
    for run in range(runs):
        for turn in range(len(ways)):
            which = (run + turn) % len(ways)
            begun = time.perf_counter()
            ways[which]()
            took[which].append(time.perf_counter() - begun)
        gc.collect()
    gc.enable()
    gc.unfreeze()
    return [statistics.median(each) for each in took]


def grown(url: str, months: int, rows: int) -> bool:
    """Whether a scan holds more when it gives more rows."""
    engine = create_engine(url)
    sizes = rows // 100, rows
    with Filled.of(engine, months, -(-rows // months)).made():
        few, many = (in_a_process(url, size) for size in sizes)
    engine.dispose()
    missed = many > few * GROWN
    print(
        f"   a process held at most {few:.1f} MiB for {sizes[0]:,} rows of a scan, {many:.1f} MiB "
        f"for {sizes[1]:,}: {many / few:.2f}; wanted: at most {GROWN:.2f}{', MISSED' * missed}",
        flush=True,
    )
    return missed


def in_a_process(url: str, rows: int) -> float:
    """The mebibytes that a process of its own holds at most that scans so many rows."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.bench_reads", "--of", str(rows)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=url,
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    return float(child.stdout)


def held(url: str, rows: int) -> float:
    """Scan so many rows in this process; the mebibytes that it has held at most."""
    engine = create_engine(url)
    with engine.connect() as connection:
        count = sum(1 for _ in islice(scan(connection, select(TABLE.declared), TABLE), rows))
    assert count == rows
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts to `ru_maxrss` what the parent held when it forked
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found
        return int(found[1]) / (1 << 10)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main())
