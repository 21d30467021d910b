"""What a revision can say that Alembic has no words for; beside `from alembic import op`.

from alembic import op
import shardctl.op

def upgrade():
    shardctl.op.add_column("t_order", sa.Column("room_id", sa.BigInteger), after="coin")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import alembic.op
from alembic.operations.ops import AddColumnOp
from sqlalchemy import Column, ColumnElement, Executable

from shardctl.migrate.compile import EACH_MONTH, BackfillOp


def add_column(
    table: str, column: Column[Any], *, after: str | None = None, first: bool = False
) -> None:
    """Add a column in a certain place. SQLite knows no places: there it is the last.

    Args:
        table: the family's or a plain table's name.
        column: as for `alembic.op.add_column`.
        after: the column that it is to stand behind.
        first: whether it is to be the first.

    Raises:
        ValueError: both `after` and `first` are said.
    """
    if first and after is not None:
        raise ValueError(f"column {column.name}: either after={after!r} or first=True")
    place: dict[str, Any] = {} if after is None and not first else {"insert_after": after or ""}
    alembic.op.invoke(AddColumnOp(table, column, **place))


def execute(sql: Executable | str, *, each_month: bool = False) -> None:
    """Execute SQL as `alembic.op.execute` does.

    Args:
        sql: text, or an SQLAlchemy expression.
        each_month: says that a statement is meant to run once for each month although it
            changes a plain table: `INSERT INTO summary SELECT … FROM t_order`. Without it such
            a statement is refused.
    """
    alembic.op.execute(sql, execution_options={EACH_MONTH: each_month})


def backfill(
    table: str,
    *,
    set_: Mapping[str, Any],
    where: ColumnElement[bool] | str | None = None,
    chunk: int = 5000,
) -> None:
    """Change the rows of a big table in chunks, so that none is locked for long.

    On every month, or on the plain table, it goes from row to row by the primary key, or by a
    unique key of columns that are never NULL. A chunk is a transaction, which the ledger's
    record of it is part of: what breaks off goes on behind the last chunk, and every row that
    is there when its turn comes is changed exactly once. Before each chunk the run holds back as
    before every statement (`--max-threads-running`, `--window`, Ctrl-C).

    What the application inserts meanwhile may lie behind rows that had their turn: it must
    write what the backfill would. So first add the column, let the application write it,
    and backfill in a later revision.

    Args:
        table: the family's or a plain table's name.
        set_: by column, its new value: SQL as text (`"coin * 100"`), any other value of
            Python's, or an SQLAlchemy expression; `sqlalchemy.literal("text")` for a string. As in
            an UPDATE; none of the columns is one of the key's.
        where: which rows are to be changed, as SQL or an SQLAlchemy expression; None: all.
        chunk: how many rows of the table, changed or not, a chunk goes through.

    Raises:
        TypeError: `set_` is no mapping.
        ValueError: nothing is to be set, or `chunk` is no positive number.
    """
    if not isinstance(set_, Mapping):
        raise TypeError(
            f'backfill of {table}: set_ is a mapping, such as {{"price": "coin * 100"}}'
        )
    if not set_:
        raise ValueError(f"backfill of {table}: set_ is empty, so there is nothing to change")
    if type(chunk) is not int or chunk < 1:
        raise ValueError(f"backfill of {table}: chunk={chunk!r} is no positive number of rows")
    alembic.op.invoke(BackfillOp(table, dict(set_), where, chunk))
