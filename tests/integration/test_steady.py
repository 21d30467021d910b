"""What a read took for true of the months is looked at again before it fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Engine, Integer, Table, create_engine, select
from sqlalchemy.pool import NullPool

from shardctl.errors import QueryRefused
from shardctl.reads.project import refuse_unknown
from shardctl.reads.seen import Seen, Sight
from shardctl.reads.steady import steady
from shardctl.tables import MonthlyTable
from tests.orders import FAMILY, FEBRUARY, JANUARY, made, orders


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, poolclass=NullPool)
    yield engine
    engine.dispose()


def remade(engine: Engine, table: MonthlyTable[Table]) -> None:
    """The template as these tables have it."""
    with engine.begin() as connection:
        table.template.drop(connection, checkfirst=True)
        table.template.create(connection)


def test_what_has_come_and_gone_within_a_read_lets_it_read_again(engine: Engine) -> None:
    """A reader looks itself, while the column is away for a moment: it is there as before."""
    without, table = orders(), orders(FAMILY, Column("room_id", Integer))
    made(table, engine)
    remade(engine, table)
    names, times = frozenset(["room_id"]), []

    with engine.connect() as connection:
        sight = table.held(Sight)
        sight(connection)
        connection.rollback()

        def read() -> tuple[int, Seen, tuple[()]]:
            times.append(1)
            seen = sight(connection)
            if len(times) == 1:
                connection.rollback()
                remade(engine, without)
                seen = sight.again(connection)
                connection.rollback()
                remade(engine, table)
            refuse_unknown(FAMILY, seen, names, "default")
            return len(times), seen, ()

        assert steady(table, connection, read) == 2


def test_what_is_away_for_good_is_refused_after_one_look_more(engine: Engine) -> None:
    table = orders()
    made(table, engine)
    remade(engine, table)
    times = []

    with engine.connect() as connection:
        sight = table.held(Sight)

        def read() -> tuple[None, Seen, tuple[()]]:
            times.append(1)
            seen = sight(connection)
            refuse_unknown(FAMILY, seen, frozenset(["room_id"]), "default")
            return None, seen, ()

        with pytest.raises(QueryRefused, match="room_id"):
            steady(table, connection, read)
    assert len(times) == 1


def test_a_look_is_not_as_old_as_what_was_read_before_it(engine: Engine) -> None:
    """The first month is read; then the column goes, and the second month refuses it."""
    table = orders(FAMILY, Column("room_id", Integer))
    made(table, engine)
    remade(engine, table)
    first, second = (table.month(month) for month in (JANUARY, FEBRUARY))
    gone = False

    with engine.connect() as connection:
        sight = table.held(Sight)

        def read() -> tuple[None, Seen, tuple[()]]:
            nonlocal gone
            seen = sight(connection)
            refuse_unknown(FAMILY, seen, frozenset(["room_id"]), "default")
            connection.execute(select(first.c.room_id)).all()
            if not gone:
                gone = True
                if engine.dialect.name == "sqlite":
                    connection.rollback()  # who reads keeps others from altering
                with engine.begin() as other:
                    for altered in (table.template.name, second.name):
                        other.exec_driver_sql(f"ALTER TABLE {altered} DROP COLUMN room_id")
            connection.execute(select(second.c.room_id)).all()
            return None, seen, ()

        with pytest.raises(QueryRefused, match="room_id"):
            steady(table, connection, read)
