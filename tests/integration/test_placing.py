"""Ways to the month of a row whose ID bears none, each with its promise."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import (
    BINARY,
    VARBINARY,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Uuid,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.types import TypeEngine

from shardctl import Family, Minter, Month, SnowflakeGene, TimestampGene, Uuid7Gene
from shardctl.errors import ConfigError, InvalidId
from shardctl.ledger import schema
from shardctl.store import (
    Conflict,
    LedgerMissing,
    Neighbours,
    Outcome,
    OwnTransactionNeeded,
    Registry,
    RowGone,
    SameTime,
    Store,
    TwinId,
)
from shardctl.store.placing import Placing
from shardctl.tables import MonthlyTable

NOVEMBER, DECEMBER = Month(2026, 11), Month(2026, 12)
MIDNIGHT = DECEMBER.start(Family("t", timezone="Asia/Shanghai").zone).astimezone(UTC)
BEFORE, AFTER = MIDNIGHT - timedelta(seconds=1), MIDNIGHT + timedelta(seconds=1)
RACES = 100

DECLARED = Table(
    "t_order",
    MetaData(),
    Column("order_id", String(36), primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("coin", Numeric(32, 2), nullable=False),
    Column("status", Integer, nullable=False, default=1),
    Column("create_time", DateTime, nullable=False),
)
ORDERS = MonthlyTable(
    Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time"), DECLARED
)


@pytest.fixture(params=["sqlite", "mysql REPEATABLE READ", "mariadb READ COMMITTED"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Both months and the registry, on each database, at one of the levels."""
    flavour, _, level = request.param.partition(" ")
    yield from _made(request.getfixturevalue(f"{flavour}_url"), level or "SERIALIZABLE")


