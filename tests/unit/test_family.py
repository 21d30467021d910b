from __future__ import annotations

import copy
import gc
import hashlib
import os
import pickle
import re
import subprocess
import sys
import sysconfig
import threading
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import packages_distributions
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shardctl.errors import (
    ConfigError,
    GeneMismatch,
    ImplausibleGene,
    InvalidGene,
    InvalidId,
    InvalidMonth,
)
from shardctl.family import Family, Scheme, Tag
from shardctl.gene import TWITTER, DigitsGene, TimestampGene, parse_gene
from shardctl.month import Month
from shardctl.suffix import Suffix

NOW = datetime(2026, 11, 21, tzinfo=UTC)
ORDERS = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d"),
    length=(28,),
    first=Month(2020, 1),
)

zones = st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "America/Havana"])
instants = st.timedeltas(timedelta(0), timedelta(days=11000)).map(
    lambda passed: datetime(2005, 1, 1, tzinfo=UTC) + passed
)


# -- half-open ranges of time ---------------------------------------------------------------------


@given(zones, instants, instants, st.booleans())
def test_the_months_of_a_time_are_those_that_hold_an_instant_of_it(
    name: str, since: datetime, until: datetime, local: bool
) -> None:
    assume(abs(until - since) < timedelta(days=2000))
    zone = ZoneInfo(name)
    family = Family("t", timezone=name)
    given_as = (since.astimezone(zone), until.astimezone(zone)) if local else (since, until)
    first = Month.of(since, zone)
    touched = tuple(
        month
        for month in (first + step for step in range(70))
        if max(since, month.start(zone)) < min(until, (month + 1).start(zone).astimezone(UTC))
    )
    assert family.months(*given_as) == touched


@given(zones, st.integers(2005, 2035), st.integers(1, 12))
def test_the_end_does_not_touch_the_month_that_it_begins(name: str, year: int, month: int) -> None:
    family, whole = Family("t", timezone=name), Month(year, month)
    start, end = whole.start(family.zone), (whole + 1).start(family.zone)
    assert family.months(start, end) == (whole,)
    after = end.astimezone(UTC) + timedelta(microseconds=1)
    assert family.months(start, after) == (whole, whole + 1)
    assert family.months(end, end) == ()
    assert family.months(end, start) == ()


def test_an_hour_that_comes_twice_has_length() -> None:
    family = Family("t", timezone="America/New_York")
    since = datetime(2026, 11, 1, 1, 30, tzinfo=family.zone)
    until = datetime(2026, 11, 1, 1, 10, tzinfo=family.zone, fold=1)  # forty minutes later
    assert family.months(since, until) == (Month(2026, 11),)


MIDNIGHTS = [
    ("Asia/Shanghai", Month(2026, 12)),
    ("America/Havana", Month(2026, 11)),  # the first hour comes twice
    ("America/St_Johns", Month(2009, 11)),  # at a minute past midnight it is 23:01 again
    ("Asia/Amman", Month(2022, 4)),
    ("America/Asuncion", Month(2012, 4)),  # at midnight it is 23:00 again
]


@pytest.mark.parametrize(("name", "month"), MIDNIGHTS)
def test_a_month_is_one_stretch_of_time_whatever_the_clock_shows(name: str, month: Month) -> None:
    """Else the order in which a process meets IDs might decide where they go."""
    zone = ZoneInfo(name)
    start = month.start(zone).astimezone(UTC)
    met, fresh = (Family("t", timezone=name, gene=TimestampGene("ms")) for _ in range(2))
    met.month(id=stamped((month + 1).start(zone)))
    for minutes in range(-150, 150):
        instant = start + timedelta(minutes=minutes)
        its = month if minutes >= 0 else month + -1
        assert Month.of(instant, zone) == Month.of(instant.astimezone(zone), zone) == its
        assert met.months(instant, instant + timedelta.resolution) == (its,)
        id = stamped(instant)
        assert fresh.month(id=id) == met.month(id=id) == met.month(id=id, now=NOW) == its


def test_a_time_beyond_the_calendar_is_an_error_of_ours() -> None:
    east, west = Family("t", timezone="Asia/Shanghai"), Family("t", timezone="America/Lima")
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    day = timedelta(days=1)
    for wrong in (
        lambda: east.month(instant=last),
        lambda: west.month(instant=first),
        lambda: east.months(first, NOW, skew=day),
        lambda: west.months(NOW, last, skew=day),
        lambda: east.months(NOW, last),
    ):
        with pytest.raises(InvalidMonth, match="beyond the calendar"):
            wrong()
    dated = Family("t", gene=DigitsGene(0, "%Y%m%d"))
    assert dated.month(id="00010101", instant=first) == Month(1, 1)


