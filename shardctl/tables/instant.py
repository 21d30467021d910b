"""Add-times as their column holds them, whatever the driver and the session's time zone.

Drivers drop the `tzinfo` of an aware datetime without a word: 16:00 UTC is stored as 16:00, which
in Shanghai was another day, and at a month's end another month. MySQL rounds 23:59:59.6 up into
the next month where a column has no fraction of a second, MariaDB cuts it: here it is always cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import (
    TIMESTAMP,
    BindParameter,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Integer,
    func,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl.errors import InvalidInstant

_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001  # of any zone
_MICROSECOND = timedelta(microseconds=1)
_STEPS = {"s": 1_000_000, "ms": 1000}


class UnfitInstant(InvalidInstant, DontWrapMixin):  # SQLAlchemy would make a StatementError of it
    """A value that names no instant, or one that the time column cannot hold."""


class InstantType(TypeDecorator[Any]):
    """The declared type of a family's time column, for aware datetimes; they come back in UTC.

    A DATETIME holds the time that clocks of the family's zone show. Where they are set back, the
    hour that they show twice is read as its first pass. A DATE holds the day in that zone, takes
    a date too, and comes back as one. An integer counts seconds or milliseconds of Unix time.
    A TIMESTAMP is sent and read as Unix time, so that the session's zone does not matter, but for
    one hour where that one's clocks are set back: what is written or compared then may be taken
    for an hour later. PyMySQL's `executemany` sends such rows one by one; `insert().values([…])`
    does not. SQLite has no TIMESTAMP, and holds what a DATETIME does.

    What is finer than the column is cut off before it is sent.

    Args:
        declared: the column's own type.
        zone: the family's.
        unit: "s" or "ms" for an integer column, else "".
    """

    impl = DateTime
    cache_ok = True

    def __init__(self, declared: TypeEngine[Any], zone: tzinfo, unit: str = "") -> None:
        super().__init__()
        self.declared = declared
        self.zone = zone
        self.unit = unit
        self.impl = declared  # type: ignore[assignment]  # SQLAlchemy too keeps an instance here
        on_server = declared.dialect_impl(mysql.dialect())
        fraction = 10 ** (6 - (getattr(on_server, "fsp", None) or 0))
        wall = _WallClock(zone, fraction)
        self._on_sqlite: _Form = wall
        self._on_server: _Form = wall
        if isinstance(on_server, TIMESTAMP):
            self._on_server = _Timestamp(fraction)
        elif not isinstance(on_server, DateTime):
            form = _Count(_STEPS[unit]) if unit else _Day(zone)
            self._on_sqlite = self._on_server = form

    @staticmethod
    def knows(declared: TypeEngine[Any], unit: str) -> bool:
        """Whether a column has one of the types that this converts for.

        Args:
            unit: the family's for the column, "" where it counts nothing.
        """
        return isinstance(declared, Integer if unit else DateTime | Date)

    def stored(self, instant: datetime) -> date:
        """What reading the column gives, once this was written to it on a server.

        Args:
            instant: an aware datetime.

        Returns:
            An aware datetime in UTC, of the column's precision; of a DATE column the date.

        Raises:
            InvalidInstant: the instant is naive, or the column cannot hold it.
        """
        return self._on_server.read(self._write(instant, self._on_server))

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """What the server's own type is."""
        return self.declared.dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """The instant as the column holds it.

        Raises:
            InvalidInstant: it is naive, no datetime, or beyond what the column holds.
        """
        return value if value is None else self._write(value, self._form(dialect))

    def result_processor(self, dialect: Dialect, coltype: Any) -> Callable[[Any], date | None]:
        """What makes the instant that the column holds of what the driver gives.

        By `process_result_value`, as SQLAlchemy wants it, three calls a row would be made of one.

        Raises:
            InvalidInstant: when called, the column holds none, such as MySQL's 0000-00-00, or
                another unit's number.
        """
        own = self.impl_instance.result_processor(dialect, coltype)
        read = self._form(dialect).read

        def process(value: Any) -> date | None:
            if own:
                value = own(value)
            if value is None:
                return None
            try:
                return read(value)
            except (TypeError, ValueError, OverflowError) as error:
                unit = self.unit and f" in the unit {self.unit!r}"
                raise UnfitInstant(f"a time column holds {value!r}, no instant{unit}") from error

        return process

    def bind_expression(self, bindvalue: BindParameter[Any]) -> ColumnElement[Any]:
        """The number that was sent for a TIMESTAMP, in the session's zone."""
        return func.from_unixtime(bindvalue) if self._converted else bindvalue

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A TIMESTAMP as a number, before the server turns it into the session's zone."""
        return func.unix_timestamp(column, type_=self) if self._converted else column

    @property
    def _converted(self) -> bool:
        return isinstance(self.impl, TIMESTAMP)  # on SQLite it is a DATETIME

    def _form(self, dialect: Dialect) -> _Form:
        return self._on_sqlite if dialect.name == "sqlite" else self._on_server

    def _write(self, value: Any, form: _Form) -> Any:
        if isinstance(value, datetime):
            if value.utcoffset() is None:
                raise UnfitInstant(
                    f"{value.isoformat()} has no time zone, and so may be another month's: "
                    "give an aware datetime"
                )
            try:
                return form.write(value)
            except OverflowError as error:
                raise UnfitInstant(f"{value} is beyond what its column holds") from error
        if isinstance(value, date) and isinstance(form, _Day):
            return value
        raise UnfitInstant(f"an add-time is an aware datetime, not {value!r}")


