"""What the ledger holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from shardctl.clause import Clause
from shardctl.month import Month
from shardctl.structure import Structure

Direction: TypeAlias = Literal["up", "down"]
ACCEPTED: Final = "accepted: "
"""So begins each line of a clause's words that tells in what its table may differ."""

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
        words: why it failed, is left out, or was carried out in another way than elsewhere; None
            where there is nothing to say.
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
