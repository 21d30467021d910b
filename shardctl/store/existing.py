"""What happens to rows after they were stored: moved on, changed, deleted, found stuck."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar, Unpack

from sqlalchemy import Connection, Engine

from shardctl.errors import ConfigError
from shardctl.gene import Id
from shardctl.month import Month
from shardctl.store.address import Condition, address, months_told
from shardctl.store.advance import Advance, advance, settable
from shardctl.store.change import Change, Rows
from shardctl.store.discreet import Discreet
from shardctl.store.request import Requests
from shardctl.store.states import States
from shardctl.store.sweep import Stuck, Sweep
from shardctl.store.transaction import Retry, settle, within
from shardctl.tables import MonthlyTable

T = TypeVar("T")


class ExistingRows:
    """The half of a `Store` that changes rows which are there."""

    table: MonthlyTable[Any]
    mutable: frozenset[str]
    _discreet: Discreet
    _requests: Requests
    _retry: Retry
    _state: str
    _states: States | None

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
            OwnTransactionNeeded: several months, on a connection that commits by itself.
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
        older_than: timedelta | str = "1 min",
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
            older_than: by the store's clock, how old a row's add-time is at least: a time, or its
                text in one of the units s, min, h and d, such as "1 min".
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
            with self._discreet:
                return settle(bind, work, self._retry, what, single=single)
        with self._discreet, within(bind, what, single=single):
            return work(bind)
