from __future__ import annotations

import json

import pytest

from shardctl.cli.output import as_json, estimate, size, table
from shardctl.cli.progress import progress
from shardctl.month import Month
from shardctl.report import Event, Finished, Note, Started, Step, TableDone
from shardctl.structure import Column, Difference

ADD, INDEX = "ALTER TABLE `t` ADD COLUMN `单价` INT", "CREATE INDEX ix ON `t` (`单价`)"
EVENTS: list[Event] = [
    Started("3f2a add price", 3),
    Step("t", ADD, "run", "3f2a", 0.04, clauses=(1,)),
    Step("t", INDEX, "run", "3f2a", 1.0, clauses=(2,)),
    TableDone("t"),
    Step("t_202601", ADD, "found", "3f2a", clauses=(1,)),
    Step("t_202601", INDEX, "run", "3f2a", 2.5, algorithm="INPLACE", clauses=(2,)),
    TableDone("t_202601"),
    Note("t_202602 is new"),
    Step(
        "t_202602",
        ADD,
        "waiting",
        "3f2a",
        detail="held by session 7; next try in 2.0 s",
        clauses=(1,),
    ),
    Step("t_202602", ADD, "failed", "3f2a", detail="(1205) Lock wait timeout", clauses=(1,)),
    Finished("3f2a add price", 3.6),
]


def shown(*, quiet: bool = False, json: bool = False) -> None:
    with progress(quiet=quiet, json=json) as report:
        for event in EVENTS:
            report(event)


def test_in_a_pipe_a_clause_is_shown_once_and_each_table_has_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown()
    assert capsys.readouterr().out.splitlines() == [
        "3f2a add price (3 tables)",
        f"  (1) {ADD}",
        "  t (1): 0.0 s",
        f"  (2) {INDEX}",
        "  t (2): 1.0 s",
        "  t_202601 (1): already so",
        "  t_202601 (2): 2.5 s, INPLACE",
        "t_202602 is new",
        "  t_202602 (1): waiting: held by session 7; next try in 2.0 s",
        "  t_202602 (1): failed: (1205) Lock wait timeout",
        "3f2a add price: done in 3.6 s",
    ]


def test_for_machines_every_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    shown(json=True)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(events) == len(EVENTS)
    assert events[1] == {
        "event": "step",
        "table": "t",
        "sql": ADD,
        "state": "run",
        "revision": "3f2a",
        "seconds": 0.04,
        "detail": "",
        "algorithm": "",
        "further": [],
        "clauses": [1],
    }


def test_clauses_that_are_one_statement_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as report:
        report(
            Step("t", ADD, "run", "3f2a", 5.04, algorithm="COPY", further=(INDEX,), clauses=(1, 2))
        )
    assert capsys.readouterr().out.splitlines() == [
        f"  (1) {ADD}",
        f"  (2) {INDEX}",
        "  t (1, 2): 5.0 s, COPY",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    shown(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_one_bar_with_the_tables_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    shown()
    out = capsys.readouterr().out
    assert "3f2a add price" in out
    assert "t_202602 is new" in out
    assert "2/2" in out
    assert ADD not in out


def test_values_become_json() -> None:
    difference = Difference(("column", "coin"), Column("coin", "int"), None)
    data = json.loads(as_json({"month": Month(2026, 1), "differences": (difference,)}))
    assert data["month"] == "2026-01"
    assert data["differences"][0]["what"] == ["column", "coin"]
    assert data["differences"][0]["text"] == "column coin missing"
    assert data["differences"][0]["expected"]["type"] == "int"


def test_tables_in_a_pipe_are_plain_and_aligned() -> None:
    assert table(("month", "rows"), [("2026-01", "~5"), ("2026-02", "-")]) == (
        "month    rows\n2026-01  ~5\n2026-02  -"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**40 * 3000, "3000.0 TiB")],
)
def test_sizes(number: int | None, text: str) -> None:
    assert size(number) == text


def test_estimates_are_marked() -> None:
    assert (estimate(1234567), estimate(0), estimate(None)) == ("~1,234,567", "~0", "-")
