"""How far the replicas are behind, asked of each on a connection that lasts as long as a run."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects import Database, Lag, Written, open_database
from shardctl.errors import (
    ConfigError,
    DatabaseUnavailable,
    Refused,
    StepFailed,
    UnsupportedServer,
)
from shardctl.migrate.site import Site
from shardctl.report import Note


@dataclass(slots=True)
class Replica:
    """One replica, and the connection on which it is asked.

    Attributes:
        name: its host and port.
        connections: closes all of them at the end.
    """

    name: str
    database: Database
    connection: Connection
    connections: ExitStack

    @classmethod
    def reached(cls, url: str | URL, primary: Database, stack: ExitStack) -> Replica:
        """One that lets us in.

        Raises:
            ConfigError: the URL cannot be used.
            Refused: it does not answer, or refuses us.
        """
        try:
            database = open_database(url, like=primary)
            connection = stack.enter_context(database.connect())
        except ConfigError as error:
            raise ConfigError(f"replica: {error}") from error
        except (DatabaseUnavailable, UnsupportedServer) as error:
            raise Refused(f"a replica's lag cannot be read: {error}") from error
        at = database.engine.url
        return cls(f"{at.host}:{at.port or 3306}", database, connection, stack)

    def lag(self, written: Written | None) -> Lag:
        """How far it is behind.

        Args:
            written: how far the primary's log goes.

        Raises:
            Refused: it cannot be told.
        """
        try:
            return self._asked(written)
        except DBAPIError as error:
            raise Refused(self._unread(self.database.dialect.words(error))) from error
        except DatabaseUnavailable as error:
            raise Refused(self._unread(str(error))) from error

    def _asked(self, written: Written | None) -> Lag:
        dialect = self.database.dialect
        try:
            lag = dialect.replica_lag(self.connection, written)
        except DBAPIError as error:
            if not dialect.is_connection_lost(error):
                raise
            # It may have been closed for being idle while a month was rebuilt.
            self.connection = self.connections.enter_context(self.database.connect())
            lag = dialect.replica_lag(self.connection, written)
        if lag is None:
            raise Refused(self._unread("it is no replica"))
        return lag

    def _unread(self, words: str) -> str:
        return f"the lag of {self.name} cannot be read: {words}"


_FETCHING: Final = 1.0
"""Seconds within which a replica has got what was written before it was asked."""


class Replicas:
    """Those of one run; may be asked by several threads at once."""

    def __init__(
        self,
        members: Sequence[Replica] = (),
        limit: int = 0,
        written: Callable[[], Written | None] = lambda: None,
    ) -> None:
        """They are connected already.

        Args:
            limit: how many seconds each may be behind.
            written: tells how far the primary's log goes.
        """
        self._members = members
        self._limit = limit
        self._written = written
        self._asking = threading.Lock()

    def behind(self) -> str:
        """Which of them is farthest behind, where that is too far; "" where none is.

        Raises:
            StepFailed: one does not tell.
        """
        try:
            return self._behind()
        except Refused as error:
            raise StepFailed(
                f"{error}\nWhat was done before is recorded: mend that and run again to go on"
            ) from error

    def check(self) -> None:
        """To be called before anything is done.

        Raises:
            Refused: one does not tell how far it is behind.
        """
        self._behind()

    def _behind(self) -> str:
        if not self._members:
            return ""
        with self._asking:
            written = self._written()
            lags = [(self._settled(replica, written), replica.name) for replica in self._members]
        seconds, name = max((lag.seconds, name) for lag, name in lags)
        if seconds == math.inf:
            return f"replication does not run on {name}"
        if seconds > self._limit:
            return f"{name} is {seconds:.0f} s behind, more than {self._limit} s"
        late = next((name for lag, name in lags if not lag.fetched), None)
        return f"{late} has not got what was written {_FETCHING:.0f} s ago" if late else ""

    def _settled(self, replica: Replica, written: Written | None) -> Lag:
        """How far one is behind: told 0 right after a statement, it may not have met that yet."""
        until = time.monotonic() + _FETCHING
        lag = replica.lag(written)
        while not lag.fetched and lag.seconds <= self._limit and time.monotonic() < until:
            time.sleep(0.01)
            lag = replica.lag(written)
        return lag


@contextmanager
def watched(site: Site, max_lag: int | None, given: Sequence[str]) -> Iterator[Replicas]:
    """The replicas that count in a run; their connections are closed at its end.

    Args:
        max_lag: how many seconds one may be behind; None: none is asked.
        given: the URLs of those that count; empty: those that the server names.

    Raises:
        ConfigError: a URL cannot be used.
        Refused: there is none, or one does not tell how far it is behind.
    """
    if max_lag is None:
        yield Replicas()
        return
    urls: Sequence[str | URL] = given or _named(site)
    with ExitStack() as stack:
        database = site.database
        try:
            replicas = Replicas(
                [Replica.reached(url, database, stack) for url in urls],
                max_lag,
                partial(_written, site),
            )
            replicas.check()
        except Refused as error:
            raise Refused(
                f"{error}\nNothing was changed: mend that, or leave --max-lag out"
            ) from error
        yield replicas


def _written(site: Site) -> Written | None:
    dialect = site.database.dialect
    try:
        with site.reading() as connection:
            return dialect.written(connection)
    except DBAPIError as error:
        if dialect.is_connection_lost(error):
            raise
        raise Refused(
            f"how far the replicas are cannot be told without the place where the server's log "
            f"ends: {dialect.words(error)}"
        ) from error


_GIVE = "say which there are: --replica mysql+pymysql://host:port (alembic -x replica=…)"


def _named(site: Site) -> list[URL]:
    """The URLs of the replicas that the server names."""
    database = site.database
    try:
        hosts = database.dialect.replica_hosts(site.connection)
    except DBAPIError as error:
        if not database.dialect.is_access_denied(error):
            raise
        words = database.dialect.words(error)
        raise Refused(f"max lag: the server does not name its replicas: {words}; {_GIVE}") from None
    if not hosts:
        raise Refused(f"max lag: the server names no replicas; {_GIVE}")
    if not all(host for host, _ in hosts):
        raise Refused(
            "max lag: the server has replicas that do not tell it where they are "
            f"(their report_host is not set); {_GIVE}"
        )
    # A socket would lead to the primary, whatever host is named.
    primary = database.engine.url.difference_update_query(["unix_socket"])
    site.report(Note("watching the lag of " + ", ".join(f"{host}:{port}" for host, port in hosts)))
    return [primary.set(host=host, port=port) for host, port in hosts]