@pytest.fixture(params=["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"])
def server_engine(server_url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """As `engine`, on each server, at every level."""
    yield from _made(server_url, request.param)


def _made(url: str, level: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level=level, pool_size=8)
    for table in (ORDERS.month(NOVEMBER), ORDERS.month(DECEMBER), schema.registry):
        table.create(engine)
    yield engine
    engine.dispose()


def order(at: datetime | None = None, **changed: Any) -> dict[str, Any]:
    row = {"order_id": str(uuid.uuid4()), "user_id": 7, "coin": Decimal("19.90")}
    return row | ({} if at is None else {"create_time": at}) | changed


def counts(engine: Engine, table: MonthlyTable[Any] = ORDERS) -> tuple[int, ...]:
    """How many rows November and December have."""
    with engine.connect() as connection:
        return tuple(
            connection.scalar(select(func.count()).select_from(table.month(month))) or 0
            for month in (NOVEMBER, DECEMBER)
        )


def entries(engine: Engine) -> list[tuple[str, ...]]:
    columns = schema.registry.c
    chosen = select(columns.business, columns.client_id, columns.order_id, columns.month)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(chosen.order_by(*chosen.selected_columns))]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(arguments[2].split()[0])

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def race(*works: Callable[[], Outcome]) -> list[Outcome]:
    """What comes of works that begin together, each in a thread of its own."""
    together = Barrier(len(works))

    def run(work: Callable[[], Outcome]) -> Outcome:
        together.wait(timeout=30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


# -- the same add-time ----------------------------------------------------------------------


@pytest.mark.parametrize(("at", "month"), [(BEFORE, NOVEMBER), (AFTER, DECEMBER)])
def test_the_same_add_time_finds_the_first_row(engine: Engine, at: datetime, month: Month) -> None:
    store, row = Store(ORDERS, placing=SameTime()), order(at)
    assert [store.create(engine, row).kind for _ in range(2)] == ["created", "replayed"]
    assert store.create(engine, row).month == month
    assert counts(engine) == ((1, 0) if month == NOVEMBER else (0, 1))
    with pytest.raises(Conflict, match="coin"):
        store.create(engine, row | {"coin": Decimal("20")})


def test_another_add_time_in_another_month_stores_a_second_row(engine: Engine) -> None:
    store, row = Store(ORDERS), order()
    store.create(engine, row | {"create_time": BEFORE})
    assert store.create(engine, row | {"create_time": AFTER}).kind == "created"
    assert counts(engine) == (1, 1)  # as its promise says: a caller who cannot keep it needs others


def test_a_number_of_the_callers_needs_the_registry(engine: Engine) -> None:
    for placing in (SameTime(), Neighbours()):
        with pytest.raises(ConfigError, match="Registry"):
            Store(ORDERS, placing=placing).create(engine, order(BEFORE), client_id="c1")
    assert counts(engine) == (0, 0)


# -- neighbours -------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [(BEFORE, AFTER), (AFTER, BEFORE)])
def test_a_repetition_on_the_other_side_of_midnight_finds_the_first_row(
    engine: Engine, first: datetime, then: datetime
) -> None:
    store, row = Store(ORDERS, placing=Neighbours()), order()
    made = store.create(engine, row | {"create_time": first})
    again = store.create(engine, row | {"create_time": then})
    assert (made.kind, again.kind, again.month) == ("created", "replayed", made.month)
    assert sum(counts(engine)) == 1
    with pytest.raises(Conflict, match="coin") as caught:
        store.create(engine, row | {"create_time": then, "coin": Decimal("1")})
    assert caught.value.fields == {"coin": (Decimal("19.90"), Decimal("1"))}
    assert sum(counts(engine)) == 1


def test_beyond_grace_the_add_time_decides_and_nothing_else_is_sent(engine: Engine) -> None:
    store = Store(ORDERS, placing=Neighbours(timedelta(minutes=10)))
    near, far = timedelta(minutes=10), timedelta(minutes=10, microseconds=1)
    row = order(MIDNIGHT - near)
    store.create(engine, row)
    assert store.create(engine, row | {"create_time": MIDNIGHT + near / 2}).kind == "replayed"
    with statements(engine) as sent:
        assert store.create(engine, row | {"create_time": MIDNIGHT + near}).kind == "created"
        assert store.create(engine, order(MIDNIGHT - far)).kind == "created"
    assert sent == ["INSERT", "INSERT"]
    with statements(engine) as sent:
        store.create(engine, order(MIDNIGHT - near))
    assert [each for each in sent if each not in ("BEGIN", "COMMIT")] == ["INSERT", "SELECT"]


def test_a_neighbour_without_a_table_counts_as_empty(engine: Engine) -> None:
    store = Store(ORDERS, placing=Neighbours())
    new_year = Month(2027, 1).start(ORDERS.family.zone)
    beginning = NOVEMBER.start(ORDERS.family.zone)
    for at in (new_year - timedelta(seconds=1), beginning + timedelta(seconds=1)):
        row = order(at)
        assert [store.create(engine, row).kind for _ in range(2)] == ["created", "replayed"]
    assert counts(engine) == (1, 1)


def test_months_before_the_first_are_not_looked_at(engine: Engine) -> None:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        first=NOVEMBER,
    )
    store = Store(MonthlyTable(family, DECLARED), placing=Neighbours())
    with statements(engine) as sent:
        store.create(engine, order(NOVEMBER.start(family.zone)))
    assert sent == ["INSERT"]


def test_neighbours_are_refused_within_the_callers_transaction(engine: Engine) -> None:
    store = Store(ORDERS, placing=Neighbours())
    for at in (BEFORE, MIDNIGHT - timedelta(days=7)):  # not only at midnight
        with (
            engine.connect() as connection,
            pytest.raises(OwnTransactionNeeded, match="take the row back"),
        ):
            store.create(connection, order(at))
    assert counts(engine) == (0, 0)


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(days=15), timedelta(seconds=-1)])
def test_a_grace_that_makes_no_sense_is_refused(grace: timedelta) -> None:
    with pytest.raises(ConfigError, match="grace"):
        Neighbours(grace)


def test_two_first_tries_on_both_sides_of_midnight_end_as_one_order(server_engine: Engine) -> None:
    store = Store(ORDERS, placing=Neighbours())
    _race_over_midnight(server_engine, store, RACES)


