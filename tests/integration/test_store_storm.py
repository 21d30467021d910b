"""Many clients repeat the same orders over a month's end, while they and the server are killed."""

from __future__ import annotations

import json
import os
import select
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from shardctl import ledger
from shardctl.dialects import open_database
from shardctl.ledger import schema
from shardctl.month import Month
from tests import storm
from tests.conftest import SETTINGS
from tests.nursery import Child, Nursery
from tests.servers import FLAVOURS, Own, Unusable, private

# Each COMMIT reaches the kernel, so that none is lost with the server's process.
OPTIONS = (
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=64M",
    "--skip-log-bin",
    "--loose-innodb-log-writer-threads=OFF",
)
KILLS = (500, 1000, 1500, 2500, 3500)
"""After how many answers a client is killed; another one takes its place."""
RESTART = 2000
SILENCE = 60
"""So many seconds without an answer mean that the clients hang."""


@pytest.fixture(params=FLAVOURS, scope="module")
def own_server(request: pytest.FixtureRequest) -> Iterator[Own]:
    """A server that may be ended."""
    settings = request.config.stash[SETTINGS]
    try:
        with private(request.param, settings, *OPTIONS) as server:
            yield server
    except Unusable as error:
        if settings.get("CI"):
            raise
        pytest.skip(f"no server that may be ended: {error}")


def test_orders_that_bear_their_month_are_stored_once_whatever_is_killed(
    own_server: Own, tmp_path: Path, nursery: Nursery
) -> None:
    _each_is_stored_once(own_server, "gene", tmp_path, nursery)


def test_orders_that_do_not_are_stored_once_whatever_is_killed(
    own_server: Own, tmp_path: Path, nursery: Nursery
) -> None:
    way = {"mysql": "registry", "mariadb": "neighbours"}[own_server.server.flavour]
    _each_is_stored_once(own_server, way, tmp_path, nursery)


def _each_is_stored_once(own_server: Own, way: str, tmp_path: Path, nursery: Nursery) -> None:
    with own_server.server.fresh_database() as url:
        _prepare(url, way)
        answers = Storm(own_server, way, url, tmp_path / "answers", nursery).answers()
        stored = _stored(url, way)
        if way == "registry":
            assert _entries(url) == {id: month for id, (month, _) in stored.items()}
    assert len(stored) == storm.ORDERS
    assert {month for month, _ in stored.values()} == {str(month) for month in storm.MONTHS}
    for answer in answers:
        assert answer.kind in ("created", "replayed"), answer
        assert (answer.month, answer.coin) == stored[storm.order_id(way, answer.order)]
        assert answer.coin == f"{storm.coin(answer.order):.2f}"
    created = Counter(answer.order for answer in answers if answer.kind == "created")
    assert max(created.values()) == 1
    for client in range(storm.CLIENTS):
        orders = {order for n in range(storm.THREADS) for order in storm.sent_by(client, n)}
        assert {answer.order for answer in answers if answer.client == client} == orders


def _prepare(url: str, way: str) -> None:
    database = open_database(url)
    with database.connect() as connection:
        ledger.ensure(connection, database.dialect)
        for month in storm.MONTHS:
            storm.table(way).month(month).create(connection)


def _stored(url: str, way: str) -> dict[str, tuple[str, str]]:
    """Month and coin of each order; an order that is stored twice fails."""
    found: dict[str, tuple[str, str]] = {}
    with open_database(url).connect() as connection:
        for month in storm.MONTHS:
            table = storm.table(way).month(month)
            for id, coin in connection.execute(sa.select(table.c.order_id, table.c.coin)):
                assert id not in found, f"{id} is stored in {month} and in {found[id][0]}"
                found[id] = str(month), str(coin)
    return found


def _entries(url: str) -> dict[str, str]:
    """The registry's months of orders."""
    columns = schema.registry.c
    with open_database(url).connect() as connection:
        rows = connection.execute(sa.select(columns.order_id, columns.month))
        return {id: str(Month.parse(month)) for id, month in rows}


@dataclass
class Storm:
    """All clients at once.

    Attributes:
        server: the server, which is killed and started again in their midst.
        way: how orders find their months.
        url: of the database.
        path: of the pipe through which they answer.
        nursery: where they come from.
    """

    server: Own
    way: str
    url: str
    path: Path
    nursery: Nursery
    clients: dict[int, Child] = field(default_factory=dict)

    def answers(self) -> list[storm.Answer]:
        """What they all tell, until each is through with its orders."""
        os.mkfifo(self.path)
        pipe = os.open(self.path, os.O_RDWR)  # never at its end, whoever is killed
        try:
            for number in range(storm.CLIENTS):
                self._start(number)
            return list(self._told(pipe))
        finally:
            for client in self.clients.values():
                client.kill()
                client.wait()
            os.close(pipe)

    def _start(self, number: int) -> None:
        arguments = str(number), self.way, self.url, str(self.path)
        self.clients[number] = self.nursery.start("tests.storm", *arguments)

    def _replace(self, number: int) -> None:
        self.clients[number].kill()
        self.clients[number].wait()
        self._start(number)

    def _told(self, pipe: int) -> Iterator[storm.Answer]:
        count, done = 0, set[int]()
        for line in self._lines(pipe):
            told = json.loads(line)
            if "done" in told:
                done.add(told["done"])
                if len(done) == storm.CLIENTS:
                    break
                continue
            yield storm.Answer(**told)
            count += 1
            if count in KILLS:  # so early that some are never through
                busy = [number for number in self.clients if number not in done]
                self._replace(busy[KILLS.index(count) % len(busy)])
            if count == RESTART:
                self.server.crash()
                self.server.restart()

    def _lines(self, pipe: int) -> Iterator[str]:
        rest = ""
        while True:
            ready, _, _ = select.select([pipe], [], [], SILENCE)
            assert ready, {number: client.poll() for number, client in self.clients.items()}
            *lines, rest = (rest + os.read(pipe, 65536).decode()).split("\n")
            yield from lines