def test_the_machines_own_zone_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    instant = datetime(2026, 11, 30, 16, tzinfo=UTC)
    id = stamped(instant)
    for machine in ("UTC", "Asia/Shanghai", "America/New_York"):
        monkeypatch.setenv("TZ", machine)
        time.tzset()
        for zone, month in (("UTC", Month(2026, 11)), ("Asia/Shanghai", Month(2026, 12))):
            family = Family("t", timezone=zone, gene=TimestampGene("ms"))
            assert family.month(id=id) == family.month(instant=instant) == month
            assert family.month(instant=instant.astimezone()) == month
    monkeypatch.undo()
    time.tzset()


# -- routing --------------------------------------------------------------------------------------


def test_an_id_finds_its_month() -> None:
    order = "2026112109364399365840049582"
    assert ORDERS.month(id=order, now=NOW) == Month(2026, 11)
    assert ORDERS.month(id=int(order), now=NOW) == Month(2026, 11)
    assert ORDERS.table_name(Month(2026, 11)) == "t_order_202611"


def test_what_is_premade_bounds_what_is_plausible() -> None:
    def month_of(month: Month) -> Month:
        return ORDERS.month(id=f"{month:%Y%m}01" + "0" * 20, now=NOW)

    assert month_of(Month(2027, 3)) == Month(2027, 3)
    assert month_of(Month(2020, 1)) == Month(2020, 1)
    for beyond in (Month(2027, 4), Month(2019, 12), Month(9999, 1)):
        with pytest.raises(ImplausibleGene, match="t_order has months from 2020-01 to 2027-03"):
            month_of(beyond)


def test_now_is_asked_for_each_time_in_the_familys_zone() -> None:
    evening = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert ORDERS.current_month(evening) == Month(2026, 12)
    assert ORDERS.current_month(evening - timedelta(microseconds=1)) == Month(2026, 11)


FORGERIES = 3000


@pytest.mark.parametrize("genes", ["digits 0 %Y%m%d", "timestamp ms", "snowflake 41|10|12"])
def test_forged_ids_leave_nothing_in_memory(genes: str) -> None:
    family = Family("t_order", timezone="Asia/Shanghai", gene=parse_gene(genes))
    digits = genes.startswith("digits")

    def forge(number: int) -> None:
        day = f"{2030 + number // 336}{number // 28 % 12 + 1:02}{number % 28 + 1:02}"
        id: Any = day + "0" * 11 if digits else 2_000_000_000_000_000_000 * 4 + number
        with pytest.raises(ImplausibleGene):
            family.table_name(id=str(id))

    forge(0)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(FORGERIES):
        forge(number)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10 * FORGERIES


def test_an_id_of_more_digits_than_any_text_has_is_refused() -> None:
    for family in (Family("t", gene=DigitsGene(0, "%Y%m%d")), STAMPED, FLAKES):
        for wrong in (10**1000, 20200101 * 10**993, "9" * 1001):
            with pytest.raises(InvalidId):
                family.month(id=wrong)
    assert Family("t", gene=DigitsGene(0, "%Y%m%d")).month(id=20200101 * 10**992)


def test_an_error_stands_alone() -> None:
    """No traceback of ours leads to a key that was not in a dictionary."""
    for family, wrong in (
        (ORDERS, "20991121" + "0" * 20),
        (FLAKES, 2**63 - 1),
        (STAMPED, "9" * 26),
    ):
        with pytest.raises(ImplausibleGene) as caught:
            family.month(id=wrong)
        assert caught.value.__context__ is None


@pytest.mark.parametrize("wrong", ["", "2026", "2026112109364399365840049582x", True, 2.5, b"2026"])
def test_an_id_of_another_form_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidId):
        ORDERS.month(id=wrong, now=NOW)  # type: ignore[arg-type]


def test_a_family_without_a_gene_routes_by_add_time() -> None:
    family = Family("t_log", timezone="Asia/Shanghai", suffix=Suffix("_%Y_%-m"))
    instant = datetime(2026, 1, 31, 16, 0, tzinfo=UTC)
    assert family.table_name(instant=instant) == "t_log_2026_2"
    with pytest.raises(InvalidId, match="its add-time tells the month: instant="):
        family.month(id="20260131")
    with pytest.raises(InvalidMonth, match="aware"):
        family.month(instant=datetime(2026, 1, 31))  # noqa: DTZ001  that is the point


