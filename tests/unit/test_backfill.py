"""Backfills without a server: their keys, what the ledger keeps of them, how they are shown."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shardctl.clause import Chunks, Clause, Sql, TableName
from shardctl.cli.progress import progress
from shardctl.ledger.encode import (
    clauses_from_text,
    clauses_to_text,
    position_from_text,
    position_to_text,
)
from shardctl.migrate.learn.row_key import row_key
from shardctl.report import Progress, Started
from shardctl.structure import Column, Index, IndexPart, Structure

CLAUSE = Clause(
    "t_order",
    (Sql(("UPDATE ", TableName("t_order"), " SET n = 1")),),
    data=True,
    chunks=Chunks(5000, ("n", "m"), True),
)


def test_chunks_come_back_from_the_ledger() -> None:
    assert clauses_from_text(clauses_to_text([CLAUSE])) == (CLAUSE,)


def test_a_clause_that_was_written_before_there_were_chunks_has_none() -> None:
    written = json.loads(clauses_to_text([CLAUSE]))
    del written[0]["chunks"]
    (clause,) = clauses_from_text(json.dumps(written))
    assert clause.chunks is None


def test_a_position_keeps_its_types_and_its_order() -> None:
    position = {
        "b": "订单 '\\",
        "a": 2**64 - 1,
        "c": b"\x00\xff",
        "d": datetime(2026, 1, 31, 23, 59, 59, 999999, UTC),
        "e": date(2026, 1, 31),
        "f": Decimal("-0.10"),
    }
    back = position_from_text(position_to_text(position))
    assert list(back.items()) == list(position.items())
    assert [type(value) for value in back.values()] == [type(v) for v in position.values()]


ID = Column("id", "bigint", nullable=False)
DAY = Column("day", "date", nullable=False)


def key(*columns: str, kind: str = "unique", length: int | None = None) -> Index:
    return Index("-".join(columns), kind, tuple(IndexPart(name, length=length) for name in columns))


@pytest.mark.parametrize(
    ("columns", "indexes", "expected"),
    [
        ((ID, DAY), (key("day"), key("id", "day", kind="primary")), ("id", "day")),
        ((ID, DAY), (key("day", kind="key"), key("day"), key("id")), ("day",)),
        ((ID,), (key("id", kind="key"),), ()),
        ((Column("id", "integer"),), (key("id", kind="primary"),), ("id",)),  # SQLite's rowid
        ((Column("id", "integer"),), (key("id"),), ()),
        ((Column("id", "text"),), (key("id", kind="primary"),), ()),
        ((Column("id", "varchar(300)", nullable=False),), (key("id", length=10),), ()),
        ((Column("id", "enum('b','a')", nullable=False),), (key("id", kind="primary"),), ()),
        ((Column("id", "double", nullable=False),), (key("id"),), ()),
        ((Column("id", "timestamp", nullable=False),), (key("id"),), ("id",)),
        ((Column("id", "time", nullable=False),), (key("id"),), ()),
        ((Column("id", "datetime", False, on_update="CURRENT_TIMESTAMP"),), (key("id"),), ()),
        ((Column("id", "int", False, generated="n + 1", stored=True),), (key("id"),), ()),
        ((ID,), (Index("up", "unique", (IndexPart(None, "lower(id)"),)),), ()),
        ((), (), ()),
    ],
)
def test_the_key_is_one_that_every_row_has_and_keeps(
    columns: tuple[Column, ...], indexes: tuple[Index, ...], expected: tuple[str, ...]
) -> None:
    assert row_key(Structure(columns, indexes)) == expected


def test_in_a_pipe_a_line_tells_every_few_seconds_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("shardctl.cli.progress.time.monotonic", lambda: clock[0])
    with progress(quiet=False) as report:
        report(Started("3f2a fill", 2))
        for chunk in range(1, 10):
            clock[0] += 2
            told = f"{chunk}000 rows of about 20,000"
            report(Progress("t_202601", chunk * 5.0 if chunk < 8 else None, told))
    assert capsys.readouterr().out.splitlines() == [
        "3f2a fill (2 tables)",
        "  t_202601: 15 %, 3000 rows of about 20,000",
        "  t_202601: 30 %, 6000 rows of about 20,000",
        "  t_202601: 9000 rows of about 20,000",
    ]


def test_for_machines_every_chunk_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False, json=True) as report:
        report(Progress("t_202601", 12.5, "5,000 rows of about 40,000"))
    assert json.loads(capsys.readouterr().out) == {
        "event": "progress",
        "table": "t_202601",
        "percent": 12.5,
        "text": "5,000 rows of about 40,000",
    }


def test_a_terminal_shows_it_beside_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress(quiet=False) as report:
        report(Started("3f2a fill", 2))
        report(Progress("t_202601", 12.5, "5,000 rows of about 40,000"))
    assert "t_202601: 12 %, 5,000 rows of about 40,000" in capsys.readouterr().out
