"""What minting costs, and that it holds: `python -m tests.benchmarks.bench_mint`.

Beside a Minter runs a plain reference, 41|10|12 bits under a lock without any of its guards, and
those of tsidpy, python-ulid, uuid6 and sonyflake that are installed; all in one process, turn and
turn about, and the figures are medians. `--storm` makes ten million IDs in four forked
children and eight threads instead, sorts them in arrays, and looks for one that comes twice or
lies in a wrong month.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import statistics
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from shardctl import DigitsGene, Family, Minter, Month, SnowflakeGene, UlidGene, Uuid7Gene

WANTED = 0.9
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = 1_577_836_800_000
STORM = 10_000_000
SNOWFLAKES = Family(
    "t_order", timezone="Asia/Shanghai", gene=SnowflakeGene(41, (10,), 12, epoch=EPOCH)
)


class Reference:
    """The plain way: no guard against forks, stepped clocks or the end of the field."""

    def __init__(self, worker: int) -> None:
        self.lock = threading.Lock()
        self.worker = worker << 12
        self.last = -1
        self.sequence = 0

    def __call__(self) -> int:
        with self.lock:
            now = time.time_ns() // 1_000_000 - EPOCH_MS
            if now == self.last:
                self.sequence = (self.sequence + 1) & 4095
                if self.sequence == 0:
                    while now <= self.last:
                        now = time.time_ns() // 1_000_000 - EPOCH_MS
            else:
                self.sequence = 0
            self.last = now
            return now << 22 | self.worker | self.sequence


def contenders() -> dict[str, Callable[[], Any]]:
    """What is measured, by name; the first is the reference, the second what is held to it."""
    digits = Family("t", timezone="Asia/Shanghai", gene=DigitsGene(0, "%Y%m%d"), length=(28,))
    found: dict[str, Callable[[], Any]] = {
        "plain reference": Reference(7),
        "Minter, snowflake": Minter(SNOWFLAKES, worker=7),
        "Minter, 28 digits": Minter(digits, worker=7),
        "Minter, ULID": Minter(Family("t", gene=UlidGene())),
        "Minter, UUIDv7": Minter(Family("t", gene=Uuid7Gene())),
    }
    others: dict[str, Callable[[Any], Callable[[], Any]]] = {
        "tsidpy": lambda module: module.TSIDGenerator(node=7, node_bits=10).create,
        "ulid": lambda module: module.ULID,  # python-ulid
        "uuid6": lambda module: module.uuid7,
        "sonyflake": lambda module: module.SonyFlake(machine_id=lambda: 7).next_id,
    }
    for name, make in others.items():
        with suppress(ImportError):
            found[name] = make(importlib.import_module(name))
    return found


def measure(rounds: int, calls: int) -> dict[str, float]:
    """Nanoseconds a call, the median of the rounds, in each of which every one has its turn."""
    timed: dict[str, list[float]] = {}
    made = contenders()
    for _ in range(rounds):
        for name, make in made.items():
            many = range(calls // 20 if name == "sonyflake" else calls)  # 256 in 10 ms
            gc.collect()
            begun = time.perf_counter_ns()
            for _ in many:
                make()
            timed.setdefault(name, []).append((time.perf_counter_ns() - begun) / len(many))
    return {name: statistics.median(each) for name, each in timed.items()}


def storm(total: int) -> list[str]:
    """What is wrong with that many IDs of four forked children and eight threads."""
    numbers: dict[int, int] = {}
    minter = Minter(SNOWFLAKES, worker=lambda: numbers.setdefault(os.getpid(), len(numbers)))
    first = Month.of(minter().instant, SNOWFLAKES.zone)
    share = total // 12

    def mint() -> array[int]:
        return array("Q", (int(minter().id) for _ in range(share)))

    made = array("Q")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(4)]
        pids = []
        for number, file in enumerate(files):
            if not (pid := os.fork()):
                numbers[os.getpid()] = 1 + number
                file.write_bytes(mint().tobytes())
                os._exit(0)
            pids.append(pid)
        parts = [array("Q") for _ in range(8)]
        threads = [threading.Thread(target=lambda p=part: p.extend(mint())) for part in parts]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for pid in pids:
            assert os.waitpid(pid, 0)[1] == 0
        for file in files:
            made.frombytes(file.read_bytes())
    for part in parts:
        made.extend(part)
    made = array("Q", sorted(made))
    months = {SNOWFLAKES.month(id=made[0]), SNOWFLAKES.month(id=made[-1])}
    last = Month.of(datetime.now(UTC), SNOWFLAKES.zone)
    wrong = [f"{len(made)} IDs, not {share * 12}"] if len(made) != share * 12 else []
    twice = sum(one == other for one, other in pairwise(made))
    wrong += [f"{twice} come twice"] if twice else []
    wrong += [f"of {months}"] if not months <= {first, last} else []
    print(f"{len(made):,} IDs, {twice} twice, of {', '.join(map(str, sorted(months)))}")
    return wrong


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storm", action="store_true", help="ten million IDs, all different")
    parser.add_argument("--total", type=int, default=STORM, help="how many IDs --storm makes")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--calls", type=int, default=20_000)
    given = parser.parse_args()
    if given.storm:
        return bool(storm(given.total))
    costs = measure(given.rounds, given.calls)
    reference = costs["plain reference"]
    for name, cost in costs.items():
        print(f"{name:<20} {cost:>9,.0f} ns {reference / cost:>6.2f} of the reference's speed")
    return reference / costs["Minter, snowflake"] < WANTED


if __name__ == "__main__":
    sys.exit(main())
