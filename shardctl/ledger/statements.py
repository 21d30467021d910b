"""The statements that write rows of clauses, each for so many clauses, built once.

There are two for each month, and building one takes longer than MySQL takes to carry it out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Delete,
    Insert,
    Update,
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
from sqlalchemy.dialects import mysql, sqlite

from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now
from shardctl.ledger.values import Direction

_Values: TypeAlias = Mapping[str, ColumnElement[Any]]


def key(revision: str, direction: Direction, table: str) -> dict[str, Any]:
    """The clauses of a run on a table."""
    return {"of_revision": revision, "of_direction": direction, "of_table": table}


def numbered(numbers: Collection[int]) -> dict[str, Any]:
    """Those of some numbers."""
    return {f"n{at}": number for at, number in enumerate(numbers)}


def took(each: Sequence[tuple[float | None, str | None]]) -> dict[str, Any]:
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


def _fenced(rows: Sequence[_Values]) -> CompoundSelect[Any]:
    """Rows that are there only while the lock is ours."""
    return union_all(
        *(select(*row.values()).select_from(schema.lock).where(_ours()) for row in rows)
    )


@cache
def known(count: int) -> Any:
    """Which of them have a row."""
    return select(schema.clause.c.n).where(_which(count))


@cache
def begin(flavour: str, begun: int, done: int) -> Insert:
    """Rows of clauses that are about to be sent; and of others that have taken effect.

    Both in one statement and one commit, as a session turns from one table to the next.

    Args:
        flavour: the dialect's name.
        done: how many of another table, `done_table`, have: those have rows already.
    """
    columns = schema.clause.c
    nothing = {"how": null(), "done_at": null(), "seconds": null(), "statement": null()}
    rows = [_row("of_table", f"n{at}", nothing) for at in range(begun)]
    for at in range(done):
        took = {
            "how": bindparam("new_how", type_=columns.how.type),
            "done_at": utc_now(),
            "seconds": bindparam(f"s{at}", type_=columns.seconds.type),
            "statement": bindparam(f"q{at}", type_=columns.statement.type),
        }
        rows.append(_row("done_table", f"d{at}", took))
    names = list(rows[0])
    if flavour == "sqlite":
        one = sqlite.insert(schema.clause).from_select(names, _fenced(rows))
        return one.on_conflict_do_update(schema.clause.primary_key, set_=_anew(one.excluded))
    other = mysql.insert(schema.clause).from_select(names, _fenced(rows))
    return other.on_duplicate_key_update(_anew(other.inserted))


def _row(table: str, n: str, values: _Values) -> _Values:
    """A row of a session's; `table` and `n` name what its key is bound to."""
    columns = schema.clause.c
    bound = {
        "revision": "of_revision",
        "direction": "of_direction",
        "table_name": table,
        "n": n,
        "token": "new_token",
        "connection_id": "new_connection_id",
    }
    key = {name: bindparam(by, type_=columns[name].type) for name, by in bound.items()}
    return {**key, "begun_at": utc_now(), **values}


def _anew(given: Any) -> _Values:
    """What becomes of a row that is there; one that is done keeps its beginning."""
    columns = schema.clause.c
    taken = ("how", "token", "connection_id", "done_at", "seconds", "statement")
    begun = case((given.done_at.is_(None), given.begun_at), else_=columns.begun_at)
    nothing = {"row_count": null(), "words": null()}
    return {"begun_at": begun, **{name: given[name] for name in taken}, **nothing}


@cache
def done(count: int) -> Update:
    """They have taken effect."""
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
def done_at_once(count: int) -> Insert:
    """The same of clauses that had no row."""
    columns = schema.clause.c
    values = {
        "how": bindparam("new_how", type_=columns.how.type),
        "done_at": utc_now(),
        "seconds": bindparam("new_seconds", type_=columns.seconds.type),
        "row_count": bindparam("new_rows", type_=columns.row_count.type),
        "statement": bindparam("new_statement", type_=columns.statement.type),
    }
    rows = [_row("of_table", f"n{at}", values) for at in range(count)]
    return insert(schema.clause).from_select(list(rows[0]), _fenced(rows))


@cache
def forget(count: int) -> Delete:
    """They were not sent after all."""
    return delete(schema.clause).where(_which(count), schema.clause.c.done_at.is_(None), _held())


@cache
def ended(count: int) -> Update:
    """They were ended from outside, without effect."""
    unfinished = schema.clause.c.done_at.is_(None)
    return update(schema.clause).where(_which(count), unfinished, _held()).values(how="ended")
