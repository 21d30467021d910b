"""What shardctl asks of a database server; one class a kind of server answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from sqlalchemy import Connection

from shardctl.dialects.base.altering import Altering
from shardctl.dialects.base.meanings import Meanings
from shardctl.dialects.base.reading import Reading
from shardctl.dialects.base.sending import execute, send, text_of
from shardctl.dialects.base.sessions import Sessions

__all__ = ["PLACES", "Dialect", "execute", "send", "text_of"]

PLACES: Final = 64
"""So many sessions at most share a token: `token` itself, then `token.1` and so on."""


class Dialect(Reading, Altering, Sessions, Meanings):
    """One kind of server: how it is read, which text it takes, what its errors mean.

    Connections passed in are in autocommit mode (see `Database.connect`); `transaction` makes
    a transaction on one.
    """

    transactional_ddl: ClassVar[bool]
    """Whether a DDL statement and a ledger row can be committed together."""
    index_names_per_database: ClassVar[bool] = False
    """Whether an index's name may stand once in a database, and not once in a table."""
    scratch_url: ClassVar[str | None] = None
    """A database of its own in which scratch copies are made; None: beside the user's tables."""

    @property
    @abstractmethod
    def name(self) -> str:
        """`mysql`, `mariadb` or `sqlite`, as SQLAlchemy calls it."""

    @abstractmethod
    def prepare(self, connection: Connection, *, zone: str, lock_wait: int) -> None:
        """Put a session into the state that reading and changing tables rely on.

        Args:
            zone: the time zone in which TIMESTAMP values and defaults are read: an IANA name
                or an offset such as `+00:00`.
            lock_wait: how long a statement waits for another's lock on its table, or on rows of
                it, in seconds.
        """

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction on an autocommit connection; rolled back when the block raises."""
        connection.exec_driver_sql(self._begin)
        try:
            yield
        except BaseException:
            if not connection.invalidated:  # a session that broke off has nothing to roll back
                connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")

    _begin: ClassVar[str] = "BEGIN"
