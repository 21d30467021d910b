"""A row's state moves on once, whoever asks how often; else it is told what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
    text,
    update,
)
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month
from shardctl.errors import (
    ConfigError,
    InDoubt,
    InvalidId,
    MonthMissing,
    NotStored,
    RowMissing,
    StateConflict,
    TransactionLost,
)
from shardctl.store import Advance, Retry, Store
from shardctl.tables import MonthlyTable
from tests.breaking import breaking

NOVEMBER, DECEMBER = Month(2026, 11), Month(2026, 12)
ID = "2026112109364399365840049582"
GRAPH = {1: (2, 4), 2: (3,)}
FAMILY = Family(
    "t_order",
    timezone="Asia/Shanghai",
    key=("order_id",),
    time="create_time",
    state="status",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
)
DECLARED = Table(
    "t_order",
    MetaData(),
    Column("order_id", String(28), primary_key=True),
    Column("coin", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("paid_by", String(20)),
    Column("create_time", DateTime, nullable=False),
)
TABLE = MonthlyTable(FAMILY, DECLARED)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    for month in (NOVEMBER, DECEMBER):
        TABLE.month(month).create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store() -> Store:
    return Store(TABLE, mutable=["paid_by"], states=GRAPH)


def stored(engine: Engine, month: Month = NOVEMBER) -> list[tuple[Any, ...]]:
    t = TABLE.month(month)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(t.c.status, t.c.paid_by))]


def order(store: Store, engine: Engine, state: int = 1) -> None:
    store.create(engine, {"order_id": ID, "coin": 5, "status": state})


def test_a_state_moves_on_with_further_columns(engine: Engine, store: Store) -> None:
    order(store, engine)
    done = store.advance(engine, ID, to=2, values={"paid_by": "card"})
    assert done == Advance("advanced", 2, NOVEMBER)
    assert stored(engine) == [(2, "card")]


def test_asked_again_it_is_so_already_and_nothing_changes(engine: Engine, store: Store) -> None:
    order(store, engine)
    store.advance(engine, ID, to=2, values={"paid_by": "card"})
    again = store.advance(engine, ID, to=2, values={"paid_by": "cash"})
    assert again == Advance("already", 2, NOVEMBER)
    assert stored(engine) == [(2, "card")]


def test_a_row_past_the_state_was_there_already(engine: Engine, store: Store) -> None:
    order(store, engine, 3)
    assert store.advance(engine, ID, to=2) == Advance("already", 3, NOVEMBER)
    assert store.advance(engine, ID, to=1) == Advance("already", 3, NOVEMBER)
    assert stored(engine) == [(3, None)]


def test_a_state_that_more_steps_lead_to_names_the_first(engine: Engine, store: Store) -> None:
    order(store, engine)
    with pytest.raises(StateConflict, match="is in state 1, not 3: advance to 2 first") as caught:
        store.advance(engine, ID, to=3)
    assert (caught.value.stored, caught.value.asked) == (1, 3)
    assert stored(engine) == [(1, None)]


@pytest.mark.parametrize(("state", "to"), [(4, 2), (3, 4), (2, 4), (9, 2)])
def test_a_state_that_cannot_be_reached_is_a_conflict(
    engine: Engine, store: Store, state: int, to: int
) -> None:
    order(store, engine, state)
    with pytest.raises(StateConflict, match="no way leads from there"):
        store.advance(engine, ID, to=to)
    assert stored(engine) == [(state, None)]


def test_in_a_cycle_an_edge_goes_before_already(engine: Engine) -> None:
    store = Store(TABLE, states={1: (2,), 2: (1,)})
    order(store, engine)
    kinds = [store.advance(engine, ID, to=to).kind for to in (2, 2, 1, 1, 2)]
    assert kinds == ["advanced", "already", "advanced", "already", "advanced"]


def test_an_edge_to_itself_sets_the_columns_again(engine: Engine) -> None:
    store = Store(TABLE, mutable=["paid_by"], states={2: (2,)})
    order(store, engine, 2)
    for _ in range(2):
        assert store.advance(engine, ID, to=2, values={"paid_by": "card"}).kind == "advanced"
    assert stored(engine) == [(2, "card")]


def test_a_row_that_is_not_there_is_told(engine: Engine, store: Store) -> None:
    with pytest.raises(RowMissing, match=f"t_order_202611 '{ID}' is not stored"):
        store.advance(engine, ID, to=2)


def test_a_month_without_a_table_is_told(engine: Engine, store: Store) -> None:
    with pytest.raises(MonthMissing, match="t_order_202607"):
        store.advance(engine, "2026072109364399365840049582", to=2)


def test_a_row_that_is_not_the_one_meant_is_left_alone(engine: Engine, store: Store) -> None:
    """Not even in the state that was asked for: it may have come there for another reason."""
    order(store, engine)
    store.update(engine, {"paid_by": "card"}, id=ID)
    for to, state in [(2, 1), (1, 1)]:
        with pytest.raises(StateConflict, match="not the one that was meant") as caught:
            store.advance(engine, ID, to=to, where=lambda t: t.c.paid_by == "cash")
        assert (caught.value.stored, caught.value.asked) == (state, to)
    assert stored(engine) == [(1, "card")]
    kinds = [
        store.advance(engine, ID, to=2, where=lambda t: t.c.paid_by == "card").kind for _ in "ab"
    ]
    assert kinds == ["advanced", "already"]
    assert stored(engine) == [(2, "card")]


@pytest.mark.parametrize("column", ["coin", "create_time", "order_id", "nothing"])
def test_columns_that_do_not_change_are_refused(engine: Engine, store: Store, column: str) -> None:
    order(store, engine)
    with pytest.raises(ConfigError, match=rf"'{column}' not among the mutable columns \(paid_by"):
        store.advance(engine, ID, to=2, values={column: 1})
    assert stored(engine) == [(1, None)]


def test_a_state_or_a_graph_that_is_not_declared_is_refused(engine: Engine, store: Store) -> None:
    with pytest.raises(ConfigError, match="status has no state 7; it has 1, 2, 4, 3"):
        store.advance(engine, ID, to=7)
    with pytest.raises(ConfigError, match="rows' state: advance"):
        store.advance(engine, ID, to=2, values={"status": 3})
    with pytest.raises(ConfigError, match="no graph"):
        Store(TABLE).advance(engine, ID, to=2)


def test_in_the_callers_transaction_nothing_is_committed(engine: Engine, store: Store) -> None:
    order(store, engine)
    with engine.connect() as connection:
        assert store.advance(connection, ID, to=2).kind == "advanced"
        connection.rollback()
    assert stored(engine) == [(1, None)]


def test_an_engine_that_commits_by_itself_does_the_same(engine: Engine, store: Store) -> None:
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    order(store, plain)
    kinds = [store.advance(plain, ID, to=to).kind for to in (2, 2, 3)]
    assert kinds == ["advanced", "already", "advanced"]
    assert stored(engine) == [(3, None)]


def test_a_state_that_changes_between_two_statements_is_tried_again(
    engine: Engine, store: Store
) -> None:
    """Where each statement is committed by itself, nothing holds the row in between."""
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    order(store, plain, 4)
    flip(plain, "SELECT", to=1)
    assert store.advance(plain, ID, to=2) == Advance("advanced", 2, NOVEMBER)


def test_a_state_that_changes_all_the_while_is_told_as_not_settled(
    engine: Engine, store: Store
) -> None:
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    order(store, plain, 4)
    flip(plain, "UPDATE", to=4)
    flip(plain, "SELECT", to=1)
    with pytest.raises(NotStored, match="all the while"):
        store.advance(plain, ID, to=2)


def flip(engine: Engine, before: str, to: int) -> None:
    """Let somebody else set the state before each statement of a kind."""
    t = TABLE.month(NOVEMBER)
    other = create_engine(engine.url, poolclass=NullPool)

    @event.listens_for(engine, "before_cursor_execute")
    def change(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(before):
            with other.begin() as connection:
                connection.execute(update(t).values(status=to))


@pytest.mark.parametrize(("level", "at"), [("AUTOCOMMIT", "UPDATE"), (None, "COMMIT")])
@pytest.mark.parametrize(("when", "kind"), [("before", "advanced"), ("after", "already")])
def test_a_doubt_is_settled_by_asking_again(
    server_url: str, store: Store, level: Any, at: str, when: Any, kind: Any
) -> None:
    engine = create_engine(server_url, poolclass=NullPool)
    TABLE.month(NOVEMBER).create(engine)
    order(store, engine)

    def here(sent: Sequence[str]) -> bool:
        return sent[-1].startswith(at) and any(text.startswith("UPDATE") for text in sent)

    with breaking(server_url, here, when) as way:
        broken = create_engine(way.url, poolclass=NullPool)
        if level:
            broken = broken.execution_options(isolation_level=level)
        with pytest.raises(InDoubt):
            store.advance(broken, ID, to=2)
    assert store.advance(engine, ID, to=2) == Advance(kind, 2, NOVEMBER)
    assert stored(engine) == [(2, None)]


def test_of_two_ways_out_of_a_state_one_is_taken(engine: Engine, store: Store) -> None:
    order(store, engine)
    both = Barrier(8)

    def move(to: int) -> str:
        both.wait()
        try:
            return store.advance(engine, ID, to=to).kind
        except StateConflict:
            return "conflict"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(move, [2, 4] * 4))
    ((state, _),) = stored(engine)
    first = 0 if state == 2 else 1
    assert sorted(answers[first::2]) == ["advanced", "already", "already", "already"]
    assert answers[1 - first :: 2] == ["conflict"] * 4


def test_what_another_committed_since_a_snapshot_is_seen(server_url: str, store: Store) -> None:
    """Under REPEATABLE READ a plain SELECT would still find the state of the snapshot."""
    engine = create_engine(server_url, isolation_level="REPEATABLE READ", poolclass=NullPool)
    TABLE.month(NOVEMBER).create(engine)
    order(store, engine)
    with engine.connect() as connection:
        connection.execute(select(TABLE.month(NOVEMBER))).all()
        store.advance(engine, ID, to=2)
        store.advance(engine, ID, to=3)
        assert store.advance(connection, ID, to=2) == Advance("already", 3, NOVEMBER)


def test_a_row_that_others_hold_for_too_long_is_told_and_stays(
    server_url: str, store: Store
) -> None:
    engine = create_engine(server_url, poolclass=NullPool)
    TABLE.month(NOVEMBER).create(engine)
    order(store, engine)
    t = TABLE.month(NOVEMBER)
    impatient = Store(TABLE, states=GRAPH, retry=Retry(patience=timedelta(0)))
    with engine.connect() as holder, engine.connect() as connection:
        holder.execute(update(t).values(paid_by="x"))
        connection.execute(text("SET SESSION innodb_lock_wait_timeout = 1"))
        with pytest.raises(NotStored):
            impatient.advance(connection, ID, to=2)
    assert stored(engine) == [(1, None)]


def test_a_deadlock_in_the_callers_transaction_ends_it(server_url: str, store: Store) -> None:
    engine = create_engine(server_url, poolclass=NullPool)
    TABLE.month(NOVEMBER).create(engine)
    order(store, engine)
    other = ID[:-1] + "3"
    store.create(engine, {"order_id": other, "coin": 5, "status": 1})
    both = Barrier(2)

    def cross(first: str, second: str) -> str:
        with engine.connect() as connection:
            store.advance(connection, first, to=2)
            both.wait()
            try:
                store.advance(connection, second, to=2)
            except TransactionLost:
                return "lost"
            connection.commit()
            return "done"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(cross, [ID, other], [other, ID]))
    assert sorted(answers) == ["done", "lost"]
    assert stored(engine) == [(2, None)] * 2


def test_keys_of_several_columns_are_given_whole(engine: Engine) -> None:
    family = Family(
        "t_pay",
        key=("business", "pay_id"),
        gene=DigitsGene(0, "%Y%m"),
        state="state",
    )
    declared = Table(
        "t_pay",
        MetaData(),
        Column("business", String(10), primary_key=True),
        Column("pay_id", String(20), primary_key=True),
        Column("state", String(10), key="stage"),
    )
    table = MonthlyTable(family, declared)
    month = table.month(NOVEMBER)
    month.create(engine)
    store = Store(table, states={"new": ("paid",)})
    for business in ("a", "b"):
        store.create(engine, {"business": business, "pay_id": "202611001", "stage": "new"})
    assert (
        store.advance(engine, {"pay_id": "202611001", "business": "b"}, to="paid").state == "paid"
    )
    with engine.connect() as connection:
        rows = connection.execute(select(month.c.business, month.c.stage).order_by("business"))
        assert [tuple(row) for row in rows] == [("a", "new"), ("b", "paid")]
    with pytest.raises(InvalidId, match=r"whole key: give \{'business': …, 'pay_id': …\}"):
        store.advance(engine, "202611001", to="paid")


def test_an_id_without_gene_is_found_by_its_add_time_or_month(engine: Engine) -> None:
    family = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time")
    store = Store(MonthlyTable(family, DECLARED), state="status", states=GRAPH)
    late = datetime(2026, 11, 30, 16, tzinfo=UTC)  # midnight of 1 December in Shanghai
    store.create(engine, {"order_id": "x", "coin": 1, "status": 1, "create_time": late})
    assert store.advance(engine, "x", to=2, instant=late) == Advance("advanced", 2, DECEMBER)
    assert store.advance(engine, "x", to=3, month=DECEMBER) == Advance("advanced", 3, DECEMBER)
    with pytest.raises(RowMissing, match="t_order_202611"):
        store.advance(engine, "x", to=3, instant=late - timedelta(seconds=1))
    with pytest.raises(InvalidId, match="bear no gene"):
        store.advance(engine, "x", to=3)