def test_an_id_or_an_instant_is_wanted() -> None:
    for routed in (ORDERS.month, ORDERS.table_name):
        with pytest.raises(InvalidId, match="there is no ID; give one, or the add-time"):
            routed()


# -- an ID and an add-time, compared on demand --------------------------------------------------


SHANGHAI = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 12, 1, tzinfo=SHANGHAI)
STAMPED = Family("t_order", timezone="Asia/Shanghai", gene=TimestampGene("ms"), length=(26, 27))


def stamped(instant: datetime) -> str:
    milliseconds = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return f"{milliseconds:013}" + "0123456789" + "042"


@pytest.mark.parametrize("seconds", [-5, -1, 0, 1, 5])
def test_an_add_time_within_the_skew_agrees_over_a_months_end(seconds: int) -> None:
    made = MIDNIGHT - timedelta(seconds=2)
    added = made + timedelta(seconds=seconds)
    assert STAMPED.month(id=stamped(made), instant=added, now=NOW) == Month(2026, 11)


@pytest.mark.parametrize("seconds", [-5.1, 5.1, 86400])
def test_an_add_time_beyond_the_skew_is_a_mismatch(seconds: float) -> None:
    made = MIDNIGHT - timedelta(seconds=2)
    with pytest.raises(GeneMismatch, match="route by the ID alone"):
        STAMPED.month(id=stamped(made), instant=made + timedelta(seconds=seconds), now=NOW)


def test_a_retry_after_midnight_finds_its_month_by_the_id_alone() -> None:
    order = stamped(MIDNIGHT - timedelta(milliseconds=1))
    assert STAMPED.month(id=order, now=MIDNIGHT + timedelta(days=3)) == Month(2026, 11)
    assert STAMPED.month(id=stamped(MIDNIGHT), now=MIDNIGHT) == Month(2026, 12)


def test_a_gene_that_tells_the_day_agrees_with_any_time_of_it() -> None:
    order = "20261130" + "0" * 20
    day = datetime(2026, 11, 30, tzinfo=SHANGHAI)
    skew = ORDERS.skew
    for added in (day - skew, day, MIDNIGHT, MIDNIGHT + skew):
        assert ORDERS.month(id=order, instant=added, now=NOW) == Month(2026, 11)
    for added in (day - skew - timedelta.resolution, MIDNIGHT + skew + timedelta.resolution):
        with pytest.raises(GeneMismatch):
            ORDERS.month(id=order, instant=added, now=NOW)


def test_an_id_tells_when_it_was_made() -> None:
    made = MIDNIGHT - timedelta(milliseconds=1)
    assert STAMPED.span(stamped(made)) == (made, MIDNIGHT)
    day = datetime(2026, 11, 30, tzinfo=SHANGHAI)
    assert ORDERS.span("20261130" + "0" * 20) == (day, day + timedelta(days=1))
    for family, wrong in ((STAMPED, "x"), (Family("t_log"), "20261130")):
        with pytest.raises(InvalidId):
            family.span(wrong)


def test_an_id_without_a_gene_goes_with_its_add_time() -> None:
    assert Family("t_log").month(id="anything", instant=NOW) == Month(2026, 11)


# -- reading a time with skew -------------------------------------------------------------------


def test_skew_reaches_into_the_neighbours() -> None:
    start, end = Month(2026, 11).start(SHANGHAI), Month(2026, 12).start(SHANGHAI)
    assert ORDERS.months(start, end) == (Month(2026, 11),)
    assert ORDERS.months(start, end, skew=ORDERS.skew) == tuple(
        Month(2026, n) for n in (10, 11, 12)
    )
    within = start + ORDERS.skew, end - ORDERS.skew
    assert ORDERS.months(*within, skew=ORDERS.skew) == (Month(2026, 11),)
    assert ORDERS.months(end, start, skew=ORDERS.skew) == ()


@given(zones, instants, instants, st.timedeltas(timedelta(0), timedelta(days=40)))
def test_reading_with_skew_is_reading_a_longer_time(
    name: str, since: datetime, until: datetime, skew: timedelta
) -> None:
    family = Family("t", timezone=name)
    found = family.months(since, until, skew=skew)
    if since >= until:
        assert found == ()
    else:
        assert found == family.months(since - skew, until + skew)
        assert set(found) >= set(family.months(since, until))


