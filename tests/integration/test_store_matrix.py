"""Every type of column: the same value, the same in another spelling, another value."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    BINARY,
    CHAR,
    JSON,
    REAL,
    TIMESTAMP,
    VARBINARY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Engine,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    Unicode,
    Uuid,
    create_engine,
    func,
    select,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

from shardctl import Family, Month
from shardctl.store import Conflict, Fingerprint, Store
from shardctl.tables import MonthlyTable

# SQLite has no decimal numbers; SQLAlchemy says so for each.
pytestmark = pytest.mark.filterwarnings("ignore:Dialect sqlite")

NOVEMBER = Month(2026, 11)
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Tags(TypeDecorator[Any]):
    """An application's own type: words in any order."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        return None if value is None else ",".join(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:  # noqa: ARG002
        return None if value is None else value.split(",")

    def compare_values(self, x: Any, y: Any) -> bool:
        return set(x) == set(y)


@dataclass(frozen=True)
class Case:
    """A column: values that are the same for it, the first as one writes it, and others."""

    type: Any
    same: list[Any]
    other: list[Any]


def at(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def on_mysql(type_: Any, there: Any) -> Any:
    return type_.with_variant(there, "mysql")


EVENING = at(2026, 11, 30, 23, 59, 59)
INSTANT = datetime(2026, 11, 30, 15, 59, 59, 600_000, tzinfo=UTC)
KEY = UUID("12345678-1234-5678-9234-567812345678")
CASES = {
    "integer": Case(Integer(), [7, "7", Decimal("7.00"), 7.0], [8, "70", -7, 0]),
    "small": Case(SmallInteger(), [1, True, "1"], [0, False, 2]),
    "big": Case(BigInteger(), [2**62 + 1, str(2**62 + 1)], [2**62, 2**62 + 2]),
    "numeric": Case(
        Numeric(32, 2),
        [Decimal("10.01"), "10.01", 10.01, 10.005, Decimal("10.005"), Decimal("10.0100")],
        [Decimal("10.00"), 10.02, "10.015", -10.01, 10],
    ),
    "numeric float": Case(Numeric(10, 2, asdecimal=False), [0.1, Decimal("0.10")], [0.11]),
    "numeric whole": Case(Numeric(10), [3, Decimal("2.5"), "3"], [2, Decimal("2.4")]),
    "float": Case(Float(), [123456.789, "123456.789", 123457.0], [123458.0, 123456.4]),
    "float 53": Case(Float(53), [123456.789, "123456.789"], [123456.78, 123457.0]),
    "double": Case(Double(), [1 / 3, repr(1 / 3)], [0.333333, 1 / 3 + 1e-15]),
    "real": Case(REAL(), [123456.789], [123456.78]),
    "float places": Case(on_mysql(Float(), mysql.FLOAT(10, 2)), [1234567.25], [1234567.5]),
    "boolean": Case(Boolean(), [True, 1], [False, 0]),
    "year": Case(on_mysql(Integer(), mysql.YEAR()), [2026, 26, "2026"], [2027, 99, 1999]),
    "bit": Case(on_mysql(LargeBinary(), mysql.BIT(8)), [b"\x05"], [b"\x06", b"\x00"]),
    "string": Case(String(20), ["12", 12], ["12 ", "012", "１２", 13]),
    "digits": Case(String(20), [Decimal("1.50"), "1.50"], ["1.5", 1.5, "01.50", 1]),
    "words of a flag": Case(String(20), [True, "1", 1], [False, "true", "0"]),
    "words of a time": Case(
        String(40), [INSTANT, "2026-11-30 15:59:59.600000+00:00"], ["2026-11-30 15:59:59", EVENING]
    ),
    "words of a uuid": Case(String(40), [KEY, str(KEY)], [KEY.hex]),
    "text": Case(Text(), ["abc"], ["ABC", "abc ", "abd", ""]),
    "unicode": Case(Unicode(20), ["Jos\u00e9", "Jose\u0301"], ["Jose", "JOS\u00c9"]),
    "char": Case(CHAR(20), ["ab", "ab  "], ["AB", " ab"]),
    "enum": Case(Enum(Colour), [Colour.RED, "RED"], [Colour.BLUE, "BLUE"]),
    "enum words": Case(Enum("red", "blue"), ["red"], ["blue"]),
    "set": Case(on_mysql(String(20), mysql.SET("x", "y", "z")), ["x,z", "z,x"], ["x", "x,y,z"]),
    "bytes": Case(LargeBinary(), [b"a\0", bytearray(b"a\0")], [b"a", b"A\0"]),
    "varbinary": Case(VARBINARY(20), [b"a\0"], [b"a"]),
    "binary": Case(BINARY(4), [b"ab", b"ab\0\0"], [b"abc"]),
    "uuid": Case(Uuid(), [KEY, str(KEY), KEY.hex.upper()], [UUID(int=1), str(UUID(int=1))]),
    "uuid text": Case(Uuid(as_uuid=False), [str(KEY), KEY, KEY.hex], [str(UUID(int=1))]),
    "json": Case(
        JSON(),
        [{"a": 1, "b": [1.5, None, True]}, {"b": (1.5, None, True), "a": 1.0}],
        [{"a": True, "b": [1.5, None, True]}, {"a": 1}, [1], "a", 1],
    ),
    "date": Case(
        Date(),
        [date(2026, 12, 1), "2026-12-01", at(2026, 12, 1, 7), INSTANT.replace(hour=16)],
        [date(2026, 11, 30), INSTANT],
    ),
    "datetime": Case(
        DateTime(),
        [EVENING, INSTANT, at(2026, 11, 30, 23, 59, 59, 999_999), "2026-11-30 23:59:59.6"],
        [at(2026, 12, 1), INSTANT + timedelta(seconds=1), date(2026, 11, 30)],
    ),
    "datetime 3": Case(
        on_mysql(DateTime(), mysql.DATETIME(fsp=3)),
        [at(2026, 11, 30, 23, 59, 59, 600_000), INSTANT, INSTANT + timedelta(microseconds=999)],
        [EVENING, INSTANT + timedelta(milliseconds=1)],
    ),
    "timestamp": Case(TIMESTAMP(), [EVENING, INSTANT], [at(2026, 12, 1)]),
    "time": Case(
        Time(),
        [time(23, 59, 59), time(23, 59, 59, 600_000), "23:59:59.6", time(23, 59, 59, 1, UTC)],
        [time(23, 59, 58), time(0)],
    ),
    "time 3": Case(
        on_mysql(Time(), mysql.TIME(fsp=3)),
        [time(1, 0, 0, 1000), time(1, 0, 0, 1999)],
        [time(1), time(1, 0, 0, 2000)],
    ),
    "interval": Case(
        Interval(),
        [timedelta(days=3), timedelta(days=3, milliseconds=600)],
        [timedelta(days=3, seconds=1), timedelta(days=4)],
    ),
    "own": Case(Tags(), [["a", "b"], ["b", "a"]], [["a"], ["a", "b", "c"]]),
}


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=StaticPool)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("named", CASES)
def test_a_repeated_request_is_the_same_where_its_column_holds_the_same(
    engine: Engine, named: str
) -> None:
    case = CASES[named]
    family = Family("t_case", timezone="Asia/Shanghai", gene=None, time="create_time")
    declared = Table(
        "t_case",
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("create_time", DateTime, nullable=False),
        Column("value", case.type, nullable=True),
        Column("fp", BINARY(16)),
        Column("fp_version", SmallInteger),
    )
    table = MonthlyTable(family, declared)
    table.month(NOVEMBER).create(engine)
    stores = [Store(table, ignore=("fp", "fp_version"))]
    if named != "own":
        stores.append(Store(table, fingerprint=Fingerprint("fp", "fp_version", {1: ["value"]})))

    def row(value: Any) -> dict[str, Any]:
        return {"id": number, "create_time": NOON, "value": value}

    number = 0
    for store in stores:
        for first in [*case.same, None]:
            number += 1
            assert store.create(engine, row(first)).kind == "created"
            for again in [None] if first is None else case.same:
                assert store.create(engine, row(again)).kind == "replayed", (first, again)
            for other in [*case.other, case.same[0] if first is None else None]:
                with pytest.raises(Conflict) as conflict:
                    store.create(engine, row(other))
                assert conflict.value.fields.keys() == {"value"}
    with engine.connect() as connection:
        count = select(func.count()).select_from(table.month(NOVEMBER))
        assert connection.scalar(count) == number


