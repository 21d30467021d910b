"""The server killed in the midst of an upgrade on four sessions: the next run finishes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import SETTINGS
from tests.integration.test_kill import State, reset
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import Project
from tests.servers import FLAVOURS, Own, Unusable, private

OPTIONS = ("--innodb-flush-log-at-trx-commit=1",)
"""A server that is killed has what it has said to have."""

UPGRADE = "commands.upgrade(config, course=Course(jobs=4, rebuild_jobs=4))"


@pytest.fixture(params=FLAVOURS)
def own(request: pytest.FixtureRequest) -> Iterator[Own]:
    """A server of each flavour that the test may kill."""
    settings = request.config.stash[SETTINGS]
    try:
        with private(request.param, settings, *OPTIONS) as server:
            yield server
    except Unusable as error:
        if settings.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.mark.timeout(600)
def test_an_upgrade_whose_server_is_killed_is_finished_by_the_next(
    tmp_path: Path, nursery: Nursery, own: Own
) -> None:
    with own.server.fresh_database() as url:
        project = Project.make(tmp_path / "project", url, "t_order")
        project.revision(
            "r1",
            """
            op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
            op.execute("UPDATE t_order SET coin = coin + 1")
            op.create_index("ix_room", "t_order", ["room_id"])
            op.alter_column("t_order", "status", type_=sa.BigInteger())
            """,
        )
        trials = Trials(nursery, project.folder)
        for _ in range(2):  # the first one makes the ledger, too
            reset(project)
            writes = trials.through(UPGRADE).writes
        expected = State.of(project)
        ours = [at for at, write in enumerate(writes) if write.startswith("/* shardctl ")]
        moves = max(at for at, write in enumerate(writes) if "alembic_version" in write)
        # Before the first statement on a month, in their midst, and before the version moves.
        for at in (ours[1], ours[len(ours) // 2], ours[-1], moves):
            reset(project)
            trials.crashed(UPGRADE, own, at=at)
            trials.again(UPGRADE)
            assert State.of(project) == expected, at
