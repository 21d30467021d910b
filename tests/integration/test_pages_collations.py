"""Pages while a migration gives months another collation, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from importlib import import_module
from itertools import count
from typing import Any, Final

import pytest
from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.pool import NullPool

from shardctl import DigitsGene, Family, Month
from shardctl.errors import QueryRefused
from shardctl.pages import page
from shardctl.tables import MonthlyTable

FAMILY: Final = Family(
    "t_order",
    timezone="UTC",
    gene=DigitsGene(0, "%Y%m%d", letters=True),
    key=("order_id",),
    time="create_time",
)
MONTHS: Final = [Month(2020, 1) + n for n in range(5)]
GENERAL, UNICODE, BINARY = "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin"
NAMES: Final = ("a", "B", "A", "ß", "s", "_", "Z")
SUFFIXES: Final = ("a", "B", "_", "Z", "c")
DDL: Final = (
    "CREATE TABLE {} (order_id varchar(20) PRIMARY KEY, name varchar(10) NOT NULL, user_id int "
    "NOT NULL, create_time datetime NOT NULL, KEY (create_time)) COLLATE {}"
)


def declared(*more: Any) -> MonthlyTable[Table]:
    return MonthlyTable(
        FAMILY,
        Table(
            FAMILY.name,
            MetaData(),
            Column("order_id", String(20), primary_key=True),
            Column("name", String(10), nullable=False),
            Column("user_id", Integer, nullable=False),
            Column("create_time", DateTime, nullable=False),
            *more,
        ),
    )


@pytest.fixture
def engine(turn_url: str) -> Iterator[Engine]:
    engine = create_engine(turn_url, poolclass=NullPool)
    yield engine
    engine.dispose()


def filled(engine: Engine, template: str | None, *collations: str) -> MonthlyTable[Table]:
    """Months of such collations; at their ends and beginnings rows of one second, in both."""
    table = declared()
    numbers = count()
    with engine.begin() as connection:
        if template:
            connection.exec_driver_sql(DDL.format("t_order", template))
            connection.exec_driver_sql(DDL.format("everything", template))
        for month, collation in zip(MONTHS, collations, strict=False):
            connection.exec_driver_sql(DDL.format(f"t_order_{month:%Y%m}", collation))
            begin, end = month.start(UTC), (month + 1).start(UTC)
            times = (begin - second(1), begin, begin + second(99), end - second(1), end)
            made = [
                {
                    "order_id": f"{month:%Y%m}01{place}{suffix}",
                    "name": NAMES[(n := next(numbers)) * 5 % len(NAMES)],
                    "user_id": n * 7 % 5,
                    "create_time": time,
                }
                for place, time in enumerate(times)
                for suffix in SUFFIXES
            ]
            connection.execute(insert(table.month(month)), made)
            if template:
                connection.execute(insert(everything(table)), made)
    return table


def second(number: int) -> timedelta:
    return timedelta(seconds=number)


def everything(table: MonthlyTable[Table]) -> Table:
    """One table with the rows of all months, of the template's collation."""
    return table.template.to_metadata(MetaData(), name="everything")


def pages(engine: Engine, table: MonthlyTable[Table], statement: Any, size: int = 3) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        given = page(engine, statement, table, size=size, after=cursor, missing="skip")
        found += map(tuple, given.rows)
        if not given.has_next:
            return found
        assert len(given.rows) == size
        cursor = given.cursor


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(*given: Any) -> None:
        sent.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("collations", [(GENERAL, UNICODE), (GENERAL, BINARY), (BINARY, UNICODE)])
@pytest.mark.parametrize("down", [True, False])
def test_months_in_order_of_time_give_every_row_once(
    engine: Engine, collations: tuple[str, str], down: bool
) -> None:
    """Half the months have the new collation, which the template has; times are in order."""
    old, new = collations
    table = filled(engine, new, old, old, new, old, new)
    c, all_rows = table.declared.c, everything(table)
    order = [c.create_time, c.name, c.order_id]
    for columns in ([c.create_time, c.order_id], order):
        by = [each.desc() if down else each for each in columns]
        found = pages(engine, table, select(c.create_time, c.order_id, c.name).order_by(*by))
        with engine.connect() as connection:
            wanted = connection.execute(
                select(all_rows.c.create_time, all_rows.c.order_id, all_rows.c.name)
            ).all()
        assert sorted(found) == sorted(map(tuple, wanted))
        times = [row[0] for row in found]
        assert times == sorted(times, reverse=down)


