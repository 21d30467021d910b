"""The kinds of servers that shardctl knows, and the way to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import URL, Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from shardctl.dialects.base import PLACES, Dialect, execute, send, text_of
from shardctl.dialects.mysql import MySQL, errors, session
from shardctl.dialects.sqlite import SQLite
from shardctl.dialects.values import Blocker, Definition, Lag, Size, Statement, Written
from shardctl.errors import ConfigError, DatabaseUnavailable, UnsupportedServer

__all__ = [
    "PLACES",
    "Blocker",
    "Database",
    "Definition",
    "Dialect",
    "Lag",
    "Size",
    "Statement",
    "Written",
    "execute",
    "open_database",
    "send",
    "text_of",
]

LOCK_WAIT = 5
"""Seconds that a statement waits for a lock by default; for a table servers would wait a day."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database on one server, and the dialect it speaks.

    `repr` and `str` show no password.
    """

    engine: Engine
    dialect: Dialect

    @contextmanager
    def connect(self, *, zone: str = "+00:00", lock_wait: int = LOCK_WAIT) -> Iterator[Connection]:
        """A new connection of its own, in autocommit mode and prepared; closed afterwards.

        Args:
            zone: the session's time zone, an IANA name or an offset.
            lock_wait: seconds that a statement waits for another's lock on its table, or on rows
                of it.

        Raises:
            DatabaseUnavailable: the server does not answer or refuses us.
        """
        with _reached(self.engine) as connection:
            self.dialect.prepare(connection, zone=zone, lock_wait=lock_wait)
            yield connection


def open_database(url: str | URL, *, like: Database | None = None) -> Database:
    """The database at a SQLAlchemy URL; asks the server once for its kind and version.

    Args:
        url: such as `mysql+pymysql://user:password@host/orders` or `sqlite:///orders.db`.
        like: another, whose user and password are taken where the URL names no user.

    Raises:
        ConfigError: the URL cannot be read or names a driver that is not installed.
        DatabaseUnavailable: the server does not answer or refuses us.
        UnsupportedServer: it is another kind of server.
    """
    parsed = _parsed(url)
    if like is not None and parsed.username is None:
        parsed = parsed.set(username=like.engine.url.username, password=like.engine.url.password)
    try:
        match parsed.get_backend_name():
            case "mysql" | "mariadb":
                if like is None and not parsed.database:
                    raise ConfigError(
                        "database url: it names no database; it is to look like "
                        "mysql+pymysql://user:password@host:3306/database"
                    )
                engine = session.engine(parsed)
                with _reached(engine) as connection:
                    return Database(engine, MySQL.of(connection))
            case "sqlite":
                engine = create_engine(parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT")
                return Database(engine, SQLite())
    except ImportError as error:
        raise ConfigError(
            f"database url: the driver of {parsed.drivername} is not installed ({error}); "
            f"shardctl brings mysql+pymysql and sqlite"
        ) from error
    except (ValueError, OSError) as error:
        if not parsed.query:
            raise
        raise ConfigError(  # its words may quote the value
            f"database url: the driver does not take what it says of one of "
            f"{', '.join(sorted(parsed.query))}: {type(error).__name__}"
        ) from None
    raise UnsupportedServer(
        f"shardctl works on MySQL, MariaDB and SQLite; {parsed.get_backend_name()} is none of them"
    )


def _parsed(url: str | URL) -> URL:
    """A URL as SQLAlchemy reads it; its error may quote a part of the password and is not shown."""
    try:
        parsed = make_url(url)
        is_async = parsed.get_dialect().is_async
        if parsed.get_backend_name() != "sqlite" and _misread(parsed, str(url)):
            raise ValueError
    except (ArgumentError, ValueError):
        raise ConfigError(
            "database url: it cannot be read; it is to look like "
            "mysql+pymysql://user:password@host:3306/database or sqlite:///file.db, "
            "with %40 for an @ in the password, %2F for a /, %3A for a :"
        ) from None
    if is_async:
        raise ConfigError(
            f"database url: {parsed.drivername} is for asyncio; write mysql+pymysql or sqlite"
        )
    return parsed


def _misread(parsed: URL, text: str) -> bool:
    """Whether an @ or a / that was meant for user or password has ended it before its time.

    What follows would then be shown as the host or the database.
    """
    return text.count("@") > 1 or "@" in f"{parsed.host}{parsed.database}"


@contextmanager
def _reached(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as error:
        where = engine.url.set(query={}).render_as_string(hide_password=True)
        words = ": ".join(filter(None, (Dialect.words(error), errors.advice(error))))
        raise DatabaseUnavailable(f"cannot connect to {where}: {words}") from error
    except TypeError as error:  # what stands behind the ? is handed to the driver as it is
        raise ConfigError(
            f"database url: the driver does not take what it says: {error}"
        ) from error
    try:
        yield connection
    finally:
        with suppress(DBAPIError):  # a session that is lost is closed; what was met before counts
            connection.close()
