"""What a revision can say that Alembic has no words for; beside `from alembic import op`.

from alembic import op
import shardctl.op

def upgrade():
    shardctl.op.add_column("t_order", sa.Column("room_id", sa.BigInteger), after="coin")
"""

from __future__ import annotations

from typing import Any

import alembic.op
from alembic.operations.ops import AddColumnOp
from sqlalchemy import Column, Executable

from shardctl.migrate.compile import EACH_MONTH


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
