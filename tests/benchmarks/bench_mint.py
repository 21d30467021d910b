"""What minting costs: `python -m tests.benchmarks.bench_mint`.

Beside a Minter runs a plain reference, 41|10|12 bits under a lock without any of its guards, and
tsidpy, python-ulid, uuid6 and sonyflake, which `pip install 'shardctl[bench]'` brings; all in one
process, turn and turn about, and the figures are medians.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module as module
from operator import truediv
from typing import Any

from shardctl import DigitsGene, Family, Minter, SnowflakeGene, UlidGene, Uuid7Gene

WANTED = 0.9
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
EPOCH_MS = 1_577_836_800_000
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


MINTER = "Minter, snowflake"
OTHERS: dict[str, Callable[[], Callable[[], Any]]] = {
    "tsidpy": lambda: module("tsidpy").TSIDGenerator(node=7, node_bits=10).create,
    "python-ulid": lambda: module("ulid").ULID,
    "uuid6": lambda: module("uuid6").uuid7,
    # With the reference's bits: with its own, 256 IDs in 10 ms, it would sleep most of the time.
    "sonyflake": lambda: (
        module("sonyflake")
        .Sonyflake(
            start_time=EPOCH,
            machine_id=7,
            bits_machine_id=10,
            bits_sequence=12,
            time_unit=timedelta(milliseconds=1),
        )
        .next_id
    ),
}
"""By the names of their distributions, which the extra `bench` installs."""


def contenders() -> dict[str, Callable[[], Any]]:
    """What is measured, by name; of the others those that are installed."""
    digits = Family("t", timezone="Asia/Shanghai", gene=DigitsGene(0, "%Y%m%d"), length=(28,))
    found: dict[str, Callable[[], Any]] = {
        "plain reference": Reference(7),
        MINTER: Minter(SNOWFLAKES, worker=7),
        "Minter, 28 digits": Minter(digits, worker=7),
        "Minter, ULID": Minter(Family("t", gene=UlidGene())),
        "Minter, UUIDv7": Minter(Family("t", gene=Uuid7Gene())),
    }
    for name, make in OTHERS.items():
        with suppress(ModuleNotFoundError):
            found[name] = make()
    return found


def measure(rounds: int, calls: int) -> dict[str, list[float]]:
    """Nanoseconds a call in each round; in a round every one has its turn."""
    timed: dict[str, list[float]] = {}
    made = contenders()
    gc.disable()
    for _ in range(rounds):
        for name, make in made.items():
            begun = time.perf_counter_ns()
            for _ in range(calls):
                make()
            timed.setdefault(name, []).append((time.perf_counter_ns() - begun) / calls)
    gc.enable()
    return timed


def judged(timed: dict[str, list[float]]) -> list[str]:
    """Print what was measured, and say what of it is not as it should be.

    A speed is the median of the rounds' ratios: what else the machine does falls on a round.
    """
    wrong = []
    for name, costs in timed.items():
        speed = statistics.median(map(truediv, timed[MINTER], costs))
        print(
            f"{name:<18} {statistics.median(costs):>7,.0f} ns {speed:>6.2f} of the Minter's speed"
        )
        if name in OTHERS and speed >= 1:
            wrong.append(f"{name} is faster than the Minter")
    reached = statistics.median(map(truediv, timed["plain reference"], timed[MINTER]))
    print(f"the Minter has {reached:.3f} of the plain reference's speed; {WANTED} is wanted")
    if reached < WANTED:
        wrong.append("the Minter is too slow")
    for name in [name for name in OTHERS if name not in timed]:
        print(f"{name} is not installed, and was not measured: pip install 'shardctl[bench]'")
    return wrong


def main() -> int:
    """0 where what is promised holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=201)
    parser.add_argument("--calls", type=int, default=2_000)
    given = parser.parse_args()
    wrong = judged(measure(given.rounds, given.calls))
    for line in wrong:
        print(f"wrong: {line}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
