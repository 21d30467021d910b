"""premake: this month and the next ones, made from the template, once, whatever else happens."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shardctl import ledger, lock
from shardctl.errors import ConfigError, LockHeld, Refused, StepFailed, UnknownFamily
from shardctl.lifecycle.premake import premake
from shardctl.lifecycle.status import status
from shardctl.month import Month
from shardctl.report import Event, Note
from shardctl.structure import differences
from tests.project import ORDERS, Project

NOW = datetime(2026, 2, 10, 12, tzinfo=UTC)
JUST_BEFORE_MARCH = datetime(2026, 2, 28, 16, 30, tzinfo=UTC)  # in Shanghai it is March already


def orders(*tables: str) -> tuple[str, ...]:
    return tuple(ORDERS.format(table=table, comment_id="") for table in tables)


def made(result: object) -> list[str]:
    return [each.table for each in result if each.made]  # type: ignore[attr-defined]


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    project = Project.make(tmp_path / "project", flow_url, "[families.t_order]\npremake = 2")
    project.sql(*orders("t_order"))
    return project


def equal_to_template(project: Project, table: str, template: str = "t_order") -> bool:
    found = project.structures(template, table)
    return not differences(found[template], found[table])


def test_this_month_and_the_next_ones_are_made_like_the_template(project: Project) -> None:
    result = premake(project.config, now=NOW)

    assert made(result) == ["t_order_202602", "t_order_202603", "t_order_202604"]
    assert project.tables() == ("t_order", "t_order_202602", "t_order_202603", "t_order_202604")
    assert all(equal_to_template(project, table) for table in made(result))
    assert project.left_behind() == []


def test_made_months_are_in_the_ledger(project: Project) -> None:
    project.sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('r1')",
    )
    premake(project.config, now=NOW)

    with project.connect() as connection:
        known = ledger.months(connection)
    row = known["t_order_202603"]
    assert (row.family, row.month, row.revision, row.origin) == (
        "t_order",
        Month(2026, 3),
        "r1",
        "premade",
    )


def test_a_second_premake_changes_nothing_and_says_so(project: Project) -> None:
    premake(project.config, now=NOW)
    with project.connect() as connection:
        before = ledger.months(connection)

    result = premake(project.config, now=NOW)

    assert {each.reason for each in result} == {"exists"}
    with project.connect() as connection:
        assert ledger.months(connection) == before


def test_months_are_those_of_the_familys_zone(project: Project) -> None:
    result = premake(project.config, months=0, now=JUST_BEFORE_MARCH)
    assert made(result) == ["t_order_202603"]


def test_premake_goes_over_the_end_of_a_year(project: Project) -> None:
    result = premake(project.config, months=3, now=datetime(2026, 11, 5, tzinfo=UTC))
    assert made(result) == [
        "t_order_202611",
        "t_order_202612",
        "t_order_202701",
        "t_order_202702",
    ]


def test_existing_months_stay_as_they_are(project: Project) -> None:
    project.sql("CREATE TABLE t_order_202603 (order_id varchar(128) NOT NULL PRIMARY KEY)")
    result = premake(project.config, now=NOW)

    assert made(result) == ["t_order_202602", "t_order_202604"]
    assert len(project.structure("t_order_202603").columns) == 1


def test_gaps_are_told_and_filled_only_when_asked(project: Project) -> None:
    project.sql(*orders("t_order_202510"))

    told = premake(project.config, now=NOW)
    missing = [each.table for each in told if "--fill-gaps" in each.reason]
    assert missing == ["t_order_202511", "t_order_202512", "t_order_202601"]
    assert "t_order_202511" not in project.tables()

    filled = premake(project.config, fill_gaps=True, now=NOW)
    assert made(filled) == missing
    assert status(project.config, now=NOW)[0].gaps == ()


def test_two_premakes_at_once_make_one_set(project: Project) -> None:
    together = threading.Barrier(2)

    def run() -> list[str]:
        together.wait()
        return made(premake(project.config, now=NOW, wait=60))

    with ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(run), pool.submit(run)]]

    assert sorted(results[0] + results[1]) == ["t_order_202602", "t_order_202603", "t_order_202604"]
    assert project.left_behind() == []


def test_premake_says_who_holds_the_lock(project: Project) -> None:
    with (
        lock.acquire(project.database, command="upgrade"),
        pytest.raises(LockHeld, match="shardctl upgrade"),
    ):
        premake(project.config, now=NOW, wait=0)
    assert project.tables() == ("t_order",)


def test_a_set_that_another_made_meanwhile_is_success(project: Project) -> None:
    """The holder of the lock makes the months while premake waits for it in vain."""
    waiting = threading.Event()

    with lock.acquire(project.database, command="premake"), ThreadPoolExecutor(1) as pool:
        future = pool.submit(
            lambda: (waiting.set(), premake(project.config, months=0, now=NOW, wait=1.5))[1]
        )
        waiting.wait()
        project.sql(*orders("t_order_202602"))
        assert made(future.result()) == []


def test_a_complete_set_needs_no_lock(project: Project) -> None:
    premake(project.config, now=NOW)
    with lock.acquire(project.database, command="upgrade"):
        assert made(premake(project.config, now=NOW, wait=0)) == []


def test_a_missing_template_is_refused_before_anything_is_written(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, "t_order")
    with pytest.raises(Refused, match="template t_order is missing"):
        premake(project.config, now=NOW)
    with project.connect() as connection:
        assert project.database.dialect.table_names(connection) == ()


def test_a_family_without_a_template_does_not_keep_others_from_their_months(
    tmp_path: Path, url: str
) -> None:
    project = Project.make(tmp_path / "project", url, "t_absent", "t_order")
    project.sql(*orders("t_order"))
    with pytest.raises(Refused, match="template t_absent is missing"):
        premake(project.config, months=0, now=NOW)
    assert "t_order_202602" in project.tables()


def test_rows_in_the_template_are_a_warning_and_stay_out_of_the_months(project: Project) -> None:
    project.sql("INSERT INTO t_order (order_id, create_time) VALUES ('1', '2026-02-01 00:00:00')")
    events: list[Event] = []

    premake(project.config, now=NOW, report=events.append)

    assert [event for event in events if isinstance(event, Note) and "has rows" in event.text]
    assert project.rows("SELECT count(*) FROM t_order_202602") == [(0,)]


def test_unknown_families_and_none_at_all_are_usage_errors(tmp_path: Path, url: str) -> None:
    empty = Project.make(tmp_path / "project", url)
    with pytest.raises(ConfigError, match="no family is declared"):
        premake(empty.config, now=NOW)
    with pytest.raises(UnknownFamily):
        premake(empty.config, family="t_ordre", now=NOW)


def test_a_foreign_key_binds_month_to_month(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path / "project", url, "t_item", "t_order")
    project.sql(
        *orders("t_order"),
        """CREATE TABLE t_item (
          id bigint NOT NULL PRIMARY KEY,
          order_id varchar(128) NOT NULL,
          parent bigint,
          CONSTRAINT fk_item_order FOREIGN KEY (order_id) REFERENCES t_order (order_id),
          CONSTRAINT fk_item_parent FOREIGN KEY (parent) REFERENCES t_item (id),
          CONSTRAINT ck_item CHECK (id > 0)
        )""",
    )
    with pytest.raises(Refused, match="t_order_202602, which is missing"):
        premake(project.config, family="t_item", months=0, now=NOW)

    assert len(made(premake(project.config, months=1, now=NOW))) == 4
    keys = {key.columns: key for key in project.structure("t_item_202603").foreign_keys}
    assert keys["order_id",].table == "t_order_202603"
    assert keys["parent",].table == "<self>"
    assert keys["order_id",].name == "fk_item_order_202603"
    assert all(
        not month.differences for family in status(project.config) for month in family.months
    )


def test_a_scratch_that_a_crash_left_behind_is_removed(tmp_path: Path, server_url: str) -> None:
    project = Project.make(tmp_path / "project", server_url, "t_order")
    project.sql(*orders("t_order", "shardctl_scratch_0123456789abcdef_202602"))
    premake(project.config, months=0, now=NOW)
    assert project.left_behind() == []


def test_a_statement_that_the_server_refuses_leaves_no_month(
    tmp_path: Path, server_url: str
) -> None:
    """The month's own name for a foreign key is taken by a table of somebody else's."""
    project = Project.make(tmp_path / "project", server_url, "t_item")
    project.sql(
        "CREATE TABLE t_user (id bigint NOT NULL PRIMARY KEY)",
        """CREATE TABLE t_item (id bigint NOT NULL PRIMARY KEY, user_id bigint,
          CONSTRAINT fk_user FOREIGN KEY (user_id) REFERENCES t_user (id))""",
        """CREATE TABLE other (id bigint NOT NULL PRIMARY KEY, user_id bigint,
          CONSTRAINT fk_user_202603 FOREIGN KEY (user_id) REFERENCES t_user (id))""",
    )
    with pytest.raises(StepFailed, match="t_item_202603 cannot be made"):
        premake(project.config, months=2, now=NOW)

    assert project.tables() == ("other", "t_item", "t_item_202602", "t_user")
    assert project.left_behind() == []
    with project.connect() as connection:
        assert list(ledger.months(connection)) == ["t_item_202602"]


# -- while an upgrade is unfinished ----------------------------------------------------------------

ADD_AND_FILL = """
op.add_column("t_order", sa.Column("cents", sa.BigInteger(), nullable=True))
op.execute("UPDATE t_order SET cents = 1 WHERE cents IS NULL")
op.add_column("t_order", sa.Column("note", sa.String(20), nullable=True))
op.execute("UPDATE t_order SET note = 'n' WHERE note IS NULL")
op.create_index("ix_user", "t_order", ["user_id"], unique=True)
"""
TAKE_BACK = """
op.drop_index("ix_user", "t_order")
op.drop_column("t_order", "note")
op.drop_column("t_order", "cents")
"""


def unfinished(tmp_path: Path, url: str, upgrade: str = ADD_AND_FILL) -> Project:
    """A project whose second revision came through the template and failed on the one month.

    Two rows of the month keep its last clause, a unique index, from being made.
    """
    project = Project.make(tmp_path / "project", url, "t_order")
    project.sql(*orders("t_order", "t_order_202601"))
    project.sql(
        "INSERT INTO t_order_202601 (order_id, create_time) VALUES ('1', '2026-01-01 00:00:00')",
        "INSERT INTO t_order_202601 (order_id, create_time) VALUES ('2', '2026-01-02 00:00:00')",
    )
    project.revision("r1", "pass")
    project.upgrade()
    project.revision("r2", upgrade, TAKE_BACK)
    with pytest.raises(StepFailed):
        project.upgrade()
    return project


def test_premake_is_not_kept_by_an_unfinished_upgrade(tmp_path: Path, flow_url: str) -> None:
    project = unfinished(tmp_path, flow_url)

    assert made(premake(project.config, months=0, now=NOW)) == ["t_order_202602"]
    assert equal_to_template(project, "t_order_202602")
    rows = project.ledger_rows("r2")
    assert {n for n, table in rows if table == "t_order_202602"} == {0, 1, 2, 3, 4}

    project.sql("DELETE FROM t_order_202601")
    project.upgrade()
    assert project.version() == "r2"
    assert equal_to_template(project, "t_order_202602")
    assert equal_to_template(project, "t_order_202601")


def test_rows_that_come_before_the_upgrade_goes_on_are_left_as_they_are(
    tmp_path: Path, flow_url: str
) -> None:
    """They were written to the new structure; no data clause runs on them."""
    project = unfinished(tmp_path, flow_url)
    premake(project.config, months=0, now=NOW)
    project.sql(
        "INSERT INTO t_order_202602 (order_id, create_time) VALUES ('1', '2026-02-01 00:00:00')"
    )
    project.sql("DELETE FROM t_order_202601")
    project.upgrade()
    assert project.rows("SELECT cents, note FROM t_order_202602") == [(None, None)]


def test_a_data_clause_that_is_still_to_come_reaches_rows_that_came_before_it(
    tmp_path: Path, flow_url: str
) -> None:
    last = "op.execute(\"UPDATE t_order SET note = 'late' WHERE note IS NULL\")\n"
    project = unfinished(tmp_path, flow_url, ADD_AND_FILL + last)
    premake(project.config, months=0, now=NOW)
    project.sql(
        "INSERT INTO t_order_202602 (order_id, create_time) VALUES ('1', '2026-02-01 00:00:00')"
    )
    project.sql("DELETE FROM t_order_202601")
    project.upgrade()
    assert project.rows("SELECT cents, note FROM t_order_202602") == [(None, "late")]


def test_giving_an_upgrade_up_reaches_the_months_made_meanwhile(
    tmp_path: Path, flow_url: str
) -> None:
    project = unfinished(tmp_path, flow_url)
    premake(project.config, months=0, now=NOW)

    project.downgrade("-1")

    assert project.version() == "r1"
    assert equal_to_template(project, "t_order_202602")
    assert equal_to_template(project, "t_order_202601")
    columns = {column.name for column in project.structure("t_order_202602").columns}
    assert not columns & {"cents", "note"}
