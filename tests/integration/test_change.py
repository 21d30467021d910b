"""Rows are changed and deleted in the right month; without ID or time only for a reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from shardctl import DigitsGene, Family, Month
from shardctl.errors import (
    ConfigError,
    InvalidId,
    InvalidMonth,
    MonthMissing,
    NotStored,
    OwnTransactionNeeded,
    Unbounded,
)
from shardctl.store import Retry, Store
from shardctl.tables import MonthlyTable

OCTOBER, NOVEMBER, DECEMBER = (Month(2026, n) for n in (10, 11, 12))
MIDNIGHT = datetime(2026, 11, 30, 16, tzinfo=UTC)  # of 1 December in Shanghai
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def orders(time: TypeEngine[Any]) -> MonthlyTable[Table]:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    )
    declared = Table(
        "t_order",
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("coin", Integer, nullable=False, server_default="0"),
        Column("status", Integer, nullable=False, server_default="1"),
        Column("note", String(20), nullable=False, server_default=""),
        Column("create_time", time, nullable=False),
    )
    return MonthlyTable(family, declared)


TABLE = orders(DateTime())
IDS = {
    OCTOBER: ["20261031235959"],
    NOVEMBER: ["20261101000000", "20261115120000", "20261130235959"],
    DECEMBER: ["20261201000000", "20261201000001"],
}


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """Three months, in each the rows of its `IDS`, whose add-time is their ID's."""
    engine = create_engine(url, poolclass=NullPool)
    fill(engine, TABLE)
    yield engine
    engine.dispose()


@pytest.fixture
def store() -> Store:
    return Store(TABLE, mutable=["note", "status"])


def fill(engine: Engine, table: MonthlyTable[Table]) -> None:
    for month, ids in IDS.items():
        t = table.month(month)
        t.create(engine)
        rows = [{"order_id": id, "create_time": table.family.span(id)[0]} for id in ids]
        with engine.begin() as connection:
            connection.execute(insert(t), rows)


def noted(engine: Engine, table: MonthlyTable[Table] = TABLE) -> list[str]:
    """The IDs whose row bears a note, over all months."""
    found: list[str] = []
    with engine.connect() as connection:
        for month in (OCTOBER, NOVEMBER, DECEMBER):
            t = table.month(month)
            found += connection.scalars(select(t.c.order_id).where(t.c.note != ""))
    return sorted(found)


