"""The story of one migration for every month, played through on a real database."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Numeric, String, Table, insert
from sqlalchemy.exc import DBAPIError

from shardctl.config import load
from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.errors import Refused
from shardctl.month import Month

Say: TypeAlias = Callable[[str], None]
Command: TypeAlias = Callable[[list[str]], None]
"""Runs the command line in this process: takes what stands behind `shardctl`, and prints."""

ZONE = "Asia/Shanghai"
_OURS = ("t_order", "shardctl_", "alembic_version")
_ADD_COLUMN = """\
op.add_column(
    "t_order",
    sa.Column("room_id", sa.BigInteger(), nullable=False, server_default="0"),
)
"""


def demo(url: str | None = None, *, command: Command, say: Say = print) -> None:
    """Play the story, telling each command before it runs.

    Args:
        url: a database without tables of the story's names; what is made there is removed
            again. None: SQLite in a temporary file.

    Raises:
        Refused: the database has such tables.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    begun = time.monotonic()
    with TemporaryDirectory(prefix="shardctl-demo-") as folder, _own_environment():
        url = url or f"sqlite:///{folder}/demo.db"
        database = open_database(url)
        with _left_clean(database):
            _Story(Path(folder), url, database, command, say).play()
    say(f"\nAll of this ran on {database.dialect.name}, in {time.monotonic() - begun:.1f} s.")


@contextmanager
def _own_environment() -> Iterator[None]:
    """No variable may point the story at a project of the user's."""
    taken = {name: value for name, value in os.environ.items() if name.startswith("SHARDCTL_")}
    for name in taken:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(taken)


@contextmanager
def _left_clean(database: Database) -> Iterator[None]:
    """Refuse a database with tables of our names; afterwards remove those that are ours."""

    def ours() -> list[str]:
        with database.connect() as connection:
            names = database.dialect.table_names(connection)
        return [name for name in names if name.startswith(_OURS)]

    if taken := ours():
        raise Refused(
            f"the demo makes tables of its own, but {', '.join(taken)} is there already: give it "
            "an empty database"
        )
    try:
        yield
    finally:
        with database.connect() as connection:
            for name in ours():
                execute(connection, Statement(f"DROP TABLE {database.dialect.quote(name)}"))


@dataclass(frozen=True, slots=True)
class _Story:
    folder: Path
    url: str
    database: Database
    command: Command
    say: Say

    def play(self) -> None:
        """From three months of which two were changed by hand to a family in care."""
        current = Month.of(datetime.now(UTC), ZoneInfo(ZONE))
        months = [current + step for step in (-2, -1, 0)]
        first = f"t_order_{months[0]:%Y%m}"
        ids = {month: f"{month:%Y%m}01093643993658400495" for month in months}
        self._make_months(ids)
        self._tell(
            f"Three months of orders, from {first} on. A DBA has added room_id to the two newer\n"
            "ones by hand, so a query that names it fails on the oldest:"
        )
        self._query(first)

        self._tell("The family comes into care, with the oldest month as the declared structure.")
        self._run("init", str(self.folder), "--timezone", ZONE, shown="init")
        self._run("adopt", "t_order", "--from", f"{months[0]:%Y%m}")

        self._tell("One ordinary Alembic revision, against the logical table:")
        self._run("revision", "-m", "add room_id")
        self._write_revision()

        self._tell("It reaches every month that has not got the column yet.")
        self._run("upgrade", "--dry-run")
        self._run("upgrade")
        for month in months:
            self._query(f"t_order_{month:%Y%m}")

        self._tell("The next months are made before they come, and are equal too.")
        self._run("premake")
        self._run("status")

        self._tell("A second time, nothing is left to do.")
        self._run("upgrade")
        self._run("premake")

        self._tell("And an application finds an order's month by its ID:")
        order = ids[months[1]]
        self.say(f'  shardctl.load().families["t_order"].table_name(id="{order}")')
        family = load(self.folder / "shardctl.toml").families["t_order"]
        self._query(family.table_name(id=order))

    def _make_months(self, ids: dict[Month, str]) -> None:
        for position, (month, order) in enumerate(ids.items()):
            table = _orders(f"t_order_{month:%Y%m}")
            begin = datetime(month.year, month.month, 1, 9, 36, 43)  # noqa: DTZ001  DATETIME has none
            with self.database.connect() as connection:
                table.create(connection)
                row = {"order_id": order, "coin": 8, "user_id": 7}
                connection.execute(
                    insert(table).values(**row, create_time=begin, update_time=begin)
                )
                if position:
                    quoted = self.database.dialect.quote(table.name)
                    added = "ADD COLUMN room_id BIGINT NOT NULL DEFAULT '0'"
                    execute(connection, Statement(f"ALTER TABLE {quoted} {added}"))

    def _write_revision(self) -> None:
        (file,) = (self.folder / "migrations" / "versions").glob("*_add_room_id.py")
        text = file.read_text(encoding="utf-8")
        text = text.replace("    pass\n", indent(_ADD_COLUMN, "    "), 1)
        file.write_text(text, encoding="utf-8")
        self.say(indent(_ADD_COLUMN.rstrip(), "  "))

    def _query(self, table: str) -> None:
        sql = f"SELECT order_id, room_id FROM {self.database.dialect.quote(table)}"
        with self.database.connect() as connection:
            try:
                answer = str(tuple(connection.exec_driver_sql(sql).one()))
            except DBAPIError as error:
                answer = self.database.dialect.words(error)
        self.say(f"  {sql}\n    {answer}")

    def _tell(self, text: str) -> None:
        self.say("\n" + indent(text, "# "))

    def _run(self, *arguments: str, shown: str = "") -> None:
        self.say(f"\n$ shardctl {shown or ' '.join(map(_quoted, arguments))}")
        config = [] if arguments[0] == "init" else ["--config", str(self.folder / "shardctl.toml")]
        self.command(["--url", self.url, *config, *arguments])


def _orders(name: str) -> Table:
    return Table(
        name,
        MetaData(),
        Column("order_id", String(128), primary_key=True, comment="订单id"),
        Column("coin", Numeric(32, 2), nullable=False, server_default="0.00", comment="支付币数"),
        Column("user_id", BigInteger, nullable=False, server_default="0", comment="用户id"),
        Column("create_time", DateTime, nullable=False, comment="创建时间"),
        Column("update_time", DateTime, nullable=False, comment="更新时间"),
        comment="订单表",
    )


def _quoted(argument: str) -> str:
    return f'"{argument}"' if " " in argument else argument
