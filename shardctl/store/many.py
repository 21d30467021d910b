"""Several rows at once: by month, with one INSERT where they are all new.

In each month they are sent in the order of their keys, so that two batches lock in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, Final, get_args

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from shardctl.errors import InDoubt, NotStored, ShardctlError, TransactionLost
from shardctl.month import Month
from shardctl.store.outcome import Failure, Outcome
from shardctl.store.placing import Placing
from shardctl.store.placing.protocol import refuse_callers
from shardctl.store.request import Request, Requests
from shardctl.store.transaction import Instead, Retry, passes, settle, within
from shardctl.store.write import Writer

Places = list[tuple[int, Request]]
"""Requests, each with the place of its row among those given."""

Results = dict[int, Outcome | Failure]
Guard = Callable[[str], AbstractContextManager[None]]

FAILURES: Final = get_args(Failure)
VALUES: Final = 10_000
"""How many values one INSERT has at most: SQLite takes 32,766."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Stores rows as they would be stored one by one, by fewer statements.

    Attributes:
        requests: where rows belong.
        writer: how a row is stored.
        placing: how a row finds its month.
        retry: how often a transaction of our own is repeated.
    """

    requests: Requests
    writer: Writer
    placing: Placing
    retry: Retry

    def create(
        self, bind: Engine | Connection, rows: Iterable[Mapping[str, Any]]
    ) -> list[Outcome | Failure]:
        """What came of each row, in the order given; see `Store.create_many`."""
        results: Results = {}
        months: dict[Month, Places] = {}
        count = 0
        for count, values in enumerate(rows, 1):
            try:
                request = self.placing.request(self.requests, values, None)
            except ShardctlError as error:
                results[count] = error
            else:
                months.setdefault(request.month, []).append((count, request))
        for month in sorted(months):
            places = sorted(months[month], key=self._key)
            together = [place for place in places if self.placing.single(place[1])]
            alone = [place for place in places if not self.placing.single(place[1])]
            # A row that takes several statements holds what it locks no longer than it has to.
            for part in [*filter(None, [together]), *([place] for place in alone)]:
                results |= self._part(bind, part)
        return [results[place] for place in range(1, count + 1)]

    def _part(self, bind: Engine | Connection, places: Places) -> Results:
        if isinstance(bind, Connection):
            refuse_callers(self.placing, places[0][1].what)
            single = all(
                self.writer.reopening is None and self.placing.single(r) for _, r in places
            )
            with within(bind, places[0][1].what, single=single):  # before any of them is stored
                return self._store(bind, places, partial(within, bind, single=True))
        what = ", ".join([places[0][1].what, *["…"] * (len(places) > 1)])
        try:
            return settle(bind, partial(self._store, places=places), self.retry, what)
        except FAILURES as error:
            return dict.fromkeys(_numbers(places), error)

    def _store(
        self,
        connection: Connection,
        places: Places,
        guard: Guard = lambda what: nullcontext(),  # noqa: ARG005
    ) -> Results:
        together: Places = []
        later: Places = []
        met: set[tuple[str, ...]] = set()
        for place in places:
            key, _ = self._key(place)
            (later if key in met or place[1].refused else together).append(place)
            met.add(key)
        results: Results = {}
        for chunk in _chunks(together):
            results |= self._at_once(connection, chunk, guard)
        for place in later:
            results |= self._alone(connection, place, guard)
        return results

    def _at_once(self, connection: Connection, places: Places, guard: Guard) -> Results:
        if len(places) > 1:
            try:
                with guard(places[0][1].what):
                    outcomes = self.writer.put_new(connection, [each for _, each in places])
                return dict(zip(_numbers(places), outcomes, strict=True))
            except NotStored as error:  # one of them waited in vain, each would
                return dict.fromkeys(_numbers(places), error)
            except FAILURES as error:
                if _ends_all(error):
                    raise
                # The statement stored nothing: of a row that is stored already, or refused, no
                # other is to hear.
        results: Results = {}
        for place in places:
            results |= self._alone(connection, place, guard)
        return results

    def _alone(self, connection: Connection, place: tuple[int, Request], guard: Guard) -> Results:
        number, request = place
        try:
            with guard(request.what):
                outcome = self.placing.put(connection, self.writer, self.requests, request)
        except Instead as instead:
            work = instead.work
            raise Instead(lambda connection: {number: work(connection)}) from None
        except FAILURES as error:
            if _ends_all(error):
                raise
            return {number: error}
        return {number: outcome}

    def _key(self, place: tuple[int, Request]) -> tuple[tuple[str, ...], int]:
        number, request = place
        return tuple(str(request.values[name]) for name in self.requests.key), number


def _ends_all(error: Exception) -> bool:
    """Whether an error undoes, or may undo, what else the transaction has stored."""
    if isinstance(error, DBAPIError):
        return passes(error)
    return isinstance(error, TransactionLost | InDoubt)


def _numbers(places: Places) -> list[int]:
    return [number for number, _ in places]


def _chunks(places: Places) -> Iterator[Places]:
    """Rows with the same columns, as many as one INSERT may have."""
    for columns, group in groupby(places, lambda place: place[1].values.keys()):
        alike, most = list(group), max(1, VALUES // len(columns))
        for begin in range(0, len(alike), most):
            yield alike[begin : begin + most]