# -- many IDs -----------------------------------------------------------------------------------


def test_ids_are_grouped_by_table_and_none_is_lost() -> None:
    ids = [f"2026{month:02}15" + "0" * 20 for month in (11, 3, 11, 1)]
    assert ORDERS.tables_for(ids) == {
        "t_order_202601": [ids[3]],
        "t_order_202603": [ids[1]],
        "t_order_202611": [ids[0], ids[2]],
    }
    assert list(ORDERS.tables_for(ids)) == ["t_order_202601", "t_order_202603", "t_order_202611"]
    assert ORDERS.tables_for([]) == {}
    with pytest.raises(InvalidId, match="x2026"):
        ORDERS.tables_for([*ids, "x2026" + "0" * 23])


@given(st.lists(st.tuples(st.integers(2020, 2026), st.integers(1, 11), st.integers(0, 3))))
def test_grouping_keeps_each_id_once_in_its_place(numbers: list[tuple[int, int, int]]) -> None:
    texts = [f"{year}{month:02}15{tail:020}" for year, month, tail in numbers]
    ids: list[Any] = [int(text) if int(text) % 2 else text for text in texts]
    groups = ORDERS.tables_for(ids)
    assert list(groups) == sorted({f"t_order_{text[:6]}" for text in texts})
    for table, grouped in groups.items():
        assert grouped == [id for id in ids if f"t_order_{str(id)[:6]}" == table]
    assert sum(map(len, groups.values())) == len(ids)


# -- the range of a month -----------------------------------------------------------------------


def test_the_range_of_a_month_holds_its_ids_and_no_others() -> None:
    assert ORDERS.id_range(Month(2026, 2)) == ("20260201" + "0" * 20, "20260228" + "9" * 20)
    low, high = Family("t", timezone="Asia/Shanghai", gene=TWITTER).id_range(Month(2026, 11))
    assert isinstance(low, int)
    assert isinstance(high, int)
    flakes = Family("t", timezone="Asia/Shanghai", gene=TWITTER)
    assert [flakes.month(id=id, now=NOW).month for id in (low - 1, low, high, high + 1)] == [
        *(10, 11, 11, 12)
    ]
    low, high = STAMPED.id_range(Month(2026, 11))
    assert low <= stamped(Month(2026, 11).start(SHANGHAI)) <= high
    assert low <= stamped(MIDNIGHT - timedelta(milliseconds=1)) <= high < stamped(MIDNIGHT)


@pytest.mark.parametrize(
    "family",
    [
        Family("t", gene=DigitsGene(10, "%Y%m%d"), length=(28,)),
        Family("t", gene=DigitsGene(0, "%m%Y"), length=(28,)),
        Family("t", gene=DigitsGene(0, "%Y%m")),
        Family("t"),
    ],
)
def test_ids_in_no_order_have_no_range(family: Family) -> None:
    with pytest.raises(InvalidGene):
        family.id_range(Month(2026, 11))


# -- explaining, comparing, copying -------------------------------------------------------------


def test_each_step_to_a_table_is_told() -> None:
    assert tuple(ORDERS.explain("20260930" + "0" * 20, now=NOW)) == (
        ("ID", "20260930" + "0" * 20),
        ("gene", "digits 0 %Y%m%d"),
        ("characters 0 to 7, %Y%m%d", "20260930"),
        ("date by the clock in Asia/Shanghai", "2026-09-30 00:00:00.000"),
        ("month", "2026-09"),
        ("table", "t_order_202609"),
    )


def test_the_steps_of_a_wrong_id_are_told_up_to_what_is_wrong() -> None:
    told: list[tuple[str, str]] = []
    with pytest.raises(ImplausibleGene, match="2099-01"):
        told.extend(ORDERS.explain("20990101" + "0" * 20, now=NOW))
    with pytest.raises(InvalidId, match="28"):
        told.extend(ORDERS.explain("2026", now=NOW))
    with pytest.raises(InvalidId, match="an integer of"):
        list(ORDERS.explain(10**5000, now=NOW))
    with pytest.raises(InvalidId, match="day is out of range"):
        told.extend(ORDERS.explain("20260230" + "0" * 20, now=NOW))
    assert told == [
        ("ID", "20990101" + "0" * 20),
        ("gene", "digits 0 %Y%m%d"),
        ("characters 0 to 7, %Y%m%d", "20990101"),
        ("date by the clock in Asia/Shanghai", "2099-01-01 00:00:00.000"),
        ("ID", "2026"),
        ("gene", "digits 0 %Y%m%d"),
        ("ID", "20260230" + "0" * 20),
        ("gene", "digits 0 %Y%m%d"),
        ("characters 0 to 7, %Y%m%d", "20260230"),
    ]


