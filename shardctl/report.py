"""What a running command tells while it runs: events, given to whoever shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

State: TypeAlias = Literal["pending", "running", "waiting", "run", "found", "failed"]
"""Of a step: yet to come; sent and not answered; kept back by others' locks, to be tried again;
done now; found to be so already; refused."""


@dataclass(frozen=True, slots=True)
class Started:
    """A piece of work begins.

    Attributes:
        what: it in words, such as `upgrade 3f2a add room_id`.
        total: how many tables it goes through; 0 where that is not known.
    """

    what: str
    total: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one statement on one table: of one clause, or of several sent together.

    Attributes:
        table: the physical table.
        sql: the clause as the template gets it, the same for every month; without bound values.
        state: how far it is.
        revision: the revision that it belongs to, its title behind; "" where it belongs to none.
        seconds: how long it took, once it is done.
        detail: why, in words: the server's where it failed, who is in the way where it waits; ""
            where there is nothing to say.
        algorithm: how the server is told to carry it out (`INSTANT`); "" where it is not told.
        further: the other clauses that are sent in the same statement.
        clauses: the numbers in the revision of the clause and of those others, from 1.
    """

    table: str
    sql: str
    state: State
    revision: str = ""
    seconds: float = 0.0
    detail: str = ""
    algorithm: str = ""
    further: tuple[str, ...] = ()
    clauses: tuple[int, ...] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something that takes long has come on one table.

    Attributes:
        table: the physical table.
        percent: from 0 to 100; None where that cannot be told.
        text: the same in words, such as `15,000 rows of about 40,000`.
    """

    table: str
    percent: float | None
    text: str


@dataclass(frozen=True, slots=True)
class TableDone:
    """One table is through with the work that was started."""

    table: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the user should know, in one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The work that was started is done.

    Attributes:
        what: as in `Started`.
        seconds: how long it took.
    """

    what: str
    seconds: float = 0.0


Event: TypeAlias = Started | Step | Progress | TableDone | Note | Finished

Report: TypeAlias = Callable[[Event], None]
"""Takes the events as they happen. It must not raise, and must not keep the work waiting."""


def silent(event: Event) -> None:
    """Tell nobody: the default of library functions."""


def in_turn(report: Report) -> Report:
    """The same, for events of several threads: it is given one after another."""
    turn = threading.Lock()

    def tell(event: Event) -> None:
        with turn:
            report(event)

    return tell
