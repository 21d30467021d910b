"""IDs that bear nothing, and add-times that may fall on the other side of a month's end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from sqlalchemy import Connection

from shardctl.errors import ConfigError
from shardctl.family import Family
from shardctl.gene import Id
from shardctl.month import Month
from shardctl.store.outcome import Outcome
from shardctl.store.placing.protocol import refuse
from shardctl.store.request import Request, Requests
from shardctl.store.transaction import Instead
from shardctl.store.write import Writer

_LONGEST: Final = timedelta(days=14)  # no more than half a month: a row has one neighbour


@dataclass(frozen=True, slots=True)
class NearEnd(Request):
    """A request, and the month beyond the end that it is close to; None where it is not."""

    neighbour: Month | None = None


class Neighbours:
    """The ID bears nothing; near a month's end the month on the other side is looked at, too.

    The promise: of requests with one ID whose add-times are all within `grace` of the same end of
    a month, on whichever side of it, one is stored, and the others find it, even where they race.
    Further from the end, the add-time decides alone, as with `SameTime`: who repeats a request
    for longer than `grace` has to keep its add-time, or needs the registry.

    A row is inserted first, then the other month is looked at, and the row rolled back where its
    ID is there. Who races does the same from the other side, so that of two at least one meets
    the other's row, and waits for what becomes of it. Looking first would find nothing twice.

    Args:
        grace: how far an add-time may be from a month's end, before it or after it.

    Raises:
        ConfigError: it is not positive, or more than 14 days.
    """

    own: ClassVar[bool] = True

    def __init__(self, grace: timedelta = timedelta(minutes=10)) -> None:
        if not timedelta(0) < grace <= _LONGEST:
            raise ConfigError(f"grace is {grace}; it has to be positive, and no more than 14 days")
        self.grace = grace

    def request(
        self, requests: Requests, values: Mapping[str, Any], client_id: Id | None
    ) -> NearEnd:
        refuse(client_id)
        given = requests.by_time(values)
        return NearEnd.like(given, neighbour=self._neighbour(requests.table.family, given))

    def single(self, request: Request) -> bool:
        return isinstance(request, NearEnd) and request.neighbour is None

    def put(
        self, connection: Connection, writer: Writer, requests: Requests, request: Request
    ) -> Outcome:
        assert isinstance(request, NearEnd)
        outcome = writer.put(connection, request)
        if outcome.kind != "created" or request.neighbour is None:
            return outcome
        there = requests.moved(request, request.neighbour)
        if writer.find_if_any(connection, there) is None:
            return outcome

        def instead(connection: Connection) -> Outcome:
            if (found := writer.find_if_any(connection, there)) is not None:
                return writer.judge(connection, there, found)
            return self.put(connection, writer, requests, request)  # deleted meanwhile

        raise Instead(instead)

    def _neighbour(self, family: Family, request: Request) -> Month | None:
        """The month beyond the end that a row's add-time is close to; None where it is not."""
        month, instant = request.month, request.instant
        assert instant is not None  # `by_time` gives every request one
        if instant - _start(month, family) < self.grace:
            return None if month == family.first else month - 1
        return month + 1 if _start(month + 1, family) - instant <= self.grace else None


def _start(month: Month, family: Family) -> datetime:
    """In UTC: the difference of two times in one zone is that of their clocks, whatever passed."""
    return month.start(family.zone).astimezone(UTC)
