"""What is stuck is found, oldest first: over months' ends, after a long absence, at any limit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
    update,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeEngine

from shardctl import DigitsGene, Family, Month, ledger
from shardctl.dialects import open_database
from shardctl.errors import ConfigError, LedgerMissing
from shardctl.ledger import schema
from shardctl.store import Store
from shardctl.store.watermark import recall
from shardctl.tables import MonthlyTable
from shardctl.testing import MovableClock

MONTHS = [Month(2026, 9) + n for n in range(5)]
MIDNIGHT = datetime(2026, 11, 30, 16, tzinfo=UTC)  # of 1 December in Shanghai
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
GRAPH = {1: (2, 4), 2: (3,)}


def orders(time: TypeEngine[Any], unit: str = "") -> MonthlyTable[Table]:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        time_unit=unit,
        state="status",
        gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    )
    declared = Table(
        "t_order",
        MetaData(),
        Column("order_id", String(28), primary_key=True),
        Column("status", Integer, nullable=False, server_default="1"),
        Column("create_time", time, nullable=False),
    )
    return MonthlyTable(family, declared)


TABLE = orders(DateTime())


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    make(url, engine, TABLE)
    yield engine
    engine.dispose()


def make(url: str, engine: Engine, table: MonthlyTable[Table]) -> None:
    database = open_database(url)
    with database.connect() as connection:
        ledger.ensure(connection, database.dialect)
    for month in MONTHS:
        table.month(month).create(engine)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(MIDNIGHT)


@pytest.fixture
def store(clock: MovableClock) -> Store:
    return Store(TABLE, states=GRAPH, clock=clock)


def add(store: Store, engine: Engine, *instants: datetime, status: int = 1) -> list[str]:
    """Orders that were made at these times."""
    ids = [f"{each.astimezone(TABLE.family.zone):%Y%m%d%H%M%S}" for each in instants]
    for id in ids:
        store.create(engine, {"order_id": id, "status": status})
    return ids


def swept(store: Store, engine: Engine, **settings: Any) -> list[str]:
    """The IDs that a sweep gives."""
    found = store.sweep(engine, **{"states": (1, 2), **settings})
    assert all(TABLE.family.month(id=each.row["order_id"]) == each.month for each in found)
    return [each.row["order_id"] for each in found]


def watermark(engine: Engine, name: str = "1,2") -> datetime | None:
    with engine.connect() as connection:
        query = select(schema.sweep.c.until).where(schema.sweep.c.name == name)
        found: datetime | None = connection.scalar(query)
        return found


def test_the_stuck_are_given_oldest_first_and_the_young_are_not(
    engine: Engine, store: Store
) -> None:
    ids = add(store, engine, *[MIDNIGHT - n * SECOND for n in (59, 61, 3600)])
    assert swept(store, engine) == [ids[2], ids[1]]
    assert swept(store, engine, older_than=30 * SECOND, name="eager") == ids[::-1]


def test_rows_in_other_states_are_not_given(engine: Engine, store: Store) -> None:
    (paid,) = add(store, engine, MIDNIGHT - 3 * MINUTE, status=2)
    add(store, engine, MIDNIGHT - 2 * MINUTE, status=3)
    assert swept(store, engine) == [paid]
    (found,) = store.sweep(engine, states=(1, 2))
    assert found.row == {
        "order_id": paid,
        "status": 2,
        "create_time": MIDNIGHT - 3 * MINUTE,
    }


def test_a_sweeper_that_was_down_over_months_ends_misses_none(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    clock.move_to(MIDNIGHT - 40 * DAY)
    assert swept(store, engine) == []
    times = [MIDNIGHT - 39 * DAY, MIDNIGHT - 20 * DAY, MIDNIGHT - SECOND, MIDNIGHT, MIDNIGHT + DAY]
    ids = add(store, engine, *times)
    clock.move_to(MIDNIGHT + 2 * DAY)
    assert swept(store, engine) == ids


def test_the_watermark_waits_for_the_oldest_that_is_not_settled(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    old, young = add(store, engine, MIDNIGHT - 70 * DAY, MIDNIGHT - DAY)
    for _ in range(3):
        assert swept(store, engine) == [old, young]
        assert watermark(engine) == MIDNIGHT - 70 * DAY
        clock.let_pass(DAY)
    store.advance(engine, old, to=4)
    assert swept(store, engine) == [young]
    assert watermark(engine) == MIDNIGHT - DAY
    store.advance(engine, young, to=4)
    assert swept(store, engine) == []
    assert watermark(engine) == clock() - MINUTE


def test_the_first_sweep_looks_into_every_month_and_a_later_one_into_few(
    engine: Engine, store: Store
) -> None:
    add(store, engine, MIDNIGHT - 60 * DAY, status=4)
    visited: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        visited.extend(m for m in map(TABLE.family.table_name, MONTHS) if f"FROM {m}" in statement)

    swept(store, engine)
    assert set(visited) == {"t_order_202609", "t_order_202610", "t_order_202611", "t_order_202612"}
    visited.clear()
    swept(store, engine)
    assert set(visited) == {"t_order_202611", "t_order_202612"}


def test_months_before_the_first_plausible_one_are_left_alone(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    add(store, engine, MIDNIGHT - 70 * DAY)
    family = Family(**{**_values(TABLE.family), "first": Month(2026, 11)})
    later = Store(MonthlyTable(family, TABLE.declared), clock=clock)
    assert later.sweep(engine, states=(1,), margin=timedelta(0)) == ()
    assert watermark(engine, "1") == MIDNIGHT - MINUTE


def _values(family: Family) -> dict[str, Any]:
    names = ("name", "timezone", "key", "time", "state", "gene")
    return {name: getattr(family, name) for name in names}


def test_a_month_without_a_table_is_passed_over(engine: Engine, store: Store) -> None:
    ids = add(store, engine, MIDNIGHT - 60 * DAY, MIDNIGHT - 2 * MINUTE)
    TABLE.month(Month(2026, 10)).drop(engine)
    assert swept(store, engine) == ids[1:]
    assert ids[0].startswith("202610")


def test_a_limit_is_kept_over_months_and_nothing_behind_it_is_lost(
    engine: Engine, store: Store
) -> None:
    ids = add(store, engine, *[MIDNIGHT - n * DAY for n in (70, 40, 39, 3)])
    assert swept(store, engine, limit=2) == ids[:2]
    for id in ids[:3]:
        store.advance(engine, id, to=4)
    assert swept(store, engine, limit=2) == ids[3:]


def test_a_row_stored_late_is_found_within_the_margin(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    """Its month was over, and the watermark past it, when the row came."""
    clock.move_to(MIDNIGHT + DAY - MINUTE)
    swept(store, engine)
    assert watermark(engine) == MIDNIGHT + DAY - 2 * MINUTE
    late = add(store, engine, MIDNIGHT - SECOND)
    assert swept(store, engine, margin=MINUTE) == []
    assert swept(store, engine) == late


def test_a_row_whose_id_is_of_the_next_month_is_found(engine: Engine, store: Store) -> None:
    """The ID was made after midnight by a clock that is ahead of the one of the add-time."""
    row = {"order_id": "20261201000002", "status": 1, "create_time": MIDNIGHT - 2 * SECOND}
    store.create(engine, row)
    assert swept(store, engine, older_than=SECOND) == ["20261201000002"]


def test_a_row_that_waits_before_the_states_holds_the_watermark(
    engine: Engine, store: Store
) -> None:
    """By the graph it may yet come into the state that is watched, in its month of long ago."""
    (old,) = add(store, engine, MIDNIGHT - 70 * DAY)
    assert swept(store, engine, states=(2,)) == []
    assert watermark(engine, "2") == MIDNIGHT - 70 * DAY
    store.advance(engine, old, to=2)
    assert swept(store, engine, states=(2,)) == [old]
    store.advance(engine, old, to=3)
    assert swept(store, engine, states=(2,)) == []
    assert watermark(engine, "2") == MIDNIGHT - MINUTE


def test_a_row_that_is_opened_again_is_found_in_its_month_of_long_ago(
    engine: Engine, store: Store
) -> None:
    old = MIDNIGHT - 70 * DAY
    (id,) = add(store, engine, old, status=4)
    assert swept(store, engine) == []
    t = TABLE.for_id(id)
    with engine.begin() as connection:
        connection.execute(update(t).where(t.c.order_id == id).values(status=1))
        recall(connection, "t_order", old)
    assert swept(store, engine) == [id]


def test_an_order_that_is_tried_again_is_found_though_its_month_is_long_over(
    engine: Engine, clock: MovableClock
) -> None:
    store = Store(TABLE, states=GRAPH, reopen_from=(4,), clock=clock)
    (id,) = add(store, engine, MIDNIGHT - 70 * DAY, status=4)
    assert swept(store, engine) == []
    assert store.create(engine, {"order_id": id, "status": 1}).kind == "reopened"
    assert swept(store, engine) == [id]


def test_a_sweeper_that_looked_before_a_row_was_opened_again_leaves_the_watermark(
    server_url: str, clock: MovableClock
) -> None:
    """It waits for the other's transaction, and finds the watermark elsewhere than it was."""
    engine = create_engine(server_url, poolclass=NullPool)
    make(server_url, engine, TABLE)
    store = Store(TABLE, clock=clock)
    old = MIDNIGHT - 70 * DAY
    (id,) = add(store, engine, old, status=4)
    clock.move_to(old)
    assert swept(store, engine) == []  # the watermark is a little before the row
    clock.move_to(MIDNIGHT)
    t = TABLE.for_id(id)
    moving = Event()
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _cursor, sql, *_: moving.set() if sql.startswith("UPDATE shardctl_s") else None,
    )
    found: list[list[str]] = []
    other = create_engine(server_url, poolclass=NullPool)
    with other.begin() as connection:
        connection.execute(update(t).where(t.c.order_id == id).values(status=1))
        recall(connection, "t_order", old)
        sweeper = Thread(target=lambda: found.append(swept(store, engine)))
        sweeper.start()
        assert moving.wait(20)
    sweeper.join()
    # Where the server keeps snapshots apart, the sweep was done anew, and has the row already.
    assert found in ([[]], [[id]])
    assert swept(store, engine) == [id]