def test_months_in_order_of_ids_give_every_row_once(engine: Engine) -> None:
    table = filled(engine, UNICODE, GENERAL, BINARY, UNICODE, GENERAL)
    c = table.declared.c
    found = pages(engine, table, select(c.order_id).order_by(c.order_id))
    assert len(set(found)) == len(found) == 4 * 5 * len(SUFFIXES)
    assert [row[0][:6] for row in found] == sorted(row[0][:6] for row in found)


@pytest.mark.parametrize(
    "collations",
    [(GENERAL, UNICODE), (GENERAL, BINARY), (UNICODE, BINARY), ("latin1_swedish_ci", GENERAL)],
)
def test_another_order_is_the_templates(engine: Engine, collations: tuple[str, str]) -> None:
    """As one big table of that collation has it, with a text first, or last, or not shown."""
    old, new = collations
    table = filled(engine, new, old, new, old, new)
    big = everything(table)

    def written(c: Any, number: int) -> Any:
        return [
            select(c.name, c.order_id).order_by(c.name.desc(), c.order_id),
            select(c.user_id, c.order_id, c.name).order_by(c.user_id, c.order_id.desc()),
            select(c.user_id).where(c.user_id > 1).order_by(c.name, c.order_id),
        ][number]

    for number in range(3):
        with engine.connect() as connection:
            wanted = list(map(tuple, connection.execute(written(big.c, number))))
        assert pages(engine, table, written(table.declared.c, number), size=7) == wanted


def test_an_order_by_numbers_reads_texts_of_unlike_collations(engine: Engine) -> None:
    table = filled(engine, UNICODE, GENERAL, UNICODE)
    c = table.declared.c
    found = page(engine, select(c.name).order_by(c.user_id, c.order_id), table, missing="skip")
    assert len(found.rows) == 20


def test_a_collation_that_changes_between_two_pages_is_seen(engine: Engine) -> None:
    """What was seen of months is looked at again where the server says that they are unlike."""
    table = filled(engine, GENERAL, GENERAL, GENERAL, GENERAL)
    c = table.declared.c
    newest = select(c.order_id, c.name).order_by(c.create_time.desc(), c.order_id.desc())
    by_name = select(c.order_id, c.name).order_by(c.name, c.order_id)
    assert len(pages(engine, table, newest)) == len(pages(engine, table, by_name)) == 75
    for name in ("t_order", "t_order_202001"):
        convert(engine, name, UNICODE)
    assert len(set(pages(engine, table, newest))) == 75
    assert len(set(pages(engine, table, by_name))) == 75


def test_once_months_are_alike_again_they_are_read_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = filled(engine, UNICODE, GENERAL, UNICODE)
    c = table.declared.c
    newest = select(c.order_id).order_by(c.create_time.desc(), c.order_id.desc())

    def statements() -> int:
        with counted(engine) as sent:
            assert len(page(engine, newest, table, size=60, missing="skip").rows) == 50
        return sum("FROM t_order_" in each for each in sent)

    statements()
    apart = statements()
    convert(engine, "t_order_202001", UNICODE)
    monkeypatch.setattr(import_module("shardctl.pages.page"), "AGAIN", 0)
    assert statements() < apart


def test_without_a_template_no_collation_holds_for_all(engine: Engine) -> None:
    table = filled(engine, None, GENERAL, UNICODE)
    c = table.declared.c
    with pytest.raises(QueryRefused, match="unlike collations"):
        page(engine, select(c.order_id).order_by(c.name, c.order_id), table, missing="skip")


def test_a_character_set_that_has_not_all_characters_is_refused(engine: Engine) -> None:
    table = filled(engine, "latin1_swedish_ci", GENERAL, "latin1_swedish_ci")
    c = table.declared.c
    by_name = select(c.order_id).order_by(c.name, c.order_id)
    with pytest.raises(QueryRefused, match=r"t_order_202001\.name is utf8mb4"):
        page(engine, by_name, table, missing="skip")
    newest = select(c.name).order_by(c.create_time, c.order_id)
    assert len(pages(engine, table, newest)) == 50


def convert(engine: Engine, table: str, collation: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}"
        )
