"""Clients that send the same orders at once, again and again, over a month's end.

Each order is sent by several threads of several processes, every time with another add-time on
one side of midnight or the other. What each thread holds for true in the end it writes to a pipe,
one line an order.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final

from sqlalchemy import Column, DateTime, Integer, MetaData, Numeric, String, Table, create_engine

from shardctl import DigitsGene, Family, Month
from shardctl.store import Conflict, InDoubt, Neighbours, NotStored, Registry, Store
from shardctl.tables import MonthlyTable

ORDERS: Final = 2000
CLIENTS: Final = 8
THREADS: Final = 8
COPIES: Final = 3
"""How many clients send an order."""

MONTHS: Final = Month(2026, 11), Month(2026, 12)
DECLARED = Table(
    "t_order",
    MetaData(),
    Column("order_id", String(36), primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("coin", Numeric(32, 2), nullable=False),
    Column("create_time", DateTime, nullable=False),
)
_PLACED: Final = Family("t_order", timezone="Asia/Shanghai", key=("order_id",), time="create_time")
_BEARING: Final = Family(
    "t_order",
    timezone="Asia/Shanghai",
    key=("order_id",),
    time="create_time",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(28,),
    skew=timedelta(minutes=5),
)
MIDNIGHT: Final = MONTHS[1].start(_PLACED.zone).astimezone(UTC)
_NEAR: Final = timedelta(seconds=30)
_PATIENCE: Final = 60.0
_ORDERS: Final = uuid.UUID("0dd3c0de-0000-4000-8000-000000000000")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a thread holds for true of an order, or the error that it could not deal with."""

    client: int
    order: int
    kind: str
    month: str = ""
    coin: str = ""


def table(way: str) -> MonthlyTable[Any]:
    """The family's tables: with a gene, for `gene`, or without."""
    return MonthlyTable(_BEARING if way == "gene" else _PLACED, DECLARED)


def order_id(way: str, order: int) -> str:
    """The number of an order, whoever sends it."""
    if way != "gene":
        return str(uuid.uuid5(_ORDERS, str(order)))
    at = MIDNIGHT + _NEAR * (order % 101 - 50) / 50
    return f"{at.astimezone(_BEARING.zone):%Y%m%d%H%M%S}{order:014d}"


def coin(order: int) -> Decimal:
    """What an order costs, whoever sends it."""
    return Decimal(order) / 100


def sent_by(client: int, thread: int) -> Iterator[int]:
    """The orders that a thread sends."""
    for order in range(ORDERS):
        clients = {(order + copy * 3) % CLIENTS for copy in range(COPIES)}
        if client in clients and order // CLIENTS % THREADS == thread:
            yield order


@dataclass(frozen=True, slots=True)
class Client:
    """One process."""

    number: int
    way: str
    url: str
    pipe: int

    def run(self) -> None:
        """All threads, to their ends."""
        placing = {"gene": None, "neighbours": Neighbours(), "registry": Registry()}[self.way]
        store = Store(table(self.way), placing=placing)
        level = "AUTOCOMMIT" if self.number % 2 else "REPEATABLE READ"
        engine = create_engine(self.url, pool_size=THREADS, isolation_level=level)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(partial(self._thread, store, engine), range(THREADS)))
        self._tell({"done": self.number})

    def _thread(self, store: Store, engine: Any, thread: int) -> None:
        random = Random(os.getpid() * THREADS + thread)
        for order in sent_by(self.number, thread):
            try:
                answer = self._settled(store, engine, random, order, coin(order))
                if random.random() < 0.25:  # another one's mistake, or our own
                    wrong = self._settled(store, engine, random, order, Decimal(-1))
                    if wrong.kind != "conflict":
                        answer = wrong
            except Exception as error:  # noqa: BLE001  the test shows it
                answer = Answer(self.number, order, f"{type(error).__name__}: {error}"[:500])
            self._tell(asdict(answer))

    def _settled(
        self, store: Store, engine: Any, random: Random, order: int, coin: Decimal
    ) -> Answer:
        """Send an order until there is an answer."""
        patience = time.monotonic() + _PATIENCE
        row = {"order_id": order_id(self.way, order), "user_id": order, "coin": coin}
        while True:
            at = MIDNIGHT + _NEAR * random.uniform(-1, 1)
            try:
                outcome = store.create(engine, row | {"create_time": at})
            except Conflict as conflict:
                return Answer(self.number, order, "conflict", coin=str(conflict.fields["coin"][0]))
            except (InDoubt, NotStored):
                if time.monotonic() > patience:
                    raise
            else:
                cost = str(Decimal(outcome.row["coin"]).quantize(Decimal("0.01")))
                return Answer(self.number, order, outcome.kind, str(outcome.month), cost)

    def _tell(self, what: Mapping[str, Any]) -> None:
        # Whole, even from one that is killed: a pipe takes up to 4096 bytes at once.
        os.write(self.pipe, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    number, way, url, path = sys.argv[1:]
    Client(int(number), way, url, os.open(path, os.O_WRONLY)).run()
