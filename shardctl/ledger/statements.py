"""The statements that write rows of clauses, each for so many clauses, built once.

There may be one for each month, and building it takes longer than MySQL takes to carry it out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Update,
    bindparam,
    case,
    column,
    delete,
    exists,
    insert,
    literal,
    null,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql, sqlite

from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now
from shardctl.ledger.values import Direction

_Values: TypeAlias = Mapping[str, ColumnElement[Any]]

_ABOUT_TO_BE_SENT: Final = (
    "SELECT :t{0} AS table_name, :n{0} AS n, NULL AS how, NULL AS seconds, NULL AS statement"
)
_TOOK_EFFECT: Final = (
    "SELECT :dt{0} AS table_name, :d{0} AS n, :new_how AS how, :s{0} AS seconds, :q{0} AS statement"
)


def key(revision: str, direction: Direction, table: str) -> dict[str, Any]:
    """The clauses of a run on a table."""
    return {"of_revision": revision, "of_direction": direction, "of_table": table}


def numbered(numbers: Collection[int]) -> dict[str, Any]:
    """Those of some numbers."""
    return {f"n{at}": number for at, number in enumerate(numbers)}


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


@cache
def known(count: int) -> Any:
    """Which of them have a row."""
    return select(schema.clause.c.n).where(_which(count))


@cache
def begin(flavour: str, begun: int, done: int) -> Insert:
    """Rows of clauses that are about to be sent; and of others that have taken effect.

    Both in one statement and one commit, as a session turns from some tables to the next.

    Args:
        flavour: the dialect's name.
        begun: how many rows, each of a table `t0` and a clause `n0`, and so on.
        done: how many others, of `dt0` and `d0`, have taken effect: those have rows already.
    """
    rows = [_ABOUT_TO_BE_SENT.format(at) for at in range(begun)]
    rows += [_TOOK_EFFECT.format(at) for at in range(done)]
    # As text: to compile a SELECT for each row takes twice as long.
    names = ("table_name", "n", "how", "seconds", "statement")
    given = text(" UNION ALL ".join(rows)).columns(*map(column, names)).subquery("given")
    done_at = case((given.c.how.is_not(None), utc_now()))
    values = {**_of_session(), **{name: given.c[name] for name in names}, "done_at": done_at}
    each = select(*values.values()).select_from(given.join(schema.lock, true()))
    fenced = each.where(_ours())  # SQLite takes ON CONFLICT behind a WHERE alone
    if flavour == "sqlite":
        one = sqlite.insert(schema.clause).from_select(list(values), fenced)
        return one.on_conflict_do_update(schema.clause.primary_key, set_=_anew(one.excluded))
    other = mysql.insert(schema.clause).from_select(list(values), fenced)
    return other.on_duplicate_key_update(_anew(other.inserted))


def _of_session() -> _Values:
    """What all rows of a session's have in common."""
    columns = schema.clause.c
    bound = {
        "revision": "of_revision",
        "direction": "of_direction",
        "token": "new_token",
        "connection_id": "new_connection_id",
    }
    same = {name: bindparam(by, type_=columns[name].type) for name, by in bound.items()}
    return {**same, "begun_at": utc_now()}


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
    return (
        update(schema.clause)
        .where(_which(count), _held())
        .values(
            how=bindparam("new_how"),
            done_at=utc_now(),
            seconds=bindparam("new_seconds"),
            row_count=bindparam("new_rows"),
            statement=bindparam("new_statement"),
            words=null(),
        )
    )


@cache
def done_at_once(count: int) -> Insert:
    """The same of clauses that had no row."""
    columns = schema.clause.c
    values = {
        **_of_session(),
        "table_name": bindparam("of_table", type_=columns.table_name.type),
        "how": bindparam("new_how", type_=columns.how.type),
        "done_at": utc_now(),
        "seconds": bindparam("new_seconds", type_=columns.seconds.type),
        "row_count": bindparam("new_rows", type_=columns.row_count.type),
        "statement": bindparam("new_statement", type_=columns.statement.type),
    }
    numbers = (bindparam(f"n{at}", type_=columns.n.type) for at in range(count))
    fenced = (
        select(*values.values(), number).select_from(schema.lock).where(_ours())
        for number in numbers
    )
    return insert(schema.clause).from_select([*values, "n"], union_all(*fenced))


@cache
def forget(count: int) -> Delete:
    """They were not sent after all."""
    return delete(schema.clause).where(_which(count), schema.clause.c.done_at.is_(None), _held())


@cache
def ended(count: int) -> Update:
    """They were ended from outside, without effect."""
    unfinished = schema.clause.c.done_at.is_(None)
    return update(schema.clause).where(_which(count), unfinished, _held()).values(how="ended")