def test_the_last_column_of_a_key_holds_the_id() -> None:
    assert Family("t").id_column == ""
    assert Family("t", key=("order_id",)).id_column == "order_id"
    assert Family("t", key=("business", "order_id")).id_column == "order_id"


def test_the_fingerprint_is_that_of_its_text() -> None:
    """Other versions, and other languages, must come to the same."""
    text = "shardctl family 1\nt_order\nAsia/Shanghai\n_%Y%m\ndigits 0 %Y%m%d"
    assert ORDERS.fingerprint == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "t_orders"},
        {"timezone": "UTC"},
        {"suffix": Suffix("_%Y_%m")},
        {"gene": DigitsGene(1, "%Y%m%d")},
        {"gene": None},
        {"check": True},
        {"tag": Tag("ORDER_KEY", form="digits")},
        {"genes": (Scheme(TWITTER, until=Month(2021, 1)),)},
    ],
)
def test_what_sends_ids_elsewhere_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert replace(ORDERS, **change).fingerprint != ORDERS.fingerprint


@pytest.mark.parametrize(
    "gene",
    [
        "snowflake 42|10|11",
        "snowflake 41|10|12 sequence-first",
        "snowflake 41|10|12 unit=10ms",
        "snowflake 41|10|12 epoch=1",
        "snowflake twitter",
        "timestamp ms",
    ],
)
def test_another_epoch_or_layout_is_another_fingerprint(gene: str) -> None:
    flakes = Family("t", gene=parse_gene("snowflake 41|10|12"))
    assert replace(flakes, gene=parse_gene(gene)).fingerprint != flakes.fingerprint


@pytest.mark.parametrize(
    "change",
    [{"premake": 9}, {"first": None}, {"skew": timedelta(0)}, {"template": "x"}, {"key": ("id",)}],
)
def test_what_sends_no_id_elsewhere_leaves_the_fingerprint(change: dict[str, Any]) -> None:
    assert replace(ORDERS, **change).fingerprint == ORDERS.fingerprint


def test_a_family_is_copied_and_sent_to_other_processes() -> None:
    for copied in (pickle.loads(pickle.dumps(ORDERS)), copy.deepcopy(ORDERS), replace(ORDERS)):
        assert copied == ORDERS
        assert hash(copied) == hash(ORDERS)
        assert copied.table_name(id="20260930" + "0" * 20) == "t_order_202609"


# -- a process that lives long ------------------------------------------------------------------


FLAKES = Family("t_order", timezone="Asia/Shanghai", gene=TWITTER, first=Month(2026, 1), premake=1)
DATED = replace(ORDERS, premake=1)


