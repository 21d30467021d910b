"""Up to when a sweeper has seen all rows, kept in the ledger; it only says which months to visit.

A sweeper moves it from exactly what it read before it looked at rows. Who brings an old row back
to life lowers it in the same transaction, and always by something: so a sweeper that looked
before that was committed does not move it past that row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from shardctl.errors import LedgerMissing
from shardctl.ledger.absent import wanted
from shardctl.ledger.schema import sweep
from shardctl.store.insert import is_duplicate

_STEP = timedelta(microseconds=1)  # the least that the column tells apart


@dataclass(frozen=True, slots=True)
class Watermark:
    """The one of a family's sweep.

    Attributes:
        family: the family's name.
        name: the sweep's.
    """

    family: str
    name: str

    def read(self, connection: Connection) -> datetime | None:
        """Where it stands; None before the first sweep.

        Raises:
            LedgerMissing: the ledger has no such table.
        """
        with wanted(sweep):
            found: datetime | None = connection.scalar(select(sweep.c.until).where(*self._this))
        return found

    def begin(self, connection: Connection, at: datetime) -> datetime:
        """Set it for the first time; give where it stands, if another has set it meanwhile."""
        row = insert(sweep).values(family=self.family, name=self.name, until=at)
        try:
            connection.execute(row)
        except DBAPIError as error:
            if not is_duplicate(error):
                raise
            query = select(sweep.c.until).where(*self._this).with_for_update(read=True)
            at = connection.scalars(query).one()
        return at

    def move(self, connection: Connection, read: datetime, to: datetime) -> None:
        """Set it, where it still stands where it was read; else who moved it was right, too."""
        still = sweep.c.until == read
        connection.execute(update(sweep).where(*self._this, still).values(until=to))

    def set_back(self, connection: Connection, to: datetime) -> None:
        """Set it, wherever it stands."""
        connection.execute(update(sweep).where(*self._this).values(until=to))

    @property
    def _this(self) -> tuple[ColumnElement[bool], ...]:
        return sweep.c.family == self.family, sweep.c.name == self.name


def recall(connection: Connection, family: str, instant: datetime) -> None:
    """Let all sweeps of a family go back to where a row is that settled once and is open again.

    In the transaction that opens it. Where nothing is swept, nothing is done.

    Args:
        family: the family's name.
        instant: the row's add-time, aware.
    """
    marks = select(sweep.c.name, sweep.c.until).where(sweep.c.family == family)
    try:
        with wanted(sweep):
            rows = connection.execute(marks.with_for_update()).all()
    except LedgerMissing:
        return
    for name, until in rows:
        Watermark(family, name).set_back(connection, min(instant, until - _STEP))
