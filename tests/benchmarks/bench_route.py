"""What routing an ID costs: `python -m tests.benchmarks.bench_route`.

Measured against the tightest function that checks the same: type, length, ASCII, digits and a
known month for a text of 28 digits; type and a bisection over precomputed bounds for an integer
of 64 bits. All ways go over the same IDs, turn and turn about in one run, with the cost of the
bare loop taken off; figures are medians, and what counts are their ratios. Then what importing
costs beyond bare Python. The exit code is 1 where one is not as wanted.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any
from zoneinfo import ZoneInfo

from shardctl.family import Family, Tag
from shardctl.gene import TWITTER, DigitsGene, TimestampGene, UlidGene, Uuid7Gene
from shardctl.month import Month

COUNT, ROUNDS = 2000, 101
MONTHS = [Month(2023, 1) + n for n in range(36)]
ZONE = ZoneInfo("Asia/Shanghai")
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_MS = 1288834974657
IMPORT_MS = 40

KNOWN = {f"{month:%Y%m}": f"t_order_{month:%Y%m}" for month in MONTHS}
BOUNDS = [TWITTER.lower(TWITTER.first_tick(month, ZONE)) for month in [*MONTHS, MONTHS[-1] + 1]]
TABLES = [f"t_order_{month:%Y%m}" for month in MONTHS]

Loop = Callable[[list[Any]], int]


def tight_text(id: object) -> str:
    """The tightest checked function for a text of digits."""
    if type(id) is not str or len(id) != 28 or not id.isascii() or not id.isdigit():
        raise ValueError(id)
    table = KNOWN.get(id[:6])
    if table is None:
        raise ValueError(id)
    return table


def tight_number(id: object) -> str:
    """The tightest checked function for an integer."""
    if type(id) is not int:
        raise TypeError(id)
    at = bisect_right(BOUNDS, id)
    if not 0 < at < len(BOUNDS):
        raise ValueError(id)
    return TABLES[at - 1]


def usual_text(id: str) -> str:
    """As it is often written."""
    return "t_order_" + datetime.strptime(id[:8], "%Y%m%d").strftime("%Y%m")  # noqa: DTZ007


def usual_number(id: int) -> str:
    """As it is often written."""
    return "t_order_" + datetime.fromtimestamp(((id >> 22) + EPOCH_MS) / 1000, ZONE).strftime(
        "%Y%m"
    )


def loop(statement: str, names: dict[str, Any]) -> Loop:
    """A statement written out in a loop, without a call around it; gives nanoseconds."""
    source = (
        "def loop(ids):\n"
        "    begun = clock()\n"
        "    for id in ids:\n"
        f"        {statement}\n"
        "    return clock() - begun\n"
    )
    names = {**names, "clock": time.perf_counter_ns}
    exec(source, names)
    made: Loop = names["loop"]
    return made


def medians(statements: list[str], names: dict[str, Any], ids: list[Any]) -> list[float]:
    """Nanoseconds an ID for each statement, without the loop's own."""
    loops = [loop(statement, names) for statement in ("id", *statements)]
    taken: list[list[int]] = [[] for _ in loops]
    gc.disable()
    for number in range(ROUNDS + 2):
        for each, times in zip(loops, taken, strict=True):
            passed = each(ids)
            if number >= 2:  # the first ones warm up
                times.append(passed)
    gc.enable()
    bare, *found = (statistics.median(times) / len(ids) for times in taken)
    return [each - bare for each in found]


def made_at(random: Random) -> list[datetime]:
    """Instants all over the months."""
    start, end = MONTHS[0].start(ZONE), MONTHS[-1].start(ZONE)
    return [start + (end - start) * random.random() for _ in range(COUNT)]


def compared(title: str, family: Family, ids: list[Any], tight: Any, usual: Any) -> bool:
    """Print a table's cost by the family, the tightest way and the usual one."""
    names = {"family": family, "tight": tight, "usual": usual}
    assert all(family.table_name(id=id) == tight(id) == usual(id) for id in ids)
    ways = ["tight(id)", "family.table_name(id=id)", "family.month(id=id)", "usual(id)"]
    floor, table_name, month, often = medians(ways, names, ids)
    print(f"{title}: tightest {floor:.0f} ns, strptime or fromtimestamp + strftime {often:.0f} ns")
    good = [
        told("table_name", table_name, table_name / floor, "≤", 1.5),
        told("month", month, month / floor, "≤", 2.5),
        told("table_name", table_name, often / table_name, "≥", 6.0, "faster than the usual way"),
    ]
    return all(good)


