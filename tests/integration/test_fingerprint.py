"""Where a family's IDs go is written down: application and database must agree on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shardctl import ledger
from shardctl.errors import FingerprintMismatch
from shardctl.family import Family
from shardctl.lifecycle.adopt import adopt
from shardctl.lifecycle.check import Problem, check
from shardctl.lifecycle.premake import premake
from tests.conftest import RunCli
from tests.project import ORDERS, Project

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
FAMILY = "[families.t_order]\npremake = 2"


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    """A family declared, with a template and a month, that no command has met yet."""
    project = Project.make(tmp_path / "project", url, FAMILY)
    for table in ("t_order", "t_order_202602"):
        project.sql(ORDERS.format(table=table, comment_id=""))
    return project


def known(project: Project) -> dict[str, str]:
    with project.connect() as connection:
        return {name: row.fingerprint for name, row in ledger.families(connection).items()}


def verify(project: Project, family: Family) -> bool:
    with project.connect() as connection:
        return ledger.verify(connection, family)


def declare(project: Project, was: str, becomes: str) -> None:
    file = project.folder / "shardctl.toml"
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, becomes))


def disagreements(project: Project) -> list[Problem]:
    return [each for each in check(project.config, now=NOW) if "routes IDs" in each.message]


def test_nothing_is_known_before_a_command_that_writes(project: Project) -> None:
    assert verify(project, project.config.families["t_order"]) is False
    assert known(project) == {}


def test_premake_writes_down_how_ids_are_routed(project: Project) -> None:
    premake(project.config, now=NOW)
    family = project.config.families["t_order"]
    assert known(project) == {"t_order": family.fingerprint}
    assert verify(project, family) is True
    assert disagreements(project) == []


def test_upgrade_writes_it_down(project: Project) -> None:
    project.revision("r1", "pass")
    project.upgrade()
    assert known(project) == {"t_order": project.config.families["t_order"].fingerprint}


def test_adopt_writes_it_down(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url)
    project.sql(ORDERS.format(table="t_order_202602", comment_id=""))
    adopt(project.config, "t_order", now=NOW)
    assert known(project) == {"t_order": project.config.families["t_order"].fingerprint}


def test_a_family_that_is_not_in_the_database_is_not_written_down(
    tmp_path: Path, sqlite_url: str
) -> None:
    project = Project.make(tmp_path / "project", sqlite_url, FAMILY, "t_user")
    project.sql(*(ORDERS.format(table=t, comment_id="") for t in ("t_order", "t_order_202602")))
    project.revision("r1", "pass")
    project.upgrade()
    assert set(known(project)) == {"t_order"}


def test_an_application_in_another_zone_is_refused(project: Project) -> None:
    premake(project.config, now=NOW)
    there = replace(project.config.families["t_order"], timezone="UTC")
    with pytest.raises(FingerprintMismatch, match=r"'UTC; .*' here, and by 'Asia/Shanghai; "):
        verify(project, there)


def test_check_says_so_and_what_is_known_stays(project: Project) -> None:
    premake(project.config, now=NOW)
    before = known(project)
    declare(project, FAMILY, FAMILY + '\ngene = "snowflake twitter"')

    (problem,) = disagreements(project)
    assert (problem.family, problem.severity) == ("t_order", "error")
    assert "adopt t_order --accept-routing" in problem.message
    project.sql("DROP TABLE t_order_202603")
    premake(project.config, now=NOW)
    project.revision("r1", "pass")
    project.upgrade()
    assert known(project) == before
    assert len(disagreements(project)) == 1


def test_a_change_that_is_meant_is_accepted(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", "pass")
    project.upgrade()
    premake(project.config, now=NOW)
    declare(project, FAMILY, FAMILY + '\ngene = "snowflake twitter"')
    assert run_cli("adopt", "t_order", cwd=project.folder).returncode == 0
    assert len(disagreements(project)) == 1

    done = run_cli("adopt", "t_order", "--accept-routing", cwd=project.folder)
    assert done.returncode == 0, done.stderr
    assert disagreements(project) == []
    assert known(project) == {"t_order": project.config.families["t_order"].fingerprint}


def test_a_ledger_of_an_earlier_version_gets_the_table(project: Project) -> None:
    premake(project.config, now=NOW)
    project.sql("DROP TABLE shardctl_family", "UPDATE shardctl_meta SET version = 2")
    assert verify(project, project.config.families["t_order"]) is False
    assert disagreements(project) == []
    project.sql("DROP TABLE t_order_202603")
    premake(project.config, now=NOW)
    assert verify(project, project.config.families["t_order"]) is True
