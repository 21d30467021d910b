"""What the log, the screen and retry say of what broke off."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import StepFailed
from shardctl.lifecycle.log import log
from shardctl.report import Event, Step
from tests.project import ORDERS, Project

MONTH = "t_order_202001"


def test_a_run_that_goes_on_and_its_log_count_clauses_alike(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", MONTH)))
    project.sql(
        *(
            f"INSERT INTO {MONTH} (order_id, user_id, create_time) VALUES ('{n}', 7, '2020-01-01')"
            for n in (1, 2)
        )
    )
    project.revision(
        "r1",
        'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
        'op.create_index("uq_user", "t_order", ["user_id"], unique=True)',
    )
    with pytest.raises(StepFailed, match="clause 2 of r1"):
        project.upgrade()
    project.sql(f"DELETE FROM {MONTH} WHERE order_id = '2'")
    events: list[Event] = []
    project.upgrade(report=events.append)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.table, step.clauses) for step in steps] == [(MONTH, (2,))]
    assert [entry.clauses for entry in log(project.config, revision="r1")][-1] == (2,)
