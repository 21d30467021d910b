"""The ledger's rows of clauses on tables: written before a statement is sent, and after it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    literal,
    null,
    select,
    union_all,
    update,
)

from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now
from shardctl.ledger.fenced import Fenced
from shardctl.ledger.rows import Direction, How


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


@dataclass(frozen=True, slots=True)
class Clauses(Fenced):
    """Writes of one lease to the rows of clauses.

    The statements are built once for as many clauses as they speak of, since there are two for
    each month, and building one takes longer than MySQL takes to carry it out.

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
        table: str,
        *,
        token: str | None = None,
        connection_id: int | None = None,
        known: Collection[int] | None = None,
    ) -> None:
        """Record that DDL clauses are about to be sent to a table.

        Rows that are there already are begun anew.

        Args:
            token: what the session that sends it has claimed; the lease's unless given.
            connection_id: that session's id, where the server has such.
            known: those that have a row; None: it is asked.
        """
        values = {"new_token": token or self.token, "new_connection_id": connection_id}
        of = _key(revision, direction, table)
        there, new = self._sorted(connection, of, numbers, known)
        if there:
            self._send(connection, _begin_again(len(there)), of | _n(there) | values)
        if new:
            self._send(connection, _begin(len(new)), of | _n(new) | values)

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
        of = _key(revision, direction, table)
        there, new = self._sorted(connection, of, numbers, None)
        if there:
            took = _took([(seconds, statement)] * len(there))
            done = of | _n(there) | took | {"new_how": how, "new_rows": rows}
            self._send(connection, _done(len(there)), done)
        if new:
            done = of | _n(new) | {"new_how": how, "new_seconds": seconds, "new_rows": rows}
            done |= {"new_token": self.token, "new_statement": statement}
            self._send(connection, _done_at_once(len(new)), done)

    def ran_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        sent: Sequence[Sent],
        table: str,
    ) -> None:
        """Record that clauses which were begun on a table have taken effect, in one write."""
        took = {number: (each.seconds, each.statement) for each in sent for number in each.numbers}
        if took:
            of = _key(revision, direction, table) | _n(took) | _took(list(took.values()))
            self._send(connection, _done(len(took)), of | {"new_how": "ran", "new_rows": None})

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
            of = _key(revision, direction, table) | _n(numbers)
            self._send(connection, _forget(len(numbers)), of)

    def ended_clauses(
        self,
        connection: Connection,
        revision: str,
        direction: Direction,
        numbers: Collection[int],
        table: str,
    ) -> None:
        """Record that DDL clauses begun on a table were ended from outside, without effect."""
        of = _key(revision, direction, table) | _n(numbers)
        self._send(connection, _ended(len(numbers)), of)

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
        self,
        connection: Connection,
        of: dict[str, Any],
        numbers: Collection[int],
        known: Collection[int] | None,
    ) -> tuple[list[int], list[int]]:
        """Those that have a row, and those that have none."""
        if known is None:
            known = set(connection.scalars(_known(len(numbers)), of | _n(numbers)))
        return [n for n in numbers if n in known], [n for n in numbers if n not in known]

    def _send(
        self, connection: Connection, statement: Insert | Update | Delete, values: dict[str, Any]
    ) -> None:
        if not connection.execute(statement, values | {"fence": self.fence}).rowcount:
            self._held(connection)


def _key(revision: str, direction: Direction, table: str) -> dict[str, Any]:
    return {"of_revision": revision, "of_direction": direction, "of_table": table}


def _n(numbers: Collection[int]) -> dict[str, Any]:
    return {f"n{at}": number for at, number in enumerate(numbers)}


def _took(each: Sequence[tuple[float | None, str | None]]) -> dict[str, Any]:
    """For each clause how long its statement took, and the statement."""
    found: dict[str, Any] = {}
    for at, (seconds, statement) in enumerate(each):
        found |= {f"s{at}": seconds, f"q{at}": statement}
    return found


def _which(count: int) -> ColumnElement[bool]:
    clause = schema.clause.c
    return (
        (clause.revision == bindparam("of_revision"))
        & (clause.direction == bindparam("of_direction"))
        & (clause.table_name == bindparam("of_table"))
        & clause.n.in_([bindparam(f"n{at}") for at in range(count)])
    )


def _ours() -> ColumnElement[bool]:
    lock = schema.lock.c
    return (lock.name == schema.LOCK) & (lock.fence == bindparam("fence")) & lock.held


def _held() -> ColumnElement[bool]:
    return exists(select(literal(1)).select_from(schema.lock).where(_ours()))


def _inserted(count: int, values: dict[str, ColumnElement[Any]]) -> Insert:
    key = {
        "revision": bindparam("of_revision", type_=schema.clause.c.revision.type),
        "direction": bindparam("of_direction", type_=schema.clause.c.direction.type),
        "table_name": bindparam("of_table", type_=schema.clause.c.table_name.type),
    }
    rows = [
        select(*key.values(), bindparam(f"n{at}", type_=schema.clause.c.n.type), *values.values())
        .select_from(schema.lock)
        .where(_ours())
        for at in range(count)
    ]
    return insert(schema.clause).from_select([*key, "n", *values], union_all(*rows))


@cache
def _known(count: int) -> Any:
    return select(schema.clause.c.n).where(_which(count))


@cache
def _begin(count: int) -> Insert:
    columns = schema.clause.c
    return _inserted(
        count,
        {
            "token": bindparam("new_token", type_=columns.token.type),
            "connection_id": bindparam("new_connection_id", type_=columns.connection_id.type),
            "begun_at": utc_now(),
        },
    )


@cache
def _begin_again(count: int) -> Update:
    unknown = ("how", "done_at", "seconds", "row_count", "statement", "words")
    nothing = dict.fromkeys(unknown, null())
    return (
        update(schema.clause)
        .where(_which(count), _held())
        .values(
            token=bindparam("new_token"),
            connection_id=bindparam("new_connection_id"),
            begun_at=utc_now(),
            **nothing,
        )
    )


@cache
def _done(count: int) -> Update:
    columns = schema.clause.c

    def each(prefix: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
        values = [
            (columns.n == bindparam(f"n{at}"), bindparam(f"{prefix}{at}", type_=column.type))
            for at in range(count)
        ]
        return case(*values)

    return (
        update(schema.clause)
        .where(_which(count), _held())
        .values(
            how=bindparam("new_how"),
            done_at=utc_now(),
            seconds=each("s", columns.seconds),
            row_count=bindparam("new_rows"),
            statement=each("q", columns.statement),
            words=null(),
        )
    )


@cache
def _done_at_once(count: int) -> Insert:
    columns = schema.clause.c
    return _inserted(
        count,
        {
            "how": bindparam("new_how", type_=columns.how.type),
            "token": bindparam("new_token", type_=columns.token.type),
            "begun_at": utc_now(),
            "done_at": utc_now(),
            "seconds": bindparam("new_seconds", type_=columns.seconds.type),
            "row_count": bindparam("new_rows", type_=columns.row_count.type),
            "statement": bindparam("new_statement", type_=columns.statement.type),
        },
    )


@cache
def _forget(count: int) -> Delete:
    return delete(schema.clause).where(_which(count), schema.clause.c.done_at.is_(None), _held())


@cache
def _ended(count: int) -> Update:
    unfinished = schema.clause.c.done_at.is_(None)
    return update(schema.clause).where(_which(count), unfinished, _held()).values(how="ended")
