"""What a time column holds of an instant, for every zone and kind of column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from shardctl.month import Month
from shardctl.tables import InstantType

# The last two have set their clocks back at midnight, or into the day before.
ZONES = [
    ZoneInfo(name)
    for name in ("UTC", "Asia/Shanghai", "America/New_York", "America/Havana", "America/Asuncion")
]
INSTANTS = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001
    datetime(2038, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, *ZONES]),
)


FRACTIONS = [10 ** (6 - digits) for digits in range(7)]
CLOCKS: list[tuple[TypeEngine[Any], str, int]] = [
    *((mysql.DATETIME(fsp=digits), "", step) for digits, step in enumerate(FRACTIONS)),
    (DateTime(), "", 10**6),
]
COUNTS: list[tuple[TypeEngine[Any], str, int]] = [
    *((mysql.TIMESTAMP(fsp=digits), "", step) for digits, step in enumerate(FRACTIONS)),
    (BigInteger(), "s", 10**6),
    (BigInteger(), "ms", 1000),
]


@given(st.sampled_from(CLOCKS + COUNTS), st.sampled_from(ZONES), INSTANTS)
@example(CLOCKS[0], ZoneInfo("Asia/Shanghai"), datetime(2026, 11, 30, 15, 59, 59, 999999, UTC))
@example(CLOCKS[0], ZONES[1], datetime(1991, 4, 14, 0, 30, tzinfo=ZONES[1]))  # left out
@example(CLOCKS[0], ZoneInfo("America/New_York"), datetime(2026, 11, 1, 6, 30, 0, 999999, UTC))
def test_it_is_less_than_a_step_before_in_the_same_month(
    kind: tuple[TypeEngine[Any], str, int], zone: ZoneInfo, instant: datetime
) -> None:
    type_, unit, step = kind
    column = InstantType(type_, zone, unit)
    stored = column.stored(instant)
    assert isinstance(stored, datetime)
    assert column.stored(stored) == stored
    assert Month.of(stored, zone) == Month.of(instant, zone)
    # By way of UTC: an hour that clocks leave out stays as it is in a zone's own time.
    walls = [
        each.astimezone(UTC).astimezone(zone).replace(tzinfo=None) for each in (instant, stored)
    ]
    assert timedelta(0) <= walls[0] - walls[1] < timedelta(microseconds=step)
    if kind in COUNTS:
        assert timedelta(0) <= instant.astimezone(UTC) - stored < timedelta(microseconds=step)
