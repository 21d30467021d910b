"""Minting: every ID once, and in the month that it is."""

from __future__ import annotations

import copy
import json
import os
import pickle
import signal
import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, pairwise, repeat
from operator import eq, lt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import (
    ClockWentBack,
    ConfigError,
    ForeignId,
    GeneExhausted,
    GeneMismatch,
    ImplausibleGene,
    InvalidGene,
    InvalidId,
)
from shardctl.family import Family, Scheme, Tag
from shardctl.gene import (
    SONYFLAKE,
    TWITTER,
    CallableGene,
    DigitsGene,
    SnowflakeGene,
    TimestampGene,
    UlidGene,
    Uuid7Gene,
)
from shardctl.mint import DigitsLayout, FrontEnd, Grant, Minted, Minter, TimestampLayout
from shardctl.month import Month

SHANGHAI = ZoneInfo("Asia/Shanghai")
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = 1_000_000
MIDNIGHT = datetime(2026, 12, 1, tzinfo=SHANGHAI)
TAG = Tag(key=b"0123456789abcdef", form="digits")


def ns(instant: datetime) -> int:
    return (instant - UNIX) // timedelta(microseconds=1) * 1000


class Clock:
    """A clock that shows what it is set to, and by which one sleeps."""

    def __init__(self, instant: datetime) -> None:
        self.now = ns(instant)

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


def minter_of(gene: Any, clock: Clock | None = None, **options: Any) -> Minter:
    family = {
        key: options.pop(key)
        for key in ("length", "timezone", "check", "tag", "first")
        if key in options
    }
    timed = {"clock": clock, "sleep": clock.sleep} if clock else options
    made = Family("t_order", **{"timezone": "Asia/Shanghai", "gene": gene, **family})
    if "layout" in options:
        options["layout"] = options["layout"](made)
    return Minter(made, **options | timed)


pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # at fork

KINDS: dict[str, dict[str, Any]] = {
    "28 digits": {"gene": DigitsGene(0, "%Y%m%d"), "length": (28,), "worker": 7},
    "19 digits": {"gene": DigitsGene(0, "%Y%m%d"), "length": (19,), "worker": 7},
    "short year": {"gene": DigitsGene(0, "%y%m"), "length": (20,), "worker": 7},
    "sealed": {"gene": DigitsGene(0, "%Y%m"), "length": (32,), "check": True, "tag": TAG}
    | {"worker": 7},
    "at 10": {
        "gene": DigitsGene(10, "%Y%m%d"),
        "length": (32,),
        "worker": 7,
        "layout": lambda family: DigitsLayout(family, prefix="4008722001"),
    },
    "twitter": {"gene": TWITTER, "worker": 7},
    "64 bits": {"gene": SnowflakeGene(42, (5, 5), 12), "worker": 7},
    "sonyflake": {"gene": SONYFLAKE, "worker": 7},
    "checked snowflake": {"gene": TWITTER, "check": True, "worker": 7},
    "ulid": {"gene": UlidGene()},
    "uuid7": {"gene": Uuid7Gene()},
    "uuid7 hex": {"gene": Uuid7Gene(hyphens=False)},
}
kinds = pytest.mark.parametrize("kind", KINDS)


