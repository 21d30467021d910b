"""What becomes of clauses that do not run: failed, left out for good, counting no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from shardctl.ledger import schema
from shardctl.ledger.clauses import Clauses
from shardctl.ledger.clock import utc_now
from shardctl.ledger.values import ACCEPTED, Direction

_COUNTED: Final = ("row_count", "seconds")
"""What a backfill counts before it is done."""


@dataclass(frozen=True, slots=True)
class Verdicts(Clauses):
    """The part of `Ledger` that records them."""

    def failed_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
        words: str,
        *,
        statement: str | None = None,
    ) -> None:
        """Record that clauses failed on a table, begun here before or not; they are to run yet.

        Args:
            words: why, such as the server's own words.
            statement: the SQL that failed, without bound values; None: none was sent.
        """
        failed: dict[str, Any] = {"how": "failed", "words": words, "statement": statement}
        if statement is None:  # what was about to be sent by a session was not
            failed["connection_id"] = None
        self._judge(connection, (revision, direction, table), numbers, failed)

    def accept(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
        words: str,
        differences: Collection[str],
    ) -> None:
        """Record in what a table may differ from now on; of clauses that have taken effect.

        Args:
            words: how they were carried out, and why.
        """
        lines = [words, *(ACCEPTED + each for each in differences)]
        text = "\n".join(" ".join(line.split()) for line in lines)
        clause = schema.clause
        which = (*_on(revision, direction, table), clause.c.n.in_(numbers))
        self._write(connection, update(clause).where(*which).values(words=text))

    def skip_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
        words: str,
    ) -> None:
        """Record that clauses are left out on a table for good: they count as done.

        Args:
            words: the reason.
        """
        now = utc_now()
        skipped: dict[str, Any] = {"how": "skipped", "words": words, "token": self.token}
        skipped |= {"begun_at": now, "done_at": now}
        self._judge(connection, (revision, direction, table), numbers, skipped)

    def unskip(
        self, connection: Connection, revision: str, direction: Direction, table: str
    ) -> int:
        """Take back that clauses are left out on a table, in a transaction of the caller's.

        Returns:
            How many they were.
        """
        self._held(connection, shared=True)
        clause = schema.clause
        which = (*_on(revision, direction, table), clause.c.how == "skipped")
        self._archive(connection, *which)
        return connection.execute(clause.delete().where(*which)).rowcount

    def _archive(self, connection: Connection, *which: ColumnElement[bool]) -> None:
        """Copy rows that are about to be deleted to the log, within the same transaction.

        The caller has made sure there that the lock is ours, up to its end. Of a backfill that
        broke off, together with how many rows it had changed.
        """
        names = [column.name for column in schema.log.columns if column is not schema.log.c.id]
        clause, begun = schema.clause.c, schema.backfill.c
        same = and_(*(clause[key.name] == begun[key.name] for key in schema.clause.primary_key))
        values = [
            func.coalesce(clause[name], begun[name]) if name in _COUNTED else clause[name]
            for name in names
        ]
        rows = select(*values).select_from(schema.clause.outerjoin(schema.backfill, same))
        order = rows.where(*which).order_by(schema.clause.c.begun_at, schema.clause.c.n)
        connection.execute(insert(schema.log).from_select(names, order))

    def _judge(
        self,
        connection: Connection,
        of: tuple[str, Direction, str],
        numbers: Collection[int],
        values: Mapping[str, Any],
    ) -> None:
        clause = schema.clause
        which = (*_on(*of), clause.c.n.in_(numbers))
        there = set(connection.scalars(select(clause.c.n).where(*which)))
        if there:
            known = update(clause).where(*which, clause.c.done_at.is_(None))
            self._write(connection, known.values(values))
        revision, direction, table = of
        row = {"revision": revision, "direction": direction, "table_name": table}
        new = row | {"token": self.token, "begun_at": utc_now()} | {**values}
        if missing := [new | {"n": n} for n in numbers if n not in there]:
            self._write(connection, self._insert(clause, missing))


def _on(revision: str, direction: Direction, table: str) -> tuple[ColumnElement[bool], ...]:
    clause = schema.clause
    return (
        clause.c.revision == revision,
        clause.c.direction == direction,
        clause.c.table_name == table,
    )
