"""What dialects give and take: statements, texts of tables, sizes, those who hold a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL ready for the driver: exact text, with values where it has placeholders."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """The text by which a server makes a table: its CREATE TABLE, and what comes after it."""

    table: str
    create: str
    further: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Size:
    """How much a table holds; the server's estimate, None where it has none."""

    rows: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Blocker:
    """A session that holds a table which a statement has waited for.

    Attributes:
        session: its id on the server, as KILL takes it.
        seconds: how long its transaction, or its statement, has been under way.
        statement: the one it runs, or ran last; None where that is not told.
        certain: whether the server says that it holds the table; else it only may.
    """

    session: int
    user: str | None
    host: str | None
    seconds: int
    statement: str | None
    certain: bool

    def __str__(self) -> str:
        """`session 17 (app@10.0.0.5, 312 s): SELECT …`."""
        said = " ".join((self.statement or "").split())
        said = f": {said[:80]}{'…' if len(said) > 80 else ''}" if said else ""
        return f"session {self.session} ({self.user}@{self.host}, {self.seconds} s){said}"


@dataclass(frozen=True, slots=True)
class Written:
    """How far the log goes that a server's replicas follow.

    Attributes:
        server: its id.
        file: the number of the log's file.
        at: the place in that.
    """

    server: int
    file: int
    at: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a replica is behind.

    Attributes:
        seconds: `math.inf` where replication does not run.
        fetched: whether it has got all that was written, as far as it follows that server itself;
            only what it has got counts in the seconds.
    """

    seconds: float
    fetched: bool
