"""A row stored once, however often it is sent: by statements, by keys, by months."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import IntegrityError

from shardctl import DigitsGene, Family, Month
from shardctl.errors import Conflict, GeneMismatch, InvalidInstant, MonthMissing
from shardctl.store import Store
from shardctl.tables import MonthlyTable
from tests.breaking import breaking
from tests.orders import (
    FAMILY,
    FEBRUARY,
    JANUARY,
    MODES,
    NOON,
    made,
    order,
    order_id,
    orders,
    stored,
)

TABLE = orders()
MONTH = TABLE.month(JANUARY)
STORE = Store(TABLE)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    made(TABLE, engine)
    yield engine
    engine.dispose()


@pytest.fixture
def empty(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


# -- the protocol ---------------------------------------------------------------------------------


def test_a_row_is_created_and_then_replayed_as_it_is_stored(engine: Engine, url: str) -> None:
    first = STORE.create(engine, order(1, coin=Decimal("1.50")))
    again = STORE.create(engine, order(1, coin=Decimal("1.5")))
    assert (first.kind, first.month) == ("created", JANUARY)
    assert (again.kind, again.month) == ("replayed", JANUARY)
    assert again.row == {
        "order_id": order_id(1),
        "user_id": 1,
        "coin": Decimal("1.50"),
        "create_time": NOON,
    }
    assert stored(url, TABLE) == [order_id(1)]


def test_other_parameters_are_a_conflict_that_names_them(engine: Engine) -> None:
    STORE.create(engine, order(1, coin=1))
    with pytest.raises(Conflict, match="other parameters: coin was") as caught:
        STORE.create(engine, order(1, coin=2))
    assert caught.value.fields == {"coin": (Decimal(1), 2)}
    assert STORE.create(engine, order(1, coin=1)).kind == "replayed"


@pytest.mark.parametrize("mode", MODES)
def test_statements_are_as_few_as_can_be_and_none_looks_first(server_url: str, mode: str) -> None:
    with breaking(server_url, lambda sent: not sent, "before") as way:
        engine = create_engine(way.url, **MODES[mode])
        made(TABLE, engine)

        def sent(call: Callable[[], Any]) -> list[str]:
            begun = len(way.sent)
            call()
            return [statement.split()[0] for statement in way.sent[begun:]]

        end = ["COMMIT", "ROLLBACK"] if mode == "normal" else ["ROLLBACK"]  # SQLAlchemy's own
        assert sent(lambda: STORE.create(engine, order(1))) == ["INSERT", *end]
        assert sent(lambda: STORE.create(engine, order(1))) == ["INSERT", "SELECT", *end]
        with engine.connect() as connection:
            assert sent(lambda: STORE.create(connection, order(2))) == ["INSERT"]
            assert sent(lambda: STORE.create(connection, order(2))) == ["INSERT", "SELECT"]
        reads = [statement for statement in way.sent if statement.startswith("SELECT t_order")]
        assert len(reads) == 2
        assert all(each.endswith(("LOCK IN SHARE MODE", "FOR SHARE")) for each in reads)
        engine.dispose()


def test_a_row_deleted_between_insert_and_look_is_stored_anew(server_url: str) -> None:
    engine, other = create_engine(server_url), create_engine(server_url)
    made(TABLE, engine)
    STORE.create(engine, order(1, coin=1))

    @event.listens_for(engine, "before_cursor_execute")
    def interfere(*given: Any) -> None:
        statement = given[2]
        if statement.startswith("SELECT"):
            with other.begin() as session:
                session.execute(delete(MONTH))

    # Under AUTOCOMMIT nothing holds the row after the INSERT has failed.
    outcome = STORE.create(engine.execution_options(isolation_level="AUTOCOMMIT"), order(1, coin=2))
    assert (outcome.kind, outcome.row["coin"]) == ("created", 2)
    engine.dispose()
    other.dispose()


def test_a_month_without_a_table_is_missing(empty: Engine) -> None:
    with pytest.raises(MonthMissing, match="2020-01"):
        STORE.create(empty, order(1))


# -- which key is violated ------------------------------------------------------------------------


def numbered(first: bool) -> MonthlyTable[Table]:
    """Tables whose rows the server numbers, with two more keys, the ID's the first or the last."""
    keys = [UniqueConstraint("order_id", name="uq_order"), UniqueConstraint("no", name="uq_no")]
    columns: list[Any] = [
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("order_id", String(28), nullable=False),
        Column("no", String(64), nullable=False),
        Column("create_time", DateTime, nullable=False),
    ]
    declared = Table("t_order", MetaData(), *columns, *(keys if first else reversed(keys)))
    return MonthlyTable(FAMILY, declared)


