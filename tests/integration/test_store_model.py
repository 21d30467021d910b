"""Everything that may happen to orders, in any order, against a simple model of it.

Orders are created, repeated, repeated with other parameters, moved on, tried again, raced for and
crashed upon, with a clock that jumps over ends of months. A dictionary knows what must be there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    create_engine,
    delete,
    select,
    text,
)

from shardctl import Month
from shardctl.dialects import open_database
from shardctl.errors import Conflict, GeneMismatch, InDoubt, RowMissing, StateConflict
from shardctl.ledger import creation
from shardctl.store import Outcome, Retry, Store
from shardctl.testing import MovableClock
from tests.orders import FAMILY, orders

PENDING, PAID, DONE, INVALID = 1, 2, 3, 4
STATES = {PENDING: (PAID, INVALID), PAID: (DONE,)}
PAST = {PENDING: {1, 2, 3, 4}, PAID: {2, 3}, DONE: {3}, INVALID: {4}}

ORDERS = FAMILY
TABLE = orders(FAMILY, Column("status", Integer, nullable=False, default=PENDING))
MONTHS = [Month(2026, 9), Month(2026, 10), Month(2026, 11)]
MIDNIGHTS = [month.start(ORDERS.zone).astimezone(UTC) for month in MONTHS[1:]]

users = st.integers(1, 3)
coins = st.sampled_from([Decimal("1.00"), Decimal("1.50"), Decimal("2.00")])
near = st.integers(-3, 3).map(lambda seconds: timedelta(seconds=seconds))


@dataclass
class Expected:
    """What the model knows of a row."""

    user_id: int
    coin: Decimal
    status: int
    month: Month

    def differing(self, user: int, coin: Decimal) -> dict[str, tuple[Any, Any]]:
        fields = {"user_id": (self.user_id, user), "coin": (self.coin, coin)}
        return {name: values for name, values in fields.items() if values[0] != values[1]}


class Orders(RuleBasedStateMachine):
    """One database and its model."""

    engine: Engine
    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.clock = MovableClock(MIDNIGHTS[0])
        self.number = 0
        self.rows: dict[str, Expected] = {}
        self.store = Store(
            TABLE,
            mutable=["status"],
            state="status",
            states=STATES,
            reopen_from=[INVALID],
            retry=Retry(pause=0.001),
            clock=self.clock,
        )
        with self.engine.begin() as connection:
            for month in MONTHS:
                connection.execute(delete(TABLE.month(month)))

    # -- what happens -------------------------------------------------------------------------

    @rule(midnight=st.sampled_from(MIDNIGHTS), off=near)
    def clock_jumps(self, midnight: datetime, off: timedelta) -> None:
        self.clock.move_to(midnight + off)

    @rule(target=ids, user=users, coin=coins)
    def new_order(self, user: int, coin: Decimal) -> str:
        id = self.new_id()
        outcome = self.store.create(self.engine, self.values(id, user, coin))
        self.expect(outcome, "created", id, user, coin)
        return id

    @rule(id=ids, user=users, coin=coins, fresh=st.booleans())
    def repeated(self, id: str, user: int, coin: Decimal, fresh: bool) -> None:
        self.judged(
            lambda: self.store.create(self.engine, self.values(id, user, coin, fresh)),
            id,
            user,
            coin,
        )

    @rule(id=ids, user=users, coin=coins)
    def repeated_in_a_callers_transaction(self, id: str, user: int, coin: Decimal) -> None:
        def create() -> Outcome:
            with self.engine.begin() as connection:
                return self.store.create(connection, self.values(id, user, coin))

        self.judged(create, id, user, coin)

    @rule(target=ids, user=users, coin=coins)
    def new_order_of_a_caller_who_crashes(self, user: int, coin: Decimal) -> Any:
        id = self.new_id()
        with self.engine.connect() as connection:
            assert self.store.create(connection, self.values(id, user, coin)).kind == "created"
            connection.rollback()
        return id

    @precondition(lambda self: self.engine.dialect.name != "sqlite")
    @rule(target=ids, user=users, coin=coins)
    def new_order_whose_session_is_killed_before_commit(self, user: int, coin: Decimal) -> Any:
        id, values = self.new_id(), self.values(self.last_id(), user, coin)
        connection = self.engine.connect()
        assert self.store.create(connection, values).kind == "created"
        with self.engine.connect() as other:
            number = connection.connection.driver_connection.thread_id()  # type: ignore[union-attr]
            other.execute(text(f"KILL {number}"))
        connection.invalidate()
        connection.close()
        self.expect(self.store.resolve(self.engine, values), "created", id, user, coin)
        return id

    @rule(target=ids, user=users, coin=coins, other=coins, tries=st.integers(2, 4))
    def raced_for(self, user: int, coin: Decimal, other: Decimal, tries: int) -> str:
        """The first of them decides the parameters; exactly one stores the row."""
        id = self.new_id()
        requests = [self.values(id, user, coin if n % 2 else other) for n in range(tries)]
        answers = at_once([lambda v=v: self.store.create(self.engine, v) for v in requests])  # type: ignore[misc]
        (won,) = [n for n, answer in enumerate(answers) if outcome_kind(answer) == "created"]
        self.rows[id] = Expected(user, requests[won]["coin"], PENDING, ORDERS.month(id=id))
        for request, answer in zip(requests, answers, strict=True):
            same = request["coin"] == requests[won]["coin"]
            assert outcome_kind(answer) in ({"created", "replayed"} if same else {"conflict"})
        return id

    @rule(target=ids, user=users, coin=coins, seconds=st.sampled_from([-3600, 3600]))
    def new_order_with_the_add_time_of_another(self, user: int, coin: Decimal, seconds: int) -> str:
        id = self.new_id()
        wrong = self.clock() + timedelta(seconds=seconds)
        with pytest.raises(GeneMismatch):
            self.store.create(self.engine, self.values(id, user, coin) | {"create_time": wrong})
        return id

    @rule(id=ids, to=st.sampled_from([PAID, DONE, INVALID]))
    def moved_on(self, id: str, to: int) -> None:
        row = self.rows.get(id)
        if row is None:
            with pytest.raises(RowMissing):
                self.store.advance(self.engine, id, to=to)
        elif to in STATES.get(row.status, ()):
            assert self.store.advance(self.engine, id, to=to).kind == "advanced"
            row.status = to
        elif row.status in PAST[to]:
            assert self.store.advance(self.engine, id, to=to).kind == "already"
        else:
            with pytest.raises(StateConflict):
                self.store.advance(self.engine, id, to=to)

    @rule(id=ids, tries=st.integers(2, 4))
    def paid_by_several_at_once(self, id: str, tries: int) -> None:
        row = self.rows.get(id)
        if row is None or row.status not in (PENDING, PAID):
            return
        answers = at_once([lambda: self.store.advance(self.engine, id, to=PAID)] * tries)
        advanced = [answer.kind for answer in answers].count("advanced")
        assert advanced == (1 if row.status == PENDING else 0)
        row.status = PAID

    # -- what must hold -------------------------------------------------------------------------

    @invariant()
    def the_months_hold_what_the_model_has(self) -> None:
        if not hasattr(self, "rows"):
            return
        found: dict[str, Expected] = {}
        with self.engine.connect() as connection:
            for month in MONTHS:
                for row in connection.execute(select(TABLE.month(month))):
                    assert row.order_id not in found, "stored twice"
                    found[row.order_id] = Expected(row.user_id, row.coin, row.status, month)
        assert found == self.rows

    # -- words ----------------------------------------------------------------------------------

    def new_id(self) -> str:
        self.number += 1
        return self.last_id()

    def last_id(self) -> str:
        return f"{self.clock().astimezone(ORDERS.zone):%Y%m%d%H%M%S}{self.number:014}"

    def values(self, id: str, user: int, coin: Decimal, fresh: bool = False) -> dict[str, Any]:
        values = {"order_id": id, "user_id": user, "coin": coin}
        return values | {"create_time": self.clock()} if fresh else values

    def expect(self, outcome: Outcome, kind: str, id: str, user: int, coin: Decimal) -> None:
        assert (outcome.kind, outcome.month) == (kind, ORDERS.month(id=id))
        self.rows[id] = Expected(user, coin, PENDING, outcome.month)

    def judged(self, create: Callable[[], Outcome], id: str, user: int, coin: Decimal) -> None:
        """What the model says of a request with an ID that was used, or was in vain."""
        row = self.rows.get(id)
        if row is None:
            try:
                self.expect(create(), "created", id, user, coin)
            except GeneMismatch:  # a fresh add-time, too late for a row that is new
                since, until = ORDERS.span(id)
                assert not since - ORDERS.skew <= self.clock() <= until + ORDERS.skew
        elif row.status == INVALID:
            self.expect(create(), "reopened", id, user, coin)
        elif fields := row.differing(user, coin):
            with pytest.raises(Conflict) as caught:
                create()
            assert caught.value.fields == fields
        else:
            outcome = create()
            assert (outcome.kind, outcome.month, outcome.row["status"]) == (
                "replayed",
                row.month,
                row.status,
            )


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """What calls give, or raise of their own, that begin together in threads."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number: int) -> None:
        barrier.wait()
        try:
            answers[number] = calls[number]()
        except (Conflict, InDoubt) as error:
            answers[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def outcome_kind(answer: Any) -> str:
    return "conflict" if isinstance(answer, Conflict) else answer.kind


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """A database with three months and a ledger, for the journal."""
    database = open_database(url)
    with database.connect() as connection:
        creation.ensure(connection, database.dialect)
    engine = create_engine(url)
    for month in MONTHS:
        TABLE.month(month).create(engine)
    yield engine
    engine.dispose()


def test_the_months_hold_what_the_model_has(engine: Engine) -> None:
    class OrdersHere(Orders):
        pass

    OrdersHere.engine = engine
    run_state_machine_as_test(
        OrdersHere,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
