from __future__ import annotations

import json

import pytest

from shardctl.cli import dry_run
from shardctl.cli.output import as_json, estimate, size, table
from shardctl.cli.progress import progress
from shardctl.month import Month
from shardctl.report import Event, Finished, Note, Started, Step, TableDone
from shardctl.structure import Column, Difference

ADD, INDEX = "ALTER TABLE `t` ADD COLUMN `单价` INT", "CREATE INDEX ix ON `t` (`单价`)"
EVENTS: list[Event] = [
    Started("3f2a add price", 3),
    Step("t", ADD, "run", "3f2a", 0.04),
    Step("t", INDEX, "run", "3f2a", 1.0),
    TableDone("t"),
    Step("t_202601", ADD, "found", "3f2a"),
    Step("t_202601", INDEX, "run", "3f2a", 2.5, algorithm="INPLACE"),
    TableDone("t_202601"),
    Note("t_202602 is new"),
    Step("t_202602", ADD, "waiting", "3f2a", detail="held by session 7; next try in 2.0 s"),
    Step("t_202602", ADD, "failed", "3f2a", detail="(1205) Lock wait timeout"),
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
    }


def test_clauses_that_are_one_statement_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as report:
        report(Step("t", ADD, "run", "3f2a", 5.04, algorithm="COPY", further=(INDEX,)))
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


def test_a_dry_run_shows_each_clause_once_with_its_tables() -> None:
    plan: list[Event] = [
        Step("t", ADD, "pending", "3f2a add price"),
        Step("t", INDEX, "pending", "3f2a add price"),
        Step("t_202601", ADD, "found", "3f2a add price"),
        Step("t_202601", INDEX, "pending", "3f2a add price"),
    ]
    assert dry_run.as_text(plan).splitlines() == [
        "3f2a add price",
        f"  {ADD}",
        "    to run: t",
        "    already so: t_202601",
        f"  {INDEX}",
        "    to run: t, t_202601",
    ]
    clauses = dry_run.as_data(plan)["revisions"][0]["clauses"]  # type: ignore[index]
    assert clauses[0] == {
        "sql": ADD,
        "tables": {"pending": ["t"], "found": ["t_202601"]},
        "how": {},
    }
    assert dry_run.as_text([]) == "nothing to do"


def test_a_dry_run_shows_by_which_algorithm_and_where_it_is_refused() -> None:
    together = {"algorithm": "COPY", "further": (INDEX,)}
    plan: list[Event] = [
        Step("t", ADD, "pending", "3f2a", **together),  # type: ignore[arg-type]
        Step("t_202601", ADD, "pending", "3f2a", algorithm="INSTANT"),
        Step("t_202602", ADD, "failed", "3f2a", algorithm="INSTANT", detail="(1846) FULLTEXT"),
    ]
    assert dry_run.as_text(plan).splitlines() == [
        "3f2a",
        f"  {ADD}",
        "    to run (COPY, in one statement): t",
        "    to run (INSTANT): t_202601",
        "    refused (not INSTANT: (1846) FULLTEXT): t_202602",
        f"  {INDEX}",
        "    to run (COPY, in one statement): t",
    ]
    clauses = dry_run.as_data(plan)["revisions"][0]["clauses"]  # type: ignore[index]
    assert clauses[0]["tables"]["pending"] == ["t", "t_202601"]
    assert clauses[0]["how"]["t_202601"] == "INSTANT"


def test_many_tables_wrap_under_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"t_order_2026{month:02}" for month in range(1, 13)]
    lines = dry_run.as_text([Step(name, ADD, "pending", "r") for name in names]).splitlines()[2:]
    assert max(map(len, lines)) <= 60
    assert ", ".join(line.strip().rstrip(",") for line in lines) == "to run: " + ", ".join(names)


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
