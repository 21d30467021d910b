"""Writing the ledger: every statement takes effect only while its writer holds the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    insert,
    select,
    update,
)

from shardctl.clause import Clause
from shardctl.errors import Refused
from shardctl.family import Family
from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now
from shardctl.ledger.encode import clauses_to_text, position_to_text, states_to_text
from shardctl.ledger.values import Direction, Origin
from shardctl.ledger.verdict import Verdicts
from shardctl.month import Month
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Ledger(Verdicts):
    """The ledger, open for writing by the one who holds the lock; a lease gives it.

    Each method may stand inside a transaction of the caller's, except `finish_run` and
    `abandon`, which make their own. Each raises `LockLost` when the lock was taken over, and
    then nothing was written.
    """

    # -- runs ---------------------------------------------------------------------------------

    def begin_run(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        *,
        source: str,
        clauses: Iterable[Clause],
        states: Mapping[str, Iterable[Structure | None]],
    ) -> None:
        """Record what a revision is going to do, before anything of it is done.

        Args:
            source: the text of the revision's file.
            clauses: what it does, in order; a clause's number is its place here, from 0.
            states: by table, the structures it passes through; None where it does not exist.

        Raises:
            Refused: a run of this revision in this direction is recorded already.
            RevisionRefused: a value bound in a clause cannot be kept.
        """
        row = {
            "revision": revision,
            "direction": direction,
            "source": source,
            "digest": hashlib.sha256(source.encode()).hexdigest(),
            "clauses": clauses_to_text(clauses),
            "states": states_to_text(states),
            "token": self.token,
            "begun_at": utc_now(),
        }
        if not self._insert_once(connection, schema.run, row):
            raise Refused(
                f"a run of revision {revision} ({direction}) is recorded already: it is to be "
                "resumed or abandoned, not begun again"
            )

    def finish_run(self, connection: Connection, revision: str, direction: Direction) -> None:
        """Record that every table has come to the run's end, and void the opposite direction.

        What was done in the opposite direction is undone now: its run and how far its backfills had
        come are deleted and its clause rows go to the log in the same transaction, so that its data
        clauses run again when it does.

        Raises:
            LookupError: no such run was begun.
        """
        opposite: Direction = "down" if direction == "up" else "up"
        finish = update(schema.run).where(*_of(schema.run, revision, direction))
        with self.dialect.transaction(connection):
            if not self._write(connection, finish.values(finished_at=utc_now())):
                raise LookupError(f"no run of {revision} ({direction}) was begun")
            self._void(connection, revision, opposite)

    def abandon(self, connection: Connection, revision: str, direction: Direction) -> None:
        """Forget a run, whose clause rows go to the log, and its backfills' positions, in one
        transaction.
        """
        with self.dialect.transaction(connection):
            self._void(connection, revision, direction)

    def _void(self, connection: Connection, revision: str, direction: Direction) -> None:
        self._held(connection, shared=True)
        self._archive(connection, *_of(schema.clause, revision, direction))
        for table in (schema.backfill, schema.clause, schema.run):
            connection.execute(delete(table).where(*_of(table, revision, direction)))

    # -- backfills ----------------------------------------------------------------------------

    def advance(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        n: int,
        table: str,
        *,
        chunk: int,
        position: Mapping[str, object],
        rows: int,
        seconds: float,
    ) -> None:
        """Record how far a backfill has come on a table: within the transaction of its chunk.

        Args:
            chunk: which one it is, from 1: the one before it is the last that is recorded.
            position: the key of its last row, column → value.
            rows: how many rows were changed, those of earlier chunks too.
            seconds: how long that took, likewise.

        Raises:
            Refused: another session has gone on from where this chunk began.
        """
        known = schema.backfill
        values = {
            "position": position_to_text(position),
            "chunks": chunk,
            "row_count": rows,
            "seconds": seconds,
            "updated_at": utc_now(),
        }
        key = {"revision": revision, "direction": direction, "n": n, "table_name": table}
        if chunk == 1:
            written = self._insert_once(connection, known, key | values)
        else:
            which = and_(*(known.c[name] == value for name, value in key.items()))
            earlier = update(known).where(which, known.c.chunks == chunk - 1)
            written = bool(self._write(connection, earlier.values(values)))
        if not written:
            raise Refused(
                f"{table}: another session has gone on with the same backfill; run again when it "
                "has ended"
            )

    # -- months -------------------------------------------------------------------------------

    def register(
        self,
        connection: Connection,
        table: str,
        *,
        family: str,
        month: Month,
        revision: str | None,
        origin: Origin,
    ) -> None:
        """Record a month table and the revision that it stands at; one known is told anew."""
        values = {
            "family": family,
            "month": f"{month:%Y%m}",
            "revision": revision,
            "origin": origin,
            "registered_at": utc_now(),
        }
        if not self._insert_once(connection, schema.month, {"table_name": table, **values}):
            known = update(schema.month).where(schema.month.c.table_name == table)
            self._write(connection, known.values(values))

    def register_found(
        self,
        connection: Connection,
        months: Sequence[tuple[str, str, Month]],
        revision: str | None,
    ) -> None:
        """Record month tables that the ledger had not met, all at once.

        Args:
            months: the table, its family and its month, of each.
        """
        if not months:
            return
        with self.dialect.transaction(connection):
            self._held(connection, shared=True)
            # As a value, since PyMySQL sends rows together only where all of them is values.
            now = connection.scalar(select(utc_now()))
            values = {"revision": revision, "origin": "found", "registered_at": now}
            rows = [
                {"table_name": table, "family": family, "month": f"{month:%Y%m}", **values}
                for table, family, month in months
            ]
            connection.execute(insert(schema.month), rows)

    def set_revision(
        self, connection: Connection, tables: Collection[str], revision: str | None
    ) -> None:
        """Record that registered month tables have come to a revision."""
        which = schema.month.c.table_name.in_(tables)
        self._write(connection, update(schema.month).where(which).values(revision=revision))

    def unregister(self, connection: Connection, table: str) -> None:
        """Forget a month table."""
        self._write(connection, delete(schema.month).where(schema.month.c.table_name == table))

    # -- families -----------------------------------------------------------------------------

    def register_family(
        self, connection: Connection, family: Family, *, anew: bool = False
    ) -> None:
        """Record how a family's IDs are routed; one known stays as it is.

        Args:
            anew: one known is told anew: from now on this is right.
        """
        known = schema.family.c.family == family.name
        values = {
            "fingerprint": family.fingerprint,
            "routing": family.routing,
            "registered_at": utc_now(),
        }
        if connection.scalar(select(schema.family.c.family).where(known)) is None:
            self._insert_once(connection, schema.family, {"family": family.name, **values})
        elif anew:
            self._write(connection, update(schema.family).where(known).values(values))


def _of(table: Table, revision: str, direction: Direction) -> tuple[ColumnElement[bool], ...]:
    return table.c.revision == revision, table.c.direction == direction