def test_recall_is_nothing_where_nothing_is_swept(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        recall(connection, "t_order", MIDNIGHT)


def test_a_sweeper_that_dies_before_it_has_written_the_watermark_loses_nothing(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    clock.move_to(MIDNIGHT - 40 * DAY)
    swept(store, engine)
    before = watermark(engine)
    clock.move_to(MIDNIGHT)
    ids = add(store, engine, MIDNIGHT - 39 * DAY, MIDNIGHT - DAY)
    dying = engine.execution_options()

    @event.listens_for(dying, "commit")
    def die(_: Connection) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(store, dying)
    event.remove(dying, "commit", die)
    assert watermark(engine) == before
    assert swept(store, engine) == ids


def test_two_sweepers_get_the_same_and_one_of_them_settles_it(engine: Engine, store: Store) -> None:
    ids = add(store, engine, MIDNIGHT - DAY)
    one, two = swept(store, engine), swept(store, engine)
    assert one == two == ids
    assert [store.advance(engine, ids[0], to=4).kind for _ in "ab"] == ["advanced", "already"]


def test_first_sweeps_at_once_give_the_same_and_agree_on_the_watermark(
    engine: Engine, store: Store
) -> None:
    ids = add(store, engine, MIDNIGHT - 70 * DAY, MIDNIGHT - SECOND * 61)
    together = Barrier(6)

    def one(_: int) -> list[str]:
        together.wait()
        return swept(store, engine)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, range(6))) == [ids] * 6
    assert watermark(engine) == MIDNIGHT - 70 * DAY


