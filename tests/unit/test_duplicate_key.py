"""Which unique key an error about a duplicate names, as both servers and SQLite spell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Index, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.exc import IntegrityError

from shardctl.dialects.mysql.errors import duplicate_key
from shardctl.store.insert import violates


def duplicate(message: str, number: int = 1062) -> IntegrityError:
    """SQLAlchemy's error about what a driver for MySQL raised."""
    return IntegrityError("INSERT", {}, Exception(number, message))


VALUES = ["1", "", "it's", "for key 'PRIMARY'", "x' for key 'y", "a.b", "'", "1-2", "\n", "’", '"']


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", ["PRIMARY", "uq_number", "order_id_2"])
def test_the_key_is_told_in_both_spellings_whatever_the_value(value: str, key: str) -> None:
    for named in (key, f"t_order_202001.{key}"):  # MariaDB, and MySQL from 8.0.19
        assert duplicate_key(duplicate(f"Duplicate entry '{value}' for key '{named}'")) == key


@given(st.text())
def test_no_value_can_pass_for_a_key(value: str) -> None:
    message = f"Duplicate entry '{value}' for key 't_order_202001.PRIMARY'"
    assert duplicate_key(duplicate(message)) == "PRIMARY"


def test_other_errors_name_no_key() -> None:
    assert duplicate_key(duplicate("Deadlock found for key 'x'", 1213)) is None
    assert duplicate_key(duplicate("no word about it")) is None


def declared(*more: Column[int] | Index | UniqueConstraint, primary: bool) -> Table:
    number = Column("id", Integer, primary_key=not primary)
    order = Column("order_id", String(28), primary_key=primary)
    return Table("t", MetaData(), number, order, Column("number", Integer), *more)


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (declared(primary=True), {"PRIMARY"}),
        (declared(UniqueConstraint("order_id", name="uq_order"), primary=False), {"uq_order"}),
        (declared(UniqueConstraint("order_id"), primary=False), {"order_id"}),
        (declared(Index("ix_order", "order_id", unique=True), primary=False), {"ix_order"}),
        (declared(Index("ix_order", "order_id"), primary=False), set()),
        (declared(UniqueConstraint("order_id", "number", name="uq_both"), primary=False), set()),
    ],
)
def test_the_ids_key_is_found_by_its_declared_name(table: Table, names: set[str]) -> None:
    known = ("PRIMARY", "uq_order", "order_id", "ix_order", "uq_both", "uq_number")
    found = {
        name
        for name in known
        if violates(duplicate(f"Duplicate entry 'x' for key '{name}'"), table, ["order_id"])
    }
    assert found == names