@pytest.mark.parametrize("family", [FLAKES, DATED, replace(STAMPED, premake=1)])
def test_a_process_that_lives_through_midnight_is_right_in_the_next_month(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = replace(family)  # which has met no ID yet
    clock = Clock()
    monkeypatch.setattr("shardctl.family.reading.datetime", clock)
    clock.shown = MIDNIGHT - timedelta(microseconds=1)
    january, february = (sample(family, Month(2027, number)) for number in (1, 2))
    november, december = (sample(family, Month(2026, number)) for number in (11, 12))

    assert [family.month(id=id) for id in (november, december)] == [
        Month(2026, 11),
        Month(2026, 12),
    ]
    with pytest.raises(ImplausibleGene):
        family.month(id=january)
    clock.shown = MIDNIGHT
    assert family.table_name(id=january) == "t_order_202701"
    assert family.current_month() == Month(2026, 12)
    with pytest.raises(ImplausibleGene):
        family.month(id=february)
    assert family.table_name(id=november) == "t_order_202611"


class Clock:
    """`datetime`, with a `now` that a test sets."""

    shown = MIDNIGHT

    def now(self, zone: object) -> datetime:
        assert zone is UTC
        return self.shown


def sample(family: Family, month: Month) -> Any:
    if family.gene == TWITTER:
        return TWITTER.boundary(month, family.zone)
    if isinstance(family.gene, DigitsGene):
        return f"{month:%Y%m}01" + "0" * 20
    return stamped(month.start(SHANGHAI))


def test_threads_that_meet_a_new_month_at_once_agree() -> None:
    family = replace(FLAKES, first=Month(2010, 12), premake=0)
    now = family.current_month()
    ids = {
        TWITTER.boundary(Month(2010, 12) + n, family.zone): Month(2010, 12) + n
        for n in range(now - Month(2010, 12) + 1)
    }
    wrong: list[Any] = []
    start = threading.Barrier(8)

    def route(seed: int) -> None:
        shuffled = list(ids)
        Random(seed).shuffle(shuffled)
        start.wait()
        wrong.extend(id for id in shuffled if family.month(id=id) != ids[id])  # type: ignore[arg-type]

    threads = [threading.Thread(target=route, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Asia"])
def test_an_unknown_zone_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Family("t_order", timezone=name)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"suffix": "_%Y_%m"}, "suffix is of type Suffix, not '_%Y_%m'"),
        ({"key": "order_id"}, "key is of type tuple"),
        ({"length": 28}, "length is of type tuple"),
        ({"first": "202001"}, "first is of type Month | None, not '202001'"),
        ({"skew": 5}, "skew is of type timedelta, not 5"),
        ({"timezone": None}, "timezone is of type str"),
        ({"gene": "digits 0 %Y%m%d"}, "gene 'digits 0 %Y%m%d' is text"),
        ({"time_unit": "us"}, "time_unit is '', 's' or 'ms', not 'us'"),
        ({"premake": "4"}, "premake is of type int"),
        ({"premake": -1}, "premake is 0 to 1000 months, not -1"),
        ({"premake": 10**6}, "premake is 0 to 1000 months"),
    ],
)
def test_what_an_attribute_cannot_be_is_refused_at_once(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"family t_order: {words}")):
        replace(ORDERS, **wrong)


@pytest.mark.parametrize("other", ["2026112109364399365840049582", "202611", 202611])
def test_what_is_no_month_has_no_table(other: Any) -> None:
    with pytest.raises(InvalidMonth, match="is no Month, such as"):
        ORDERS.table_name(other)


def test_routing_loads_no_third_party_module() -> None:
    checkout = Path(__file__).parents[2]
    program = (
        "import sys\n"
        "from shardctl import DigitsGene, Family\n"
        "family = Family('t', timezone='Asia/Shanghai', gene=DigitsGene(0, '%Y%m'))\n"
        "family.month(id='200001')\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": os.pathsep.join([str(checkout), sysconfig.get_paths()["purelib"]])},
    )
    loaded = set(done.stdout.split())
    assert "shardctl" in loaded
    # tzdata is data, which zoneinfo reads where the system has none.
    assert loaded & set(packages_distributions()) <= {"shardctl", "tzdata"}


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC"]),
    st.sampled_from(["%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%L", "%y%m%d%H%M", "%m%Y"]),
    st.timedeltas(timedelta(seconds=-2), timedelta(seconds=2)),
)
def test_an_id_shows_an_add_time_only_where_that_is_in_its_span(
    instant: datetime, zone: str, form: str, off: timedelta
) -> None:
    gene = DigitsGene(2, form)
    family = Family("t", timezone=zone, gene=gene, length=(28,))
    wall = instant.astimezone(family.zone)
    assume("Y" in form or wall.year >= 2000)
    digits = form.replace("%L", f"{wall.microsecond // 1000:03}")
    id = f"77{wall.strftime(digits)}".ljust(28, "0")
    since, until = family.span(id)
    assert since <= instant < until
    if family.shows(id, instant + off):
        assert since <= instant + off < until
    assert family.shows(id, instant) == ("Y" in form and "L" not in form)


def test_an_id_of_one_of_several_schemes_or_a_number_shows_nothing_at_once() -> None:
    old = Scheme(DigitsGene(0, "%Y%m%d"), (28,), until=Month(2026, 6))
    gene = DigitsGene(0, "%Y%m%d%H%M%S")
    several = Family("t", gene=gene, length=(20,), genes=(old,))
    one = Family("t", gene=gene, length=(20,))
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    id = "20261121120000000000"
    assert one.shows(id, noon)
    assert not one.shows(int(id), noon)
    assert not several.shows(id, noon)
    assert not Family("t", gene=TWITTER).shows("1", noon)
