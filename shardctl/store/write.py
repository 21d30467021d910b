"""Stores one request's row in its month, or tells what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.errors import Conflict, TwinId
from shardctl.family import Family
from shardctl.store.insert import Row, find, insert_all, insert_or_find
from shardctl.store.outcome import Outcome
from shardctl.store.parameters import Comparison
from shardctl.store.reopen import Reopening
from shardctl.store.request import Request
from shardctl.store.watermark import recall
from shardctl.tables.missing import missing


@dataclass(frozen=True, slots=True)
class Writer:
    """Carries requests out on a connection, in whatever transaction that is.

    Attributes:
        family: whose rows these are.
        key: the columns that no two rows of a month share; the last of them is the ID's.
        parameters: what two requests with one ID must have in common.
        reopening: what is done with rows that had ended invalid; None where they are as others.
    """

    family: Family
    key: tuple[str, ...]
    parameters: Comparison
    reopening: Reopening | None = None

    def put(self, connection: Connection, request: Request) -> Outcome:
        """Store a row, or find the one that an earlier request with the same ID stored.

        Raises:
            Conflict: an earlier request had other parameters.
            GeneMismatch: it is new, and its add-time does not agree with its ID.
            MonthMissing: its month has no table.
        """
        try:
            if request.refused is None:
                found = insert_or_find(connection, request.table, self.key, request.values)
            elif (found := self.find(connection, request)) is None:
                raise request.refused
        except DBAPIError as error:
            if (absent := missing(self.family, error)) is None:
                raise
            raise absent from error
        if found is None:
            return Outcome("created", request.month, dict(request.values))
        return self.judge(connection, request, found)

    def put_new(self, connection: Connection, requests: Sequence[Request]) -> list[Outcome]:
        """Store rows of one month with the same columns by one statement, if all are new.

        Raises:
            DBAPIError: none was stored; `put` tells why, one by one.
        """
        insert_all(connection, requests[0].table, [request.values for request in requests])
        return [Outcome("created", each.month, dict(each.values)) for each in requests]

    def find(self, connection: Connection, request: Request) -> Row | None:
        """The row that is stored with the request's ID in its month."""
        return find(connection, request.table, self.key, request.values)

    def find_if_any(self, connection: Connection, request: Request) -> Row | None:
        """As `find`; a month without a table has no rows."""
        try:
            return self.find(connection, request)
        except DBAPIError as error:
            if missing(self.family, error) is None:
                raise
            return None

    def judge(self, connection: Connection, request: Request, found: Row) -> Outcome:
        """What a row that is stored means for a request with the same ID.

        One that had ended invalid makes way for the request, whatever its parameters were.

        Raises:
            Conflict: it was stored for other parameters.
            TwinId: it has another ID, which the server does not tell from this one.
        """
        self._refuse_twin(request, found)
        if self.reopening is not None and self.reopening.applies(request, found):
            recall(connection, self.family.name, request.month.start(self.family.zone))
            done = self.reopening.reopen(connection, request, found)
            if done and (row := self.find(connection, request)) is not None:
                return Outcome("reopened", request.month, row)
            return self.put(connection, request)
        if fields := self.parameters.differences(found, request.values):
            shown = "; ".join(f"{n} was {a!r}, is {b!r} now" for n, (a, b) in fields.items())
            raise Conflict(
                f"{request.what} is stored with other parameters: {shown}. Repeat a request "
                "exactly as it was, or take a new ID for another one",
                fields,
            )
        return Outcome("replayed", request.month, found)

    def _refuse_twin(self, request: Request, found: Row) -> None:
        fields = _unlike(self.key, found, request.values)
        if fields:
            raise TwinId(
                f"{request.what}: the key's collation takes it for "
                + ", ".join(repr(stored) for stored, _ in fields.values())
                + ", which is stored: let the key column be compared as binary",
                fields,
            )


def _unlike(
    key: Collection[str], found: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The columns of a key in which two rows differ, a number's digits being that number."""
    return {
        name: (found[name], given[name]) for name in key if _text(found[name]) != _text(given[name])
    }


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    whole = isinstance(value, Decimal) and value == int(value)  # SQLite gives it decimals
    return str(int(value) if whole else value)
