from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import ConfigError
from shardctl.migrate.patience.window import Window

NIGHT, OVER_MIDNIGHT = Window.parse("01:00-05:00"), Window.parse("22:30-04:00")


def at(hour: int, minute: int = 0, day: int = 22) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("window", "opened", "closed"),
    [
        (NIGHT, [at(1), at(4, 59)], [at(0, 59), at(5), at(13)]),
        (OVER_MIDNIGHT, [at(22, 30), at(0), at(3, 59)], [at(22, 29), at(4), at(12)]),
        (Window.parse("20:00-00:00"), [at(20), at(23, 59)], [at(0), at(19, 59)]),
    ],
)
def test_a_window_is_open_from_its_start_up_to_its_end(
    window: Window, opened: list[datetime], closed: list[datetime]
) -> None:
    assert all(window.is_open(moment) for moment in opened)
    assert not any(window.is_open(moment) for moment in closed)


def test_it_opens_again_today_or_tomorrow() -> None:
    assert NIGHT.opens(at(0, 59)) == at(1)
    assert NIGHT.opens(at(5)) == at(1, day=23)
    assert OVER_MIDNIGHT.opens(at(4)) == at(22, 30)


@pytest.mark.parametrize(
    "text", ["", "1-5", "01:00", "01:00-01:00", "25:00-26:00", "01:00-05:00Z", "01:00 to 05:00"]
)
def test_what_is_no_window_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ConfigError, match="it is to look like 01:00-05:00"):
        Window.parse(text)


def test_a_window_is_told_as_it_is_written() -> None:
    assert str(OVER_MIDNIGHT) == "22:30-04:00"
