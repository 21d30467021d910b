"""A clause bears its number in the revision, wherever and whenever it is told."""

from __future__ import annotations

import json

import pytest

from shardctl.cli.progress import progress
from shardctl.report import Started, Step


def test_a_run_that_goes_on_shows_the_revisions_own_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress(quiet=False) as report:
        report(Started("3f2a add price", 2))
        report(Step("t_202601", "SQL 3", "run", "3f2a", 1.0, clauses=(3,)))
        report(Step("t_202602", "SQL 2", "run", "3f2a", 1.0, further=("SQL 3",), clauses=(2, 3)))
    assert capsys.readouterr().out.splitlines() == [
        "3f2a add price (2 tables)",
        "  (3) SQL 3",
        "  t_202601 (3): 1.0 s",
        "  (2) SQL 2",
        "  t_202602 (2, 3): 1.0 s",
    ]


def test_two_clauses_of_the_same_text_are_two(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as report:
        report(Step("t", "UPDATE", "run", "3f2a", 1.0, clauses=(1,)))
        report(Step("t", "UPDATE", "run", "3f2a", 1.0, clauses=(2,)))
    assert "  (2) UPDATE" in capsys.readouterr().out


def test_for_machines_they_are_numbered_alike(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False, json=True) as report:
        report(Step("t", "SQL 3", "run", "3f2a", 1.0, clauses=(3,)))
    assert json.loads(capsys.readouterr().out)["clauses"] == [3]