def left(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        ids = [connection.scalars(select(TABLE.month(m).c.order_id)).all() for m in IDS]
    return sorted(id for month in ids for id in month)


ALL = sorted(id for ids in IDS.values() for id in ids)


def test_an_id_is_changed_in_its_month(engine: Engine, store: Store) -> None:
    assert store.update(engine, {"note": "x"}, id="20261130235959") == 1
    assert noted(engine) == ["20261130235959"]
    assert store.update(engine, {"note": "x"}, id="20261130235959") == 1  # found, if not changed
    assert store.update(engine, {"note": "x"}, id="20261130235958") == 0


def test_an_id_is_deleted_from_its_month_and_may_be_stored_again(
    engine: Engine, store: Store
) -> None:
    assert store.delete(engine, id="20261201000000") == 1
    assert left(engine) == [id for id in ALL if id != "20261201000000"]
    assert store.delete(engine, id="20261201000000") == 0
    assert store.create(engine, {"order_id": "20261201000000"}).kind == "created"
    assert left(engine) == ALL


def test_a_condition_holds_beside_the_id(engine: Engine, store: Store) -> None:
    assert store.delete(engine, id=ALL[0], where=lambda t: t.c.status == 4) == 0
    assert store.delete(engine, id=ALL[0], where=lambda t: t.c.status == 1) == 1


def test_a_range_is_half_open_and_goes_over_a_months_end(engine: Engine, store: Store) -> None:
    assert store.update(engine, {"note": "x"}, since=MIDNIGHT - SECOND, until=MIDNIGHT) == 1
    assert noted(engine) == ["20261130235959"]
    count = store.update(engine, {"note": "x"}, since=MIDNIGHT - 20 * DAY, until=MIDNIGHT + SECOND)
    assert count == 3
    assert noted(engine) == ["20261115120000", "20261130235959", "20261201000000"]


def test_a_range_takes_a_condition_of_each_month(engine: Engine, store: Store) -> None:
    t = TABLE.month(NOVEMBER)
    with engine.begin() as connection:
        connection.execute(update(t).where(t.c.order_id == "20261115120000").values(status=4))
    gone = store.delete(
        engine,
        since=MIDNIGHT - 60 * DAY,
        until=MIDNIGHT + DAY,
        where=lambda t: t.c.status == 4,
    )
    assert gone == 1
    assert left(engine) == [id for id in ALL if id != "20261115120000"]


def test_rows_whose_add_time_is_beyond_their_ids_month_are_found(
    engine: Engine, store: Store
) -> None:
    """The ID was made before midnight, the add-time after it: the row is in the ID's month."""
    late = {"order_id": "202611302359597", "create_time": MIDNIGHT + 2 * SECOND}
    assert store.create(engine, late).month == NOVEMBER
    store.update(engine, {"note": "x"}, since=MIDNIGHT, until=MIDNIGHT + DAY)
    assert noted(engine) == ["202611302359597", "20261201000000", "20261201000001"]


def test_parts_of_a_range_have_each_row_once_however_fine_they_are(
    engine: Engine, store: Store
) -> None:
    """The column holds seconds; a bound between two falls between their rows."""
    cut = MIDNIGHT + timedelta(milliseconds=500)
    first = store.update(engine, {"note": "x"}, since=MIDNIGHT, until=cut)
    assert (first, noted(engine)) == (1, ["20261201000000"])
    assert store.update(engine, {"note": "x"}, since=cut, until=MIDNIGHT + DAY) == 1
    assert noted(engine) == ["20261201000000", "20261201000001"]


def test_a_column_of_days_has_a_day_whole_or_not_at_all(url: str) -> None:
    table = orders(Date())
    engine = create_engine(url, poolclass=NullPool)
    fill(engine, table)
    store = Store(table, mutable=["note"])
    noon = MIDNIGHT - 12 * timedelta(hours=1)  # of 30 November
    assert store.update(engine, {"note": "x"}, since=noon, until=MIDNIGHT) == 0
    assert store.update(engine, {"note": "x"}, since=noon, until=MIDNIGHT + SECOND) == 2
    assert noted(engine, table) == ["20261201000000", "20261201000001"]
    assert store.update(engine, {"note": "y"}, since=MIDNIGHT - DAY, until=MIDNIGHT) == 1


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"id": None},
        {"where": lambda t: t.c.status == 1},
        {"since": MIDNIGHT},
        {"until": MIDNIGHT},
        {"since": None, "until": None},
        {"all_months": False, "reason": "clean"},
        {"all_months": True},
        {"all_months": True, "reason": "  "},
    ],
)
def test_what_nothing_bounds_is_refused(engine: Engine, store: Store, rows: Any) -> None:
    with pytest.raises(Unbounded):
        store.delete(engine, **rows)
    with pytest.raises(Unbounded):
        store.update(engine, {"note": "x"}, **rows)
    assert (left(engine), noted(engine)) == (ALL, [])


def test_all_months_are_changed_for_a_reason(engine: Engine, store: Store) -> None:
    assert store.update(engine, {"note": "x"}, all_months=True, reason="backfill") == len(ALL)
    assert noted(engine) == ALL
    TABLE.month(NOVEMBER).drop(engine)  # a gap, in which nothing is
    assert store.delete(engine, all_months=True, reason="close down") == 3


def test_two_ways_to_say_which_rows_are_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(ConfigError, match="either 'id' or 'since', not both"):
        store.delete(engine, id=ALL[0], since=MIDNIGHT, until=MIDNIGHT + DAY)
    with pytest.raises(ConfigError, match="missing='ignore'"):
        store.delete(engine, id=ALL[0], missing="ignore")  # type: ignore[typeddict-item]
    assert left(engine) == ALL