@pytest.mark.parametrize("placing", [Neighbours(), Registry()])
def test_two_first_tries_where_mariadb_refuses_stale_snapshots(
    mariadb_url: str, placing: Placing
) -> None:
    """As MariaDB 11.6 and later do by default."""
    engines = _made(mariadb_url, "REPEATABLE READ")
    engine = next(engines)
    with engine.connect() as connection:
        known = connection.exec_driver_sql(
            "SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"
        ).first()
    if known is None:
        pytest.skip("this MariaDB has no innodb_snapshot_isolation")

    @event.listens_for(engine, "connect")
    def refuse(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET innodb_snapshot_isolation = ON")

    engine.dispose()
    _race_over_midnight(engine, Store(ORDERS, placing=placing), RACES // 2)
    engine.dispose()


def test_an_add_time_in_summer_time_is_near_the_end_that_clocks_show(url: str) -> None:
    family = Family("t_order", timezone="Europe/Lisbon", key=("order_id",), time="create_time")
    table = MonthlyTable(family, DECLARED)
    start = Month(2026, 4).start(family.zone)  # clocks were set forward two days before
    assert start.astimezone(UTC) == datetime(2026, 3, 31, 23, tzinfo=UTC)
    store = Store(table, placing=Neighbours())
    engine = create_engine(url)
    for month in (Month(2026, 3), Month(2026, 4)):
        table.month(month).create(engine)
    row = order(start - timedelta(minutes=5))
    store.create(engine, row)
    again = store.create(engine, row | {"create_time": start + timedelta(minutes=5)})
    assert (again.kind, again.month) == ("replayed", Month(2026, 3))
    engine.dispose()


@pytest.mark.parametrize("placing", [Neighbours(), Registry()])
def test_many_rows_at_once_find_their_first_rows(engine: Engine, placing: Placing) -> None:
    store, rows = Store(ORDERS, placing=placing), [order() for _ in range(3)]

    def create(at: datetime, **changed: Any) -> list[Any]:
        return store.create_many(engine, [row | {"create_time": at} | changed for row in rows])

    assert [each.kind for each in create(BEFORE)] == ["created"] * 3
    assert [(each.kind, each.month) for each in create(AFTER)] == [("replayed", NOVEMBER)] * 3
    assert [type(each) for each in create(AFTER, user_id=8)] == [Conflict] * 3
    assert counts(engine) == (3, 0)


def _race_over_midnight(engine: Engine, store: Store, races: int) -> None:
    for _ in range(races):
        row = order()
        outcomes = race(
            lambda row=row: store.create(engine, row | {"create_time": BEFORE}),
            lambda row=row: store.create(engine, row | {"create_time": AFTER}),
        )
        assert sorted(each.kind for each in outcomes) == ["created", "replayed"]
        assert outcomes[0].month == outcomes[1].month
    assert sum(counts(engine)) == races


# -- the registry ----------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [(BEFORE, AFTER), (AFTER, BEFORE)])
def test_the_registry_finds_the_first_row_however_late(
    engine: Engine, first: datetime, then: datetime
) -> None:
    store, row = Store(ORDERS, placing=Registry()), order()
    made = store.create(engine, row | {"create_time": first})
    again = store.create(engine, row | {"create_time": then})
    assert (made.kind, again.kind, again.month) == ("created", "replayed", made.month)
    id = row["order_id"]
    assert entries(engine) == [("app", id, id, f"{made.month:%Y%m}")]
    late = MIDNIGHT + timedelta(days=20)
    with pytest.raises(Conflict, match="coin"):
        store.create(engine, row | {"create_time": late, "coin": Decimal("1")})
    assert sum(counts(engine)) == 1


def test_two_first_tries_with_the_registry_end_as_one_order(server_engine: Engine) -> None:
    _race_over_midnight(server_engine, Store(ORDERS, placing=Registry()), RACES)
    assert len(entries(server_engine)) == RACES


def test_who_waits_for_a_first_try_that_is_rolled_back_stores_the_row(
    server_engine: Engine,
) -> None:
    engine = server_engine.execution_options(isolation_level="REPEATABLE READ")
    store, row = Store(ORDERS, placing=Registry()), order()
    with engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        store.create(connection, row | {"create_time": BEFORE})
        waiting = pool.submit(store.create, server_engine, row | {"create_time": AFTER})
        connection.rollback()
        assert waiting.result(timeout=30).kind == "created"
    assert counts(engine) == (0, 1)
    assert entries(engine) == [("app", row["order_id"], row["order_id"], "202612")]


def test_the_registry_works_within_the_callers_transaction(engine: Engine) -> None:
    store, row = Store(ORDERS, placing=Registry()), order(BEFORE)
    with engine.connect() as connection:
        assert store.create(connection, row).kind == "created"
        assert store.create(connection, row | {"create_time": AFTER}).kind == "replayed"
        connection.rollback()
    assert (counts(engine), entries(engine)) == ((0, 0), [])
    with engine.begin() as connection:
        store.create(connection, row)
    assert counts(engine) == (1, 0)
    assert len(entries(engine)) == 1


def test_without_a_transaction_an_entry_might_stay_without_its_row(engine: Engine) -> None:
    store, row = Store(ORDERS, placing=Registry()), order(BEFORE)
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    with plain.connect() as connection:
        with pytest.raises(OwnTransactionNeeded, match="begin a transaction"):
            store.create(connection, row)
        with pytest.raises(OwnTransactionNeeded, match="begin a transaction"):
            store.create_many(connection, [row, order(BEFORE)])
        assert (counts(engine), entries(engine)) == ((0, 0), [])
        connection.exec_driver_sql("BEGIN")  # which is one, however it was begun
        assert store.create(connection, row).kind == "created"
        connection.exec_driver_sql("ROLLBACK")
    assert (counts(engine), entries(engine)) == ((0, 0), [])


def test_a_row_that_cannot_be_stored_leaves_no_entry_in_the_callers_transaction(
    engine: Engine,
) -> None:
    store, row = Store(ORDERS, placing=Registry()), order(BEFORE)
    Store(ORDERS).create(engine, row)  # without an entry
    with engine.connect() as connection:
        with pytest.raises(Conflict, match="coin"):
            store.create(connection, row | {"coin": Decimal("1")}, client_id="c1")
        connection.commit()
    assert entries(engine) == []
    assert store.create(engine, order(BEFORE), client_id="c1").kind == "created"


def test_a_row_from_before_the_registry_gets_its_entry_when_it_is_repeated(engine: Engine) -> None:
    row = order(BEFORE)
    Store(ORDERS).create(engine, row)
    store = Store(ORDERS, placing=Registry())
    assert store.create(engine, row).kind == "replayed"
    assert store.create(engine, row | {"create_time": AFTER}).kind == "replayed"
    assert counts(engine) == (1, 0)


def test_two_businesses_have_number_spaces_of_their_own(engine: Engine) -> None:
    shop, hotel = (Store(ORDERS, placing=Registry(name)) for name in ("shop", "hotel"))
    first, second = order(BEFORE), order(AFTER)
    assert shop.create(engine, first, client_id=1001).kind == "created"
    assert hotel.create(engine, second, client_id=1001).kind == "created"
    assert shop.create(engine, first | {"create_time": AFTER}, client_id=1001).kind == "replayed"
    assert [each[:3] for each in entries(engine)] == [
        ("hotel", "1001", second["order_id"]),
        ("shop", "1001", first["order_id"]),
    ]


def test_a_number_stands_for_one_id(engine: Engine) -> None:
    store, row = Store(ORDERS, placing=Registry()), order(BEFORE)
    store.create(engine, row, client_id="c1")
    other = order(BEFORE)
    with pytest.raises(Conflict, match="registered for") as caught:
        store.create(engine, other, client_id="c1")
    assert caught.value.fields == {"order_id": (row["order_id"], other["order_id"])}
    assert counts(engine) == (1, 0)


def test_numbers_differ_by_every_character_or_are_told_as_twins(engine: Engine) -> None:
    store = Store(ORDERS, placing=Registry())
    for number in ("abc", "ABC", "äbc"):
        assert store.create(engine, order(BEFORE), client_id=number).kind == "created"
    if engine.dialect.name == "sqlite":  # which tells blanks at the end
        assert store.create(engine, order(BEFORE), client_id="abc ").kind == "created"
        return
    with pytest.raises(TwinId, match="blanks"):
        store.create(engine, order(BEFORE), client_id="abc ")


def test_a_row_that_was_deleted_is_told_as_gone(engine: Engine) -> None:
    store, row = Store(ORDERS, placing=Registry()), order(BEFORE)
    store.create(engine, row)
    november = ORDERS.month(NOVEMBER)
    with engine.begin() as connection:
        connection.execute(november.delete())
    with pytest.raises(RowGone, match="deleted"):
        store.create(engine, row)
    november.drop(engine)
    with pytest.raises(RowGone, match="dropped"):
        store.create(engine, row | {"create_time": AFTER})
    assert entries(engine) == [("app", row["order_id"], row["order_id"], "202611")]


def test_without_the_table_the_error_names_the_command(engine: Engine) -> None:
    schema.registry.drop(engine)
    registry = Registry()
    with pytest.raises(LedgerMissing, match="shardctl upgrade"):
        Store(ORDERS, placing=registry).create(engine, order(BEFORE))
    with pytest.raises(LedgerMissing, match="shardctl upgrade"):
        registry.purge(engine, "t_order", before=DECEMBER)
    assert counts(engine) == (0, 0)


def test_purging_removes_earlier_months_and_ends_their_promise(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.store.placing.registry._BATCH", 2)
    registry = Registry()
    store = Store(ORDERS, placing=registry)
    rows = [order(BEFORE) for _ in range(5)] + [order(AFTER)]
    for row in rows:
        store.create(engine, row)
    Store(ORDERS, placing=Registry("other")).create(engine, order(BEFORE), client_id="o1")
    assert registry.purge(engine, "t_order", before=NOVEMBER) == 0
    assert registry.purge(engine, "t_room", before=DECEMBER) == 0
    assert registry.purge(engine, "t_order", before=DECEMBER) == 5
    assert [each[0] for each in entries(engine)] == ["app", "other"]
    assert counts(engine) == (6, 1)
    assert store.create(engine, rows[-1] | {"create_time": BEFORE}).kind == "replayed"
    assert store.create(engine, rows[0]).kind == "replayed"  # by its ID, in its month
    assert store.create(engine, rows[1] | {"create_time": AFTER}).kind == "created"


@pytest.mark.parametrize("business", ["", "app ", "x" * 65])
def test_a_business_that_the_table_would_not_keep_is_refused(business: str) -> None:
    with pytest.raises(ConfigError, match="business"):
        Registry(business)


def test_a_number_that_the_table_would_not_keep_is_refused(engine: Engine) -> None:
    store = Store(ORDERS, placing=Registry())
    for number in ("", "x" * 192):
        with pytest.raises(InvalidId, match="1 to 191"):
            store.create(engine, order(BEFORE), client_id=number)
    assert counts(engine) == (0, 0)


KEY = uuid.UUID("12345678-1234-5678-9234-567812345678")


@pytest.mark.filterwarnings("ignore:Dialect sqlite")
@pytest.mark.parametrize(
    ("type_", "spellings"),
    [
        (Uuid(), [KEY, str(KEY), KEY.hex]),
        (Uuid(as_uuid=False), [str(KEY), KEY.hex.upper()]),
        (BINARY(16), [KEY.bytes]),
        (VARBINARY(20), [b"\xff 'x'"]),
        (BigInteger(), [2**62, str(2**62)]),
        (Numeric(20), [7, "7"]),
    ],
    ids=repr,
)
def test_ids_of_all_types_are_found_by_the_registry(
    url: str, type_: TypeEngine[Any], spellings: list[Any]
) -> None:
    engine = create_engine(url)
    table = MonthlyTable(
        ORDERS.family,
        Table(
            "t_order",
            MetaData(),
            Column("order_id", type_, primary_key=True, autoincrement=False),
            Column("create_time", DateTime, nullable=False),
        ),
    )
    for each in (table.month(NOVEMBER), table.month(DECEMBER), schema.registry):
        each.create(engine)
    store = Store(table, placing=Registry())
    assert store.create(engine, {"order_id": spellings[0], "create_time": BEFORE}).kind == "created"
    for spelling in spellings:
        again = store.create(engine, {"order_id": spelling, "create_time": AFTER})
        assert (again.kind, again.month) == ("replayed", NOVEMBER)
    assert counts(engine, table) == (1, 0)
    engine.dispose()


# -- a front end's number, and a minted ID ------------------------------------------------------

MINTED = Family(
    "t_order",
    timezone="Asia/Shanghai",
    key=("order_id",),
    time="create_time",
    gene=SnowflakeGene(41, (10,), 12),
)


def _minting(at: datetime) -> Store:
    minter = Minter(MINTED, worker=1, clock=lambda: int(at.timestamp()) * 10**9)
    return Store(MonthlyTable(MINTED, DECLARED), placing=Registry("front", minter=minter))


def test_a_front_ends_number_gets_one_minted_id(engine: Engine) -> None:
    row = {"user_id": 7, "coin": Decimal("1")}
    made = _minting(BEFORE).create(engine, row, client_id="front-1")
    assert (made.kind, made.month) == ("created", NOVEMBER)
    assert made.row["create_time"] == BEFORE
    again = _minting(AFTER).create(engine, row, client_id="front-1")
    assert (again.kind, again.month) == ("replayed", NOVEMBER)
    assert again.row["order_id"] == str(made.row["order_id"])
    with pytest.raises(Conflict, match="coin"):
        _minting(AFTER).create(engine, row | {"coin": Decimal("2")}, client_id="front-1")
    other = _minting(AFTER).create(engine, row, client_id="front-2")
    assert (other.kind, other.month) == ("created", DECEMBER)
    assert counts(engine) == (1, 1)


def test_two_first_tries_with_one_front_ends_number_get_one_minted_id(
    server_engine: Engine,
) -> None:
    stores = _minting(BEFORE), _minting(AFTER)
    for number in range(RACES // 4):

        def create(store: Store, number: int = number) -> Outcome:
            row = {"user_id": 7, "coin": Decimal("1")}
            return store.create(server_engine, row, client_id=f"front-{number}")

        outcomes = race(*(partial(create, store) for store in stores))
        assert sorted(each.kind for each in outcomes) == ["created", "replayed"]
        assert len({(each.month, str(each.row["order_id"])) for each in outcomes}) == 1
    assert sum(counts(server_engine)) == len(entries(server_engine)) == RACES // 4


def test_a_minted_id_bears_the_user_of_its_row(engine: Engine) -> None:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        gene=TimestampGene(),
        length=(26, 27),
    )
    minter = Minter(family, worker=1, clock=lambda: int(BEFORE.timestamp()) * 10**9)
    registry = Registry(minter=minter, user="user_id")
    store = Store(MonthlyTable(family, DECLARED), placing=registry)
    row = {"user_id": 1234567890, "coin": Decimal("1")}
    kinds = [store.create(engine, row, client_id="c1").kind for _ in range(2)]
    assert kinds == ["created", "replayed"]
    ((_, _, id, month),) = entries(engine)
    assert (id[13:23], month) == ("1234567890", "202611")


def test_a_minted_row_needs_the_front_ends_number(engine: Engine) -> None:
    with pytest.raises(InvalidId, match="order_id"):
        _minting(BEFORE).create(engine, {"user_id": 7, "coin": Decimal("1")})


def test_a_minted_uuid_is_found_whatever_its_column_gives(url: str) -> None:
    engine = create_engine(url)
    family = replace(MINTED, gene=Uuid7Gene())
    table = MonthlyTable(
        family,
        Table(
            "t_order",
            MetaData(),
            Column("order_id", Uuid(), primary_key=True),
            Column("create_time", DateTime, nullable=False),
        ),
    )
    for each in (table.month(NOVEMBER), schema.registry):
        each.create(engine)
    minter = Minter(family, clock=lambda: int(BEFORE.timestamp()) * 10**9)
    store = Store(table, placing=Registry("front", minter=minter))
    made = store.create(engine, {}, client_id="front-1")
    again = store.create(engine, {}, client_id="front-1")
    assert (made.kind, again.kind) == ("created", "replayed")
    assert again.row["order_id"] == made.row["order_id"]
    engine.dispose()