# -- form -----------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("before_ns", [0, 1, 100, 999, 1_000_000, 30_000_000_000])
def test_an_id_is_of_the_month_and_the_time_that_it_is(kind: str, before_ns: int) -> None:
    clock = Clock(MIDNIGHT)
    clock.now -= before_ns
    minter = minter_of(clock=clock, **KINDS[kind])
    minted = [minter() for _ in range(50)]
    now = UNIX + timedelta(microseconds=clock.now // 1000)
    month = Month(2026, 11 if before_ns else 12)
    for one in minted:
        assert minter.family.month(id=one.id, instant=one.instant, now=now) == month
        assert Month.of(one.instant, SHANGHAI) == month
        assert now - timedelta(seconds=1) < one.instant <= now
    assert len({one.id for one in minted}) == 50


def test_nineteen_digits_are_a_date_a_worker_and_a_sequence_and_fit_a_bigint() -> None:
    minted = minter_of(clock=Clock(MIDNIGHT), **KINDS["19 digits"])()
    assert str(minted.id)[:15] == "202612010000007"
    assert len(minted.text) == 19
    assert int(minted.id) < 2**63


def test_twenty_eight_digits_have_milliseconds() -> None:
    clock = Clock(MIDNIGHT + timedelta(milliseconds=42))
    minted = minter_of(clock=clock, **KINDS["28 digits"])()
    assert str(minted.id)[:20] == "20261201000000042007"
    assert minted.instant == MIDNIGHT + timedelta(milliseconds=42)


@pytest.mark.parametrize("kind", ["twitter", "64 bits", "sonyflake"])
def test_a_snowflake_holds_the_workers_number(kind: str) -> None:
    minter = minter_of(clock=Clock(MIDNIGHT), **KINDS[kind])
    parts = minter.family.gene.parts(minter().id)  # type: ignore[union-attr]
    assert parts.get("worker", parts.get("worker 2")) == 7


def test_json_takes_the_text_since_a_reader_rounds_the_number() -> None:
    minter = minter_of(**KINDS["twitter"])
    minted = [minter() for _ in range(200)]
    texts = json.loads(json.dumps([one.text for one in minted]), parse_int=float)
    assert texts == [str(one.id) for one in minted]
    rounded = json.loads(json.dumps([one.id for one in minted]), parse_int=float)
    assert [int(one) for one in rounded] != [one.id for one in minted]


@pytest.mark.parametrize("kind", ["28 digits", "twitter", "sonyflake"])
def test_the_first_id_of_a_tick_does_not_tell_how_many_there_are(kind: str) -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(clock=clock, **KINDS[kind])
    ends = set()
    for _ in range(40):
        clock.now += 10 * MILLISECOND
        shift = 16 if kind == "sonyflake" else 0
        ends.add(int(minter().id) >> shift & 255)
    assert len(ends) > 5


def test_an_hour_that_a_clock_shows_twice_gives_no_id_twice() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 01:30 in New York, and again an hour later
    clock = Clock(first)
    minter = minter_of(clock=clock, **KINDS["19 digits"] | {"timezone": "America/New_York"})
    made = [minter().id for _ in range(400)]
    clock.now = ns(first + timedelta(hours=1))
    made += [minter().id for _ in range(400)]
    assert len(set(made)) == 800


# -- the clock ------------------------------------------------------------------------------------


@kinds
def test_a_clock_moved_to_and_fro_over_a_months_end_makes_no_id_of_a_wrong_month(kind: str) -> None:
    clock = Clock(MIDNIGHT - timedelta(seconds=2))
    minter = minter_of(clock=clock, **KINDS[kind])
    made: list[Minted] = []
    refused = 0
    for step in (0, 1999, 1, 0, -1, -1500, 900, 601, 5, -3000, -86_400_000, 86_403_000, 7, -7):
        clock.now += step * MILLISECOND
        for _ in range(3):
            try:
                minted = minter()
            except ClockWentBack:
                refused += 1
                continue
            made.append(minted)
            month = Month.of(UNIX + timedelta(microseconds=clock.now // 1000), SHANGHAI)
            assert Month.of(minted.instant, SHANGHAI) == month
            now = UNIX + timedelta(microseconds=clock.now // 1000)
            assert minter.family.month(id=minted.id, now=now) == month
    assert refused >= 6
    assert len({one.id for one in made}) == len(made)
    assert all(one.instant <= other.instant for one, other in pairwise(made))


def test_a_small_step_back_is_waited_for() -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(TWITTER, clock, worker=1)
    before = minter()
    clock.now -= 80 * MILLISECOND
    assert minter().instant >= before.instant
    assert clock.now >= ns(MIDNIGHT)


def test_how_long_to_wait_can_be_set() -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(TWITTER, clock, worker=1, patience=timedelta(0))
    minter()
    clock.now -= 80 * MILLISECOND
    with pytest.raises(ClockWentBack, match="set back"):
        minter()
    assert clock.now == ns(MIDNIGHT) - 80 * MILLISECOND


def test_when_the_ids_of_a_tick_are_used_up_the_next_one_is_waited_for() -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(SONYFLAKE, clock, worker=1)
    made = [minter() for _ in range(1000)]  # 256 at most in 10 ms
    assert len({one.id for one in made}) == 1000
    assert ns(MIDNIGHT) + 30 * MILLISECOND <= clock.now < ns(MIDNIGHT) + 60 * MILLISECOND
    assert all(ns(one.instant) <= clock.now for one in made)


def test_a_clock_that_stands_still_is_an_error_and_not_an_endless_wait() -> None:
    clock = Clock(MIDNIGHT)
    minter = Minter(Family("t", gene=SONYFLAKE), worker=1, clock=clock, sleep=lambda _: None)

    def many() -> None:
        for _ in range(257):
            minter()

    with pytest.raises(ClockWentBack, match="stands still"):
        many()


def test_a_process_lives_through_the_end_of_a_month() -> None:
    clock = Clock(MIDNIGHT - timedelta(milliseconds=3))
    minter = minter_of(clock=clock, **KINDS["28 digits"])
    found = []
    for _ in range(6):
        minted = minter()
        now = UNIX + timedelta(microseconds=clock.now // 1000)
        found.append(minter.family.month(id=minted.id, instant=minted.instant, now=now))
        clock.now += MILLISECOND
    assert found == [Month(2026, 11)] * 3 + [Month(2026, 12)] * 3


@pytest.mark.parametrize(
    ("gene", "end", "options"),
    [
        (TWITTER, UNIX + timedelta(milliseconds=TWITTER.epoch_ms + 2**41), {}),
        (SONYFLAKE, UNIX + timedelta(milliseconds=SONYFLAKE.epoch_ms + 10 * 2**39), {}),
        (TimestampGene("s"), UNIX + timedelta(seconds=10**10), {"user": 12}),
        (DigitsGene(0, "%y%m%d"), datetime(2099, 12, 31, tzinfo=UTC), {}),
    ],
)
def test_minting_ends_before_the_time_field_does(
    gene: Any, end: datetime, options: dict[str, Any]
) -> None:
    length = (30,) if isinstance(gene, DigitsGene) else ()
    clock = Clock(end - timedelta(days=91))
    minter = minter_of(gene, clock, worker=1, length=length)
    minter(**options)
    clock.now = ns(end - timedelta(days=90))
    with pytest.raises(GeneExhausted, match="run out"):
        minter(**options)
    later = minter_of(gene, clock, worker=1, length=length, reserve=timedelta(days=1))
    later(**options)
    clock.now = ns(end)
    with pytest.raises(GeneExhausted):
        later(**options)


def test_a_declared_length_may_end_the_ids_before_the_bits_do() -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(TWITTER, clock, worker=1, length=(19,))
    minter()
    short = minter_of(TWITTER, clock, worker=1, length=(18,))
    with pytest.raises(GeneExhausted):
        short()


def test_ids_that_the_family_would_not_take_are_not_made() -> None:
    minter = minter_of(TWITTER, Clock(MIDNIGHT), worker=1, first=Month(2027, 1))
    with pytest.raises(ImplausibleGene):
        minter()
    personal = minter_of(TimestampGene(), Clock(MIDNIGHT), worker=1, first=Month(2027, 1))
    with pytest.raises(ImplausibleGene):
        personal(1234567890)


# -- threads and processes ------------------------------------------------------------------------


def in_children(count: int, work: Callable[[int], bytes], folder: Path) -> list[bytes]:
    """What each of several forked children gives; a child that fails gives its error's name."""
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            try:
                result = work(number)
            except Exception as error:  # noqa: BLE001  told to the parent
                result = type(error).__name__.encode()
            (folder / str(number)).write_bytes(result)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        assert os.waitpid(pid, 0)[1] == 0
    return [(folder / str(number)).read_bytes() for number in range(count)]


class RestlessClock(Clock):
    """Goes on with every look, and is set to and fro over the end of one month after another.

    Back by less than a minter's patience it is waited for; by more it is refused, until it is
    set right.
    """

    MONTHS = tuple(Month(2018, 1) + step for step in range(90))
    STEPS_MS = (10, -5, 12, -3, 20, -15, 30, -40, 25, -60, 7, -95, 3, -120, 500, -800)
    LONG_STEPS_MS = (90_000, -89_999, 3_600_000, -3_600_050, 86_400_000, -86_500_000)

    def __init__(self) -> None:
        """30 ms before the end of the first month."""
        super().__init__(self.MONTHS[1].start(SHANGHAI) - timedelta(milliseconds=30))
        self.latest = self.now
        self.looks = 0
        self.shown = threading.local()

    def __call__(self) -> int:
        """Minters look one at a time: there is no race."""
        self.looks += 1
        if not self.looks % 4096:
            self.move(self.looks // 4096)
        self.now += 220  # so that more IDs are asked for than there are in a millisecond
        self.shown.ns = now = self.now
        return now

    def move(self, count: int) -> None:
        self.latest = max(self.latest, self.now)
        steps = self.STEPS_MS + self.LONG_STEPS_MS
        months, step = divmod(count, len(steps) + 1)
        if step:
            self.now += steps[step - 1] * MILLISECOND
        else:
            self.now = ns(self.MONTHS[1 + months].start(SHANGHAI)) - 30 * MILLISECOND

    def set_right(self) -> None:
        self.now = max(self.now, self.latest)


def test_of_ten_million_ids_none_comes_twice_or_lies_in_a_wrong_month(tmp_path: Path) -> None:
    """In four children and eight threads, while their clocks are set to and fro."""
    clock = RestlessClock()
    numbers = {os.getpid(): 1}
    minter = minter_of(TWITTER, clock, worker=lambda: numbers[os.getpid()])
    refused = 0

    def mint(count: int) -> array[int]:
        nonlocal refused
        made = array("Q")
        last = None
        while len(made) < count:
            try:
                id, instant = minter()
            except ClockWentBack:
                refused += 1
                clock.set_right()
                continue
            # Of the very millisecond that was shown: neither behind the clock nor ahead of it.
            shown = clock.shown.ns // MILLISECOND
            assert (id >> TWITTER.shift) + TWITTER.epoch_ms == shown
            if instant is not last:
                assert ns(instant) == shown * MILLISECOND
                last = instant
            made.append(id)
        return made

    def child(number: int) -> bytes:
        numbers[os.getpid()] = 100 + number
        return mint(1_000_000).tobytes()

    mint(1000)
    with ThreadPoolExecutor(8) as pool:
        runs = pool.map(mint, repeat(750_000, 8))
        children = in_children(4, child, tmp_path)  # forked while threads mint
    runs = [*runs, *(array("Q", result) for result in children)]
    assert [len(run) for run in runs] == [750_000] * 8 + [1_000_000] * 4
    for run in runs:
        assert all(map(lt, run, islice(run, 1, None)))
    found = 0
    for month in clock.MONTHS:
        bounds = [
            (ns(each.start(SHANGHAI)) // MILLISECOND - TWITTER.epoch_ms) << TWITTER.shift
            for each in (month, month + 1)
        ]
        parts = (run[slice(*(bisect_left(run, bound) for bound in bounds))] for run in runs)
        if made := sorted(chain.from_iterable(parts)):
            assert not any(map(eq, made, islice(made, 1, None)))
            assert {minter.family.month(id=made[end]) for end in (0, -1)} == {month}
        found += len(made)
    assert found == 10_000_000
    assert refused > 100


@pytest.mark.parametrize("used", [True, False])
def test_a_forked_child_is_refused_its_parents_number(tmp_path: Path, used: bool) -> None:
    minter = minter_of(TWITTER, Clock(MIDNIGHT), worker=1)  # in one tick, where IDs are at hand
    if used:
        minter()
    assert in_children(2, lambda _: minter().text.encode(), tmp_path) == [b"WorkerShared"] * 2
    minter()


def test_a_forked_child_gets_a_number_of_its_own_where_there_is_one(tmp_path: Path) -> None:
    numbers = {os.getpid(): 1}
    number = lambda: numbers.get(os.getpid(), os.getpid() % 1000 + 2)  # noqa: E731
    minter = minter_of(TWITTER, Clock(MIDNIGHT), worker=number)
    assert TWITTER.parts(int(minter().id))["worker"] == 1
    children = in_children(2, lambda _: f"{os.getpid()} {minter().text}".encode(), tmp_path)
    for pid, id in map(bytes.split, children):
        assert TWITTER.parts(int(id))["worker"] == int(pid) % 1000 + 2


def test_a_function_that_gives_a_child_its_parents_number_is_refused(tmp_path: Path) -> None:
    minter = minter_of(TWITTER, worker=lambda: 1)
    minter()
    assert in_children(1, lambda _: minter().text.encode(), tmp_path) == [b"WorkerShared"]


def test_random_ids_differ_after_a_fork(tmp_path: Path) -> None:
    minter = minter_of(UlidGene(), Clock(MIDNIGHT))
    minter()

    def child(_: int) -> bytes:
        return b" ".join(minter().text.encode() for _ in range(500))

    made = [id for ids in in_children(3, child, tmp_path) for id in ids.split()]
    made += [minter().text.encode() for _ in range(500)]
    assert len(set(made)) == 2000


def test_a_fork_while_another_thread_mints_leaves_the_child_able_to(tmp_path: Path) -> None:
    minting, go_on = threading.Event(), threading.Event()

    def clock() -> int:
        if threading.current_thread() is not threading.main_thread():
            minting.set()
            go_on.wait(timeout=30)
        return ns(MIDNIGHT)

    minter = Minter(Family("t", gene=UlidGene()), clock=clock)
    thread = threading.Thread(target=minter)
    thread.start()
    assert minting.wait(timeout=30)  # the lock is held now
    try:
        assert len(in_children(1, lambda _: minter().text.encode(), tmp_path)[0]) == 26
    finally:
        go_on.set()
        thread.join()


def test_a_minter_cannot_be_copied() -> None:
    minter = minter_of(TWITTER, worker=1)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="of one process"):
            duplicate(minter)


# -- worker numbers -------------------------------------------------------------------------------


class Granting:
    """Grants worker 3 for one second after another."""

    def __init__(self, since: datetime) -> None:
        self.grants = 0
        self.until = ns(since)

    def take(self, workers: int, now: int) -> Grant:  # noqa: ARG002
        self.grants += 1
        since, self.until = self.until, now + 1000 * MILLISECOND
        return Grant(3, since, self.until, self.until)

    def renew(self, grant: Grant, workers: int, now: int) -> Grant:  # noqa: ARG002
        return self.take(workers, now)


def test_a_clock_below_the_mark_of_its_worker_number_makes_no_id() -> None:
    clock = Clock(MIDNIGHT - timedelta(seconds=5))
    minter = minter_of(TWITTER, clock, worker=Granting(MIDNIGHT))
    with pytest.raises(ClockWentBack):
        minter()
    clock.now = ns(MIDNIGHT)
    assert minter().instant == MIDNIGHT


def test_a_worker_number_is_renewed_when_it_is_time() -> None:
    clock, workers = Clock(MIDNIGHT), Granting(MIDNIGHT - timedelta(days=1))
    minter = minter_of(TWITTER, clock, worker=workers)
    for passed, grants in ((0, 1), (999, 1), (1, 2), (5000, 3)):
        clock.now += passed * MILLISECOND
        minter()
        assert workers.grants == grants


@pytest.mark.parametrize(
    ("gene", "worker"),
    [
        (TWITTER, None),
        (TWITTER, 1024),
        (TWITTER, -1),
        (TWITTER, "7"),
        (TWITTER, True),
        (UlidGene(), 1),
        (SONYFLAKE, 2**16),
    ],
)
def test_a_worker_number_that_ids_have_no_room_for_is_refused(gene: Any, worker: Any) -> None:
    with pytest.raises(ConfigError, match="worker"):
        minter_of(gene, worker=worker)


@pytest.mark.parametrize("number", [1024, "7"])
def test_a_number_that_a_function_gives_must_fit_as_well(number: Any) -> None:
    minter = minter_of(TWITTER, worker=lambda: number)
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"worker {number!r} is no integer of 0 to 1023"):
            minter()


@pytest.mark.parametrize(
    ("gene", "options"),
    [
        (None, {}),
        (CallableGene(lambda _: Month(2026, 1), "mine"), {}),
        (DigitsGene(0, "%Y%m%d"), {}),
        (DigitsGene(0, "%Y%m%d"), {"length": (14,)}),
        (DigitsGene(10, "%Y%m%d"), {"length": (32,)}),
        (TWITTER, {"layout": DigitsLayout}),
        (TimestampGene(), {"layout": lambda family: TimestampLayout(family, worker_digits=3)}),
    ],
)
def test_ids_that_cannot_be_written_are_refused_at_the_start(
    gene: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidGene):
        minter_of(gene, worker=1, **options)


# -- IDs that bear a user -------------------------------------------------------------------------


def test_an_id_bears_time_user_and_three_digits() -> None:
    clock = Clock(MIDNIGHT)
    minter = minter_of(TimestampGene(), clock, worker=7, length=(26, 27))
    for user in (1234567890, "12345678901", "0234567890"):
        minted = minter(user=user)
        assert str(minted.id)[:-2] == f"{ns(MIDNIGHT) // MILLISECOND}{user}7"
        assert FrontEnd(minter.family).check(minted.id, user=user, now=MIDNIGHT) == Month(2026, 12)


@pytest.mark.parametrize("user", [123456789, "123456789012", "12345678９0", "-234567890", "", True])
def test_a_user_id_of_another_form_is_refused(user: Any) -> None:
    minter = minter_of(TimestampGene(), worker=7, length=(26, 27))
    with pytest.raises(InvalidId, match="user"):
        minter(user=user)


def test_a_user_is_asked_for_where_ids_bear_one_and_only_there() -> None:
    with pytest.raises(InvalidId, match="give user="):
        minter_of(TimestampGene(), worker=7, length=(26, 27))()
    for kind in KINDS.values():
        with pytest.raises(InvalidGene, match="leave user= out"):
            minter_of(**kind)(user=1)


FRONT = FrontEnd(Family("t_order", timezone="Asia/Shanghai", gene=TimestampGene(), length=(26, 27)))
SENT = f"{ns(MIDNIGHT) // MILLISECOND}1234567890123"


def test_a_front_ends_id_that_is_right_is_taken() -> None:
    for now in (MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)):
        assert FRONT.check(SENT, user=1234567890, now=now) == Month(2026, 12)


def test_an_id_that_bears_another_user_is_refused() -> None:
    # The last two stand in the ID, but not where the user's id does.
    for user in (1234567891, 234567890, "01234567890", "2345678901", "0123456789", ""):
        with pytest.raises(ForeignId):
            FRONT.check(SENT, user=user, now=MIDNIGHT)


def test_an_id_whose_time_is_not_near_now_is_refused_for_a_new_row() -> None:
    for apart in (timedelta(minutes=5, milliseconds=2), -timedelta(minutes=5, milliseconds=2)):
        with pytest.raises(GeneMismatch, match="clock"):
            FRONT.check(SENT, user=1234567890, now=MIDNIGHT + apart)


def test_a_late_retry_is_known_by_its_user() -> None:
    FRONT.check_user(SENT, user=1234567890, now=MIDNIGHT + timedelta(days=400))
    with pytest.raises(ForeignId):
        FRONT.check_user(SENT, user=1234567891, now=MIDNIGHT + timedelta(days=400))


@pytest.mark.parametrize("id", [SENT[:-1] + "x", SENT + "00", SENT[:-2], "９" + SENT[1:], 1.5])
def test_an_id_of_another_form_is_refused(id: Any) -> None:
    with pytest.raises(InvalidId):
        FRONT.check(id, user=1234567890, now=MIDNIGHT)


MOVED = FrontEnd(
    Family(
        "t_order",
        timezone="Asia/Shanghai",
        gene=TimestampGene(),
        length=(26, 27),
        genes=(
            Scheme(DigitsGene(0, "%Y%m%d"), (28,), until=Month(2026, 6)),
            Scheme(TimestampGene("s"), (23, 24), until=Month(2026, 11)),
        ),
    )
)


@pytest.mark.parametrize("user", [1234567890, "12345678901"])
@pytest.mark.parametrize(
    ("written", "now", "month"),
    [
        ("{:.0f}{}123", datetime(2026, 11, 30, 23, 59, 59, tzinfo=SHANGHAI), Month(2026, 11)),
        ("{:.0f}000{}123", datetime(2026, 11, 30, 23, 59, 59, tzinfo=SHANGHAI), Month(2026, 11)),
        ("{:.0f}000{}123", MIDNIGHT, Month(2026, 12)),
    ],
)
def test_an_id_is_checked_by_the_scheme_that_it_was_made_by(
    user: Any, written: str, now: datetime, month: Month
) -> None:
    id = written.format(now.timestamp(), user)
    assert MOVED.check(id, user=user, now=now) == month
    MOVED.check_user(id, user=user, now=now + timedelta(days=400))
    with pytest.raises(GeneMismatch, match="clock"):
        MOVED.check(id, user=user, now=now + timedelta(minutes=6))
    for other in (str(user)[1:], f"0{user}", f"{user}1", 1234567891):
        with pytest.raises(ForeignId):
            MOVED.check(id, user=other, now=now)


def test_an_id_of_a_scheme_that_has_ended_is_no_new_rows() -> None:
    with pytest.raises(ImplausibleGene):
        MOVED.check(f"{MIDNIGHT.timestamp():.0f}1234567890123", user=1234567890, now=MIDNIGHT)


def test_an_id_of_a_scheme_that_bore_no_user_is_nobodys() -> None:
    now = datetime(2026, 6, 30, tzinfo=SHANGHAI)
    id = "2026063012345678901234567890"
    for user in (1234567890, 12345678901, "345678901234567", ""):
        with pytest.raises(ForeignId):
            MOVED.check_user(id, user=user, now=now)


def test_ids_of_a_front_end_are_checked_when_the_back_end_makes_them_now() -> None:
    front = FrontEnd(
        Family(
            "t_order",
            timezone="Asia/Shanghai",
            gene=TWITTER,
            length=(19,),
            genes=(Scheme(TimestampGene(), (26, 27), until=Month(2026, 12)),),
        )
    )
    assert front.check(SENT, user=1234567890, now=MIDNIGHT) == Month(2026, 12)
    front.check_user(SENT, user=1234567890, now=MIDNIGHT + timedelta(days=400))
    minted = Minter(front.family, worker=1, clock=Clock(MIDNIGHT))()
    with pytest.raises(ForeignId):
        front.check(minted.id, user=1234567890, now=MIDNIGHT)


def test_nobody_is_not_the_user_of_an_id_without_one() -> None:
    front = FrontEnd(Family("t_order", timezone="Asia/Shanghai", gene=TimestampGene()))
    with pytest.raises(ForeignId):
        front.check(f"{ns(MIDNIGHT) // MILLISECOND}123", user="", now=MIDNIGHT)


def test_only_ids_with_a_timestamp_have_a_user_to_check() -> None:
    with pytest.raises(InvalidGene):
        FrontEnd(Family("t_order", gene=TWITTER))
