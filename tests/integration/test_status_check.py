"""status and check: what they see, what they call a problem, and that they only read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.errors import DatabaseUnavailable, StepFailed, UnknownFamily
from shardctl.lifecycle.check import Problem, check
from shardctl.lifecycle.premake import premake
from shardctl.lifecycle.status import FamilyStatus, status
from shardctl.month import Month
from tests.conftest import RunCli
from tests.project import ORDERS, Project

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
FAMILY = '[families.t_order]\npremake = 2\nkey = "order_id"\ntime = "create_time"'


def orders(*tables: str) -> tuple[str, ...]:
    return tuple(ORDERS.format(table=table, comment_id="") for table in tables)


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A family of three months around the present one, that nothing is wrong with."""
    project = Project.make(tmp_path / "project", flow_url, FAMILY)
    binary = "" if project.is_sqlite else " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    for table in ("t_order", "t_order_202601", "t_order_202602", "t_order_202603"):
        text = ORDERS.format(table=table, comment_id="")
        project.sql(text.replace("varchar(128)", f"varchar(128){binary}"))
    return project


def one(project: Project) -> FamilyStatus:
    (found,) = status(project.config, now=NOW)
    return found


def problems(project: Project, severity: str = "error") -> list[Problem]:
    return [each for each in check(project.config, now=NOW) if each.severity == severity]


def test_nothing_is_wrong_with_months_like_the_template(project: Project) -> None:
    assert check(project.config, now=NOW) == ()


def test_status_has_a_row_for_each_month(project: Project) -> None:
    project.sql(
        "INSERT INTO t_order_202601 (order_id, create_time) VALUES ('1', '2026-01-01 00:00:00')"
    )
    if not project.is_sqlite:
        project.sql("ANALYZE TABLE t_order_202601")

    found = one(project)

    assert [month.month for month in found.months] == [Month(2026, n) for n in (1, 2, 3)]
    first = found.months[0]
    assert (first.table, first.rows, first.differences) == ("t_order_202601", 1, ())
    assert first.bytes is None or first.bytes > 0
    assert found.has_template
    assert (found.runway_months, found.first_missing) == (2, Month(2026, 4))


def test_reading_leaves_no_trace(project: Project) -> None:
    with project.connect() as connection:
        before = project.database.dialect.table_names(connection)
    status(project.config)
    check(project.config)
    with project.connect() as connection:
        assert project.database.dialect.table_names(connection) == before


def test_a_month_that_the_ledger_has_not_met_stands_where_its_equals_do(project: Project) -> None:
    project.revision("r1", "pass")
    project.upgrade()
    project.sql(*orders("t_order_202604"), "ALTER TABLE t_order_202604 ADD COLUMN extra int")
    months = {month.table: month for month in one(project).months}
    assert months["t_order_202601"].revision == "r1"
    assert months["t_order_202604"].revision is None


def test_drift_is_told_by_column(project: Project) -> None:
    project.sql("ALTER TABLE t_order_202601 ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")

    (difference,) = one(project).months[0].differences
    assert str(difference) == "column room_id extra"
    (problem,) = problems(project)
    assert (problem.family, problem.table) == ("t_order", "t_order_202601")
    assert "column room_id extra" in problem.message


def test_an_order_of_columns_that_differs_is_a_warning(tmp_path: Path, server_url: str) -> None:
    project = Project.make(tmp_path / "project", server_url, FAMILY)
    project.sql(*orders("t_order", "t_order_202602", "t_order_202603"))
    project.sql(
        "ALTER TABLE t_order_202602 MODIFY coin decimal(32,2) NOT NULL DEFAULT '0.00' FIRST"
    )
    assert problems(project) == []
    assert "order of columns" in problems(project, "warning")[-1].message


def test_months_that_are_missing_and_a_runway_that_ends(project: Project) -> None:
    project.sql("DROP TABLE t_order_202602", *orders("t_order_202511"))

    found = one(project)
    assert found.gaps == (Month(2025, 12),)
    assert (found.runway_months, found.first_missing) == (0, Month(2026, 2))
    (runway,) = (problem for problem in problems(project) if not problem.table)
    assert "2026-02 is missing" in runway.message
    # A family may have begun long after a month of its own history: nobody waits for these.
    (gap,) = (each for each in check(project.config, now=NOW) if "are missing" in each.message)
    assert (gap.severity, gap.table) == ("warning", "")


def test_months_that_are_missing_are_told_as_spans(project: Project) -> None:
    project.sql(*orders("t_order_202001"))
    (gap,) = problems(project, "warning")
    assert "missing: 2020-02 to 2025-12 (71 months); 'shardctl premake" in gap.message


def test_premake_makes_the_runway_long_enough(project: Project) -> None:
    project.sql("DROP TABLE t_order_202603")
    assert "the runway is short" in problems(project)[0].message
    premake(project.config, now=NOW)
    assert check(project.config, now=NOW) == ()
    assert one(project).runway_months == 3


