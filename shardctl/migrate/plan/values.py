"""A plan: what a command is going to do to every table, as values that can be kept and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shardctl.clause import Algorithm
from shardctl.ledger import Direction
from shardctl.migrate.online.engine import EngineName
from shardctl.migrate.waves import WaveName
from shardctl.month import Month
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """A table that a plan reaches, as it is before anything is done. Rows and bytes are estimates.

    Attributes:
        family: "" for a plain table.
        month: None for a template or a plain table.
        structure: how it looks; None where it is not there yet.
        wave: the one in which it gets its share; None for a plain table.
        versions: how many of the row versions that the server allows an INSTANT change has used
            up; None where there are none, or where they cannot be seen.
    """

    name: str
    family: str = ""
    month: Month | None = None
    structure: Structure | None = None
    rows: int | None = None
    bytes: int | None = None
    versions: int | None = None
    wave: WaveName | None = None


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One statement that one table is to get.

    Attributes:
        numbers: the clauses in it, from 0.
        algorithm: how the server is to carry it out; None: as it chooses.
        data: whether it changes rows.
        refused: why the table will refuse it, in the server's words; "" where it will not.
        blocks: whether others wait to write as long as it takes; None where that is not known.
        online: the tool that is to carry it out in the server's place; None: the server does.
        seconds: how long it is thought to take.
        measured: whether by this server's own earlier steps; else by a rule, from bytes.
    """

    numbers: tuple[int, ...]
    algorithm: Algorithm | None
    data: bool
    refused: str
    blocks: bool | None
    seconds: float
    measured: bool
    online: EngineName | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """What one table gets of a revision.

    Attributes:
        found: the clauses that it has had already without the ledger knowing.
        statements: for each step, what is to be sent; none where the plan was made without.
    """

    table: str
    steps: tuple[PlannedStep, ...]
    found: tuple[int, ...] = ()
    statements: tuple[tuple[str, ...], ...] = ()

    @property
    def todo(self) -> frozenset[int]:
        """The clauses that it is to get."""
        return frozenset(number for step in self.steps for number in step.numbers)


@dataclass(frozen=True, slots=True)
class Text:
    """What the ledger keeps of a revision that is run: its file, its clauses and its states."""

    source: str
    clauses: str
    states: str


@dataclass(frozen=True, slots=True)
class PlannedRevision:
    """One revision.

    Attributes:
        source: the SHA-256 of its file.
        compiled: the SHA-256 of its clauses, as they were compiled for this database.
        clauses: each as SQL, as the template gets it; without bound values.
        shares: what each table gets, in the order in which they get it.
        disk: the bytes of the largest table that it writes anew, which the disk is to hold twice.
        text: None where the plan was made without statements.
    """

    id: str
    title: str
    direction: Direction
    source: str
    compiled: str
    clauses: tuple[str, ...]
    shares: tuple[Share, ...]
    disk: int = 0
    text: Text | None = None

    def __str__(self) -> str:
        way = "" if self.direction == "up" else "downgrade of "
        return f"{way}{self.id} {self.title}".rstrip()

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """All statements."""
        return tuple(step for share in self.shares for step in share.steps)

    @property
    def seconds(self) -> float:
        """How long all of it is thought to take, one statement after another."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a command is going to do.

    Attributes:
        target: the revision to go to.
        at: the revisions that the database is at.
        server: `mysql`, `mariadb` or `sqlite`.
        version_limit: how many row versions the server allows a table; None: it has none.
        tables: all tables that the revisions reach, by name.
        warnings: what is to be known beforehand.
        destructive: what of it wants --allow-destructive.
        pause_after: the wave after which the run is to stop; None: it goes through.
        made_at: in UTC.
    """

    direction: Direction
    target: str
    at: tuple[str, ...]
    server: str
    version_limit: int | None
    revisions: tuple[PlannedRevision, ...]
    tables: Mapping[str, PlannedTable]
    warnings: tuple[str, ...]
    made_at: datetime
    destructive: tuple[str, ...] = ()
    pause_after: WaveName | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.revisions)