def row(number: int, no: str) -> dict[str, Any]:
    return {"order_id": order_id(number), "no": no, "create_time": NOON}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("no", ["A1", "it's", "x' for key 't_order_202001.uq_order", '" for key "'])
def test_another_key_is_an_ordinary_error_and_the_ids_a_replay(
    empty: Engine, url: str, first: bool, no: str
) -> None:
    table = numbered(first)
    store = Store(table)
    made(table, empty)
    assert store.create(empty, row(1, no)).kind == "created"
    again = store.create(empty, row(1, no))  # which violates both
    assert (again.kind, again.row["no"]) == ("replayed", no)
    with pytest.raises(IntegrityError, match=r"uq_no|t_order_202001\.no"):
        store.create(empty, row(2, no))
    store.create(empty, row(3, "B2"))
    with pytest.raises(Conflict) as caught:
        store.create(empty, row(3, no))
    assert caught.value.fields == {"no": ("B2", no)}
    assert stored(url, table) == [order_id(1), order_id(3)]
    with empty.begin() as connection:  # the caller's transaction stands
        store.create(connection, row(4, "C3"))
        with pytest.raises(IntegrityError):
            store.create(connection, row(5, "B2"))
    assert stored(url, table) == [order_id(1), order_id(3), order_id(4)]


def test_an_id_that_a_lenient_server_cuts_is_not_taken_for_another(server_url: str) -> None:
    engine = create_engine(server_url, connect_args={"init_command": "SET SESSION sql_mode = ''"})
    made(TABLE, engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE t_order_202001 MODIFY order_id varchar(27) NOT NULL"))
    STORE.create(engine, order(10))
    with pytest.raises(IntegrityError):  # its last digit is cut, and it is another order
        STORE.create(engine, order(11))
    engine.dispose()


def test_a_key_of_two_columns(empty: Engine, url: str) -> None:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        gene=FAMILY.gene,
        key=("business", "order_id"),
        time="create_time",
    )
    declared = Table(
        "t_order",
        MetaData(),
        Column("business", Integer, primary_key=True, autoincrement=False),
        Column("order_id", String(28), primary_key=True),
        Column("create_time", DateTime, nullable=False),
    )
    table = MonthlyTable(family, declared)
    store = Store(table)
    made(table, empty)
    rows = [{"business": number, "order_id": order_id(1), "create_time": NOON} for number in (1, 2)]
    assert [store.create(empty, each).kind for each in rows] == ["created", "created"]
    assert [store.create(empty, each).kind for each in rows] == ["replayed", "replayed"]
    assert stored(url, table) == [order_id(1)] * 2


# -- the month ------------------------------------------------------------------------------------

END = datetime(2020, 1, 31, 15, 59, 59, tzinfo=UTC)  # the last second of January in Shanghai
DAYS = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d"),
    length=(28,),
    key=("order_id",),
    time="create_time",
)


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        (DateTime(), ""),
        (mysql.DATETIME(fsp=6), ""),
        (TIMESTAMP(), ""),
        (BigInteger(), "s"),
        (BigInteger(), "ms"),
        (Date(), ""),
    ],
    ids=str,
)
def test_a_retry_after_midnight_finds_the_first_row(server_url: str, kind: Any, unit: str) -> None:
    engine = create_engine(server_url)
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        gene=FAMILY.gene,
        key=("order_id",),
        time="create_time",
        time_unit=unit,
    )
    table = orders(family, time=kind)
    made(table, engine)
    store = Store(table)
    assert store.create(engine, order(1, END)).kind == "created"
    for seconds in (2, 3600, 86400 * 40):
        late = {**order(1, END), "create_time": END + timedelta(seconds=seconds)}
        again = store.create(engine, late)
        assert (again.kind, again.month) == ("replayed", JANUARY)
        first = END if not isinstance(kind, Date) else date(2020, 1, 31)
        assert again.row["create_time"] == first
    assert stored(server_url, table, JANUARY) == [order_id(1, END)]
    assert stored(server_url, table, FEBRUARY) == []
    engine.dispose()


