"""`Store`: the same request, repeated, has the same result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, Unpack

from sqlalchemy import Connection, Engine

from shardctl.errors import ConfigError
from shardctl.gene import Id
from shardctl.month import Month
from shardctl.store.address import Condition, address, months_told
from shardctl.store.advance import Advance, advance, settable
from shardctl.store.change import Change, Rows
from shardctl.store.fingerprint import Fingerprint, Fingerprinted
from shardctl.store.many import Batch
from shardctl.store.outcome import Failure, Outcome
from shardctl.store.parameters import Comparison, Parameters
from shardctl.store.placing import ByGene, Placing, SameTime
from shardctl.store.placing.protocol import refuse_callers
from shardctl.store.reopen import Reopening
from shardctl.store.request import Requests
from shardctl.store.states import States, state_column
from shardctl.store.sweep import Stuck, Sweep
from shardctl.store.transaction import Retry, settle, within
from shardctl.store.write import Writer
from shardctl.tables import MonthlyTable

T = TypeVar("T")


class Store:
    """Writes the rows of a family, each once, however often its request is repeated.

    The row itself is the record of the request: there is no second store that may say otherwise,
    and no time after which a repetition is taken for a new request.

    Requests are the same where all their columns are, but for the key, the add-time, and those
    that are named here; however a value is spelled. A column that is not given counts as given
    with its default, where that is a plain value; where only the server knows it, and for columns
    that it computes or numbers, nothing is compared. Times and numbers are sent as their columns
    hold them, see `Sent`.

    Args:
        table: the family's tables.
        mutable: columns that change after a row was stored, such as its state; they are not
            compared.
        ignore: columns that a repeated request may give otherwise, such as the caller's address.
        secret: columns whose values no error and no log is to show.
        fingerprint: where rows keep a fingerprint of their request; it is compared then, instead
            of the columns.
        state: the column of the state, which is mutable; by default the family's.
        states: from each state to those that may come right after it, such as
            `{1: (2, 4), 2: (3,)}`; for `advance`.
        reopen_from: states of rows that had ended invalid: `create` tries them again under their
            number as new, whatever their parameters were, and keeps what they were in the journal.
        placing: how a row finds its month where its ID bears no gene; by default, by the add-time
            that the caller repeats.
        retry: how often a transaction of the store's own is repeated.
        clock: now, as an aware datetime; for rows that are given no add-time.

    Raises:
        ConfigError: the table has no such column.
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
        without = {*self.mutable, *ignore, *key, *filter(None, [time])}
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
            OwnTransactionNeeded: the placing cannot work in a caller's transaction.
            LedgerMissing: there is no registry, or no journal.
            sqlalchemy.exc.IntegrityError: another unique key has the row's value already.
        """
        placing = self._placing
        request = placing.request(self._requests, values, client_id)

        def work(connection: Connection) -> Outcome:
            return placing.put(connection, self._writer, self._requests, request)

        if isinstance(bind, Engine):
            single = self._writer.reopening is None and placing.single(request)
            return settle(bind, work, self._retry, request.what, single=single)
        refuse_callers(placing, request.what)
        with within(bind, request.what):
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
        return self._batch.create(bind, rows)

    def resolve(
        self, engine: Engine, values: Mapping[str, Any], *, client_id: Id | None = None
    ) -> Outcome:
        """Settle a doubt: send the same INSERT again, as `create`.

        A SELECT would not do: the transaction of a lost connection may still be under way on the
        server, unseen, and commit later. The INSERT waits for it.
        """
        return self.create(engine, values, client_id=client_id)

    def advance(
        self,
        bind: Engine | Connection,
        id: Id | Mapping[str, Any],
        *,
        to: Any,
        values: Mapping[str, Any] | None = None,
        where: Condition | None = None,
        instant: datetime | None = None,
        month: Month | None = None,
    ) -> Advance:
        """Move a row on to a state, from one that has an edge to it; repeated, it is done once.

        A row that is in that state, or past it on the graph, was moved on earlier: nothing is
        changed then, whatever `values` says. Transactions are as in `create`.

        Args:
            id: the row's; where the key has further columns, the values of all, by column.
            to: the state.
            values: mutable columns to set with it.
            where: what else holds for the row, of its month's table, such as
                `lambda t: t.c.attempt == 1`: who was late does not move on what was opened again.
            instant: the row's add-time, aware, where IDs bear no gene.
            month: its month, where IDs bear no gene and it is known.

        Raises:
            StateConflict: the row is in a state from which no single step leads there, or is not
                as `where` says.
            RowMissing: there is no such row.
            ConfigError: the store has no graph, or a column is not mutable.
            InDoubt, NotStored, TransactionLost, InvalidId, MonthMissing: as `create`.
        """
        if (states := self._states) is None:
            raise ConfigError(f"{self.table!r} has no graph: Store(state=…, states=…) declares it")
        states.known(to)
        settable(values or {}, self.mutable, states, self.table.family.name)
        sent = self._requests.sent(values or {})
        at = address(self._requests, id, instant=instant, month=month)

        def work(connection: Connection) -> Advance:
            with months_told(self.table.family):
                return advance(connection, states, at, to, sent, where)

        return self._carry_out(bind, work, at.what, single=True)

    def update(
        self, bind: Engine | Connection, values: Mapping[str, Any], **rows: Unpack[Rows]
    ) -> int:
        """Set mutable columns of rows, and give how many rows these were.

        By `id`; or by `since` and `until`, half-open, as the time column holds it, month after
        month in one transaction; or of `all_months`, with a reason. `where` says what else holds
        for them: `where=lambda t: t.c.status == 4`. `Rows` has them all.

        Raises:
            Unbounded: neither says which rows, or there is no reason.
            ConfigError: a column is not mutable, or is the state where there is a graph.
            MonthMissing: a month has no table, and `missing` is not "skip"; nothing was changed.
            InDoubt, NotStored, TransactionLost, InvalidId: as `create`.
        """
        settable(values, self.mutable, self._states, self.table.family.name)
        return self._change(bind, Change(self._requests, rows, self._requests.sent(values)))

    def delete(self, bind: Engine | Connection, **rows: Unpack[Rows]) -> int:
        """Delete rows, told as in `update`, and give how many these were.

        A request for a row that was deleted is a new one, and stores it again; where a registry
        still names the row, it is `RowGone`.

        Raises:
            Unbounded, MonthMissing, InDoubt, NotStored, TransactionLost, InvalidId: as `update`.
        """
        return self._change(bind, Change(self._requests, rows))

    def sweep(
        self,
        engine: Engine,
        *,
        states: Collection[Any],
        older_than: timedelta = timedelta(minutes=1),
        limit: int = 100,
        margin: timedelta = timedelta(days=1),
        name: str = "",
    ) -> tuple[Stuck, ...]:
        """Rows that have been in certain states for too long, oldest first, in whatever month.

        A watermark in the ledger tells from which month on there may be some: a sweeper that was
        down for an hour, or over a month's end, misses none. It goes to the oldest row that is in
        one of the states, or may yet come into one by the graph, and never past it; nothing has
        to be acknowledged. Several sweepers get the same rows: let `advance` decide. Rows that
        cannot be settled keep their place at the front: advance them to a state of their own
        before they are as many as `limit`.

        Wants an index that begins with the state and the add-time; `shardctl check` tells.

        Args:
            states: in which rows are stuck. Without a graph, name all through which a row comes
                there, too.
            older_than: by the store's clock, how old a row's add-time is at least.
            limit: how many rows to give at most.
            margin: how long after its add-time a row may be stored first; one that is stored
                later, in a month before, is not found.
            name: of the watermark; by default made of the states.

        Raises:
            ConfigError: the columns of state and add-time are not set, or the graph has no such
                states.
            LedgerMissing: the ledger's table is not there.
            InDoubt, NotStored: the watermark may not have moved; sweep again.
        """
        sweep = Sweep.of(
            self._requests,
            self._state,
            self._states,
            states,
            older_than=older_than,
            limit=limit,
            margin=margin,
            name=name,
        )
        return self._carry_out(engine, sweep.carry_out, sweep.what)

    def _change(self, bind: Engine | Connection, change: Change) -> int:
        return self._carry_out(bind, change.carry_out, change.what, single=change.single)

    def _carry_out(
        self,
        bind: Engine | Connection,
        work: Callable[[Connection], T],
        what: str,
        *,
        single: bool = False,
    ) -> T:
        if isinstance(bind, Engine):
            return settle(bind, work, self._retry, what, single=single)
        with within(bind, what):
            return work(bind)

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
