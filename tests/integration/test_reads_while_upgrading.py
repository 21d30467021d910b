"""Readers by name, through a migration that goes up and down over the months."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    String,
    Table,
    create_engine,
    event,
    select,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import NullPool

from shardctl.dialects import open_database
from shardctl.migrate import commands
from shardctl.pages import page
from shardctl.reads import get_many
from shardctl.report import Event, TableDone
from shardctl.tables import MonthlyTable
from tests.orders import FAMILY, JANUARY, order_id, orders
from tests.project import ORDERS, Project, until

MONTHS = [JANUARY + n for n in range(4)]
TABLES = [FAMILY.table_name(month) for month in MONTHS]
WITH_ROOM = TABLES[::2]
READERS = 2
INSTANTS = [
    month.start(FAMILY.zone) + timedelta(days=1, seconds=second)
    for month in MONTHS
    for second in range(2)
]
IDS = [order_id(number, at) for number, at in enumerate(INSTANTS)]
ROOMS = {id: 8 if f"t_order_{id[:6]}" in WITH_ROOM else 7 for id in IDS}
ROOM = "room_id int NOT NULL DEFAULT 7"
UP = 'op.add_column("t_order", sa.Column("note", sa.String(9), nullable=False, server_default="-"))'
DOWN = 'op.drop_column("t_order", "note")'

DECLARED = orders(FAMILY, Column("room_id", Integer), Column("note", String(9))).declared
T = DECLARED.c

WAITING = (
    "SELECT COUNT(*) FROM information_schema.processlist "
    "WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'"
)


def made(folder: Path, url: str) -> Project:
    """The template and every other month have a room's number, of which rows have their own."""
    project = Project.make(folder, url, "t_order")
    for table in ("t_order", *TABLES):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for table in ("t_order", *WITH_ROOM):
        project.sql(f"ALTER TABLE {table} ADD COLUMN {ROOM}")
    for id, at in zip(IDS, INSTANTS, strict=True):
        table = f"t_order_{id[:6]}"
        project.sql(
            f"INSERT INTO {table} (order_id, create_time) VALUES ('{id}', '{at:%Y-%m-%d %H:%M:%S}')"
        )
    project.sql(*(f"UPDATE {table} SET room_id = 8" for table in WITH_ROOM))
    project.revision("r1", UP, DOWN)
    return project


