"""The dialect of MySQL and MariaDB: each part of it is a module beside this one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.clause import Action, Algorithm, AlterColumn, Names, Sql
from shardctl.dialects.base import Dialect
from shardctl.dialects.mysql import (
    algorithm,
    column,
    errors,
    extent,
    orphans,
    others,
    read,
    replication,
    session,
    specification,
    table_lock,
    text,
    usage,
)
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Blocker, Definition, Lag, Size, Statement, Written
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class MySQL(Dialect):
    """MySQL 8.0 and later, MariaDB 10.6 and later."""

    server: Server

    transactional_ddl: ClassVar[bool] = False
    placeholder: ClassVar[str] = "%s"
    unseen_blocker: ClassVar[str] = (
        "who held it has gone or cannot be seen (that takes SELECT on performance_schema, "
        "or PROCESS)"
    )
    uncounted: ClassVar[str] = (
        "it takes performance_schema and SELECT on it, or MariaDB's userstat=ON"
    )

    @classmethod
    def of(cls, connection: Connection) -> MySQL:
        """The dialect of the server at the other end of a connection."""
        return cls(Server.of(connection))

    @property
    def name(self) -> str:
        """`mysql` or `mariadb`."""
        return self.server.flavour

    def prepare(self, connection: Connection, *, zone: str, lock_wait: int) -> None:
        session.prepare(connection, zone=zone, lock_wait=lock_wait)

    def table_names(self, connection: Connection) -> tuple[str, ...]:
        return read.table_names(connection)

    def structures(self, connection: Connection, tables: Collection[str]) -> dict[str, Structure]:
        return read.structures(connection, self.server, tables)

    def definition(self, connection: Connection, table: str) -> Definition:
        return text.definition(connection, table)

    def sizes(self, connection: Connection, tables: Collection[str]) -> dict[str, Size]:
        return extent.sizes(connection, self.server, tables)

    def has(self, connection: Connection, query: str, seconds: float) -> bool | None:
        return usage.has(connection, self.server, query, seconds)

    def index_reads(
        self, connection: Connection, tables: Collection[str], index: str
    ) -> dict[str, int] | None:
        return usage.index_reads(connection, self.server, tables, index)

    @property
    def row_version_limit(self) -> int | None:
        return self.server.row_version_limit

    def row_versions(self, connection: Connection, tables: Collection[str]) -> dict[str, int]:
        if self.row_version_limit is None:
            return {}
        return extent.row_versions(connection, tables)

    def quote(self, name: str) -> str:
        return text.quote(name)

    def copy(
        self, definition: Definition, name: str, names: Names, *, source_tag: str = ""
    ) -> tuple[Statement, ...]:
        mariadb = self.server.is_mariadb
        return (text.copy(definition, name, names, source_tag=source_tag, is_mariadb=mariadb),)

    def literal(self, connection: Connection, value: object) -> str:
        with closing(connection.connection.cursor()) as cursor:
            pymysql_cursor: Any = cursor
            return str(pymysql_cursor.mogrify("%s", (value,)))

    def render(
        self, action: Action, table: str, names: Names, definition: Definition | None
    ) -> tuple[Statement, ...]:
        match action:
            case Sql(parts):
                return (self.fill(parts, names),)
            case AlterColumn() if definition is not None:
                said = column.specification(action, table, definition, self.server)
                return (self.alter(table, [said], None),)
            case _:
                raise TypeError(f"{self.name} has no rendering of {action!r}")

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        return algorithm.of(self.server)

    def blocks_writes(self, algorithm: Algorithm | None) -> bool:
        if algorithm is None or algorithm.name == "COPY":
            return not self.server.has_online_copy
        return algorithm.lock == "SHARED"

    def specification(
        self, action: Action, table: str, names: Names, definition: Definition | None
    ) -> str | None:
        match action:
            case Sql(parts) if (behind := specification.parts(parts)) is not None:
                text = self.fill(behind, names).sql
                return None if specification.demands(text) else text
            case AlterColumn() if definition is not None:
                return column.specification(action, table, definition, self.server)
        return None

    def ask(
        self,
        connection: Connection,
        table: str,
        alter: Callable[[str, Algorithm], Statement],
        allowed: Sequence[Algorithm],
    ) -> Algorithm:
        return algorithm.ask(connection, self.server, table, alter, allowed)

    def drop(self, connection: Connection, tables: Collection[str]) -> None:
        if not tables:
            return
        # Without the checks a table can be dropped before the one that refers to it.
        connection.exec_driver_sql("SET foreign_key_checks = 0")
        super(MySQL, self).drop(connection, tables)
        connection.exec_driver_sql("SET foreign_key_checks = 1")

    def connection_id(self, connection: Connection) -> int:
        return orphans.connection_id(connection)

    def claim(self, connection: Connection, token: str) -> None:
        orphans.claim(connection, token)

    def claimed(self, connection: Connection, token: str) -> tuple[str, int | None]:
        return orphans.claimed(connection, self.server, token)

    def end_orphan(self, connection: Connection, token: str) -> int | None:
        return orphans.end(connection, token)

    def interrupt(self, connection: Connection, token: str, *, waiting: int | None = None) -> bool:
        return orphans.interrupt(connection, token, waiting=waiting)

    def blockers(
        self, connection: Connection, table: str, *, rows: bool, waited: int, ours: int | None
    ) -> tuple[Blocker, ...]:
        return others.blockers(connection, table, rows=rows, waited=waited, ours=ours)

    def wait_for_tables(self, connection: Connection, seconds: int) -> None:
        table_lock.wait(connection, seconds)

    def probe_table_lock(self, connection: Connection, table: str, mark: str) -> None:
        table_lock.probe(connection, table, mark)

    def threads_running(self, connection: Connection) -> int | None:
        return others.threads_running(connection)

    def replica_hosts(self, connection: Connection) -> tuple[tuple[str, int], ...]:
        return replication.hosts(connection, self.server)

    def written(self, connection: Connection) -> Written | None:
        return replication.written(connection, self.server)

    def replica_lag(self, connection: Connection, written: Written | None) -> Lag | None:
        return replication.lag(connection, self.server, written)

    def is_lock_timeout(self, error: DBAPIError) -> bool:
        return errors.is_lock_timeout(error)

    def is_held_up(self, error: DBAPIError) -> bool:
        stale = errors.is_snapshot_stale(error)
        return errors.is_lock_timeout(error) or errors.is_deadlock(error) or stale

    def is_interrupted(self, error: DBAPIError) -> bool:
        return errors.is_interrupted(error)

    def is_duplicate_key(self, error: DBAPIError) -> bool:
        return errors.is_duplicate_key(error)

    def is_missing_table(self, error: DBAPIError) -> bool:
        return errors.is_missing_table(error)

    def is_connection_lost(self, error: DBAPIError) -> bool:
        return errors.is_connection_lost(error)

    def is_algorithm_refused(self, error: DBAPIError) -> bool:
        return errors.is_algorithm_refused(error)

    def is_access_denied(self, error: DBAPIError) -> bool:
        return errors.is_access_denied(error)
