"""The server killed in the midst of an upgrade on four sessions: the next run finishes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.test_kill import State, reset
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import Project
from tests.servers import FLAVOURS, private

UPGRADE = "commands.upgrade(config, course=Course(jobs=4, rebuild_jobs=4))"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_upgrade_whose_server_is_killed_is_finished_by_the_next(
    tmp_path: Path, nursery: Nursery, flavour: str
) -> None:
    with private(flavour, os.environ) as own, own.server.fresh_database() as url:
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
            trials.through(UPGRADE)
            assert State.of(project) == expected, at
