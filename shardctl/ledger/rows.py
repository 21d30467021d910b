"""What the ledger tells, as values. Nothing here writes; without a ledger there is nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, Table, select

from shardctl.ledger import creation, schema
from shardctl.ledger.encode import clauses_from_text, position_from_text, states_from_text
from shardctl.ledger.values import (
    ACCEPTED,
    BackfillRow,
    ClauseRow,
    Direction,
    FamilyRow,
    MonthRow,
    Run,
)
from shardctl.month import Month


def run(connection: Connection, revision: str, direction: Direction) -> Run | None:
    """The run of a revision in one direction, finished or not; None where there is none."""
    table = schema.run
    one = select(table).where(table.c.revision == revision, table.c.direction == direction)
    return next((_run(row) for row in _read(connection, one)), None)


def unfinished(connection: Connection) -> tuple[Run, ...]:
    """The runs that have begun and not finished, the earliest first."""
    begun = select(schema.run).where(schema.run.c.finished_at.is_(None))
    return tuple(_run(row) for row in _read(connection, begun.order_by(schema.run.c.begun_at)))


def newest(connection: Connection, count: int) -> tuple[Run, ...]:
    """So many finished runs, the newest first."""
    done = select(schema.run).where(schema.run.c.finished_at.is_not(None))
    latest = done.order_by(schema.run.c.finished_at.desc()).limit(count)
    return tuple(_run(row) for row in _read(connection, latest))


def finished(connection: Connection) -> tuple[Run, ...]:
    """The runs that have come to their end and were not undone, the earliest first."""
    ended = select(schema.run).where(schema.run.c.finished_at.is_not(None))
    return tuple(_run(row) for row in _read(connection, ended.order_by(schema.run.c.begun_at)))


def rows_of(
    connection: Connection, revision: str, direction: Direction, *, table: str | None = None
) -> dict[tuple[int, str], ClauseRow]:
    """What is recorded of a run's clauses, by the clause's number and the table.

    Args:
        table: only what is recorded of this table.
    """
    known = schema.clause
    which = [known.c.revision == revision, known.c.direction == direction]
    if table is not None:
        which.append(known.c.table_name == table)
    return {(row.n, row.table): row for row in clause_rows(connection, *which)}


def skipped(connection: Connection) -> dict[str, tuple[ClauseRow, ...]]:
    """What is left out for good, by table: of revisions under way, and of those that are done."""
    found: dict[str, tuple[ClauseRow, ...]] = {}
    for row in clause_rows(connection, schema.clause.c.how == "skipped"):
        found[row.table] = (*found.get(row.table, ()), row)
    return found


def accepted(connection: Connection) -> dict[str, frozenset[str]]:
    """In what tables may differ from their template, in words without line breaks, by table."""
    if (creation.version(connection) or 0) < creation.LOG_SINCE:
        return {}
    clause, found = schema.clause.c, dict[str, frozenset[str]]()
    told = select(clause.table_name, clause.words).where(
        clause.how == "ran", clause.words.is_not(None)
    )
    for table, words in connection.execute(told):
        lines = (line for line in words.splitlines() if line.startswith(ACCEPTED))
        found[table] = found.get(table, frozenset()).union(
            line.removeprefix(ACCEPTED) for line in lines
        )
    return found


def is_accepted(difference: object, among: Collection[str]) -> bool:
    """Whether a difference is one of those that `accepted` gives of its table."""
    return " ".join(str(difference).split()) in among


def clause_rows(
    connection: Connection, *which: ColumnElement[bool], of: Table = schema.clause
) -> Iterator[ClauseRow]:
    """Rows of the table of clauses, or of one that has its columns, the earliest first."""
    version = creation.version(connection)
    if version is None:
        return
    later = ("statement", "words") if version < creation.LOG_SINCE else ()
    columns = [column for column in of.columns if column.name not in later]
    for row in connection.execute(select(*columns).where(*which).order_by(of.c.begun_at, of.c.n)):
        yield _clause(row._mapping)


def backfills(
    connection: Connection, revision: str, direction: Direction, *, table: str | None = None
) -> dict[tuple[int, str], BackfillRow]:
    """How far a run's backfills have come, by the clause's number and the table.

    One that took a single chunk is not among them; one that is done has a row of its clause, too.

    Args:
        table: only what is recorded of this table.
    """
    if (creation.version(connection) or 0) < creation.BACKFILLS_SINCE:
        return {}
    known = schema.backfill
    rows = select(known).where(known.c.revision == revision, known.c.direction == direction)
    if table is not None:
        rows = rows.where(known.c.table_name == table)
    return {(row.n, row.table_name): _backfill(row) for row in connection.execute(rows)}


def months(connection: Connection) -> dict[str, MonthRow]:
    """The month tables of all families that the ledger has met, by their names."""
    rows = select(schema.month).order_by(schema.month.c.table_name)
    return {row.table_name: _month(row) for row in _read(connection, rows)}


def families(connection: Connection) -> dict[str, FamilyRow]:
    """How the IDs of families are routed, as it was recorded, by the families' names."""
    if (creation.version(connection) or 0) < creation.FAMILIES_SINCE:
        return {}
    columns = schema.family.c
    rows = connection.execute(select(columns.family, columns.fingerprint, columns.routing))
    return {row.family: FamilyRow(*row) for row in rows}


def begun_tokens(connection: Connection) -> frozenset[str]:
    """The tokens of the clauses that began and are not known to be done."""
    tokens = select(schema.clause.c.token).where(schema.clause.c.done_at.is_(None))
    return frozenset(row.token for row in _read(connection, tokens.distinct()))


def _read(connection: Connection, rows: Select[Any]) -> tuple[Row[Any], ...]:
    if creation.version(connection) is None:
        return ()
    return tuple(connection.execute(rows))


def _run(row: Row[Any]) -> Run:
    return Run(
        revision=row.revision,
        direction=row.direction,
        source=row.source,
        digest=row.digest,
        clauses=clauses_from_text(row.clauses),
        states=states_from_text(row.states),
        token=row.token,
        begun_at=row.begun_at,
        finished_at=row.finished_at,
    )


def _clause(row: RowMapping) -> ClauseRow:
    return ClauseRow(
        revision=row["revision"],
        direction=row["direction"],
        n=row["n"],
        table=row["table_name"],
        how=row["how"],
        token=row["token"],
        connection_id=row.get("connection_id"),
        begun_at=row["begun_at"],
        done_at=row["done_at"],
        seconds=row["seconds"],
        rows=row["row_count"],
        statement=row.get("statement"),
        words=row.get("words"),
    )


def _backfill(row: Row[Any]) -> BackfillRow:
    return BackfillRow(
        n=row.n,
        table=row.table_name,
        position=position_from_text(row.position),
        chunks=row.chunks,
        rows=row.row_count,
        seconds=row.seconds,
        updated_at=row.updated_at,
    )


def _month(row: Row[Any]) -> MonthRow:
    return MonthRow(
        table=row.table_name,
        family=row.family,
        month=Month.parse(row.month),
        revision=row.revision,
        origin=row.origin,
        registered_at=row.registered_at,
    )
