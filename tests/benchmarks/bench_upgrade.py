"""What an upgrade takes: `python -m tests.benchmarks.bench_upgrade [--url URL]`.

Without a URL, on a MySQL and a MariaDB of its own with their default, durable settings.

The same change of a template and all its months in three ways, turn and turn about in one run:
by hand (one session, statement by statement, month by month), by Alembic's operations in a loop
over the tables, and by shardctl's `upgrade` from its call to its return, with the ledger, the lock,
all reading and verification. The months are in care, as they are before every upgrade but a
database's first; what it takes to make the ledger's tables is told beside. Figures are medians, and
what counts is the ratio to the work by hand. The exit code is 1 where one is not as wanted.

Planning and the stalls of writers are measured by `bench_plan` and `bench_stall`; `--all` runs
these, too.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice, permutations
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from shardctl.migrate import commands
from shardctl.migrate.course import DEFAULT, Course
from tests.benchmarks import bench_plan, bench_stall
from tests.benchmarks.months import Months, connected, everywhere, flavour_of, with_column
from tests.project import Project

COLUMN: Final = "room_id"
ROOT: Final = Path(__file__).parents[2]

ADDED = f"op.add_column({{table}}, sa.Column('{COLUMN}', sa.BigInteger()))"
INDEXED = "op.create_index('ix_user_id', {table}, ['user_id'])"
WIDENED = (
    "op.alter_column({table}, 'status', type_=sa.BigInteger(), existing_type=sa.Integer(), "
    "existing_nullable=False, existing_server_default='0')"
)
BY_HAND: Final = {
    ADDED: f"ALTER TABLE {{table}} ADD COLUMN {COLUMN} bigint NULL",
    INDEXED: "ALTER TABLE {table} ADD INDEX ix_user_id (user_id)",
    WIDENED: "ALTER TABLE {table} MODIFY status bigint NOT NULL DEFAULT '0'",
}
"""What a DBA writes for each operation."""


@dataclass(frozen=True)
class Workload:
    """One change of many months.

    Attributes:
        bounds: what shardctl may take at most, as a ratio to the work by hand, by flavour.
    """

    said: str
    months: int
    rows: int
    operations: tuple[str, ...]
    course: Course = DEFAULT
    bounds: Mapping[str, float] = field(default_factory=dict)


WORKLOADS: Final = {
    "A": Workload("one column", 120, 0, (ADDED,)),
    "B": Workload(
        "one column, one index, one type; two rebuilds at a time",
        60,
        5000,
        (ADDED, INDEXED, WIDENED),
        Course(rebuild_jobs=2),
        {"mysql": 0.50, "mariadb": 0.65},
    ),
    "C": Workload(
        "one column, one index",
        60,
        5000,
        (ADDED, INDEXED),
        bounds={"mysql": 0.85, "mariadb": 1.0},
    ),
    "D": Workload("one column", 1200, 0, (ADDED,), bounds={"mysql": 0.75, "mariadb": 1.0}),
}


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of an empty database in which tables may be made")
    parser.add_argument("--workloads", default="".join(WORKLOADS), help="such as BD")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--months", type=int, help="in place of each workload's own number")
    parser.add_argument("--rows", type=int, help="a month, where a workload has rows")
    parser.add_argument("--all", action="store_true", help="planning and stalls, too")
    given = parser.parse_args()

    def measure(url: str) -> bool:
        worse = False
        for name in given.workloads:
            worse |= compare(name, url, given.runs, given.months, given.rows)
        return worse

    worse = everywhere(given.url, measure)
    if given.all:
        worse |= bench_plan.measured(given.url)
        worse |= bench_stall.measured(given.url)
    return worse


def compare(
    name: str, url: str, runs: int, count: int | None = None, rows: int | None = None
) -> bool:
    """Measure one workload in one database; whether it takes longer than wanted."""
    workload = WORKLOADS[name]
    rows = workload.rows and (rows or workload.rows)
    months = Months(url, count or workload.months, rows, f"bench_{name.lower()}")
    revision = "\n".join(each.format(table="table") for each in workload.operations)
    print(f"{name}: {flavour_of(url)}, {months.count} months of {rows} rows, {workload.said}")
    with months.project(revision) as project:
        ways: dict[str, Callable[[], object]] = {
            "by hand": partial(by_hand, url, months.tables, workload),
            "Alembic's operations": partial(by_alembic, url, months.tables, workload),
            "shardctl": partial(commands.upgrade, project.config, course=workload.course),
        }
        seconds = medians(ways, months, runs)
        base = seconds["by hand"]
        for way, took in seconds.items():
            print(f"   {way:22}{took:8.2f} s{took / base:8.2f}")
        more = to_open(months, runs)
        first = (seconds["shardctl"] + more) / base
        print(
            f"   a database's first upgrade makes the ledger, too: {more:.2f} s more, {first:.2f}"
        )
        if name == "A":
            months.again(COLUMN)  # another way may have been the last
            apart(project, runs, seconds)
    bound = workload.bounds.get(flavour_of(url))
    ratio = seconds["shardctl"] / base
    if bound is None:
        return False
    print(f"   wanted: at most {bound:.2f}{', MISSED' if ratio > bound else ''}", flush=True)
    return ratio > bound


def medians(
    ways: Mapping[str, Callable[[], object]], months: Months, runs: int
) -> dict[str, float]:
    """The median of each way, in seconds; the ways follow one another in every order by turns.

    Every time the tables have been put back before, and are looked at afterwards. What a server
    still does in the background for one way falls into the next: none is to follow always the same.
    """
    took: dict[str, list[float]] = {name: [] for name in ways}
    for order in islice(cycle(permutations(ways)), runs):
        for name in order:
            months.again(COLUMN)
            gc.collect()  # what the preparation has left behind is no part of any way
            begun = time.perf_counter()
            ways[name]()
            took[name].append(time.perf_counter() - begun)
            with connected(months.url) as connection:
                changed = with_column(connection, COLUMN)
            missing = set(months.tables) - set(changed)
            assert not missing, f"{name} has left out {sorted(missing)}"
    return {name: statistics.median(each) for name, each in took.items()}


def to_open(months: Months, runs: int) -> float:
    """What it takes to make the ledger's tables, in seconds: a median."""

    def timed() -> float:
        begun = time.perf_counter()
        months.open_ledger()
        return time.perf_counter() - begun

    took = []
    for _ in range(runs):
        months.forget()
        took.append(timed() - timed())
    return statistics.median(took)


