"""`Store`: the same request, repeated, has the same result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from shardctl.errors import ConfigError
from shardctl.gene import Id
from shardctl.store.discreet import Discreet
from shardctl.store.existing import ExistingRows
from shardctl.store.fingerprint import Fingerprint, Fingerprinted
from shardctl.store.many import Batch
from shardctl.store.outcome import Failure, Outcome
from shardctl.store.parameters import Comparison, Parameters
from shardctl.store.placing import ByGene, Placing, SameTime
from shardctl.store.placing.protocol import refuse_callers
from shardctl.store.reopen import Reopening
from shardctl.store.request import Requests
from shardctl.store.states import States, state_column
from shardctl.store.transaction import Retry, settle, within
from shardctl.store.write import Writer
from shardctl.tables import MonthlyTable


class Store(ExistingRows):
    """Writes the rows of a family, each once, however often its request is repeated.

    The row itself is the record of the request: there is no second store that may say otherwise,
    and no time after which a repetition is taken for a new request.

    Requests are the same where all their columns are, but for the key, the add-time, and those
    that are named here; however a value is spelled. A column that is not given counts as given
    with its default, where that is a plain value; where only the server knows it, and for columns
    that it computes or numbers, or that every UPDATE sets, nothing is compared. Times and numbers
    are sent as their columns hold them, see `Sent`.

    Args:
        table: the family's tables.
        mutable: columns that change after a row was stored, such as its state; they are not
            compared.
        ignore: columns that a repeated request may give otherwise, such as the caller's address.
        secret: columns whose values no error is to show; the server's own words may quote one
            that it refuses, and SQLAlchemy's log hides them on an engine with
            `hide_parameters=True`.
        fingerprint: where rows keep a fingerprint of their request; it is compared then, instead
            of the columns.
        state: the column of the state, which is mutable; by default the family's.
        states: from each state to those that may come right after it, such as
            `{1: (2, 4), 2: (3,)}`; for `advance`.
        reopen_from: states of rows that had ended invalid: `create` tries them again under their
            number as new, whatever their parameters were, and keeps what they were in the journal.
            Columns that are not given, mutable ones too, get their default again.
        placing: how a row finds its month where its ID bears no gene; by default, by the add-time
            that the caller repeats.
        retry: how often a transaction of the store's own is repeated.
        clock: now, as an aware datetime; for rows that are given no add-time.

    Raises:
        ConfigError: the table has no such column; its key lets an ID be stored twice, or is to
            be secret or mutable.
    """

    def __init__(
        self,
        table: MonthlyTable[Any],
        *,
        mutable: Collection[str] = (),
        ignore: Collection[str] = (),
        secret: Collection[str] = (),
        state: str = "",
        states: Mapping[Any, Collection[Any]] | None = None,
        reopen_from: Collection[Any] = (),
        fingerprint: Fingerprint | None = None,
        placing: Placing | None = None,
        retry: Retry | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.table = table
        self._requests = Requests.of(table, clock)
        self._state = state or state_column(table)
        self._states = States.of(table.declared, self._state, states) if states else None
        self.mutable = frozenset((*mutable, *filter(None, [self._state])))
        key, time = self._requests.key, self._requests.time
        if fixed := sorted(self.mutable & {*key, time}):
            raise ConfigError(f"{', '.join(fixed)} cannot be mutable: it tells where a row is")
        without = {*self.mutable, *ignore, *key, *filter(None, [time])}
        self._discreet = Discreet.of(secret, key)
        self._parameters = self._compared(without, secret, fingerprint)
        reopening = Reopening.of(table, self._requests, self._state, reopen_from)
        self._writer = Writer(table.family, key, self._parameters, reopening)
        self._placing = placing or (ByGene() if table.family.gene else SameTime())
        self._retry = retry or Retry()
        self._batch = Batch(self._requests, self._writer, self._placing, self._retry)

    def create(
        self, bind: Engine | Connection, values: Mapping[str, Any], *, client_id: Id | None = None
    ) -> Outcome:
        """Store a row; or, where its ID is stored already with the same parameters, that one.

        On an engine, in a transaction of its own, which is repeated after deadlocks and lock
        timeouts. On a connection, in the caller's transaction: nothing is committed and nothing
        repeated. A caller who updates the row in that transaction right after a replay may meet
        a deadlock, since two who replay both hold the row's shared lock: do it in the next one,
        or `advance` it on the engine.

        On an engine that commits by itself, a connection that the server had closed while it was
        idle looks like one that breaks off: `pool_pre_ping=True` spares that doubt.

        Args:
            values: by column. The add-time is aware; left out, it is the gene's where that is
                exact, else the present one.
            client_id: the caller's own number for the row, where its placing is a `Registry`.

        Raises:
            Conflict: the ID is stored with other parameters; `fields` tells which.
            TwinId: another ID is stored that the key's collation does not tell from this one.
            InDoubt: the connection broke off at COMMIT; send the same request again.
            NotStored: deadlocks, locks or an unreachable server were in the way for too long.
            TransactionLost: a deadlock undid the caller's transaction.
            InvalidId: and what `Family.month` raises.
            GeneMismatch: the row is new, and its add-time does not agree with its ID.
            MonthMissing: its month has no table.
            RowGone: the registry names a row that was deleted.
            OwnTransactionNeeded: the placing cannot work in a caller's transaction; or the caller
                has none, on a connection that commits by itself.
            LedgerMissing: there is no registry, or no journal.
            sqlalchemy.exc.IntegrityError: another unique key has the row's value already.
        """
        placing = self._placing
        request = placing.request(self._requests, values, client_id)

        def work(connection: Connection) -> Outcome:
            return placing.put(connection, self._writer, self._requests, request)

        single = self._writer.reopening is None and placing.single(request)
        if isinstance(bind, Engine):
            with self._discreet:
                return settle(bind, work, self._retry, request.what, single=single)
        refuse_callers(placing, request.what)
        with self._discreet, within(bind, request.what, single=single):
            return work(bind)

    def create_many(
        self, bind: Engine | Connection, rows: Iterable[Mapping[str, Any]]
    ) -> list[Outcome | Failure]:
        """Store rows, with what came of each in its place: an outcome, or what `create` raises.

        So one row's failure undoes no other's success, and hides none: look at each. On an engine
        each month has a transaction of its own, the earliest first; where that is in doubt, or
        could not be stored, all its rows are. On a connection all are in the caller's transaction.
        An ID that comes twice is judged against its first row.

        Raises:
            TransactionLost: a deadlock undid the caller's transaction.
            InDoubt: the caller's connection, which commits by itself, broke off.
            OwnTransactionNeeded: the placing cannot work in a caller's transaction.
        """
        with self._discreet:
            outcomes = self._batch.create(bind, rows)
        for failure in outcomes:
            if not isinstance(failure, Outcome):
                self._discreet.hide(failure)
        return outcomes

    def resolve(
        self, engine: Engine, values: Mapping[str, Any], *, client_id: Id | None = None
    ) -> Outcome:
        """Settle a doubt: send the same INSERT again, as `create`.

        A SELECT would not do: the transaction of a lost connection may still be under way on the
        server, unseen, and commit later. The INSERT waits for it.
        """
        return self.create(engine, values, client_id=client_id)

    def _compared(
        self, without: Collection[str], secret: Collection[str], fingerprint: Fingerprint | None
    ) -> Comparison:
        """What tells whether requests are the same; from now on they bear fingerprints for it."""
        declared, zone = self.table.declared, self.table.family.zone
        own = {fingerprint.column, fingerprint.version} if fingerprint else set()
        columns = Parameters.of(declared, without={*without, *own}, secret=secret, zone=zone)
        if fingerprint is None:
            return columns
        time = self._requests.time
        compared = Fingerprinted.of(
            fingerprint, declared, columns, secret=secret, time=time, zone=zone
        )
        self._requests = replace(self._requests, stamped=compared.stamped)
        return compared