class _Form(Protocol):
    """How a column holds instants."""

    def write(self, instant: datetime) -> Any:
        """What is sent for an aware datetime; OverflowError where the column has no room."""

    def read(self, held: Any) -> date:
        """What is given back for what the driver gives."""


@dataclass(frozen=True, slots=True)
class _WallClock:
    """The time that clocks of a zone show, cut to whole steps of so many microseconds."""

    zone: tzinfo
    step: int

    def write(self, instant: datetime) -> datetime:
        wall = instant.astimezone(self.zone)
        cut = wall.microsecond - wall.microsecond % self.step
        return wall.replace(microsecond=cut, tzinfo=None, fold=0)

    def read(self, held: datetime) -> datetime:
        # `held.replace(tzinfo=self.zone).astimezone(UTC)` in a fifth of its time: each row has it
        offset: Any = self.zone.utcoffset(held)
        instant: datetime = _UNIX + (held - _NAIVE - offset)
        return instant


@dataclass(frozen=True, slots=True)
class _Day:
    """The day that calendars of a zone show."""

    zone: tzinfo

    def write(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def read(self, held: date) -> date:
        return held


@dataclass(frozen=True, slots=True)
class _Count:
    """Unix time in whole units of so many microseconds."""

    step: int

    def write(self, instant: datetime) -> int:
        return (instant - _UNIX) // (self.step * _MICROSECOND)

    def read(self, held: int) -> datetime:
        return _UNIX + held * self.step * _MICROSECOND


@dataclass(frozen=True, slots=True)
class _Timestamp:
    """Unix time in seconds with a fraction, as `FROM_UNIXTIME` takes and `UNIX_TIMESTAMP` gives it.

    Without a fraction the server gives an integer. Beyond 31 bits MariaDB before 11.5 makes NULL
    of it, and no MySQL stores it.
    """

    step: int

    def write(self, instant: datetime) -> Decimal:
        count = (instant - _UNIX) // _MICROSECOND
        if not 0 < count // 1_000_000 < 2**31:
            raise OverflowError
        return Decimal(count - count % self.step).scaleb(-6)

    def read(self, held: Decimal | int) -> datetime:
        return _UNIX + int(held * 1_000_000) * _MICROSECOND
