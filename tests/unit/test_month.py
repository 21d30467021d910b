from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import InvalidMonth
from shardctl.month import Month, spans

months = st.builds(Month, st.integers(1, 9999), st.integers(1, 12))
near = st.builds(Month, st.integers(1900, 2100), st.integers(1, 12))
steps = st.integers(-1200, 1200)
zones = st.sampled_from(
    [ZoneInfo(name) for name in ("UTC", "Asia/Shanghai", "America/New_York", "Pacific/Apia")]
)
instants = st.timedeltas(timedelta(0), timedelta(days=36500)).map(
    lambda passed: datetime(1990, 1, 1, tzinfo=UTC) + passed
)


@given(near, steps)
def test_the_difference_of_two_months_is_the_step_between_them(month: Month, step: int) -> None:
    assert (month + step) - month == step
    assert month + step + -step == month + step - step == month


@given(near, steps, steps)
def test_steps_add_up(month: Month, one: int, other: int) -> None:
    assert month + one + other == month + (one + other)


@given(near, near)
def test_order_is_that_of_the_calendar(one: Month, other: Month) -> None:
    assert (one < other) == (other - one > 0)
    assert (one == other) == (other - one == 0)


@given(near)
def test_twelve_months_are_a_year(month: Month) -> None:
    assert month + 12 == Month(month.year + 1, month.month)


@given(months)
def test_what_is_written_is_read_again(month: Month) -> None:
    assert Month.parse(str(month)) == month
    assert Month.parse(format(month, "%Y%m")) == month


@given(st.text())
def test_any_other_text_is_refused_or_a_real_month(text: str) -> None:
    try:
        month = Month.parse(text)
    except InvalidMonth:
        return
    assert text in (f"{month:%Y%m}", f"{month:%Y-%m}")


@given(instants, zones)
def test_an_instant_lies_between_its_months_start_and_the_next(
    instant: datetime, zone: ZoneInfo
) -> None:
    month = Month.of(instant, zone)
    assert month.start(zone) <= instant < (month + 1).start(zone)


@given(near, zones)
def test_a_months_start_is_in_it_and_a_microsecond_earlier_is_not(
    month: Month, zone: ZoneInfo
) -> None:
    start = month.start(zone)
    assert Month.of(start, zone) == month
    assert Month.of(start.astimezone(UTC) - timedelta(microseconds=1), zone) == month + -1


def test_a_numeric_range_would_make_a_thirteenth_month() -> None:
    first, last = Month(2023, 11), Month(2024, 1)
    between = [first + step for step in range(last - first + 1)]
    assert [f"{month:%Y%m}" for month in between] == ["202311", "202312", "202401"]


def test_the_zone_decides_at_midnight() -> None:
    instant = datetime(2026, 1, 31, 16, 0, tzinfo=UTC)
    assert Month.of(instant, ZoneInfo("Asia/Shanghai")) == Month(2026, 2)
    assert Month.of(instant - timedelta(microseconds=1), ZoneInfo("Asia/Shanghai")) == Month(
        2026, 1
    )
    assert Month.of(instant, timezone(timedelta(hours=-5))) == Month(2026, 1)


def test_a_month_whose_first_midnight_the_clock_skips_begins_at_the_skip() -> None:
    zone = ZoneInfo("America/Asuncion")  # on 1 October 2023 it went from 00:00 to 01:00
    start = Month(2023, 10).start(zone)
    assert start.astimezone(UTC) == datetime(2023, 10, 1, 4, 0, tzinfo=UTC)
    assert (start.day, start.hour) == (1, 1)
    assert Month.of(start, zone) == Month(2023, 10)


def test_a_month_whose_first_midnight_comes_twice_begins_at_the_first() -> None:
    zone = ZoneInfo("America/Havana")  # on 1 November 2015 it went from 01:00 back to 00:00
    assert Month(2015, 11).start(zone).astimezone(UTC) == datetime(2015, 11, 1, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["202613", "202600", "20261", "2026-1", "2026/01", "", "٢٠٢٦٠١"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidMonth):
        Month.parse(text)


@pytest.mark.parametrize(("year", "month"), [(2026, 0), (2026, 13), (0, 1), (10000, 1)])
def test_the_calendar_has_its_bounds(year: int, month: int) -> None:
    with pytest.raises(InvalidMonth):
        Month(year, month)


@pytest.mark.parametrize(("year", "month"), [(2026.0, 1), (2026, 1.0), ("2026", "1"), (None, 1)])
def test_a_month_is_of_integers(year: Any, month: Any) -> None:
    """`2026.0` would name a table `t_order_2026.001`."""
    with pytest.raises(InvalidMonth):
        Month(year, month)


@pytest.mark.parametrize("other", [date(2026, 1, 1), "2026-01-01", 1767225600, None])
def test_what_is_no_datetime_has_no_month(other: Any) -> None:
    with pytest.raises(InvalidMonth, match="give an aware datetime"):
        Month.of(other, ZoneInfo("UTC"))


def test_a_naive_instant_has_no_month() -> None:
    with pytest.raises(InvalidMonth, match="no time zone"):
        Month.of(datetime(2026, 1, 1), ZoneInfo("UTC"))  # noqa: DTZ001  that is the point


def test_formats() -> None:
    assert f"{Month(2026, 3)}" == str(Month(2026, 3)) == "2026-03"
    assert f"{Month(2026, 3):%y/%m}" == "26/03"
    assert f"{Month(26, 3):%Y%m}" == "002603"


@given(st.sets(near))
def test_spans_name_every_month_once(some: set[Month]) -> None:
    named: list[Month] = []
    for span in filter(None, spans(some).split(", ")):
        first, _, last = span.partition(" (")[0].partition(" to ")
        begin, end = Month.parse(first), Month.parse(last or first)
        assert not named or begin - named[-1] > 1
        named += [begin + step for step in range(end - begin + 1)]
    assert named == sorted(some)


def test_spans_read_well() -> None:
    months = [Month(2027, 1), *(Month(2020, 11) + step for step in range(4))]
    assert spans(months) == "2020-11 to 2021-02 (4 months), 2027-01"
