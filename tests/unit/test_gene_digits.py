"""Dates in digits: read where they stand, and nowhere else."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import ImplausibleGene, InvalidGene, InvalidId
from shardctl.family import Family
from shardctl.gene import DigitsGene, parse_gene
from shardctl.month import Month

ZONES = [ZoneInfo("Asia/Shanghai"), UTC]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("gene", "id", "month"),
    [
        ("digits 0 %Y%m%d", "2017072809364399365840049582", Month(2017, 7)),
        ("digits 0 %Y%m%d", "2026112109364399365840049582", Month(2026, 11)),
        ("digits 0 %Y%m%d", "2017092021001001150522558267", Month(2017, 9)),  # Alipay
        ("digits 10 %Y%m%d", "4008722001201707283057762612", Month(2017, 7)),  # WeChat Pay
        ("digits 0 %y%m", "1707283057762612", Month(2017, 7)),
        ("digits 0 %Y%m%d%H%M%S%L", "20170728093643993", Month(2017, 7)),
        ("digits 2 %Y%m%d letters", "ab20200401x", Month(2020, 4)),
    ],
)
def test_ids_in_the_wild_tell_their_month(gene: str, id: str, month: Month, zone: ZoneInfo) -> None:
    read = parse_gene(gene)
    assert read
    assert read.month(id, zone) == month


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(
    ("gene", "made"),
    [
        ("digits 0 %Y%m%d", "{:%Y%m%d}09364399365840049582"),
        ("digits 0 %Y%m%d", "{:%Y%m%d}21001001150522558267"),  # Alipay
        ("digits 10 %Y%m%d", "4008722001{:%Y%m%d}3057762612"),  # WeChat Pay
        ("digits 0 %y%m", "{:%y%m}283057762612"),
        ("digits 0 %Y%m%d%H%M%S", "{:%Y%m%d%H%M%S}00042"),
    ],
)
def test_a_month_ends_to_the_microsecond(gene: str, made: str, zone: ZoneInfo) -> None:
    length = len(made.format(datetime(2026, 1, 1)))  # noqa: DTZ001  any will do
    family = Family("t", timezone=str(zone), gene=parse_gene(gene), length=(length,))
    months = [Month(2015, 1) + n for n in range(130)]
    for month in months:
        start = month.start(zone).astimezone(UTC)
        for instant, its in ((start, month), (start - timedelta.resolution, month + -1)):
            id = made.format(instant.astimezone(zone))
            assert family.month(id=id) == family.month(instant=instant) == its
            assert family.table_name(id=int(id)) == f"t_{its:%Y%m}"


@given(
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["%Y%m%d", "%y%m%d", "%Y%m", "%m%y", "%d%m%Y"]),
    st.integers(0, 20),
    st.text("0123456789", max_size=12),
)
def test_a_gene_is_read_where_it_stands(day: date, form: str, position: int, tail: str) -> None:
    text = "7" * position + day.strftime(form) + tail
    assert DigitsGene(position, form).month(text) == Month(day.year, day.month)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 11, 30)),  # noqa: DTZ001  a clock's face
    st.sampled_from(["%Y%m", "%y%m%d", "%Y%m%d", "%Y%m%d%H%M", "%y%m%d%H%M%S"]),
    st.text("0123456789", max_size=9),
    st.booleans(),
)
def test_a_month_is_a_range_of_ids_where_the_date_is_in_front(
    made: datetime, form: str, tail: str, letters: bool
) -> None:
    """An ID lies in the range of its month, and in no other."""
    id = made.strftime(form) + ("".join("AZaz09"[int(n) % 6] for n in tail) if letters else tail)
    family = Family("t", gene=DigitsGene(0, form, letters=letters), length=(len(id),))
    month = Month(made.year, made.month)
    for other in (month + -1, month, month + 1):
        try:
            low, high = family.id_range(other)
        except ImplausibleGene:  # before the year 2000, of two digits
            assert other != month
            continue
        assert (str(low) <= id <= str(high)) == (other == month)
        assert DigitsGene(0, form, letters=letters).month(str(low)) == other


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


@pytest.mark.parametrize(
    "text",
    [
        "２０２６1121" + "0" * 20,
        "+2026112" + "0" * 20,
        " 2026112" + "0" * 20,
        "2026112 " + "0" * 20,
        "2026_112" + "0" * 20,
        "20261121" + "0" * 19 + "\n",
        "20261121" + "0" * 19 + "x",
        "20261121" + "0" * 19 + "-",
        "2026112",
        "",
    ],
)
def test_another_spelling_of_digits_is_refused(text: str) -> None:
    with pytest.raises(InvalidId):
        DigitsGene(0, "%Y%m%d").month(text)


@pytest.mark.parametrize("text", ["ab20200401_", "ab20200401-", "a 20200401x", "äb20200401x"])
def test_letters_are_ascii_letters(text: str) -> None:
    with pytest.raises(InvalidId):
        DigitsGene(2, "%Y%m%d", letters=True).month(text)


def test_an_integer_is_no_id_where_letters_may_stand() -> None:
    family = Family("t", gene=DigitsGene(0, "%Y%m%d", letters=True))
    assert family.table_name(id="2020040112345") == "t_202004"
    with pytest.raises(InvalidId, match=r"is an integer; IDs .* are text"):
        family.table_name(id=2020040112345)


@pytest.mark.parametrize("time", ["240000", "236000", "235960", "99"])
def test_a_time_that_no_clock_shows_is_no_gene(time: str) -> None:
    with pytest.raises(InvalidId):
        DigitsGene(0, "%Y%m%d%H%M%S").month("20261121" + time)


@pytest.mark.parametrize(
    ("format", "id", "since", "until"),
    [
        ("%Y%m", "202611", "2026-10-31T16:00", "2026-11-30T16:00"),
        ("%Y%m%d", "20261121", "2026-11-20T16:00", "2026-11-21T16:00"),
        ("%Y%m%d%H", "2026112109", "2026-11-21T01:00", "2026-11-21T02:00"),
        ("%Y%m%d%H%M%S", "20261121093643", "2026-11-21T01:36:43", "2026-11-21T01:36:44"),
        (
            "%Y%m%d%H%M%S%L",
            "20261121093643993",
            "2026-11-21T01:36:43.993",
            "2026-11-21T01:36:43.994",
        ),
    ],
)
def test_an_id_was_made_in_the_time_that_its_digits_leave(
    format: str, id: str, since: str, until: str
) -> None:
    assert DigitsGene(0, format).span(id, ZONES[0]) == (
        datetime.fromisoformat(f"{since}+00:00"),
        datetime.fromisoformat(f"{until}+00:00"),
    )


def test_an_hour_that_comes_twice_may_be_either() -> None:
    since, until = DigitsGene(0, "%Y%m%d%H%M").span("202611010130", ZoneInfo("America/New_York"))
    assert (since, until) == (
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 31, tzinfo=UTC),
    )


@pytest.mark.parametrize("id", ["00010101", "99991231"])
def test_the_calendars_ends_are_an_error_of_ours(id: str) -> None:
    with pytest.raises(InvalidId):
        DigitsGene(0, "%Y%m%d").span(id, ZoneInfo("Asia/Shanghai" if id < "1" else "America/Lima"))


def test_a_range_ends_with_the_years_that_two_digits_can_write() -> None:
    gene = DigitsGene(0, "%y%m%d")
    assert gene.id_range(Month(1999, 1), Month(2000, 1), UTC, 8) == ("00010100", "00013199")
    with pytest.raises(ImplausibleGene):
        gene.id_range(Month(1999, 1), Month(1999, 12), UTC, 8)
    with pytest.raises(ImplausibleGene):
        gene.id_range(Month(2026, 1), Month(2026, 1), UTC, 5)


@pytest.mark.parametrize(
    "format",
    ["%Y", "%m%d", "%Y%m%m", "%Y%y%m", "%Y-%m", "%Y%m%H", "%Y%m%d%M", "Ym", "%Y%m%", "%Y%m%f", ""],
)
def test_a_format_that_tells_no_month_is_refused(format: str) -> None:
    with pytest.raises(InvalidGene, match="give a position from 0"):
        DigitsGene(0, format)
