"""Ways to a month that follow from the request alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from shardctl.gene import Id
from shardctl.store.outcome import Outcome
from shardctl.store.placing.protocol import refuse
from shardctl.store.request import Request, Requests
from shardctl.store.write import Writer


class ByGene:
    """The ID bears its month.

    The promise: whoever repeats the request, whenever, with whatever add-time, finds its row.
    """

    own: ClassVar[bool] = False

    def request(
        self, requests: Requests, values: Mapping[str, Any], client_id: Id | None
    ) -> Request:
        refuse(client_id)
        return requests.by_id(values)

    def single(self, request: Request) -> bool:  # noqa: ARG002
        return True

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

    def request(
        self, requests: Requests, values: Mapping[str, Any], client_id: Id | None
    ) -> Request:
        refuse(client_id)
        return requests.by_time(values)
