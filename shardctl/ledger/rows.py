"""What the ledger tells, as values. Nothing here writes; without a ledger there is nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, Select, Table, select

from shardctl.clause import Clause
from shardctl.ledger import schema
from shardctl.ledger.encode import clauses_from_text, position_from_text, states_from_text
from shardctl.month import Month
from shardctl.structure import Structure

Direction: TypeAlias = Literal["up", "down"]
How: TypeAlias = Literal["ran", "found", "ended", "failed", "skipped"]
Origin: TypeAlias = Literal["premade", "adopted", "found"]


@dataclass(frozen=True, slots=True)
class Run:
    """A revision on its way through the tables, in one direction. All instants are in UTC.

    Attributes:
        source: the text of the revision's file when the run began.
        digest: the SHA-256 of `source`, in hexadecimal.
        clauses: what the revision does, as it was compiled when the run began.
        states: by table, the structures that it passes through; None where it does not exist.
        token: the mark of the run's statements.
        finished_at: None while the run is not finished.
    """

    revision: str
    direction: Direction
    source: str
    digest: str
    clauses: tuple[Clause, ...]
    states: Mapping[str, tuple[Structure | None, ...]]
    token: str
    begun_at: datetime
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """Whether every table has come to the run's end."""
        return self.finished_at is not None


@dataclass(frozen=True, slots=True)
class ClauseRow:
    """One clause on one table. All instants are in UTC.

    Attributes:
        n: the clause's place in `Run.clauses`, from 0.
        how: "ran", or "found" where the table was already so; "ended" where Ctrl-C ended the
            statement, which had no effect; "failed" where the server refused it; "skipped" where
            the table is left out for good; None while it is not known to be done.
        connection_id: of the session that runs it, where the server has such.
        seconds: how long the statement took.
        rows: how many rows a data clause changed.
        statement: the SQL as it was sent, without bound values; None where none was sent, or by
            a shardctl that did not keep it.
        words: why it failed or is left out; None elsewhere.
    """

    revision: str
    direction: Direction
    n: int
    table: str
    how: How | None
    token: str
    connection_id: int | None
    begun_at: datetime
    done_at: datetime | None
    seconds: float | None
    rows: int | None
    statement: str | None = None
    words: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do: the clause took effect, or is left out for good.

        Else it may have taken effect, or not.
        """
        return self.done_at is not None

    @property
    def untouched(self) -> bool:
        """Whether the run has certainly changed nothing by it.

        What failed was undone with its transaction, or never sent, where no session had begun it.
        """
        undone = self.how == "failed" and self.connection_id is None
        return self.how in ("found", "skipped") or undone


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """How far a backfill has come on one table.

    Attributes:
        n: the clause's place in `Run.clauses`, from 0.
        position: the key, column → value, up to which rows have been changed.
        chunks: in how many transactions.
        rows: how many rows were changed.
        seconds: how long that took.
        updated_at: in UTC.
    """

    n: int
    table: str
    position: Mapping[str, Any]
    chunks: int
    rows: int
    seconds: float
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """How a family's IDs were routed when it was recorded; see `Family.routing`."""

    family: str
    fingerprint: str
    routing: str


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month table that the ledger has met.

    Attributes:
        revision: the revision that it stands at; None before the first.
        registered_at: in UTC.
    """

    table: str
    family: str
    month: Month
    revision: str | None
    origin: Origin
    registered_at: datetime


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


def clause_rows(
    connection: Connection, *which: ColumnElement[bool], of: Table = schema.clause
) -> Iterator[ClauseRow]:
    """Rows of the table of clauses, or of one that has its columns, the earliest first."""
    version = schema.version(connection)
    if version is None:
        return
    later = ("statement", "words") if version < schema.LOG_SINCE else ()
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
    if (schema.version(connection) or 0) < schema.BACKFILLS_SINCE:
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
    if (schema.version(connection) or 0) < schema.FAMILIES_SINCE:
        return {}
    columns = schema.family.c
    rows = connection.execute(select(columns.family, columns.fingerprint, columns.routing))
    return {row.family: FamilyRow(*row) for row in rows}


def begun_tokens(connection: Connection) -> frozenset[str]:
    """The tokens of the clauses that began and are not known to be done."""
    tokens = select(schema.clause.c.token).where(schema.clause.c.done_at.is_(None))
    return frozenset(row.token for row in _read(connection, tokens.distinct()))


def _read(connection: Connection, rows: Select[Any]) -> tuple[Row[Any], ...]:
    if schema.version(connection) is None:
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
