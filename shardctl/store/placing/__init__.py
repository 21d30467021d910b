"""How a row finds its month, so that a repetition finds the month that the first try wrote to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from sqlalchemy import Connection

from shardctl.store.outcome import Outcome
from shardctl.store.request import Request, Requests
from shardctl.store.write import Writer

__all__ = ["ByGene", "Placing", "SameTime"]


class Placing(Protocol):
    """A way to a row's month, and the promise that comes with it."""

    single: ClassVar[bool]
    """Whether a new row is stored by one statement, so that it needs no BEGIN."""

    def request(self, requests: Requests, values: Mapping[str, Any]) -> Request:
        """Where a row belongs, before a database is asked."""

    def put(
        self, connection: Connection, writer: Writer, requests: Requests, request: Request
    ) -> Outcome:
        """Store a row, or find the one that an earlier request stored; see `Writer.put`."""


class ByGene:
    """The ID bears its month.

    The promise: whoever repeats the request, whenever, with whatever add-time, finds its row.
    """

    single = True

    def request(self, requests: Requests, values: Mapping[str, Any]) -> Request:
        return requests.by_id(values)

    def put(
        self,
        connection: Connection,
        writer: Writer,
        requests: Requests,  # noqa: ARG002
        request: Request,
    ) -> Outcome:
        return writer.put(connection, request)


class SameTime(ByGene):
    """The ID bears nothing; the caller repeats the add-time of the first try with it.

    The promise: a repetition with the same add-time finds its row. With another one, of another
    month, it is stored a second time: a caller who cannot keep the add-time needs another way.
    """

    def request(self, requests: Requests, values: Mapping[str, Any]) -> Request:
        return requests.by_time(values)
