"""Pages of a SELECT that joins other tables: no row is lost where one page ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    create_engine,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.pool import NullPool

from shardctl.errors import QueryRefused
from shardctl.pages import page, scan
from shardctl.tables import MonthlyTable
from tests.orders import FAMILY, FEBRUARY, JANUARY, items, made, order, order_id, orders

ORDERS = orders().declared
USERS = Table(
    "users",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("code", String(8), nullable=False),
    Column("city", Integer),
    Column("badge", Integer),
    UniqueConstraint("badge"),
)
CITIES = Table(
    "cities", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(8))
)
NOTES = Table("notes", MetaData(), Column("user_id", Integer), Column("text", String(8)))
ITEMS = items(Column("pieces", Integer, nullable=False))


@dataclass(frozen=True)
class Shop:
    """Orders of two months, each with its items, of users of which one has no city."""

    connection: Connection
    table: MonthlyTable[Table]

    def all(self, statement: Select[Any], size: int) -> list[tuple[Any, ...]]:
        """The rows of all pages."""
        how: dict[str, Any] = {"since": JANUARY, "until": FEBRUARY + 1, "size": size}
        found = page(self.connection, statement, self.table, **how)
        rows = [tuple(row) for row in found.rows]
        while found.has_next:
            found = page(self.connection, statement, self.table, after=found.cursor, **how)
            rows += [tuple(row) for row in found.rows]
        return rows


@pytest.fixture
def shop(url: str) -> Iterator[Shop]:
    engine = create_engine(url, poolclass=NullPool)
    table = MonthlyTable(FAMILY, ORDERS, siblings=[ITEMS])
    made(table, engine, JANUARY, FEBRUARY)
    made(ITEMS, engine, JANUARY, FEBRUARY)
    with engine.begin() as connection:
        for each in (USERS, CITIES, NOTES):
            each.create(connection)
        connection.execute(insert(CITIES), [{"id": 1, "name": "Xi'an"}])
        connection.execute(
            insert(USERS),
            [
                {"id": n, "code": f"u{n}", "city": n % 2 or None, "badge": n + 100}
                for n in range(1, 7)
            ],
        )
        for month in (JANUARY, FEBRUARY):
            for n in range(1, 7):
                day = datetime(month.year, month.month, n, 4, tzinfo=UTC)
                connection.execute(insert(table.month(month)), [order(n, day)])
                for i in range(n % 4):
                    item = {"item_id": order_id(10 * n + i, day), "order_id": order_id(n, day)}
                    connection.execute(insert(ITEMS.month(month)), [{**item, "pieces": i}])
    with engine.connect() as connection:
        yield Shop(connection, table)
    engine.dispose()


T, U, ITEM = ORDERS.c, USERS.c, ITEMS.declared.c
BUYER, CHOSEN = USERS.alias("buyer"), select(U.id).subquery("chosen")
NOWHERE = create_engine("sqlite://")
PEER = USERS.alias()
NAMES = Table(
    "names",
    MetaData(),
    Column("name", String(28), primary_key=True),
    Column("text", String(28)),
    Index("ux", "text", unique=True, sqlite_where=text("text <> ''")),
)
NEWEST = (T.create_time.desc(), T.order_id.desc())


def newest(*columns: Any) -> Select[Any]:
    return select(T.user_id, *columns).order_by(*NEWEST)


ONE_AT_MOST = {
    "by its key": newest(U.code).join(USERS, U.id == T.user_id),
    "in WHERE": newest(U.code).where(T.user_id == U.id),
    "by a unique column": newest(U.city).join(USERS, U.badge == T.user_id + 100),
    "or none": newest(U.code).outerjoin(USERS, and_(T.user_id == U.id, U.city == 1)),
    "by way of another": newest(CITIES.c.name)
    .join(USERS, U.id == T.user_id)
    .outerjoin(CITIES, CITIES.c.id == U.city),
    "by a value": newest(CITIES.c.name).join(CITIES, CITIES.c.id == 1),
    "by a join of others": newest(CITIES.c.name).outerjoin(
        USERS.join(CITIES, CITIES.c.id == U.city), U.id == T.user_id
    ),
    "by an alias": newest(BUYER.c.code).join(BUYER, BUYER.c.id == T.user_id),
}
MANY = {
    "its key comes last": newest(ITEM.item_id)
    .join(ITEMS.declared, ITEM.order_id == T.order_id)
    .order_by(ITEM.item_id),
    "or none": newest(ITEM.pieces)
    .outerjoin(ITEMS.declared, ITEM.order_id == T.order_id)
    .order_by(ITEM.item_id.desc()),
    "its key comes before": select(T.user_id, ITEM.pieces)
    .join(ITEMS.declared, ITEM.order_id == T.order_id)
    .order_by(T.create_time, ITEM.item_id, T.order_id),
}


@pytest.mark.parametrize("statement", [*ONE_AT_MOST.values(), *MANY.values()])
def test_pages_of_any_size_have_all_rows_of_a_join_once(shop: Shop, statement: Select[Any]) -> None:
    whole = shop.all(statement, 100)
    assert len(whole) >= 12
    for size in (1, 2, 5):
        assert shop.all(statement, size) == whole


def test_a_row_comes_as_often_as_it_has_others_where_these_are_in_the_order(shop: Shop) -> None:
    items = [user for user, _ in shop.all(MANY["its key comes last"], 2)]
    assert items == [6, 6, 5, 3, 3, 3, 2, 2, 1] * 2
    with_none = [user for user, _ in shop.all(MANY["or none"], 2)]
    assert with_none == [6, 6, 5, 4, 3, 3, 3, 2, 2, 1] * 2


@pytest.mark.parametrize(
    ("statement", "way_on"),
    [
        (
            newest(ITEM.pieces).join(ITEMS.declared, ITEM.order_id == T.order_id),
            r"of t_item, .* append t_item\.c\.item_id to ORDER BY, or write EXISTS",
        ),
        (newest(U.code).join(USERS, U.city == T.user_id), r"append users\.c\.id to ORDER BY"),
        (newest(U.code).join(USERS, U.id > T.user_id), r"append users\.c\.id to ORDER BY"),
        (newest(U.code).join(USERS, (U.id == T.user_id) | (U.city == 1)), "users"),
        (
            newest(NOTES.c.text).join(NOTES, NOTES.c.user_id == T.user_id),
            "notes, .* lose some: write",
        ),
        (
            # What an outer join wants to be equal holds for the table on its right alone.
            newest(U.code)
            .select_from(ORDERS)
            .join(CITIES, CITIES.c.id > 0)
            .outerjoin(USERS, and_(U.id == T.user_id, CITIES.c.id == T.user_id)),
            "of cities, ",
        ),
        (newest(NAMES.c.text).join(NAMES, NAMES.c.name == T.user_id), "names"),
        (
            newest(NAMES.c.text).join(NAMES, NAMES.c.name == T.order_id.collate("NOCASE")),
            r"append names\.c\.name",
        ),
        (newest(NAMES.c.text).join(NAMES, NAMES.c.text == T.order_id), "names"),
        (newest(U.code).join(USERS, U.id == func.abs(text("users.city"))), "users"),
        (newest(PEER.c.code).join(PEER, PEER.c.city == T.user_id), "row of users,"),
        (newest(CHOSEN.c.id).join(CHOSEN, CHOSEN.c.id == T.user_id), "chosen, .* lose some: write"),
    ],
)
def test_a_join_that_may_repeat_a_row_is_refused_and_says_what_to_do(
    statement: Select[Any], way_on: str
) -> None:
    with pytest.raises(QueryRefused, match=way_on):
        page(NOWHERE, statement, MonthlyTable(FAMILY, ORDERS, siblings=[ITEMS]))


def test_a_scan_joins_what_each_row_has_one_of(shop: Shop) -> None:
    joined = select(T.user_id, U.code).join(USERS, U.id == T.user_id)
    found = scan(shop.connection, joined, shop.table, until=FEBRUARY + 1, chunk=2)
    assert sorted(tuple(row) for row in found) == sorted([(n, f"u{n}") for n in range(1, 7)] * 2)
    items = select(T.user_id).join(ITEMS.declared, ITEM.order_id == T.order_id)
    with pytest.raises(QueryRefused, match="t_item"):
        scan(shop.connection, items, shop.table, until=FEBRUARY + 1)


@pytest.mark.parametrize("full", [False, True])
def test_rows_that_have_none_of_the_family_are_refused(full: bool) -> None:
    """Each month would give the users without an order anew, and they have no place in time."""
    joined = USERS.outerjoin(ORDERS, U.id == T.user_id)
    if full:
        joined = ORDERS.join(USERS, U.id == T.user_id, full=True)
    statement = select(U.id, T.order_id).select_from(joined).order_by(*NEWEST, U.id)
    with pytest.raises(QueryRefused, match="put t_order on its other side"):
        page(NOWHERE, statement, MonthlyTable(FAMILY, ORDERS))