def test_a_clock_that_was_set_back_hides_nothing(
    engine: Engine, store: Store, clock: MovableClock
) -> None:
    ids = add(store, engine, MIDNIGHT - 40 * DAY)
    store.advance(engine, ids[0], to=4)
    swept(store, engine)
    ids = add(store, engine, MIDNIGHT - 36 * DAY)
    clock.move_to(MIDNIGHT - 35 * DAY)
    assert swept(store, engine) == ids


@pytest.mark.parametrize(
    ("time", "unit"), [(DateTime(), ""), (TIMESTAMP(), ""), (BigInteger(), "ms"), (Date(), "")]
)
def test_every_type_of_the_time_column_is_swept(
    url: str, time: TypeEngine[Any], unit: str, clock: MovableClock
) -> None:
    table = orders(time, unit)
    engine = create_engine(url, poolclass=NullPool)
    make(url, engine, table)
    store = Store(table, clock=clock)
    ids = add(store, engine, MIDNIGHT - 70 * DAY, MIDNIGHT - 2 * DAY)
    assert swept(store, engine) == ids
    assert watermark(engine) == MIDNIGHT - 70 * DAY


def test_what_cannot_be_swept_is_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(ConfigError, match="no state 9"):
        store.sweep(engine, states=(1, 9))
    with pytest.raises(ConfigError, match="a limit from 1 on"):
        store.sweep(engine, states=(1,), limit=0)
    for states in ((), 1, "12"):
        with pytest.raises(ConfigError, match="a list of states"):
            store.sweep(engine, states=states)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="64 characters"):
        Store(TABLE).sweep(engine, states=range(100))
    bare = MonthlyTable(Family("t_order", key=("order_id",), time="create_time"), TABLE.declared)
    with pytest.raises(ConfigError, match="wants 'state' and 'time'"):
        Store(bare).sweep(engine, states=(1,))

    for wrong in ("soon", "1 minute", "-1 s", -SECOND, 60):
        with pytest.raises(ConfigError, match="older_than="):
            store.sweep(engine, states=(1,), older_than=wrong)  # type: ignore[arg-type]


def test_how_old_a_row_is_may_be_text(engine: Engine, store: Store, clock: MovableClock) -> None:
    [id] = add(store, engine, MIDNIGHT)
    for text, least in (("59 s", 59), ("2 min", 120), ("5m", 300), ("1h", 3600), ("1 d", 86400)):
        clock.move_to(MIDNIGHT + least * SECOND)
        assert swept(store, engine, older_than=text, name=text) == []
        clock.let_pass(SECOND)
        assert swept(store, engine, older_than=text, name=text) == [id]


def test_without_the_ledgers_table_what_makes_it_is_told(url: str, store: Store) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with pytest.raises(LedgerMissing, match="shardctl upgrade"):
        store.sweep(engine, states=(1,))
