"""What every way to a row's month has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from sqlalchemy import Connection

from shardctl.errors import ConfigError, OwnTransactionNeeded
from shardctl.gene import Id
from shardctl.store.outcome import Outcome
from shardctl.store.request import Request, Requests
from shardctl.store.write import Writer


class Placing(Protocol):
    """A way to a row's month, and the promise that comes with it."""

    own: ClassVar[bool]
    """Whether it may have to roll back, and so needs a transaction of its own."""

    def request(
        self, requests: Requests, values: Mapping[str, Any], client_id: Id | None
    ) -> Request:
        """Where a row belongs, before a database is asked.

        Args:
            client_id: the number under which the caller knows the row, where it is another one.

        Raises:
            ConfigError: there is one, and this way keeps none.
        """

    def single(self, request: Request) -> bool:
        """Whether a new row is stored by one statement, so that it needs no BEGIN."""

    def put(
        self, connection: Connection, writer: Writer, requests: Requests, request: Request
    ) -> Outcome:
        """Store a row, or find the one that an earlier request stored; see `Writer.put`."""


def refuse(client_id: Id | None) -> None:
    """What a way does with a caller's own number that it cannot keep."""
    if client_id is not None:
        raise ConfigError(
            f"client_id {client_id!r} is kept nowhere: give the store placing=Registry(), which "
            "keeps which row it stands for"
        )


def refuse_callers(placing: Placing, what: str) -> None:
    """What a way does in a caller's transaction that has to have its own.

    Raises:
        OwnTransactionNeeded: it is such a way.
    """
    if placing.own:
        raise OwnTransactionNeeded(
            f"{what}: {type(placing).__name__} may have to take the row back, which in your "
            "transaction would undo what else you did: call create on the engine, or take the "
            "registry"
        )
