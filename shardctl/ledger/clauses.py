"""The ledger's rows of clauses on tables: written before a statement is sent, and after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Connection,
    Delete,
    Insert,
    Update,
    and_,
    update,
)

from shardctl.ledger import schema, statements
from shardctl.ledger.clock import utc_now
from shardctl.ledger.fenced import Fenced
from shardctl.ledger.values import Direction, How


@dataclass(frozen=True, slots=True)
class Sent:
    """Clauses that were sent to a table as one statement, which has taken effect.

    Attributes:
        seconds: how long the statement took.
        statement: the SQL, without bound values.
    """

    numbers: tuple[int, ...]
    seconds: float | None = None
    statement: str | None = None


Done: TypeAlias = Mapping[str, Sequence[Sent]]
"""By table, what has taken effect there."""

NOTHING: Final[Done] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Clauses(Fenced):
    """Writes of one lease to the rows of clauses.

    Attributes:
        token: the mark of the lease's statements.
    """

    token: str

    def begin_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        *tables: str,
        token: str | None = None,
        connection_id: int | None = None,
        done: Done = NOTHING,
    ) -> None:
        """Record that DDL clauses are about to be sent to tables, to each of them the same.

        Rows that are there already are begun anew. All is written at once: `done`, too.

        Args:
            token: what the session that sends it has claimed; the lease's unless given.
            connection_id: that session's id, where the server has such.
            done: what the same session has begun on other tables, and has taken effect.
        """
        begun = [(table, number) for table in tables for number in numbers]
        took = [(table, *each) for table, sent in done.items() for each in _took(sent)]
        if not begun and not took:
            return
        values: dict[str, Any] = {
            "of_revision": revision,
            "of_direction": direction,
            "new_token": token or self.token,
            "new_connection_id": connection_id,
            "new_how": "ran",
        }
        for at, (table, number) in enumerate(begun):
            values |= {f"t{at}": table, f"n{at}": number}
        for at, (table, number, seconds, statement) in enumerate(took):
            values |= {f"dt{at}": table, f"d{at}": number, f"s{at}": seconds, f"q{at}": statement}
        self._send(connection, statements.begin(self.dialect.name, len(begun), len(took)), values)

    def done_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
        *,
        how: How,
        seconds: float | None = None,
        rows: int | None = None,
        statement: str | None = None,
    ) -> None:
        """Record that clauses have taken effect on a table, begun here before or not.

        Args:
            how: "ran", or "found" where the table was already so.
            seconds: how long the statement took.
            rows: how many rows a data clause changed.
            statement: the SQL, without bound values; None where none was sent.
        """
        of = statements.key(revision, direction, table)
        there, new = self._sorted(connection, of, numbers)
        values = of | {
            "new_how": how,
            "new_seconds": seconds,
            "new_rows": rows,
            "new_statement": statement,
        }
        if there:
            those = values | statements.numbered(there)
            self._send(connection, statements.done(len(there)), those)
        if new:
            others = values | statements.numbered(new)
            others |= {"new_token": self.token, "new_connection_id": None}
            self._send(connection, statements.done_at_once(len(new)), others)

    def unsent_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
    ) -> None:
        """Forget that clauses were about to be sent to a table: they were not."""
        if numbers:
            of = statements.key(revision, direction, table) | statements.numbered(numbers)
            self._send(connection, statements.forget(len(numbers)), of)

    def ended_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
    ) -> None:
        """Record that DDL clauses begun on a table were ended from outside, without effect."""
        of = statements.key(revision, direction, table) | statements.numbered(numbers)
        self._send(connection, statements.ended(len(numbers)), of)

    def record_data(
        self, connection: Connection, revision: str, direction: Direction, n: int, table: str
    ) -> bool:
        """Record a data clause as done: the first statement of the transaction that carries it out.

        The unique key decides, not an earlier read. False: another transaction has applied the
        clause to this table already; end this one and do nothing. `done_clauses` then adds how
        long it took and how many rows it changed, in the same transaction.
        """
        key = {"revision": revision, "direction": direction, "n": n, "table_name": table}
        now = utc_now()
        row = {"how": "ran", "token": self.token, "begun_at": now, "done_at": now}
        if self._insert_once(connection, schema.clause, key | row):
            return True
        clause = schema.clause.c  # one that failed before has its row, and runs now
        failed = and_(*(clause[name] == value for name, value in key.items()))
        again = update(schema.clause).where(failed, clause.done_at.is_(None)).values(row)
        return bool(self._write(connection, again))

    def _sorted(
        self, connection: Connection, of: dict[str, Any], numbers: Collection[int]
    ) -> tuple[list[int], list[int]]:
        """Those that have a row, and those that have none."""
        which = of | statements.numbered(numbers)
        known = set(connection.scalars(statements.known(len(numbers)), which))
        return [n for n in numbers if n in known], [n for n in numbers if n not in known]

    def _send(
        self, connection: Connection, statement: Insert | Update | Delete, values: dict[str, Any]
    ) -> None:
        if not connection.execute(statement, values | {"fence": self.fence}).rowcount:
            self._held(connection)


def _took(sent: Collection[Sent]) -> list[tuple[int, float | None, str | None]]:
    """Each clause, how long its statement took, and the statement."""
    return [(number, each.seconds, each.statement) for each in sent for number in each.numbers]