def told(what: str, ns: float, ratio: float, sign: str, wanted: float, than: str = "") -> bool:
    good = ratio <= wanted if sign == "≤" else ratio >= wanted
    verdict = "as wanted" if good else "NOT AS WANTED"
    than = than or "the tightest"
    print(f"  {what} {ns:.0f} ns: {ratio:.2f} times {than} ({sign} {wanted}) {verdict}")
    return good


def others(random: Random, texts: list[str], numbers: list[int]) -> None:
    """Print what other kinds cost, to compare."""
    tail = "".join(random.choices("0123456789", k=13))
    uuid7 = "-7abc-8000-00000000002a"
    kinds: list[tuple[Any, Callable[[str, int], str]]] = [
        (TimestampGene("ms"), lambda lower, _: lower + tail),
        (Uuid7Gene(), lambda lower, _: lower + uuid7),
        (UlidGene(), lambda lower, _: lower + "0" * 16),
    ]
    for gene, whole in kinds:
        ticks = [(instant - UNIX) // timedelta(milliseconds=1) for instant in made_at(random)]
        ids = [whole(gene.lower(tick), tick) for tick in ticks]
        length = gene.lengths or (26,)
        family = Family("t_order", timezone=str(ZONE), gene=gene, length=length)
        cost(str(gene), family, ids)
    days = DigitsGene(0, "%Y%m%d")
    checked = Family("t_order", timezone=str(ZONE), gene=days, length=(30,), check=True)
    tagged = Family("t_order", timezone=str(ZONE), gene=days, tag=Tag(key=random.randbytes(32)))
    nineteen = Family("t_order", timezone=str(ZONE), gene=TWITTER, length=(19,))
    cost("check digits", checked, [checked.scheme.seal(id) for id in texts])
    cost("tag", tagged, [tagged.scheme.seal(id) for id in texts])
    cost("snowflake of 19 digits", nineteen, numbers)


def cost(title: str, family: Family, ids: list[Any]) -> None:
    """Print what a table's name costs by a family."""
    (ns,) = medians(["family.table_name(id=id)"], {"family": family}, ids)
    print(f"{title}: table_name {ns:.0f} ns")


def imports() -> bool:
    """Print the processor's time that importing costs, in fresh processes, turn and turn about."""
    imported = ["", "import shardctl", "from shardctl import DigitsGene, Family, Month"]
    taken: dict[str, list[float]] = {program: [] for program in imported}
    for _ in range(15):
        for program, times in taken.items():
            before = getrusage(RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program], check=True)
            after = getrusage(RUSAGE_CHILDREN)
            passed = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            times.append(1000 * passed)
    bare, package, names = (statistics.median(times) for times in taken.values())
    print(f"bare Python: {bare:.1f} ms")
    print(f"  {imported[1]}: {package - bare:+.1f} ms beyond it (≤ {IMPORT_MS})")
    print(f"  {imported[2]}: {names - bare:+.1f} ms beyond it")
    return package - bare <= IMPORT_MS


def main() -> None:
    """Print every figure; exit code 1 where one is not as wanted."""
    random = Random(20261121)
    texts = [f"{made:%Y%m%d}{random.randrange(10**20):020}" for made in made_at(random)]
    epoch = UNIX + timedelta(milliseconds=EPOCH_MS)
    numbers = [
        (made - epoch) // timedelta(milliseconds=1) << 22 | random.getrandbits(22)
        for made in made_at(random)
    ]
    by_text = Family("t_order", timezone=str(ZONE), gene=DigitsGene(0, "%Y%m%d"), length=(28,))
    by_number = Family("t_order", timezone=str(ZONE), gene=TWITTER)
    good = [
        compared("28 digits", by_text, texts, tight_text, usual_text),
        compared("64 bits", by_number, numbers, tight_number, usual_number),
    ]
    others(random, texts, numbers)
    good.append(imports())
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