def by_hand(url: str, tables: Sequence[str], workload: Workload) -> None:
    """What a DBA has who writes a loop."""
    with connected(url) as connection:
        for table in tables:
            for operation in workload.operations:
                connection.exec_driver_sql(BY_HAND[operation].format(table=table))


def by_alembic(url: str, tables: Sequence[str], workload: Workload) -> None:
    """What stands in a revision that loops over the tables."""
    source = "\n".join(each.format(table="table") for each in workload.operations)
    code = compile(source, "revision", "exec")
    with connected(url) as connection:
        op = Operations(MigrationContext.configure(connection))
        for table in tables:
            exec(code, {"op": op, "sa": sa, "table": table})


def apart(project: Project, runs: int, seconds: Mapping[str, float]) -> None:
    """What shardctl takes whatever the number of months, and to be loaded."""
    commands.upgrade(project.config)
    for words in ("--version", "upgrade"):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "shardctl", words],
            cwd=project.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took = time.perf_counter() - begun
        print(f"   a process of shardctl {words}, with nothing to do: {took:.2f} s")
    alone = Months(project.config.url, 0, family="bench_alone")
    with alone.project(ADDED.format(table="table")) as other:
        fixed = medians({"": partial(commands.upgrade, other.config)}, alone, runs)[""]
    beyond = seconds["shardctl"] - fixed
    print(f"   of shardctl's time {fixed:.2f} s are of a template alone, ", end="")
    print(f"{beyond:.2f} s of the months: {beyond / seconds['by hand']:.2f}")


if __name__ == "__main__":
    sys.exit(main())