def test_months_without_a_table_are_named_before_anything_is_changed(
    engine: Engine, store: Store
) -> None:
    TABLE.month(NOVEMBER).drop(engine)
    since, until = MIDNIGHT - 100 * DAY, MIDNIGHT + DAY
    with pytest.raises(MonthMissing, match=r"2026-09 \(2 months\), 2026-11, so nothing"):
        store.update(engine, {"note": "x"}, since=since, until=until)
    assert store.update(engine, {"note": "x"}, since=since, until=until, missing="skip") == 3


def test_a_neighbour_that_only_the_skew_reaches_may_be_missing(
    engine: Engine, store: Store
) -> None:
    """A range of whole months touches those alone; there is nothing yet beyond the last."""
    until = (DECEMBER + 1).start(TABLE.family.zone)
    assert store.update(engine, {"note": "x"}, since=MIDNIGHT, until=until) == 2


def test_an_ids_month_without_a_table_is_named(engine: Engine, store: Store) -> None:
    with pytest.raises(MonthMissing, match="t_order_202609"):
        store.delete(engine, id="20260901000000")


def test_only_mutable_columns_are_updated(engine: Engine, store: Store) -> None:
    for column in ("coin", "create_time", "order_id"):
        with pytest.raises(ConfigError, match=f"'{column}' not among the mutable columns"):
            store.update(engine, {column: 1, "note": "x"}, id=ALL[0])
    with pytest.raises(ConfigError, match="no column to set"):
        store.update(engine, {}, id=ALL[0])
    graph = Store(TABLE, mutable=["note"], state="status", states={1: (2,)})
    with pytest.raises(ConfigError, match=r"advance\(\) alone changes it"):
        graph.update(engine, {"status": 2}, id=ALL[0])
    assert noted(engine) == []


def test_wrong_ids_and_naive_times_are_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(InvalidId):
        store.delete(engine, id="x")
    naive = datetime(2026, 11, 1)  # noqa: DTZ001
    with pytest.raises(InvalidMonth):
        store.delete(engine, since=naive, until=MIDNIGHT)
    assert left(engine) == ALL


def test_the_callers_transaction_is_the_callers(engine: Engine, store: Store) -> None:
    with engine.connect() as connection:
        assert store.delete(connection, since=MIDNIGHT - DAY, until=MIDNIGHT + DAY) == 3
        connection.rollback()
    assert left(engine) == ALL


def test_a_range_is_changed_in_all_its_months_or_in_none(server_url: str) -> None:
    engine = create_engine(
        server_url,
        poolclass=NullPool,
        connect_args={"init_command": "SET SESSION innodb_lock_wait_timeout = 1"},
    )
    fill(engine, TABLE)
    impatient = Store(TABLE, mutable=["note"], retry=Retry(patience=timedelta(0)))
    with engine.connect() as holder:
        holder.execute(update(TABLE.month(DECEMBER)).values(status=2))
        with pytest.raises(NotStored):
            impatient.update(engine, {"note": "x"}, since=MIDNIGHT - DAY, until=MIDNIGHT + DAY)
        assert noted(engine) == []
    assert impatient.update(engine, {"note": "x"}, since=MIDNIGHT - DAY, until=MIDNIGHT + DAY) == 3


def test_a_connection_that_commits_by_itself_is_refused_where_months_belong_together(
    engine: Engine, store: Store
) -> None:
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        with pytest.raises(OwnTransactionNeeded):
            store.delete(connection, since=MIDNIGHT - DAY, until=MIDNIGHT + DAY)
        assert left(engine) == ALL
        assert store.delete(connection, id=ALL[0]) == 1


def test_an_engine_that_commits_by_itself_has_one_transaction_too(
    engine: Engine, store: Store
) -> None:
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    TABLE.month(DECEMBER).drop(engine)
    TABLE.month(DECEMBER).create(engine)
    assert store.delete(plain, id=ALL[0]) == 1
    assert store.delete(plain, since=MIDNIGHT - DAY, until=MIDNIGHT + DAY) == 1
