"""The kinds of servers that shardctl knows, and the way to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from shardctl.dialects.base import Definition, Dialect, Size, Statement, execute, text_of
from shardctl.dialects.mysql import MySQL
from shardctl.dialects.sqlite import SQLite
from shardctl.errors import ConfigError, DatabaseUnavailable, UnsupportedServer

__all__ = [
    "Database",
    "Definition",
    "Dialect",
    "Size",
    "Statement",
    "execute",
    "open_database",
    "text_of",
]

LOCK_WAIT = 5
"""Seconds that a statement waits for a table's lock, by default; the servers' own is a day or more."""


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
            lock_wait: seconds that a statement waits for another's lock on its table.

        Raises:
            DatabaseUnavailable: the server does not answer or refuses us.
        """
        with _reached(self.engine) as connection:
            self.dialect.prepare(connection, zone=zone, lock_wait=lock_wait)
            yield connection


def open_database(url: str) -> Database:
    """The database at a SQLAlchemy URL; asks the server once for its kind and version.

    Args:
        url: such as `mysql+pymysql://user:password@host/orders` or `sqlite:///orders.db`.

    Raises:
        ConfigError: the URL cannot be read or names a driver that is not installed.
        DatabaseUnavailable: the server does not answer or refuses us.
        UnsupportedServer: it is another kind of server.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"database url: {error}") from error
    match parsed.get_backend_name():
        case "mysql" | "mariadb":
            with _reached(engine) as connection:
                return Database(engine, MySQL.of(connection))
        case "sqlite":
            return Database(engine, SQLite())
        case other:
            raise UnsupportedServer(
                f"shardctl works on MySQL, MariaDB and SQLite; {other} is none of them"
            )


@contextmanager
def _reached(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except DBAPIError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise DatabaseUnavailable(f"cannot connect to {where}: {error.orig}") from error
    with connection:
        yield connection
