"""IDs that bear nothing, found again by an unsharded table that says which month has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from sqlalchemy import Connection, Engine, delete, select

from shardctl.errors import ConfigError, Conflict, InvalidId, RowGone, TwinId
from shardctl.gene import Id
from shardctl.ledger.absent import wanted
from shardctl.ledger.schema import registry
from shardctl.mint import Minter
from shardctl.month import Month
from shardctl.store.insert import Row, insert_or_find
from shardctl.store.outcome import Outcome
from shardctl.store.request import Request, Requests
from shardctl.store.transaction import Retry, settle
from shardctl.store.undo import undoing
from shardctl.store.write import Writer

_KEY: Final = ("family", "business", "client_id")
_LONGEST: Final = 191
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Registered(Request):
    """A request under a number of its caller's.

    Attributes:
        client_id: that number, as text.
        minted: whether the row's ID was made for this request, and is dropped if it is repeated.
    """

    client_id: str = ""
    minted: bool = False


class Registry:
    """An entry tells which row of which month a caller's number stands for.

    The promise: whoever repeats a request with the same number, in the same business, whenever,
    with whatever add-time, finds its row, as long as the entry is there. A row from before there
    was a registry has none: it is found in the month of the add-time that is given. The entry is
    written by the transaction that writes the row, before it, so that who races waits for what
    becomes of it; that transaction may be the caller's.

    The number is `client_id`, or the row's own ID where none is given. A new row costs one
    statement more than without a registry, and a BEGIN and a COMMIT on an engine that commits by
    itself.

    Args:
        business: whose numbers these are: two businesses may give two rows the same number.
        minter: makes the ID and the add-time of a row that has no ID; a repetition gets the row
            with the ID that was made first.
        user: the column of the user's id, where minted IDs bear it.

    Raises:
        ConfigError: the name of the business is empty, ends in a blank, or is too long.
    """

    own: ClassVar[bool] = False

    def __init__(
        self, business: str = "app", *, minter: Minter | None = None, user: str = ""
    ) -> None:
        if not business or business != business.rstrip() or len(business) > 64:
            raise ConfigError(
                f"business {business!r} has to have 1 to 64 characters, and no blank at its end"
            )
        self.business = business
        self._minter, self._user = minter, user

    def request(
        self, requests: Requests, values: Mapping[str, Any], client_id: Id | None
    ) -> Registered:
        name = requests.key[-1]
        minted = self._minter is not None and client_id is not None and values.get(name) is None
        if self._minter is not None and minted:
            new = self._minter(values.get(self._user))
            values = {**values, name: new.id}
            if requests.time is not None and values.get(requests.time) is None:
                values = {**values, requests.time: new.instant}
        place = requests.by_id if requests.table.family.gene else requests.by_time
        given = place(values)
        number = given.id if client_id is None else client_id
        return Registered.like(given, client_id=_text(number), minted=minted)

    def single(self, request: Request) -> bool:  # noqa: ARG002
        return False

    def put(
        self, connection: Connection, writer: Writer, requests: Requests, request: Request
    ) -> Outcome:
        """Store a row and its entry, or find the row that the entry names.

        Raises:
            RowGone: that is not there any more.
            LedgerMissing: there is no registry.
        """
        assert isinstance(request, Registered)
        entry = {
            "family": writer.family.name,
            "business": self.business,
            "client_id": request.client_id,
        }
        values = {**entry, "order_id": _text(request.id), "month": _month(request.month)}
        with wanted(registry):
            named = insert_or_find(connection, registry, _KEY, values)
        if named is not None:
            return self._named(connection, writer, requests, request, named)
        ours = [registry.c[name] == value for name, value in entry.items()]
        with undoing(connection, delete(registry).where(*ours)):
            return writer.put(connection, request)

    def purge(
        self, engine: Engine, family: str, *, before: Month, retry: Retry | None = None
    ) -> int:
        """Remove this business's entries of rows in months before one; give how many there were.

        It ends the promise for them: who repeats such a request by another number than the row's
        own ID, or with an add-time in another month, stores it a second time, and gets another ID
        where IDs are minted. Purge months whose requests nobody repeats any more. The rows stay.

        Entries are removed by a thousand, each thousand in a transaction of its own.

        Args:
            family: the name of the family.
            before: the first month that is kept.

        Raises:
            LedgerMissing: there is no registry.
        """
        earlier = (
            registry.c.family == family,
            registry.c.month < _month(before),
            registry.c.business == self.business,
        )
        batch = select(registry.c.client_id).where(*earlier).limit(_BATCH)

        def work(connection: Connection) -> int:
            with wanted(registry):
                numbers = connection.scalars(batch).all()
            these = registry.c.client_id.in_(numbers)
            connection.execute(delete(registry).where(*earlier, these))
            return len(numbers)

        removed = 0
        while count := settle(engine, work, retry or Retry(), f"the registry of {family}"):
            removed += count
        return removed

    def _named(
        self,
        connection: Connection,
        writer: Writer,
        requests: Requests,
        request: Registered,
        entry: Row,
    ) -> Outcome:
        """What the row that an entry names means for the request."""
        self._refuse_another(requests, request, entry)
        # Only of an ID that was minted anew the entry's text tells the row's; a UUID is text there.
        id = requests.id_of(entry["order_id"]) if request.minted else request.id
        there = replace(
            requests.moved(request, Month.parse(entry["month"])),
            id=id,
            values={**request.values, requests.key[-1]: id},
        )
        found = writer.find_if_any(connection, there)
        if found is None:
            raise RowGone(
                f"the registry says that {request.client_id!r} of {self.business} is {there.what}, "
                "which is not there: it was deleted, or its month dropped. Take a new number, or "
                "purge the registry's months up to this one"
            )
        return writer.judge(connection, there, found)

    def _refuse_another(self, requests: Requests, request: Registered, entry: Row) -> None:
        number, id = entry["client_id"], entry["order_id"]
        if number != request.client_id:  # utf8mb4_bin does not tell a blank at the end
            raise TwinId(
                f"{request.client_id!r} of {self.business} differs from {number!r}, which is "
                "registered, by blanks at its end alone: leave them out",
                {"client_id": (number, request.client_id)},
            )
        if not request.minted and id != _text(request.id):
            raise Conflict(
                f"{request.client_id!r} of {self.business} is registered for ID {id!r}, and is to "
                f"be {request.id!r} now: repeat a request exactly as it was",
                {requests.key[-1]: (id, request.id)},
            )


def _text(number: Id) -> str:
    text = number.hex() if isinstance(number, bytes) else str(number)
    if not text or len(text) > _LONGEST:
        raise InvalidId(f"{text!r} has {len(text)} characters; the registry keeps 1 to {_LONGEST}")
    return text


def _month(month: Month) -> str:
    return f"{month:%Y%m}"
