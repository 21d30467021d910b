"""That the benchmark of reads runs, and compares the same rows; not what it finds."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench_reads import grown, measured


def test_reads_are_compared_and_what_a_scan_holds_is_measured(
    mariadb_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    measured(mariadb_url, months=14, rows=840, runs=2)
    grown(mariadb_url, months=2, rows=1000)
    said = capsys.readouterr().out
    assert said.count("by hand") == 10
    assert "MiB for 1,000" in said
