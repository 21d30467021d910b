"""What it takes to plan: `python -m tests.benchmarks.bench_plan [--url URL]`.

`upgrade` as a dry run, one column on empty months, each in a process of its own: the seconds from
when everything is imported to its end, the median of several, and the most memory that a process
has held. Once for each number of months, so that growth shows. The exit code is 1 where the
smallest number takes more than is wanted.

Without a URL, on a MySQL and a MariaDB of its own, which do not wait for the disk: planning
writes nothing, and months are made sooner. For the larger numbers SQLite stands in, to make them
takes servers minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import shardctl
from shardctl.migrate import commands
from tests.benchmarks.months import Months, everywhere, flavour_of
from tests.servers import FAST

SIZES: Final = (1200, 2400, 4800, 10_000)
ON_SERVER: Final = 4800
SECONDS, MEBIBYTES = 1.0, 150
ROOT: Final = Path(__file__).parents[2]


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of an empty database in which tables may be made")
    parser.add_argument("--months", type=int, nargs="+", default=SIZES)
    parser.add_argument("--on-server", type=int, default=ON_SERVER, help="months there at most")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.of:
        plan(given.of)
        return 0
    return measured(given.url, given.months, given.on_server, given.runs)


def measured(
    url: str | None, sizes: Sequence[int] = SIZES, on_server: int = ON_SERVER, runs: int = 5
) -> bool:
    """Measure on servers and on SQLite; whether something takes more than is wanted."""
    smaller = [size for size in sizes if size <= on_server]
    worse = everywhere(url, lambda database: compare(database, smaller, runs), *FAST)
    with tempfile.TemporaryDirectory() as folder:
        return worse | compare(f"sqlite:///{folder}/months.db", sizes, runs)


def compare(url: str, sizes: Sequence[int], runs: int) -> bool:
    """Measure in one database; whether the smallest number of months takes more than wanted."""
    print(f"planning: {flavour_of(url)}, one column on empty months")
    worse = False
    before: tuple[int, float, float] | None = None
    for size in sizes:
        seconds, mebibytes = of_size(url, size, runs)
        words = f"   {size:6} months{seconds:8.3f} s{mebibytes:8.1f} MiB"
        if before is None:
            missed = seconds > SECONDS or mebibytes > MEBIBYTES
            worse |= missed
            words += f"   wanted: at most {SECONDS} s, {MEBIBYTES} MiB{', MISSED' * missed}"
        else:
            grown = size / before[0]
            words += f"   {grown:.2f} times the months: {seconds / before[1]:.2f} times as long, "
            words += f"{mebibytes - before[2]:.1f} MiB more"
        print(words, flush=True)
        before = size, seconds, mebibytes
    return worse


def of_size(url: str, size: int, runs: int) -> tuple[float, float]:
    """The seconds (median) and the mebibytes (most) of planning for so many months."""
    months = Months(url, size, family="bench_plan")
    with months.project("op.add_column(table, sa.Column('room_id', sa.BigInteger()))") as project:
        found = []
        for _ in range(runs):
            command = [sys.executable, "-m", "tests.benchmarks.bench_plan"]
            child = subprocess.run(
                [*command, "--of", str(project.folder)],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
            )
            assert child.returncode == 0, child.stderr
            result = json.loads(child.stdout)
            assert result["tables"] == len(months.tables)
            found.append((result["seconds"], result["mebibytes"]))
    return statistics.median(each[0] for each in found), max(each[1] for each in found)


def plan(folder: Path) -> None:
    """Plan in this process, and say what it took."""
    begun = time.perf_counter()
    migration = commands.upgrade(shardctl.load(folder / "shardctl.toml"), dry_run=True)
    seconds = time.perf_counter() - begun
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mebibytes = most / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    tables = sum(len(outcome.ran) for outcome in migration.outcomes)
    print(json.dumps({"seconds": seconds, "mebibytes": mebibytes, "tables": tables}))


if __name__ == "__main__":
    sys.exit(main())
