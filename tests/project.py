"""A project as a user has it: configuration, migrations and a database, in a folder of its own."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

import shardctl
from shardctl import ledger
from shardctl.config import Config
from shardctl.dialects import Database, open_database
from shardctl.lifecycle.scaffold import init
from shardctl.migrate import commands, files
from shardctl.migrate.commands import Migration
from shardctl.report import Event, Report, silent
from shardctl.structure import Structure

ORDERS = """
CREATE TABLE {table} (
  order_id varchar(128) NOT NULL{comment_id},
  coin decimal(32,2) NOT NULL DEFAULT '0.00',
  user_id bigint NOT NULL DEFAULT '0',
  status smallint NOT NULL DEFAULT '0',
  create_time datetime NOT NULL,
  PRIMARY KEY (order_id)
)
"""


@dataclass(frozen=True)
class Project:
    """A folder with `shardctl.toml`, and the database that it names."""

    folder: Path
    database: Database

    @classmethod
    def make(cls, folder: Path, url: str, *families: str) -> Project:
        """A new project; families are lines of TOML below `[families]`, or bare names."""
        init(folder, url=url, timezone="Asia/Shanghai")
        with (folder / "shardctl.toml").open("a") as file:
            for family in families:
                head = f"[families.{family}]\n" if re.fullmatch(r"\w+", family) else family
                file.write("\n" + head + "\n")
        return cls(folder, open_database(url))

    @property
    def config(self) -> Config:
        return shardctl.load(self.folder / "shardctl.toml")

    @property
    def is_sqlite(self) -> bool:
        return self.database.dialect.name == "sqlite"

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with self.database.connect() as connection:
            yield connection

    def sql(self, *statements: str) -> None:
        """Run SQL by hand, as a DBA would."""
        with self.connect() as connection:
            for statement in statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What a query gives."""
        with self.connect() as connection:
            plain = connection.execution_options(no_parameters=True)
            return [tuple(row) for row in plain.exec_driver_sql(query)]

    def revision(self, name: str, upgrade: str, downgrade: str = "pass", head: str = "") -> Path:
        """Write a revision file after the newest one; `name` is its id."""
        before = files.heads(self.config)
        file = self.folder / "migrations" / "versions" / f"{name}.py"
        file.write_text(
            f'"""{name}"""\n'
            "from alembic import op\nimport sqlalchemy as sa\n"
            "from sqlalchemy.dialects import mysql\n"
            f"{head}\nrevision = {name!r}\ndown_revision = {before[0] if before else None!r}\n\n\n"
            f"def upgrade():\n{_indented(upgrade)}\n\n\n"
            f"def downgrade():\n{_indented(downgrade)}\n"
        )
        return file

    def upgrade(
        self, target: str = "head", *, destructive: bool = False, report: Report = silent
    ) -> Migration:
        return commands.upgrade(self.config, target, allow_destructive=destructive, report=report)

    def downgrade(self, target: str, *, destructive: bool = True) -> Migration:
        return commands.downgrade(self.config, target, allow_destructive=destructive)

    def dry_run(self, target: str = "head") -> list[Event]:
        events: list[Event] = []
        commands.upgrade(self.config, target, dry_run=True, report=events.append)
        return events

    def version(self) -> str | None:
        """The revision that the database is at."""
        found = self.rows("SELECT version_num FROM alembic_version")
        return str(found[0][0]) if found else None

    def structure(self, table: str) -> Structure:
        with self.connect() as connection:
            return self.database.dialect.structures(connection, [table])[table]

    def structures(self, *tables: str) -> dict[str, Structure]:
        with self.connect() as connection:
            return self.database.dialect.structures(connection, tables)

    def tables(self) -> tuple[str, ...]:
        """The user's tables: without shardctl's own and Alembic's."""
        with self.connect() as connection:
            return tuple(
                sorted(
                    name
                    for name in self.database.dialect.table_names(connection)
                    if not name.startswith("shardctl_") and name != "alembic_version"
                )
            )

    def left_behind(self) -> list[str]:
        """Scratch copies that should be gone."""
        with self.connect() as connection:
            names = self.database.dialect.table_names(connection)
        return [name for name in names if name.startswith(("shardctl_scratch", "shardctl_new"))]

    def ledger_rows(
        self, revision: str, direction: ledger.Direction = "up"
    ) -> dict[tuple[int, str], ledger.ClauseRow]:
        with self.connect() as connection:
            return ledger.rows_of(connection, revision, direction)


def until(true: Callable[[], object]) -> None:
    """Look again and again until it is so, for half a minute at most."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.02)


def _indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "    ")