def test_a_template_that_is_absent_or_has_rows(project: Project) -> None:
    project.sql("INSERT INTO t_order (order_id, create_time) VALUES ('1', '2026-02-01 00:00:00')")
    assert "the template has rows" in problems(project)[0].message

    project.sql("DROP TABLE t_order")
    assert "the template is missing" in problems(project)[0].message
    assert not one(project).has_template


def test_columns_of_the_configuration_that_the_template_lacks(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, '[families.t_order]\ntime = "add_time"')
    project.sql(*orders("t_order"))
    assert any("column add_time" in problem.message for problem in problems(project))


def test_a_key_that_takes_different_ids_for_one_is_a_warning(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, FAMILY)
    loose = "COLLATE NOCASE" if project.is_sqlite else "COLLATE utf8mb4_general_ci"
    text = ORDERS.format(table="t_order", comment_id="")
    project.sql(text.replace("varchar(128)", f"varchar(128) {loose}"))
    (problem,) = problems(project, "warning")
    assert "order_id is compared by" in problem.message


def test_a_state_without_the_index_for_a_sweep_is_a_warning(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, FAMILY + '\nstate = "status"')
    project.sql(*orders("t_order"))
    project.sql("CREATE INDEX ix_other ON t_order (create_time, status)")
    wanted = "no index begins with (status, create_time)"
    assert [wanted in each.message for each in problems(project, "warning")].count(True) == 1

    project.sql("CREATE INDEX ix_sweep ON t_order (status, create_time, user_id)")
    assert not any(wanted in each.message for each in problems(project, "warning"))


def test_a_state_that_the_template_lacks_is_an_error(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, '[families.t_order]\nstate = "state"')
    project.sql(*orders("t_order"))
    assert any("column state," in problem.message for problem in problems(project))


def test_lookalikes_are_told_with_the_reason(project: Project) -> None:
    project.sql(*orders("t_order_202601_bak", "t_order_202613", "t_order_item_202601"))
    skipped = dict(one(project).skipped)
    assert skipped.keys() >= {"t_order_202601_bak", "t_order_202613"}
    assert len(one(project).months) == 3


def test_an_unfinished_upgrade_is_told_with_what_is_left(project: Project) -> None:
    project.sql(
        "INSERT INTO t_order_202601 (order_id, create_time) VALUES ('1', '2026-01-01 00:00:00')",
        "INSERT INTO t_order_202601 (order_id, create_time) VALUES ('2', '2026-01-02 00:00:00')",
    )
    project.revision("r1", 'op.create_index("ix_user", "t_order", ["user_id"], unique=True)')
    with pytest.raises(StepFailed):
        project.upgrade()

    (run,) = one(project).unfinished
    # The template went first; the oldest month comes before the others.
    assert (run.revision, run.direction, run.done, run.waiting) == ("r1", "up", 1, 3)
    assert any("revision r1" in problem.message for problem in problems(project))


def test_months_bear_the_revision_that_they_came_to(project: Project) -> None:
    project.revision("r1", 'op.add_column("t_order", sa.Column("note", sa.String(20)))')
    project.upgrade()
    assert {month.revision for month in one(project).months} == {"r1"}
    project.downgrade("base")
    assert {month.revision for month in one(project).months} == {None}


def test_families_are_told_apart(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, "t_order", "t_order_item")
    project.sql(*orders("t_order", "t_order_202602", "t_order_item", "t_order_item_202601"))
    found = {family.family: family for family in status(project.config, now=NOW)}
    assert [month.table for month in found["t_order"].months] == ["t_order_202602"]
    assert [month.table for month in found["t_order_item"].months] == ["t_order_item_202601"]
    assert found["t_order"].skipped == ()
    assert [each.family for each in status(project.config, "t_order_item")] == ["t_order_item"]
    with pytest.raises(UnknownFamily):
        status(project.config, "t_ordre")


def test_the_number_of_queries_does_not_grow_with_the_months(project: Project) -> None:
    def queries() -> int:
        sent: list[str] = []

        def count(*arguments: object) -> None:
            sent.append(str(arguments[2]))

        event.listen(Engine, "before_cursor_execute", count)
        try:
            status(project.config, now=NOW)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        return len(sent)

    few = queries()
    project.sql(*orders(*(f"t_order_2025{month:02}" for month in range(1, 13))))
    per_table = 12 if project.is_sqlite else 0  # SQLite tells no number of rows: one look each
    assert queries() == few + per_table


def test_an_unreachable_server_is_one_line(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", f"sqlite:///{tmp_path}/none/here.db", "t_order")
    with pytest.raises(DatabaseUnavailable):
        status(project.config)


def test_the_commands_exit_codes_and_json(project: Project, run_cli: RunCli) -> None:
    project.sql("ALTER TABLE t_order_202601 ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")

    told = run_cli("check", "--json", cwd=project.folder)
    assert told.returncode == 1
    assert any("room_id" in problem["message"] for problem in json.loads(told.stdout))

    shown = run_cli("status", cwd=project.folder)
    assert shown.returncode == 0
    assert "t_order_202601: column room_id extra" in shown.stdout

    (family,) = json.loads(run_cli("status", "--json", cwd=project.folder).stdout)
    assert [month["month"] for month in family["months"]] == ["2026-01", "2026-02", "2026-03"]
