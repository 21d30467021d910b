"""Whether every month has had a revision, for applications that have not its file."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from shardctl.catalog import rosters
from shardctl.dialects.bind import connected
from shardctl.family import Family
from shardctl.ledger import creation, schema


def ready(bind: Engine | Connection, family: Family, revision: str) -> bool:
    """Whether every month of a family has had a revision, as the ledger has it.

    For what `catalog.ready` cannot tell by a column's name: a new index, rows that were changed.
    It is not so while the revision is being carried out or taken back, where a month was left out
    of it, or where the ledger does not know it, as of one that was stamped.

    Args:
        bind: to the database with the family's tables; nothing is written.
        revision: its whole id.

    Raises:
        Refused: the ledger is of a newer version than this shardctl knows.
    """
    run, clause = schema.run.c, schema.clause.c
    with connected(bind) as connection:
        if creation.version(connection) is None:
            return False
        # That it is taken back forgets this.
        finished = select(run.finished_at).where(run.revision == revision, run.direction == "up")
        if connection.scalar(finished) is None:
            return False
        skipped = select(clause.table_name).where(
            clause.revision == revision, clause.direction == "up", clause.how == "skipped"
        )
        left_out = set(connection.scalars(skipped))
    return not rosters({family.name: family}, left_out)[family.name].months
