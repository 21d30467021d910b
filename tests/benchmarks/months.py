"""What the benchmarks of upgrades work on: the months of a family, made quickly and made again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, create_engine, make_url

from shardctl import Family, Month, lock
from shardctl.catalog import rosters
from shardctl.dialects import open_database
from tests.project import Project
from tests.servers import FLAVOURS, Unusable, private

ZONE: Final = "Asia/Shanghai"
SESSIONS: Final = 4
"""So many make the tables; that is not measured."""

ORDERS: Final = """CREATE TABLE {table} (
  order_id varchar(28) NOT NULL,
  user_id int NOT NULL,
  coin decimal(32,2) NOT NULL DEFAULT '0.00',
  status int NOT NULL DEFAULT '0',
  create_time datetime NOT NULL,
  PRIMARY KEY (order_id)
)"""

ROW: Final = (
    "INSERT INTO {table} (order_id, user_id, coin, status, create_time) "
    "VALUES (%s, %s, 19.90, 1, '2026-11-21 09:36:43')"
)


@dataclass(frozen=True)
class Months:
    """A family's template and its months, all of them past but the last, which is the current one.

    Attributes:
        rows: in each month; the template has none.
    """

    url: str
    count: int
    rows: int = 0
    family: str = "bench_order"
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The template first, then the months from the oldest on."""
        last = Month.of(self.now, ZoneInfo(ZONE))
        months = [last - back for back in reversed(range(self.count))]
        return (self.family, *(f"{self.family}_{month:%Y%m}" for month in months))

    @property
    def current(self) -> str:
        """The table of the current month."""
        return self.tables[-1]

    def make(self) -> None:
        """Make the tables, empty; those that are there stay, and rows come by `again`."""
        with connected(self.url) as connection:
            here = set(open_database(self.url).dialect.table_names(connection))
        wanted = [table for table in self.tables if table not in here]
        self._each(wanted, lambda table: (ORDERS.format(table=table),))
        if self.rows:
            self._seed()

    @contextmanager
    def project(self, revision: str) -> Iterator[Project]:
        """The tables, made, and a project of theirs with one revision; both go in the end.

        The months are in care, as they are before every upgrade but a database's first.

        Args:
            revision: what it does, with `table` for the family's name.
        """
        self.make()
        with tempfile.TemporaryDirectory(prefix="shardctl-bench-") as folder:
            project = Project.make(Path(folder), self.url, self.family)
            self._adopt()
            project.revision("change", revision, head=f'table = "{self.family}"\n')
            yield project
        self.forget()
        gone = ("alembic_version", *self.tables)
        self._each(gone, lambda table: (f"DROP TABLE IF EXISTS {table}",))

    def again(self, column: str) -> None:
        """Put the tables back as they were made, beside a ledger that knows of no change.

        Empty tables lose the column again, by a rebuild: MySQL's keep no row version of it.
        """
        self.forget()
        self._adopt()
        if self.rows:
            self._each(self.tables, self._filled)
            return
        with connected(self.url) as connection:
            changed = set(with_column(connection, column))
        drop = f"DROP COLUMN {column}, ALGORITHM=INPLACE"
        those = [table for table in self.tables if table in changed]
        self._each(those, lambda table: (f"ALTER TABLE {table} {drop}",))

    def forget(self) -> None:
        """Drop the ledger, and have Alembic know of no revision."""
        with connected(self.url) as connection:
            for name in open_database(self.url).dialect.table_names(connection):
                if name.startswith("shardctl_"):
                    connection.exec_driver_sql(f"DROP TABLE {name}")
                elif name == "alembic_version":
                    connection.exec_driver_sql(f"DELETE FROM {name}")

    def open_ledger(self) -> None:
        """Take the lock and give it back: the first time that makes the ledger's tables."""
        with lock.acquire(open_database(self.url), command="upgrade"):
            pass

    def _adopt(self) -> None:
        """Have the ledger know the family and its months, as it does of those in care."""
        database, family = open_database(self.url), Family(self.family, ZONE)
        months = rosters({self.family: family}, self.tables)[self.family].months
        known = [(each.table, each.family, each.month) for each in months if each.month]
        with lock.acquire(database, command="adopt") as lease, database.connect() as connection:
            lease.ledger.register_family(connection, family)
            lease.ledger.register_found(connection, known, None)

    def _seed(self) -> None:
        seed = f"{self.family}_seed"
        with connected(self.url) as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {seed}")
            connection.exec_driver_sql(ORDERS.format(table=seed))
            rows = [(f"20261121093643{number:014d}", number) for number in range(self.rows)]
            connection.exec_driver_sql(ROW.format(table=seed), rows)

    def _filled(self, table: str) -> tuple[str, ...]:
        seed = f"{self.family}_seed"
        made = (f"DROP TABLE {table}", f"CREATE TABLE {table} LIKE {seed}")
        if table == self.family:
            return made
        return (*made, f"INSERT INTO {table} SELECT * FROM {seed}")

    def _each(self, tables: Sequence[str], statements: Callable[[str], Sequence[str]]) -> None:
        """Run statements for every table, on several sessions where the database has such."""

        def run(those: Sequence[str]) -> None:
            with connected(self.url) as connection:
                if self.is_file:
                    connection.exec_driver_sql("BEGIN")
                for table in those:
                    for statement in statements(table):
                        connection.exec_driver_sql(statement)
                if self.is_file:
                    connection.exec_driver_sql("COMMIT")

        at_once = 1 if self.is_file else SESSIONS
        with ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(run, tables[at::at_once]) for at in range(at_once)]:
                done.result()

    @property
    def is_file(self) -> bool:
        return make_url(self.url).get_backend_name() == "sqlite"


def with_column(connection: Connection, column: str) -> Sequence[str]:
    """The tables that have a column of this name now."""
    query = (
        "SELECT TABLE_NAME FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = %s"
    )
    return connection.exec_driver_sql(query, (column,)).scalars().all()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A session in autocommit mode, as a script by hand has one."""
    engine: Engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def flavour_of(url: str) -> str:
    """`mysql`, `mariadb` or `sqlite`."""
    return open_database(url).dialect.name


def everywhere(url: str | None, measure: Callable[[str], bool], *options: str) -> bool:
    """Measure at a URL or, without one, on a MySQL and a MariaDB of one's own.

    Args:
        options: of the servers; otherwise they have their default, durable settings.

    Returns:
        Whether something is not as wanted somewhere.
    """
    if url:
        return measure(url)
    worse = False
    for flavour in FLAVOURS:
        try:
            with (
                private(flavour, os.environ, *options) as own,
                own.server.fresh_database() as database,
            ):
                worse |= measure(database)
        except Unusable as error:
            print(error)
            worse = True
    return worse
