"""What is misspelt behind `alembic -x` is told before anything runs; words of one's own pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import ConfigError
from shardctl.migrate.words import WORDS, refuse_misspelt
from tests.nursery import Nursery
from tests.project import ORDERS, Project

ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'


@pytest.mark.parametrize(
    ("said", "meant"),
    {
        "lock_wiat": "lock_wait",
        "lock-wait": "lock_wait",
        "Only": "only",
        "exept": "except",
        "pauseafter": "pause_after",
        "allow_destuctive": "allow_destructive",
        "replicas": "replica",
        "max_lags": "max_lag",
    }.items(),
)
def test_what_is_all_but_one_of_our_words_is_refused(said: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"-x {said}: is {meant} meant\?") as caught:
        refuse_misspelt([said])
    assert all(word in str(caught.value) for word in WORDS)


def test_our_words_and_those_of_other_environments_pass() -> None:
    refuse_misspelt(WORDS)
    refuse_misspelt(["tenant", "env", "schema", "data", "db", "url", "region", "line", "offline"])


def test_alembic_refuses_it_before_anything_runs(
    tmp_path: Path, sqlite_url: str, nursery: Nursery
) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    for table in ("t_order", "t_order_202001", "t_order_202002"):
        project.sql(ORDERS.format(table=table, comment_id=""))
    project.revision("r1", ROOM)

    def alembic(*arguments: str) -> tuple[int | None, str]:
        started = nursery.start("alembic", *arguments, cwd=tmp_path, env={"COLUMNS": "200"})
        ended = started.completed(*arguments)
        return ended.returncode, ended.stderr

    def having() -> set[str]:
        found = project.structures(*project.tables()).items()
        return {table for table, one in found if "room" in [each.name for each in one.columns]}

    code, said = alembic("-x", "onnly=202001", "upgrade", "head")
    assert code not in (0, None)
    assert "-x onnly: is only meant?" in said
    assert "Traceback" not in said
    assert having() == set()
    assert alembic("-x", "tenant=a", "-x", "only=202001", "upgrade", "head")[0] == 0
    assert having() == {"t_order", "t_order_202001"}