@dataclass
class Readers:
    """Threads that read without a pause, and what they may count on at the time.

    Attributes:
        has_note: the template has the new column: code that reads it is at work.
        is_noted: what rows have in it is no default any more, but was written.
        turns: how often each of them has read everything.
    """

    engine: Engine
    table: MonthlyTable[Table] = field(default_factory=lambda: MonthlyTable(FAMILY, DECLARED))
    has_note: bool = False
    is_noted: bool = False
    ended: bool = False
    turns: list[int] = field(default_factory=lambda: [0] * READERS)
    running: list[Future[None]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def at_work(cls, engine: Engine) -> Iterator[Readers]:
        readers = cls(engine)
        with ThreadPoolExecutor(READERS) as pool:
            readers.running = [pool.submit(readers.read_on, n) for n in range(READERS)]
            try:
                yield readers
            finally:
                readers.ended = True
        for each in readers.running:
            each.result()

    def read_on(self, number: int) -> None:
        chance = random.Random(number)
        while not self.ended:
            self.read_rooms(chance)
            if self.has_note:
                self.read_notes(chance)
            self.turns[number] += 1

    def read_rooms(self, chance: random.Random) -> None:
        """Every row's room, of months with and without the column, in pages and by ID."""
        newest_first = select(T.order_id, T.room_id).order_by(
            T.create_time.desc(), T.order_id.desc()
        )
        assert self.paged(newest_first) == list(reversed(ROOMS.items()))
        ids = chance.sample(IDS, len(IDS))
        found = get_many(self.engine, ids, self.table, select(T.room_id))
        assert [row and row.room_id for row in found.rows] == [ROOMS[id] for id in ids]

    def read_notes(self, chance: random.Random) -> None:
        """Every row's note: the template's default until another was written, and never after."""
        may_be = {"noted"} if self.is_noted else {"noted", "-"}
        notes = select(T.order_id, T.note).order_by(T.create_time, T.order_id)
        found = self.paged(notes)
        assert [id for id, _ in found] == IDS
        assert {note for _, note in found} <= may_be
        got = get_many(self.engine, chance.sample(IDS, len(IDS)), self.table, select(T.note))
        assert {row and row.note for row in got.rows} <= may_be

    def paged(self, statement: Any) -> list[tuple[Any, ...]]:
        rows, cursor, more = list[Any](), None, True
        while more:
            here = page(
                self.engine,
                statement,
                self.table,
                since=MONTHS[0],
                until=MONTHS[-1] + 1,
                size=5,
                after=cursor,
            )
            rows, cursor, more = [*rows, *map(tuple, here.rows)], here.cursor, here.has_next
        return rows

    def pass_by(self) -> None:
        """Wait until each has begun and ended a turn, or has failed."""
        before = list(self.turns)

        def have() -> bool:
            turned = all(now > was + 1 for now, was in zip(self.turns, before, strict=True))
            return turned or any(each.done() for each in self.running)

        until(have)

    def at(self, event: Event) -> None:
        """Let them read after each table of a migration."""
        if isinstance(event, TableDone):
            self.pass_by()

    def at_upgrade(self, event: Event) -> None:
        if isinstance(event, TableDone) and event.table == "t_order":
            self.has_note = True
        self.at(event)


def up(project: Project, readers: Readers) -> None:
    """Code that reads the column begins when the template has it."""
    commands.upgrade(project.config, report=readers.at_upgrade)
    project.sql(*(f"UPDATE {table} SET note = 'noted'" for table in TABLES))
    readers.is_noted = True
    readers.pass_by()


def down(project: Project, readers: Readers) -> None:
    """It has ended before the template loses the column."""
    readers.has_note = readers.is_noted = False
    readers.pass_by()
    commands.downgrade(project.config, "base", allow_destructive=True, report=readers.at)


def test_readers_by_name_go_on_while_a_column_comes_and_goes(
    tmp_path: Path, server_url: str
) -> None:
    project = made(tmp_path, server_url)
    engine = create_engine(server_url, pool_size=READERS)
    with Readers.at_work(engine) as readers:
        up(project, readers)
        down(project, readers)
        up(project, readers)
    engine.dispose()
    assert all(turns > 3 * len(TABLES) for turns in readers.turns)


def test_a_reader_that_meets_a_deadlock_of_migrations_reads_again(server_url: str) -> None:
    """It has read the second month and wants the first, another has read the first and wants the
    second, and both months are about to be altered: the server ends the last who comes."""
    project = Project(Path(), open_database(server_url))
    create = [ORDERS.format(table=table, comment_id="") for table in TABLES]
    project.sql(*create)
    first, second = TABLES[:2]
    # A snapshot would be refused of a month that is altered after it, with another error.
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="READ COMMITTED")
    waiting: list[Future[Any]] = []
    errors: list[int] = []

    def wait(work: Callable[..., object], *arguments: Any) -> None:
        waiting.append(pool.submit(work, *arguments))
        until(lambda: project.rows(WAITING) == [(len(waiting),)])

    def read_on(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT * FROM {second}")
        connection.rollback()

    @event.listens_for(engine, "before_cursor_execute")
    def come_between(_: object, __: object, statement: str, *___: object) -> None:
        if f"FROM {first} \n" in statement and not waiting:
            wait(project.sql, f"ALTER TABLE {second} ADD note int")
            wait(read_on, other)
            wait(project.sql, f"ALTER TABLE {first} ADD note int")

    @event.listens_for(engine, "handle_error")
    def hear(context: ExceptionContext) -> None:
        errors.append(context.original_exception.args[0])

    ids, coins = [IDS[0], IDS[2]], select(T.order_id, T.coin)
    with engine.connect() as other, ThreadPoolExecutor(3) as pool:
        other.exec_driver_sql(f"SELECT * FROM {first}")
        found = get_many(engine, ids, MonthlyTable(FAMILY, DECLARED), coins)
    assert found.missing == tuple(ids)
    assert errors == [1213]
    assert [each.result() for each in waiting] == [None] * 3
    engine.dispose()
