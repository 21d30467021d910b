"""What a running command tells while it runs: events, given to whoever shows them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
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
    """

    table: str
    sql: str
    state: State
    revision: str = ""
    seconds: float = 0.0
    detail: str = ""
    algorithm: str = ""
    further: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a tool is with one table that takes long.

    Attributes:
        percent: of its rows; None where that is not told.
        text: the tool's words, such as how long it will take.
    """

    table: str
    percent: int | None
    text: str

    def __str__(self) -> str:
        """`45 %, 00:30 remain`."""
        return self.text if self.percent is None else f"{self.percent} %, {self.text}"


Event: TypeAlias = Started | Step | TableDone | Note | Progress | Finished

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
