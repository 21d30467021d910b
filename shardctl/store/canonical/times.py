"""Dates and times of day, cut to the column's precision.

MySQL rounds 23:59:59.6 up to the next day where a column has no fraction of a second, MariaDB cuts
it, and drivers drop the `tzinfo` of an aware datetime without a word: so these are made before they
are sent. An aware datetime is what clocks in the family's zone show then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

_DAY = timedelta(days=1)
_MIDNIGHT = datetime(1970, 1, 1)  # noqa: DTZ001


def moment(held: Any, zone: tzinfo) -> Callable[[Any], datetime]:
    """As a DATETIME or a TIMESTAMP holds it, naive."""
    step = _step(held)

    def form(value: Any) -> datetime:
        wall = _wall(value, zone)
        return wall.replace(microsecond=wall.microsecond - wall.microsecond % step, fold=0)

    return form


def day(held: Any, zone: tzinfo) -> Callable[[Any], date]:  # noqa: ARG001
    """As a DATE holds it."""
    return lambda value: _wall(value, zone).date()


def clock(held: Any, zone: tzinfo) -> Callable[[Any], time | timedelta]:  # noqa: ARG001
    """As it is sent to a TIME column, which holds more than a day, too."""
    step = _step(held)

    def sent(value: Any) -> time | timedelta:
        if isinstance(value, timedelta):
            return value - value % timedelta(microseconds=step)
        if isinstance(value, str):
            value = time.fromisoformat(value)
        cut = value.microsecond - value.microsecond % step
        return time(value.hour, value.minute, value.second, cut)

    return sent


def time_of_day(held: Any, zone: tzinfo) -> Callable[[Any], time]:
    """As SQLAlchemy reads a TIME column: whole days are lost."""
    sent = clock(held, zone)

    def form(value: Any) -> time:
        shown = sent(value)
        return (_MIDNIGHT + shown % _DAY).time() if isinstance(shown, timedelta) else shown

    return form


def length(held: Any, zone: tzinfo) -> Callable[[Any], timedelta]:  # noqa: ARG001
    """As an Interval is held, which is a DATETIME without fractions of a second."""

    def form(value: Any) -> timedelta:
        if not isinstance(value, timedelta):
            raise TypeError
        return value - value % timedelta(seconds=1)

    return form


def _step(held: Any) -> int:
    """Microseconds that a column tells apart."""
    step: int = 10 ** (6 - (getattr(held, "fsp", None) or 0))
    return step


def _wall(value: Any, zone: tzinfo) -> datetime:
    """What clocks of the zone show; a naive datetime says so itself."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(zone).replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    raise TypeError
