"""The local transaction table: an order here, a payment there, and both agree in the end.

An order is stored *pending* before the bank is called, so that whoever dies, there is a row that
tells of it. Bank and store each do a thing once, however often they are asked; so all that a
sweeper has to do is to ask again. The bank fails, times out and answers late; the shop dies
wherever it can; the month ends in the midst of it, with the sweeper down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
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
    select,
)
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month, ledger
from shardctl.dialects import open_database
from shardctl.errors import StateConflict
from shardctl.store import Store
from shardctl.store.answers import Answer, Answers, answer_to
from shardctl.tables import MonthlyTable
from shardctl.testing import MovableClock

PENDING, PAID, DONE, INVALID = 1, 2, 3, 4
NOVEMBER, DECEMBER = Month(2026, 11), Month(2026, 12)
MIDNIGHT = datetime(2026, 11, 30, 16, tzinfo=UTC)  # of 1 December in Shanghai
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)

BANK = Answers(
    success={"SUCCESS", "ORDERPAID"},
    failure={"NOTENOUGH"},
    unknown={"PROCESSING", "FREQUENCY_LIMITED"},
)
FAMILY = Family(
    "t_order",
    timezone="Asia/Shanghai",
    key=("order_id",),
    time="create_time",
    state="status",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(20,),
)
TABLE = MonthlyTable(
    FAMILY,
    Table(
        "t_order",
        MetaData(),
        Column("order_id", String(20), primary_key=True),
        Column("coin", Integer, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("status", Integer, nullable=False),
        Column("create_time", DateTime, nullable=False),
    ),
)


class Died(Exception):
    """The process that was at work is no more."""


@dataclass
class Bank:
    """Decides on each number once; what becomes of its answers is another matter.

    Attributes:
        poor: numbers that it refuses.
        troubles: by number, what happens on the first calls; later ones are answered.
        payments: the numbers that were paid, in order.
    """

    clock: MovableClock
    poor: set[str] = field(default_factory=set)
    troubles: dict[str, list[str]] = field(default_factory=dict)
    payments: list[str] = field(default_factory=list)
    ready: dict[str, datetime] = field(default_factory=dict)

    def pay(self, number: str) -> str:
        waiting = self.troubles.get(number)
        trouble = waiting.pop(0) if waiting else ""
        if trouble == "down":
            raise ConnectionError(number)
        if trouble == "busy":
            return "FREQUENCY_LIMITED"
        is_new = number not in self.ready
        if is_new:
            self.ready[number] = self.clock() + (5 * MINUTE if trouble == "late" else 0 * MINUTE)
            self.payments += [number] if number not in self.poor else []
        if trouble in ("late", "lost"):
            raise TimeoutError(number)
        if self.clock() < self.ready[number]:
            return "PROCESSING"
        if number in self.poor:
            return "NOTENOUGH"
        return "SUCCESS" if is_new else "ORDERPAID"


@dataclass
class Shop:
    """What an application does: place orders, settle them, and sweep up what it left undone.

    Attributes:
        deaths: orders at which it dies, once, and before which step.
        deliveries: what was delivered; once an order, since that is done under its number, too.
    """

    store: Store
    engine: Engine
    bank: Bank
    deaths: dict[str, str] = field(default_factory=dict)
    deliveries: set[str] = field(default_factory=set)

    def place(self, id: str, attempt: int = 1) -> str:
        """Take an order, or the repetition of one."""
        values = {"order_id": id, "coin": 5, "attempt": attempt, "status": PENDING}
        outcome = self.store.create(self.engine, values)
        self.settle(outcome.row)
        return outcome.kind

    def settle(self, order: Mapping[str, Any]) -> None:
        """Bring an order on its way as far as it goes now; to be repeated at will."""
        id = order["order_id"]
        if order["status"] == PENDING:
            self.live(id, "pay")
            answer = self.ask(f"{id}-{order['attempt']}")
            self.live(id, "note")
            if answer is Answer.FAILURE:
                self.advance(order, INVALID)
            if answer is not Answer.SUCCESS:
                return
            self.advance(order, PAID)
        if order["status"] in (PENDING, PAID):
            self.live(id, "deliver")
            self.deliveries.add(id)
            self.live(id, "finish")
            self.advance(order, DONE)

    def advance(self, order: Mapping[str, Any], to: int) -> None:
        """Not where the order was opened again since: then it is about another attempt."""
        attempt = order["attempt"]
        self.store.advance(
            self.engine, order["order_id"], to=to, where=lambda t: t.c.attempt == attempt
        )

    def ask(self, number: str) -> Answer:
        try:
            return BANK.of(self.bank.pay(number))
        except (ConnectionError, TimeoutError) as error:
            return answer_to(error)

    def sweep(self) -> int:
        """What a scheduler starts every minute; gives how many orders were stuck."""
        stuck = self.store.sweep(self.engine, states=(PENDING, PAID), limit=1000)
        for each in stuck:
            self.settle(each.row)
        return len(stuck)

    def live(self, id: str, step: str) -> None:
        if self.deaths.get(id) == step:
            del self.deaths[id]
            raise Died(id)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(MIDNIGHT - 2 * DAY)


@pytest.fixture
def shop(url: str, clock: MovableClock) -> Iterator[Shop]:
    database = open_database(url)
    with database.connect() as connection:
        ledger.ensure(connection, database.dialect)
    engine = create_engine(url, poolclass=NullPool)
    for month in (NOVEMBER, DECEMBER):
        TABLE.month(month).create(engine)
    store = Store(
        TABLE,
        mutable=["attempt"],
        states={PENDING: (PAID, INVALID), PAID: (DONE,)},
        reopen_from=[INVALID],
        clock=clock,
    )
    yield Shop(store, engine, Bank(clock))
    engine.dispose()


def orders(shop: Shop) -> dict[str, int]:
    """The state of each order, over both months; a second row of one would be an error."""
    found: dict[str, int] = {}
    with shop.engine.connect() as connection:
        for month in (NOVEMBER, DECEMBER):
            t = TABLE.month(month)
            for id, status in connection.execute(select(t.c.order_id, t.c.status)):
                assert id not in found
                assert FAMILY.month(id=id) == month
                found[id] = status
    return found


def as_the_bank_has_it(shop: Shop) -> dict[str, int]:
    paid = {number.partition("-")[0] for number in shop.bank.payments}
    refused = {number.partition("-")[0] for number in shop.bank.ready} - paid
    return {**dict.fromkeys(paid, DONE), **dict.fromkeys(refused, INVALID)}


def sweep_until_all_is_settled(shop: Shop, clock: MovableClock) -> None:
    """A minute at a time; the last trouble is over after some."""
    for _ in range(100):
        clock.let_pass(MINUTE)
        try:
            if not shop.sweep():
                return
        except Died:
            continue  # the next minute's sweep goes on
    pytest.fail("orders are stuck for good")


TROUBLES = ("", "down", "busy", "lost", "late")
STEPS = ("", "pay", "note", "deliver", "finish")


def around_midnight() -> dict[str, tuple[list[str], bool, str]]:
    """Orders of the month's last second and the next one's first, with all that may go wrong.

    By ID: the bank's troubles with the first calls, whether it refuses, where the shop dies.
    """
    seconds = cycle([MIDNIGHT - SECOND, MIDNIGHT - SECOND, MIDNIGHT])
    cases = product(TROUBLES, TROUBLES, [False, True], STEPS)
    return {
        f"{next(seconds).astimezone(FAMILY.zone):%Y%m%d%H%M%S}{n:06}": (
            [first, second],
            poor,
            death,
        )
        for n, (first, second, poor, death) in enumerate(cases)
    }


def test_in_the_end_every_order_is_as_the_bank_has_it(shop: Shop, clock: MovableClock) -> None:
    assert shop.sweep() == 0  # the sweeper's last sign before it goes down

    cases = around_midnight()
    for id, (troubles, poor, death) in cases.items():
        shop.bank.troubles[f"{id}-1"] = troubles
        shop.bank.poor |= {f"{id}-1"} if poor else set()
        shop.deaths |= {id: death} if death else {}
        clock.move_to(FAMILY.span(id)[0])
        with suppress(Died):
            assert shop.place(id) == "created"
    clock.move_to(MIDNIGHT + SECOND)
    for id in list(cases)[::3]:  # some customers try again, in the new month
        with suppress(Died):
            assert shop.place(id) in ("replayed", "reopened")
    assert orders(shop).keys() == cases.keys()
    assert {PENDING, PAID, DONE, INVALID} == set(orders(shop).values())

    clock.move_to(MIDNIGHT + 30 * MINUTE)  # the sweeper is back
    sweep_until_all_is_settled(shop, clock)

    assert orders(shop) == as_the_bank_has_it(shop)
    assert {orders(shop)[id] for id in shop.deaths} <= {INVALID}  # the others came to it
    assert orders(shop).keys() == cases.keys()
    assert len(set(shop.bank.payments)) == len(shop.bank.payments)
    assert shop.deliveries == {id for id, state in orders(shop).items() if state == DONE}


def test_an_invalid_order_is_tried_again_weeks_later_and_swept_in_its_old_month(
    shop: Shop, clock: MovableClock
) -> None:
    id = "20261130235959000000"
    shop.bank.poor.add(f"{id}-1")
    clock.move_to(MIDNIGHT - SECOND)
    shop.place(id)
    sweep_until_all_is_settled(shop, clock)
    assert orders(shop) == {id: INVALID}

    clock.move_to(MIDNIGHT + 20 * DAY)
    assert shop.sweep() == 0  # the watermark is far beyond the order's month
    shop.bank.troubles[f"{id}-2"] = ["lost", "late"]
    assert shop.place(id, attempt=2) == "reopened"
    assert orders(shop) == {id: PENDING}
    sweep_until_all_is_settled(shop, clock)
    assert orders(shop) == {id: DONE}
    assert shop.bank.payments == [f"{id}-2"]
    assert shop.place(id, attempt=2) == "replayed"
    assert shop.bank.payments == [f"{id}-2"]


def test_one_who_was_late_does_not_end_the_next_attempt(shop: Shop, clock: MovableClock) -> None:
    """It has the refused attempt in hand while the customer's next one is on its way."""
    id = "20261130235959000000"
    shop.bank.poor.add(f"{id}-1")
    shop.bank.troubles[f"{id}-1"] = ["busy"]
    clock.move_to(MIDNIGHT - SECOND)
    shop.place(id)
    clock.move_to(MIDNIGHT + MINUTE)
    (late,) = shop.store.sweep(shop.engine, states=(PENDING,))
    shop.sweep()
    assert orders(shop) == {id: INVALID}

    shop.bank.troubles[f"{id}-2"] = ["lost"]
    assert shop.place(id, attempt=2) == "reopened"
    with pytest.raises(StateConflict):
        shop.settle(late.row)
    assert orders(shop) == {id: PENDING}
    sweep_until_all_is_settled(shop, clock)
    assert orders(shop) == as_the_bank_has_it(shop) == {id: DONE}


def test_two_sweepers_and_a_customer_at_once_pay_and_deliver_once(
    shop: Shop, clock: MovableClock
) -> None:
    """All have the same row in hand, and settle it one after the other."""
    id = "20261130235959000000"
    clock.move_to(MIDNIGHT - SECOND)
    shop.deaths[id] = "pay"
    with pytest.raises(Died):
        shop.place(id)
    clock.move_to(MIDNIGHT + MINUTE)
    states = (PENDING, PAID)
    one, two = (shop.store.sweep(shop.engine, states=states) for _ in "ab")
    assert shop.place(id) == "replayed"
    for stuck in (*one, *two):
        shop.settle(stuck.row)
    assert orders(shop) == {id: DONE}
    assert shop.bank.payments == [f"{id}-1"]
    assert shop.sweep() == 0
