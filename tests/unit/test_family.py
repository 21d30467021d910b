from __future__ import annotations

import os
import subprocess
import sys
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import packages_distributions
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shardctl.errors import (
    ConfigError,
    ImplausibleGene,
    InvalidGene,
    InvalidId,
    InvalidMonth,
)
from shardctl.family import Family
from shardctl.gene import DigitsGene, parse_gene
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


# -- genes ----------------------------------------------------------------------------------------


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["%Y%m%d", "%y%m%d", "%Y%m", "%m%y", "%d%m%Y"]),
    st.integers(0, 20),
    st.text("0123456789", max_size=12),
)
def test_a_gene_is_read_where_it_stands(day: date, form: str, position: int, tail: str) -> None:
    text = "7" * position + day.strftime(form) + tail
    assert DigitsGene(position, form).month(text) == Month(day.year, day.month)


@given(st.text(max_size=12))
def test_any_text_has_a_real_date_or_no_month(text: str) -> None:
    try:
        month = DigitsGene(0, "%Y%m%d").month(text)
    except InvalidId:
        return
    assert text[:6] == f"{month:%Y%m}"
    assert 1 <= int(text[6:8]) <= monthrange(month.year, month.month)[1]


@pytest.mark.parametrize(
    "digits", ["20230229", "21000229", "20240431", "20240100", "20241301", "00000101"]
)
def test_a_date_that_the_calendar_lacks_is_no_gene(digits: str) -> None:
    with pytest.raises(InvalidId):
        DigitsGene(0, "%Y%m%d").month(digits + "0" * 20)


@pytest.mark.parametrize("digits", ["20240229", "20000229", "20261231"])
def test_the_last_days_of_a_month_are_in_it(digits: str) -> None:
    assert f"{DigitsGene(0, '%Y%m%d').month(digits):%Y%m}" == digits[:6]


def test_genes_are_declared_in_words() -> None:
    assert parse_gene("none") is None
    assert parse_gene("digits 3 %y%m") == DigitsGene(3, "%y%m")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "digits",
        "digits 0",
        "digits 0 %Y",
        "digits 0 %m%d",
        "digits -1 %Y%m",
        "digits 0 %Y%m%m",
        "digits 0 %Y-%m",
        "bits 0 %Y%m",
        "digits 0 %Y%m ",
    ],
)
def test_a_gene_that_tells_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidGene):
        parse_gene(text)


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


@pytest.mark.parametrize("wrong", ["", "2026", "2026112109364399365840049582x", True, 2.5, b"2026"])
def test_an_id_of_another_form_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidId):
        ORDERS.month(id=wrong, now=NOW)  # type: ignore[arg-type]


def test_a_family_without_a_gene_routes_by_add_time() -> None:
    family = Family("t_log", timezone="Asia/Shanghai", suffix=Suffix("_%Y_%-m"))
    instant = datetime(2026, 1, 31, 16, 0, tzinfo=UTC)
    assert family.table_name(instant=instant) == "t_log_2026_2"
    with pytest.raises(InvalidId, match="route by instant="):
        family.month(id="20260131")
    with pytest.raises(InvalidMonth, match="aware"):
        family.month(instant=datetime(2026, 1, 31))  # noqa: DTZ001  that is the point


def test_either_an_id_or_an_instant_decides() -> None:
    with pytest.raises(TypeError, match="either"):
        ORDERS.month()
    with pytest.raises(TypeError, match="either"):
        ORDERS.month(id="2026112109364399365840049582", instant=NOW)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Asia"])
def test_an_unknown_zone_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        Family("t_order", timezone=name)


def test_routing_loads_no_third_party_module() -> None:
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
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    loaded = set(done.stdout.split())
    assert "shardctl" in loaded
    # tzdata is data, which zoneinfo reads where the system has none.
    assert loaded & set(packages_distributions()) <= {"shardctl", "tzdata"}
