"""Readers that page by name through a rolling migration, up and down, without an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Engine,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    insert,
    select,
)

from shardctl import Month
from shardctl.errors import QueryRefused
from shardctl.pages import page
from shardctl.tables import MonthlyTable
from tests.project import ORDERS, Project

MONTHS = [Month(2025, 1) + n for n in range(8)]
FAMILY = """[families.t_order]
key = "order_id"
time = "create_time"
gene = "digits 0 %Y%m%d"
"""


def declared(*more: Column[Any]) -> Table:
    return Table(
        "t_order",
        MetaData(),
        Column("order_id", String(128), primary_key=True),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("user_id", BigInteger, nullable=False),
        Column("create_time", DateTime, nullable=False),
        *more,
    )


def filled(project: Project) -> MonthlyTable[Table]:
    """Months with three rows each, adopted."""
    table = MonthlyTable(project.config.families["t_order"], declared())
    names = ["t_order", *(table.month(month).name for month in MONTHS)]
    project.sql(*(ORDERS.format(table=name, comment_id="") for name in names))
    with project.connect() as connection:
        for month in MONTHS:
            begin = month.start(table.family.zone).astimezone(UTC)
            for day in range(1, 4):
                row = {
                    "order_id": f"{month:%Y%m}{day:02}0001",
                    "coin": day,
                    "user_id": day,
                    "create_time": begin + timedelta(days=day - 1, hours=1),
                }
                connection.execute(insert(table.month(month)), [row])
    return table


def everything(engine: Engine, table: MonthlyTable[Table], *names: str) -> list[Any]:
    """The rows of all months, page by page, by the names of their columns."""
    c = table.declared.c
    statement = select(c.order_id, *(c[name] for name in names))
    found: list[Any] = []
    cursor = None
    while True:
        given = page(
            engine,
            statement.order_by(c.create_time.desc(), c.order_id.desc()),
            table,
            since=MONTHS[0],
            until=MONTHS[-1] + 1,
            size=5,
            after=cursor,
        )
        found += map(tuple, given.rows)
        if not given.has_next:
            return found
        cursor = given.cursor


@contextmanager
def meanwhile(*readers: Callable[[], None]) -> Iterator[list[Future[int]]]:
    """Run readers again and again, each in a thread; each has read to its end once at least."""
    done = Event()

    def again(reader: Callable[[], None]) -> int:
        times = 0
        while True:
            last = done.is_set()
            reader()
            times += 1
            if last:
                return times

    with ThreadPoolExecutor(len(readers)) as pool:
        running = [pool.submit(again, reader) for reader in readers]
        try:
            yield running
        finally:
            done.set()


def test_readers_page_by_name_while_a_migration_goes_up_and_down(tmp_path: Path, url: str) -> None:
    """Old code reads all the while; new code as soon as the template has the column."""
    project = Project.make(tmp_path, url, FAMILY)
    old = filled(project)
    project.revision(
        "room",
        "op.add_column('t_order', sa.Column('room_id', sa.Integer, nullable=False, "
        "server_default='7'))\nop.create_index('ix_user', 't_order', ['user_id'])",
        "op.drop_index('ix_user', 't_order')\nop.drop_column('t_order', 'room_id')",
    )
    new = MonthlyTable(
        old.family, declared(Column("room_id", BigInteger, nullable=False, server_default="7"))
    )
    engine = create_engine(url)
    wanted = everything(engine, old, "coin", "user_id")
    assert len(wanted) == 3 * len(MONTHS)
    begun = Event()

    def by_old_names() -> None:
        assert everything(engine, old, "coin", "user_id") == wanted

    def by_new_names() -> None:
        try:
            found = everything(engine, new, "room_id")
        except QueryRefused:  # until the template has it
            assert not begun.is_set()
            return
        begun.set()
        assert found == [(row[0], 7) for row in wanted]

    with meanwhile(by_old_names, by_new_names) as readers:
        project.upgrade()
    assert begun.is_set()
    with meanwhile(by_old_names) as more:
        project.downgrade("base")
    assert all(reader.result() >= 1 for reader in (*readers, *more))
    engine.dispose()