def test_a_new_row_minted_before_midnight_is_stored_after_it_in_its_ids_month(
    engine: Engine, url: str
) -> None:
    late = {**order(1, END), "create_time": END + timedelta(seconds=3)}
    assert STORE.create(engine, late).month == JANUARY
    assert stored(url, TABLE, JANUARY) == [order_id(1, END)]


def test_a_new_row_whose_add_time_is_beyond_the_skew_is_refused(engine: Engine, url: str) -> None:
    for seconds in (-6, 7, 86400):
        wrong = {**order(1), "create_time": NOON + timedelta(seconds=seconds)}
        with pytest.raises(GeneMismatch):
            STORE.create(engine, wrong)
    assert stored(url, TABLE) == []
    for number, seconds in enumerate((-5, 6)):
        near = {**order(number), "create_time": NOON + timedelta(seconds=seconds)}
        assert STORE.create(engine, near).kind == "created"


def test_without_an_add_time_an_exact_gene_gives_it(engine: Engine) -> None:
    outcome = STORE.create(engine, {"order_id": order_id(1)})
    assert outcome.row["create_time"] == NOON
    again = STORE.create(engine, {"order_id": order_id(1)})
    assert (again.kind, again.row["create_time"]) == ("replayed", NOON)


def test_without_an_add_time_a_coarse_gene_leaves_it_to_the_clock(empty: Engine) -> None:
    table = orders(DAYS)
    made(table, empty)
    now = [NOON]
    store = Store(table, clock=lambda: now[0])
    id = "20200121" + "7" * 20
    assert store.create(empty, {"order_id": id}).row["create_time"] == NOON
    now[0] += timedelta(days=30)
    again = store.create(empty, {"order_id": id})
    assert (again.kind, again.row["create_time"], again.month) == ("replayed", NOON, JANUARY)
    with pytest.raises(GeneMismatch):  # a new row of another day than the ID's
        store.create(empty, {"order_id": "20200121" + "8" * 20})


@pytest.mark.parametrize(
    "wrong", [NOON.replace(tzinfo=None), "2020-01-21 12:00:00", 1579579200, True]
)
def test_an_add_time_that_is_no_instant_is_refused(engine: Engine, url: str, wrong: Any) -> None:
    with pytest.raises(InvalidInstant, match="aware datetime"):
        STORE.create(engine, {**order(1), "create_time": wrong})
    assert stored(url, TABLE) == []


def test_a_day_is_an_add_time_where_the_column_holds_days(empty: Engine) -> None:
    table = orders(DAYS, time=Date)
    made(table, empty)
    store = Store(table)
    id = "20200121" + "7" * 20
    assert store.create(empty, {"order_id": id, "create_time": date(2020, 1, 21)}).kind == "created"
    assert store.create(empty, {"order_id": id, "create_time": date(2020, 2, 1)}).kind == "replayed"
    other = "20200121" + "8" * 20
    with pytest.raises(GeneMismatch):
        store.create(empty, {"order_id": other, "create_time": date(2020, 1, 23)})


def test_a_row_without_a_column_for_the_add_time_goes_where_its_id_says(empty: Engine) -> None:
    family = Family("t_order", gene=FAMILY.gene, key=("order_id",))
    declared = Table("t_order", MetaData(), Column("order_id", String(28), primary_key=True))
    table = MonthlyTable(family, declared)
    made(table, empty)
    store = Store(table)
    assert store.create(empty, {"order_id": order_id(1)}).month == Month(2020, 1)
    assert store.create(empty, {"order_id": order_id(1)}).kind == "replayed"


@pytest.mark.parametrize("given", [NOON.replace(tzinfo=None), "2020-01-21"])
def test_where_the_add_time_decides_it_has_to_be_an_instant_too(empty: Engine, given: Any) -> None:
    table = orders(Family("t_order", key=("order_id",), time="create_time"))
    with pytest.raises(InvalidInstant):
        Store(table).create(empty, {"order_id": "x", "create_time": given})
