"""One form for all spellings of a value, by the type of its column, and bytes for each form."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    BINARY,
    CHAR,
    JSON,
    REAL,
    TIMESTAMP,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl.store.canonical import Odd, encoded, form_of, is_own, sent_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Money(TypeDecorator[Any]):
    """An application's own type."""

    impl = String
    cache_ok = True

    def compare_values(self, x: Any, y: Any) -> bool:
        return bool(abs(x - y) < 1)


def at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def form(type_: Any, value: Any) -> Any:
    return form_of(Column("c", type_), SHANGHAI)(value)


NOON_UTC = datetime(2026, 11, 30, 12, 0, 0, 600_000, tzinfo=UTC)
EVENING = at(2026, 11, 30, 20, 0, 0)
KEY = UUID(int=5)

SAME: list[tuple[Any, list[Any]]] = [
    (Integer(), [7, "7", Decimal("7.00"), 7.0, "+7"]),
    (Integer(), [3, Decimal("2.5"), 2.5, "2.5"]),
    (BigInteger(), [True, 1, "1"]),
    (mysql.TINYINT(1), [False, 0]),
    (Numeric(10, 2), [Decimal("10.01"), 10.005, "10.005", "10.01", Decimal("10.0100")]),
    (Numeric(10, 2), [Decimal("-10.01"), -10.005]),
    (Numeric(10, 2), [0, Decimal("-0.00"), -0.0]),
    (Numeric(65, 2), [Decimal("9" * 60 + ".99"), "9" * 60 + ".99"]),
    (Numeric(10), [3, Decimal("2.5")]),
    (Numeric(10, 2, asdecimal=False), [1.1, Decimal("1.10"), "1.1"]),
    (Float(), [123456.789, 123457.0, "123456.789"]),
    (Float(), [1 / 3, 0.333333]),
    (Float(53), [0.1, "0.1", Decimal("0.1")]),
    (Double(), [1 / 3, repr(1 / 3)]),
    (mysql.FLOAT(10, 2), [1234567.25, "1234567.25"]),
    (mysql.DOUBLE(10, 2), [1.005, Decimal("1.00")]),
    (Boolean(), [True, 1, "1"]),
    (mysql.YEAR(), [2026, 26, "26", "2026"]),
    (mysql.YEAR(), [1999, 99]),
    (mysql.BIT(8), [5, b"\x05"]),
    (String(9), [7, "7"]),
    (String(9), [1.5, "1.5", Decimal("1.5")]),
    (String(9), [True, "1"]),
    (String(36), [KEY, str(KEY)]),
    (CHAR(19), [at(2026, 12, 1), "2026-12-01 00:00:00"]),
    (Text(), ["é", "e\u0301", "é".encode()]),
    (CHAR(9), ["ab", "ab  "]),
    (Enum(Colour), [Colour.RED, "RED"]),
    (Enum("a", "b"), ["a"]),
    (mysql.SET("x", "y", "z"), [{"x", "z"}, "z,x", ["x", "z"], 5]),
    (mysql.SET("x", "y"), [set(), "", 0]),
    (LargeBinary(), [b"ab", bytearray(b"ab"), memoryview(b"ab"), "ab"]),
    (BINARY(4), [b"ab", b"ab\0\0"]),
    (Uuid(), [KEY, str(KEY), KEY.hex, KEY.bytes]),
    (Uuid(as_uuid=False), [str(KEY), KEY.hex.upper()]),
    (JSON(), [{"a": 1, "b": [1.0, None]}, {"b": (1, None), "a": 1.0}]),
    (JSON(), [2**70, float(2**70)]),
    (
        Date(),
        [
            date(2026, 12, 1),
            "2026-12-01",
            at(2026, 12, 1, 5),
            at_utc := datetime(2026, 11, 30, 16, tzinfo=UTC),
        ],
    ),
    (DateTime(), [EVENING, NOON_UTC, "2026-11-30T20:00:00.6", "2026-11-30 20:00:00"]),
    (DateTime(), [date(2026, 12, 1), at(2026, 12, 1), at_utc]),
    (TIMESTAMP(), [EVENING, NOON_UTC]),
    (mysql.DATETIME(fsp=3), [at(2026, 1, 1, 0, 0, 0, 1999), at(2026, 1, 1, 0, 0, 0, 1000)]),
    (Time(), [time(1, 2, 3, 600_000), timedelta(hours=1, minutes=2, seconds=3), "01:02:03"]),
    (
        mysql.TIME(fsp=3),
        [time(1, 2, 3, 1999), timedelta(hours=1, minutes=2, seconds=3, milliseconds=1)],
    ),
    (Interval(), [timedelta(seconds=5), timedelta(seconds=5, milliseconds=600)]),
    (Money(), [3.0, 3.5]),
    (DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql"), [at(2026, 1, 1, 0, 0, 0, 7)]),
]

OTHER: list[tuple[Any, list[Any]]] = [
    (Integer(), [7, 8, None, "seven", "７", [7], float("nan")]),
    (Numeric(10, 2), [Decimal("10.01"), Decimal("10.02"), "x", object, float("inf")]),
    (Float(), [1.0, 1.00001, "x"]),
    (REAL(), [1.0, 1.0000001]),
    (Double(), [1.0, 1.0000001]),
    (mysql.FLOAT(10, 2), [1234567.25, 1234568.25]),
    (mysql.DOUBLE(10, 2), [1.0, 1.01]),
    (Boolean(), [True, False, 2, "yes"]),
    (mysql.YEAR(), [0, 2000, 1999]),
    (mysql.BIT(8), [5, 6, "x"]),
    (String(9), ["a", "A", "a ", 1.5, b"\xff", ["a"]]),
    (CHAR(9), ["a", " a", "A"]),
    (Enum(Colour), [Colour.RED, Colour.BLUE, "green", 1]),
    (mysql.SET("x", "y"), [{"x"}, {"x", "y"}, "", 1.5]),
    (LargeBinary(), [b"a", b"a\0", "é", 5]),
    (BINARY(4), [b"a", b"b"]),
    (Uuid(), [KEY, UUID(int=6), "no", 5]),
    (JSON(), [1, True, "1", [1], {"1": 1}, 2**64 - 1, 2**64 - 2, {1: 2}, UTC]),
    (JSON(), [["true"], True, "true", [True]]),
    (Date(), [date(2026, 12, 1), date(2026, 12, 2), "December", 5]),
    (DateTime(), [at(2026, 1, 1), at(2026, 1, 1, 0, 0, 1), "soon", time(1)]),
    (mysql.DATETIME(fsp=3), [at(2026, 1, 1), at(2026, 1, 1, 0, 0, 0, 1000)]),
    (Time(), [time(1), time(1, 0, 1), "soon", 5]),
    (Interval(), [timedelta(seconds=5), timedelta(seconds=6), 5]),
    (Money(), [3.0, 5.0, None]),
]


def by_type(value: object) -> str:
    """A test's name, the same in every process: a set's text, or an address, is not."""
    return "values" if isinstance(value, list) else repr(value)


@pytest.mark.parametrize(("type_", "values"), SAME, ids=by_type)
def test_all_spellings_of_a_value_have_one_form(type_: TypeEngine[Any], values: list[Any]) -> None:
    forms = [form(type_, value) for value in values]
    assert all(each == forms[0] for each in forms)
    assert not isinstance(forms[0], Odd)
    if not is_own(Column("c", type_)):
        assert len({encoded(each) for each in forms}) == 1


@pytest.mark.parametrize(("type_", "values"), OTHER, ids=by_type)
def test_other_values_and_those_of_the_wrong_kind_have_other_forms(
    type_: TypeEngine[Any], values: list[Any]
) -> None:
    forms = [form(type_, value) for value in values]
    for index, each in enumerate(forms):
        assert all(each != other for other in forms[index + 1 :])
        assert each == each
    if not is_own(Column("c", type_)):
        assert len({encoded(each) for each in forms}) == len(forms)


@pytest.mark.parametrize(("type_", "values"), SAME, ids=by_type)
def test_a_form_is_its_own_form(type_: TypeEngine[Any], values: list[Any]) -> None:
    if not is_own(Column("c", type_)) and not isinstance(type_, JSON):
        once = form(type_, values[0])
        assert form(type_, once) == once


def test_what_is_sent_is_what_every_server_stores() -> None:
    def sent(type_: Any, value: Any) -> Any:
        made = sent_of(Column("c", type_), SHANGHAI)
        assert made is not None
        return made(value)

    assert sent(DateTime(), NOON_UTC) == EVENING
    assert sent(Date(), NOON_UTC.replace(hour=16)) == date(2026, 12, 1)
    assert sent(Time(), time(23, 59, 59, 600_000)) == time(23, 59, 59)
    assert sent(Time(), timedelta(hours=30, milliseconds=600)) == timedelta(hours=30)
    assert str(sent(Numeric(10, 2), 1.005)) == "1.01"
    assert sent(DateTime(), None) is None
    assert sent(Numeric(10, 2), None) is None
    assert sent(Time(), None) is None
    assert sent(DateTime(), "soon") == "soon"
    assert sent(Time(), "30:00:00") == "30:00:00"
    assert sent(Numeric(10, 2), "much") == "much"
    assert sent(String(9), Decimal("1E+2")) == "100"
    assert sent(Text(), NOON_UTC) == "2026-11-30 12:00:00.600000+00:00"
    assert sent(CHAR(9), None) is None
    assert sent(String(9), "e\u0301") == "e\u0301"
    assert sent(String(9), ["a"]) == ["a"]


@pytest.mark.parametrize("type_", [Enum(Colour), Float(), JSON(), LargeBinary(), Money()], ids=repr)
def test_what_all_servers_and_drivers_take_is_sent_as_it_is(type_: Any) -> None:
    assert sent_of(Column("c", type_), SHANGHAI) is None


FORMS = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.just(("true",)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(FORMS, FORMS)
def test_forms_have_the_same_bytes_where_they_are_equal_and_only_there(a: Any, b: Any) -> None:
    assert (encoded(a) == encoded(b)) == (a == b)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.integers(4, 12))
def test_a_number_has_the_same_bytes_at_a_wider_scale(number: Decimal, scale: int) -> None:
    assert encoded(form(Numeric(60, 4), number)) == encoded(form(Numeric(60, scale), number))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_what_single_precision_shows_is_a_form_already(number: float) -> None:
    shown = form(Float(), number)
    assert isinstance(shown, Odd) or form(Float(), shown) == shown


def test_a_set_has_the_same_bytes_in_whatever_order_it_was_made() -> None:
    one, other = frozenset([0, 8]), frozenset([8, 0])
    assert [*one] != [*other]  # as Python keeps them
    assert encoded(one) == encoded(other)