def test_what_is_stored_is_what_was_compared(engine: Engine) -> None:
    family = Family("t_case", timezone="Asia/Shanghai", gene=None, time="create_time")
    declared = Table(
        "t_case",
        MetaData(),
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("create_time", DateTime, nullable=False),
        Column("paid_at", DateTime),
        Column("day", Date),
        Column("opens", Time),
        Column("coin", Numeric(10, 2)),
    )
    table = MonthlyTable(family, declared)
    table.month(NOVEMBER).create(engine)
    given = {
        "id": 1,
        "create_time": NOON,
        "paid_at": INSTANT,
        "day": INSTANT.replace(hour=16),
        "opens": time(23, 59, 59, 600_000),
        "coin": 1.005,
    }
    stored = {
        "paid_at": EVENING,
        "day": date(2026, 12, 1),
        "opens": time(23, 59, 59),
        "coin": Decimal("1.01"),
    }
    store = Store(table)
    created = store.create(engine, given)
    replayed = store.create(engine, given)
    for outcome in (created, replayed):
        assert {name: outcome.row[name] for name in stored} == stored
    changing = Store(table, mutable=tuple(stored))
    later = {"paid_at": INSTANT + timedelta(days=1), "coin": None}
    changing.update(engine, later, id=1, instant=NOON)
    changed = store.create(engine, given | later)
    assert changed.row["paid_at"] == EVENING + timedelta(days=1)
