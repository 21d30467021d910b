"""The text of a plan, and the time that it tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shardctl.clause import Algorithm
from shardctl.cli.planned import as_text
from shardctl.dialects.mysql.server import Server
from shardctl.migrate.plan.cost import DATA, Experience
from shardctl.migrate.plan.values import Plan, PlannedRevision, PlannedStep, PlannedTable, Share
from shardctl.month import Month

ADD, INDEX = "ALTER TABLE `t` ADD COLUMN `单价` INT", "CREATE INDEX ix\nON `t` (`单价`)"
FIRST = Month(2026, 1)
MIB = 2**20


def step(
    *numbers: int, how: str = "INSTANT", seconds: float = 1.0, refused: str = ""
) -> PlannedStep:
    algorithm = Algorithm(how, rebuilds=how == "COPY")
    return PlannedStep(numbers, algorithm, False, refused, how == "COPY", seconds, False)


def plan(*shares: Share, warnings: tuple[str, ...] = (), disk: int = 0) -> Plan:
    revision = PlannedRevision("3f2a", "add price", "up", "", "", (ADD, INDEX), shares, disk)
    tables = {
        share.table: PlannedTable(
            share.table,
            "t",
            FIRST + int(share.table[2:]) if "_" in share.table else None,
            rows=10,
            bytes=MIB,
            versions=3,
        )
        for share in shares
    }
    now = datetime.now(UTC)
    return Plan("up", "head", (), "mysql", 255, (revision,), tables, warnings, now)


def test_alike_months_stand_together_and_others_after_them() -> None:
    both = (step(0), step(1, how="INPLACE"))
    shares = [Share(name, both) for name in ("t", "t_0", "t_1", "t_3")]
    late = Share("t_2", (step(1, how="INPLACE"),), found=(0,))
    text = as_text(plan(*shares, late, Share("t_4", ()), warnings=("mind the gap",)))
    assert text.splitlines() == [
        "3f2a add price",
        f"  1. {ADD}",
        "  2. CREATE INDEX ix",
        "     ON `t` (`单价`)",
        "  t: template, 3 months (2026-01..2026-02, 2026-04)",
        "    ~40 rows, 4.0 MiB (at most 1.0 MiB), row versions used: at most 3 of 255",
        "    to run: 1 INSTANT",
        "    to run: 2 INPLACE",
        "  t: 1 month (2026-03)",
        "    ~10 rows, 1.0 MiB, row versions used: 3 of 255",
        "    already so: 1",
        "    to run: 2 INPLACE",
        "  t: 1 month (2026-05)",
        "    ~10 rows, 1.0 MiB, row versions used: 3 of 255",
        "    done already",
        "  about 9 s, by what tables hold, for want of earlier steps on this server",
        "mind the gap",
    ]


def test_what_blocks_is_joined_or_is_refused_is_said() -> None:
    copied = Share("t", (step(0, 1, how="COPY", seconds=600),))
    stays = Share("t_0", (step(0, refused="(1846) FULLTEXT"),))
    lines = as_text(plan(copied, stays, disk=5 * MIB)).splitlines()
    assert "    to run: 1 + 2 COPY in one statement, writes wait" in lines
    assert "    refused: 1 cannot be INSTANT: (1846) FULLTEXT" in lines
    assert lines[-2].startswith("  about 10 min, ")
    assert lines[-1] == "  disk needed for a rebuild: 5.0 MiB, of one table at a time"


def test_many_gaps_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = as_text(plan(*(Share(f"t_{n}", (step(0),)) for n in range(0, 60, 2)))).splitlines()
    assert max(map(len, lines[4:])) <= 60 + 20  # the line of the estimate is one sentence
    assert "  t: 30 months (2026-01, 2026-03" in "\n".join(lines)


def test_time_comes_from_bytes_where_nothing_ran_before() -> None:
    none = Experience({})
    assert none.seconds("INSTANT", 10**12) == (0.02, False)
    seconds, measured = none.seconds("COPY", 3000 * MIB)
    assert (round(seconds), measured) == (100, False)
    assert none.seconds(DATA, 3000 * MIB)[0] > none.seconds("COPY", 3000 * MIB)[0]
    assert none.seconds("INPLACE", None) == (0.02, False)


def test_time_grows_with_bytes_as_earlier_steps_did() -> None:
    past = Experience({"COPY": [(1000, 0.1), (10 * MIB, 1.0), (20 * MIB, 2.0), (40 * MIB, 4.0)]})
    assert past.seconds("COPY", 100 * MIB) == (pytest.approx(10), True)
    assert past.seconds("COPY", 10) == (0.1, True)
    small = Experience({"COPY": [(1000, 0.1)]})
    assert small.seconds("COPY", 10) == (0.1, True)
    assert small.seconds("COPY", 100 * MIB)[1] is False
    assert Experience({"INSTANT": [(1, 0.1), (10**9, 0.3)]}).seconds("INSTANT", 5)[0] == 0.2


@pytest.mark.parametrize(
    ("server", "limit", "online_copy"),
    [
        (Server("mysql", (8, 0, 28)), None, False),
        (Server("mysql", (8, 0, 29)), 64, False),
        (Server("mysql", (9, 0, 1)), 64, False),
        (Server("mysql", (9, 1, 0)), 255, False),
        (Server("mariadb", (10, 11, 19)), None, False),
        (Server("mariadb", (11, 2, 0)), None, True),
    ],
)
def test_servers_differ_in_what_they_count_and_copy(
    server: Server, limit: int | None, online_copy: bool
) -> None:
    assert (server.row_version_limit, server.has_online_copy) == (limit, online_copy)
