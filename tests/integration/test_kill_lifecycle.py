"""premake and adopt killed at any statement: the next one ends as an undisturbed one would have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shardctl import ledger
from shardctl.errors import StepFailed
from shardctl.structure import differences
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import ORDERS, Project

PREMAKE = "premake(config, now=now(2026, 2, 10))"
ADOPT = "adopt(config, 't_order', now=now(2026, 2, 10))"
OLD = ("t_order_202512", "t_order_202601")
MADE = ("t_order_202602", "t_order_202603")


@dataclass(frozen=True)
class State:
    """All that an interrupted run must have in common with an undisturbed one."""

    version: str | None
    structures: object
    months: frozenset[tuple[object, ...]]
    clauses: frozenset[tuple[object, ...]]
    files: frozenset[tuple[str, bytes]]

    @classmethod
    def of(cls, project: Project) -> State:
        assert project.left_behind() == []
        with project.connect() as connection:
            known = ledger.months(connection).values()
        rows = project.ledger_rows("r1").items()
        folder = project.folder
        files = [folder / "shardctl.toml", *(folder / "migrations").rglob("*.py")]
        return cls(
            project.version() if "alembic_version" in names(project) else None,
            project.structures(*project.tables()),
            frozenset(
                (row.table, row.family, row.month, row.revision, row.origin) for row in known
            ),
            frozenset((*key, row.how, row.done) for key, row in rows),
            frozenset((str(file.relative_to(folder)), file.read_bytes()) for file in files),
        )


def names(project: Project) -> tuple[str, ...]:
    with project.connect() as connection:
        return project.database.dialect.table_names(connection)


def drop(project: Project, *tables: str) -> None:
    with project.connect() as connection:
        project.database.dialect.drop(connection, tables)


def orders(project: Project, *tables: str) -> None:
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))


@pytest.fixture
def unfinished(tmp_path: Path, url: str) -> Project:
    """A family in the midst of an upgrade that a month with rows has refused."""
    project = Project.make(tmp_path / "project", url, "[families.t_order]\npremake = 1")
    orders(project, "t_order", *OLD)
    project.sql(
        f"INSERT INTO {OLD[0]} (order_id, create_time) VALUES ('a', '2025-12-01 00:00:00'), "
        "('b', '2025-12-01 00:00:00')"
    )
    project.revision(
        "r1",
        """
        op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
        op.create_index("uq_user", "t_order", ["user_id"], unique=True)
        """,
    )
    with pytest.raises(StepFailed):
        project.upgrade()
    return project


def test_a_premake_killed_at_any_statement_is_finished_by_the_next(
    unfinished: Project, nursery: Nursery
) -> None:
    project = unfinished
    trials = Trials(nursery, project.folder)

    def reset() -> None:
        drop(project, *MADE)
        for table in ("shardctl_month", "shardctl_clause"):
            project.sql(f"DELETE FROM {table} WHERE table_name IN {MADE}")

    trials.again(PREMAKE)
    expected = State.of(project)
    found = project.structures("t_order", *MADE)
    assert not [month for month in MADE if differences(found["t_order"], found[month])]
    assert {("t_order_202602", "premade"), ("t_order_202603", "premade")} == {
        (table, origin) for table, *_, origin in expected.months
    }
    assert {(n, table) for n, table, *_ in expected.clauses} >= {
        (n, table) for n in (0, 1) for table in MADE
    }
    # On a server a trial takes long: every fifth statement there, every one on SQLite.
    for kill_at, last in trials.killed(PREMAKE, every=1 if project.is_sqlite else 5, before=reset):
        trials.again(PREMAKE)
        assert State.of(project) == expected, (kill_at, last)
    assert kill_at > 14


def test_an_adopt_killed_at_any_statement_is_finished_by_the_next(
    tmp_path: Path, url: str, nursery: Nursery
) -> None:
    project = Project.make(tmp_path / "project", url)
    file = project.folder / "shardctl.toml"
    before = file.read_bytes()
    orders(project, *OLD)
    project.sql(f"ALTER TABLE {OLD[0]} ADD COLUMN room_id bigint")
    versions = project.folder / "migrations" / "versions"

    def reset() -> None:
        drop(project, "t_order", "alembic_version")
        project.sql("DELETE FROM shardctl_month")
        file.write_bytes(before)
        for each in versions.glob("*.*"):
            each.unlink()

    trials = Trials(nursery, project.folder)
    undisturbed = trials.through(ADOPT)
    assert {"open", "os.rename"} <= {write.split()[0] for write in undisturbed.writes}
    expected = State.of(project)
    assert len(expected.months) == 2
    assert expected.version
    assert len(list(versions.glob("*.py"))) == 1
    for kill_at, last in trials.killed(ADOPT, every=1 if project.is_sqlite else 3, before=reset):
        trials.again(ADOPT)
        assert State.of(project) == expected, (kill_at, last)
    assert kill_at > 12
