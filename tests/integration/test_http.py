"""A web service over the store, asked by HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import (
    Column,
    Integer,
    create_engine,
    insert,
    make_url,
    select,
)
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shardctl import Month
from shardctl.errors import (
    Conflict,
    InDoubt,
    InvalidInstant,
    LockHeld,
    NotStored,
    RowGone,
    RowMissing,
    StateConflict,
)
from shardctl.store import Outcome, Retry, Store
from shardctl.store.http import json_value, reply
from shardctl.tables import MonthlyTable
from tests.examples.orders_api import service
from tests.integration.test_async import reached_by
from tests.orders import FAMILY, orders

MONTH = Month(2026, 11)
ORDERS = FAMILY
DECLARED = orders(FAMILY, Column("status", Integer, nullable=False, default=1)).declared
ORDER = {"order_id": "2026112109364300000000000001", "user_id": 7, "coin": "19.90"}


@contextmanager
def asked(url: str, driver: str) -> Iterator[httpx.Client]:
    """A client of the service, which runs on a real port with one month of orders."""
    table = MonthlyTable(ORDERS, DECLARED)
    made = create_engine(url)
    table.month(MONTH).create(made)
    made.dispose()
    engine = create_async_engine(reached_by(driver, url), poolclass=NullPool)
    store = Store(table, mutable=["status"], retry=Retry(patience=timedelta(seconds=1)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(service(engine, store), log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            port = listener.getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(params=[("mysql", "asyncmy"), ("mariadb", "aiomysql")], ids="-".join)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the service on each of the two servers."""
    database, driver = request.param
    with asked(request.getfixturevalue(f"{database}_url"), driver) as client:
        yield client


def test_a_service_tells_new_repeated_and_other_requests_apart(client: httpx.Client) -> None:
    first = client.post("/orders", json=ORDER)
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers

    again = client.post("/orders", json=ORDER)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json()["coin"] == "19.90"
    assert again.json()["create_time"] == "2026-11-21T01:36:43+00:00"

    other = client.post("/orders", json={**ORDER, "coin": "1.00"})
    assert other.status_code == 409
    assert other.headers["Content-Type"] == "application/problem+json"
    assert other.json()["fields"] == {"coin": {"stored": "19.90", "given": "1.00"}}

    wrong = client.post("/orders", json={**ORDER, "order_id": "x"})
    assert (wrong.status_code, wrong.json()["title"]) == (400, "InvalidId")
    absent = client.post("/orders", json={**ORDER, "order_id": "2026102109364300000000000001"})
    assert (absent.status_code, absent.headers["Retry-After"]) == (503, "1")


def test_a_request_whose_row_others_hold_is_to_be_sent_again(mysql_url: str) -> None:
    wait = {"init_command": "SET innodb_lock_wait_timeout=1"}
    impatient = make_url(mysql_url).update_query_dict(wait).render_as_string(hide_password=False)
    holder = create_engine(mysql_url)
    with asked(impatient, "asyncmy") as client:
        with holder.connect() as connection:
            table = MonthlyTable(ORDERS, DECLARED).month(MONTH)
            row = {**ORDER, "coin": Decimal("19.90"), "status": 1}
            connection.execute(insert(table), row | {"create_time": instant_of(ORDER)})
            answer = client.post("/orders", json=ORDER)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert answer.json()["title"] == "NotStored"
            connection.rollback()
            assert connection.scalar(select(table.c.order_id)) is None
        assert client.post("/orders", json=ORDER).status_code == 201
    holder.dispose()


def instant_of(order: dict[str, Any]) -> Any:
    """When an order's number was made."""
    return ORDERS.span(order["order_id"])[0]


@pytest.mark.parametrize("error", [InDoubt("lost 10.0.0.7"), NotStored("no 10.0.0.7")])
def test_what_is_not_known_is_never_told_as_a_failure(error: InDoubt | NotStored) -> None:
    answer = reply(error, retry_after=5)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert answer.body["title"] == type(error).__name__
    assert "10.0.0.7" not in str(answer.body)  # what the server said is for the log


def test_other_parameters_may_be_told_as_the_ietf_has_it() -> None:
    assert reply(Conflict("other", {"coin": (1, 2)}), conflict=422).status == 422


def test_a_state_that_is_not_the_one_asked_for_is_a_conflict_and_no_row_is_not_found() -> None:
    answer = reply(StateConflict("in state 3, not 4", 3, 4))
    assert (answer.status, answer.body["state"]) == (409, 3)
    assert reply(RowMissing("not stored")).status == 404
    assert reply(RowGone("deleted")).status == 410


def test_a_time_without_a_zone_is_the_clients_fault() -> None:
    assert reply(InvalidInstant("it is naive")).status == 400


def test_a_fault_of_the_server_is_no_answer() -> None:
    with pytest.raises(LockHeld):
        reply(LockHeld("by another run"))


def test_a_reopened_row_is_a_new_one() -> None:
    assert reply(Outcome("reopened", MONTH, {"order_id": "1"})).status == 201


@pytest.mark.parametrize(
    ("value", "text"),
    [(2**53, 2**53), (2**53 + 1, str(2**53 + 1)), (Decimal("1.50"), "1.50"), (b"\x01", "01")],
)
def test_a_number_that_javascript_would_round_leaves_as_text(value: Any, text: Any) -> None:
    assert json_value(value) == text
