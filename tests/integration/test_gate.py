"""When new code may name a column: `ready` for applications, `gate` for deployments."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shardctl import ledger, lock
from shardctl.aio import call
from shardctl.catalog import lacking, ready
from shardctl.errors import ConfigError, StepFailed, UnsupportedServer
from shardctl.family import Family
from shardctl.lifecycle.adopt import adopt
from shardctl.lifecycle.gate import Gate, gate
from shardctl.migrate import commands, files
from shardctl.migrate.course import Course
from shardctl.migrate.selection import Selection
from shardctl.migrate.skip import skip
from shardctl.report import Event, Note
from tests.conftest import RunCli
from tests.integration.test_async import async_url
from tests.project import ORDERS, Project

__all__ = ["async_url"]  # a fixture

FIRST, SECOND, THIRD = MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
ORDER = Family("t_order")
ADD_ROOM = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
DROP_ROOM = 'op.drop_column("t_order", "room_id")\n'


def made(project: Project, *tables: str) -> Project:
    for table in tables:
        project.sql(ORDERS.format(table=table, comment_id=""))
    return project


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """Two families; one of three months, one of a single month."""
    project = Project.make(tmp_path, flow_url, "t_order", "t_item")
    return made(project, "t_order", *MONTHS, "t_item", "t_item_202001")


@pytest.fixture
def local(tmp_path: Path, sqlite_url: str) -> Project:
    """The same on SQLite alone."""
    project = Project.make(tmp_path, sqlite_url, "t_order", "t_item")
    return made(project, "t_order", *MONTHS, "t_item", "t_item_202001")


def engine_of(project: Project) -> Engine:
    """An application's own engine."""
    return create_engine(project.database.engine.url, poolclass=NullPool)


# -- ready ------------------------------------------------------------------------------------


def test_a_column_is_ready_when_every_month_and_the_template_have_it(project: Project) -> None:
    engine = engine_of(project)
    assert not ready(engine, ORDER, "room_id")
    for table in MONTHS:
        project.sql(f"ALTER TABLE {table} ADD COLUMN room_id int")
    assert not ready(engine, ORDER, "room_id"), "the next month is made of the template"
    assert lacking(engine, ORDER, "room_id") == {"t_order": ("room_id",)}
    project.sql("ALTER TABLE t_order ADD COLUMN room_id int")
    assert ready(engine, ORDER, "room_id")
    assert ready(engine, ORDER, "room_id", "coin", "status")


def test_it_names_what_each_table_lacks(project: Project) -> None:
    project.sql(
        f"ALTER TABLE {FIRST} ADD COLUMN room_id int",
        "ALTER TABLE t_order ADD COLUMN room_id int",
        "ALTER TABLE t_order ADD COLUMN area int",
    )
    found = lacking(engine_of(project), ORDER, "room_id", "area", "coin")
    both = ("room_id", "area")
    assert list(found.items()) == [(FIRST, ("area",)), (SECOND, both), (THIRD, both)]


def test_what_only_resembles_a_month_does_not_matter(project: Project) -> None:
    others = ("t_order_202013", "_t_order_202001_new", "t_orderly_202001", "t_order_202001_bak")
    made(project, *others, "txorder_202001")
    project.sql("CREATE VIEW t_order_202004 AS SELECT coin FROM t_order_202001")
    assert ready(engine_of(project), ORDER, "user_id")
    assert ready(engine_of(project), ORDER, "User_ID"), "the servers take no account of case"


def test_a_view_in_a_months_place_is_no_month(project: Project) -> None:
    project.sql("CREATE VIEW t_order_202004 AS SELECT coin FROM t_order_202001")
    assert lacking(engine_of(project), ORDER, "order_id") == {}


def test_a_generated_column_is_one(project: Project) -> None:
    for table in ("t_order", *MONTHS):
        project.sql(f"ALTER TABLE {table} ADD COLUMN twice int GENERATED ALWAYS AS (status * 2)")
    assert ready(engine_of(project), ORDER, "twice")


def test_a_family_without_its_template_is_not_ready(project: Project) -> None:
    project.sql("DROP TABLE t_order")
    assert lacking(engine_of(project), ORDER, "coin", "status") == {"t_order": ("coin", "status")}


def test_a_template_of_another_name_counts(project: Project) -> None:
    made(project, "model_of_orders")
    family = Family("t_order", template="model_of_orders")
    project.sql("DROP TABLE t_order")
    assert ready(engine_of(project), family, "coin")
    for month in MONTHS:
        project.sql(f"ALTER TABLE {month} ADD COLUMN room_id int")
    assert lacking(engine_of(project), family, "room_id") == {"model_of_orders": ("room_id",)}


def test_it_takes_one_statement_and_a_connection_stays_the_callers(project: Project) -> None:
    statements: list[str] = []
    engine = engine_of(project)
    with engine.connect() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda *given: statements.append(given[2])
        )
        begun = connection.begin()
        assert ready(connection, ORDER, "coin", "user_id")
        assert begun.is_active
    assert len(statements) == 1


def test_under_asyncio_too(async_url: str) -> None:
    async def main() -> None:
        engine = create_async_engine(async_url, poolclass=NullPool)
        async with engine.connect() as connection:
            for table in ("t_order", FIRST):
                await connection.exec_driver_sql(ORDERS.format(table=table, comment_id=""))
            await connection.commit()
            assert await call(ready, connection, ORDER, "coin")
        assert not await call(ready, engine, ORDER, "room_id")
        await engine.dispose()

    asyncio.run(main())


def test_another_kind_of_server_is_refused(local: Project) -> None:
    engine = engine_of(local)
    engine.dialect.name = "postgresql"
    with pytest.raises(UnsupportedServer, match="postgresql"):
        ready(engine, ORDER, "coin")


# -- gate -------------------------------------------------------------------------------------

UNIQUE = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)\n'
NOT_UNIQUE = 'op.drop_index("uq_user", "t_order")\n'
PAY = 'op.execute("UPDATE t_order SET coin = coin + 1")\n'
AREA = 'op.add_column("{}", sa.Column("area", sa.BigInteger))\n'
TWICE = "INSERT INTO {0} (order_id, user_id, create_time) VALUES ('{1}', 7, '2020-01-01')"
ONE_BY_ONE = Course(jobs=1, max_failures=0)


def waiting(project: Project, revision: str, **named: Any) -> dict[str, str]:
    """What each table waits for."""
    found = gate(project.config, revision, **named)
    assert found.open == (not found.pending and not found.waiting)
    return {each.table: each.reason for each in found.waiting}


def opens(project: Project, revision: str, **named: Any) -> bool:
    return gate(project.config, revision, **named).open


def fails_on_the_second(project: Project, clauses: str = ADD_ROOM + UNIQUE) -> None:
    """A revision under way: through the first month, failed on the second, not come to the third.

    The first one has a row and is the canary.
    """
    project.sql(*(TWICE.format(*each) for each in ((FIRST, "a"), (SECOND, "b"), (SECOND, "c"))))
    project.revision("r1", clauses, "".join(reversed([DROP_ROOM, NOT_UNIQUE])))
    with pytest.raises(StepFailed):
        commands.upgrade(project.config, course=ONE_BY_ONE)


def left_out(project: Project, clauses: str = ADD_ROOM + UNIQUE) -> None:
    """A revision that has come to its end without the second month."""
    fails_on_the_second(project, clauses)
    skip(project.config, SECOND, reason="archived, read only")
    project.upgrade()


def test_it_opens_when_every_month_has_had_the_revision(project: Project) -> None:
    project.revision("r0", AREA.format("t_order"))
    project.upgrade()
    fails_on_the_second(project)
    found = gate(project.config, "r1")
    assert (found.pending, found.families) == ("the upgrade to r1 is unfinished", ("t_order",))
    reasons = waiting(project, "r1")
    assert list(reasons) == [SECOND, THIRD]
    assert reasons[SECOND].startswith("it failed: ")
    assert "uniq" in reasons[SECOND].lower() or "1062" in reasons[SECOND]
    assert reasons[THIRD] == "the upgrade to r1 has not come to it"
    assert opens(project, "r0"), "what r1 changes tells nothing of r0"
    project.sql(f"DELETE FROM {SECOND}")
    project.upgrade()
    assert opens(project, "r1")
    assert opens(project, "r0")
    assert opens(project, "head")


def test_a_month_that_was_left_out_is_named(project: Project) -> None:
    left_out(project)
    why = "it is left out of the upgrade to r1: archived, read only"
    assert waiting(project, "r1") == {SECOND: why}
    assert opens(project, "r1", months=Selection.parse(excepted="202002"))
    project.revision("r2", AREA.format("t_order"))
    project.upgrade()
    assert waiting(project, "r2") == {SECOND: why}, "what r2 builds on is not there"
    project.sql(f"DELETE FROM {SECOND}")
    index = "uq_user__202002" if project.is_sqlite else "uq_user"
    project.sql(f"CREATE UNIQUE INDEX {index} ON {SECOND} (user_id)")
    assert opens(project, "r1"), "brought up by hand, it is there"
    assert opens(project, "r2")


def test_it_is_shut_while_the_revision_is_taken_back(project: Project) -> None:
    project.revision("r1", ADD_ROOM, UNIQUE + DROP_ROOM)
    project.upgrade()
    project.revision("r2", AREA.format("t_order"), 'op.drop_column("t_order", "area")')
    project.upgrade()
    assert not opens(project, "r2", gone=True)
    project.downgrade("r1")
    assert opens(project, "r2", gone=True)
    assert opens(project, "r1")
    project.sql(*(TWICE.format(*each) for each in ((FIRST, "a"), (SECOND, "b"), (SECOND, "c"))))
    with pytest.raises(StepFailed):
        commands.downgrade(project.config, "-1", allow_destructive=True, course=ONE_BY_ONE)
    unfinished = "the downgrade of r1 is unfinished"
    assert waiting(project, "r1") == dict.fromkeys(MONTHS, unfinished)
    assert list(waiting(project, "r1", gone=True)) == [SECOND, THIRD]
    skip(project.config, SECOND, reason="archived")
    project.downgrade("-1")
    why = "it is left out of the downgrade of r1: archived"
    assert waiting(project, "r1", gone=True) == {SECOND: why}
    assert list(waiting(project, "r1")) == list(MONTHS)


def test_it_waits_until_an_upgrade_is_through(project: Project) -> None:
    project.revision("r1", ADD_ROOM)
    waits, found, notes = threading.Event(), list[Gate](), list[Event]()

    def report(event: Event) -> None:
        notes.append(event)
        waits.set()

    def run() -> None:
        found.append(gate(project.config, "r1", wait=60, report=report))

    deployment = threading.Thread(target=run)
    deployment.start()
    assert waits.wait(30)
    assert found == []
    project.upgrade()
    deployment.join(30)
    assert [each.open for each in found] == [True]
    begins = "the upgrade to r1 has not begun: the database is at no revision"
    assert notes[0] == Note(f"waiting, tables left: 4; {begins}")
    assert ready(engine_of(project), ORDER, "room_id")


def test_it_needs_no_lock_and_writes_nothing(project: Project) -> None:
    project.revision("r1", ADD_ROOM)
    with project.connect() as connection:
        before = project.database.dialect.table_names(connection)
    assert list(waiting(project, "r1")) == [*MONTHS, "t_item_202001"]
    with project.connect() as connection:
        assert project.database.dialect.table_names(connection) == before, "no ledger is made"
    project.upgrade()
    with lock.acquire(project.database, command="upgrade"):
        assert opens(project, "r1")


def test_what_was_left_behind_by_a_later_downgrade_is_not_gone(local: Project) -> None:
    local.revision("r1", AREA.format("t_order"), 'op.drop_column("t_order", "area")')
    local.upgrade()
    local.revision("r2", ADD_ROOM, UNIQUE + DROP_ROOM)
    local.upgrade()
    local.sql(TWICE.format(SECOND, "a"), TWICE.format(SECOND, "b"))
    with pytest.raises(StepFailed):
        local.downgrade("-1")
    skip(local.config, SECOND, reason="archived")
    local.downgrade("base")
    why = "it is left out of the downgrade of r2: archived"
    assert waiting(local, "r1", gone=True) == {SECOND: why}


def test_the_template_is_named_where_it_lacks_something(local: Project) -> None:
    local.sql(TWICE.format("t_order", "a"), TWICE.format("t_order", "b"))
    local.revision("r1", UNIQUE + PAY)
    with pytest.raises(StepFailed):
        local.upgrade()
    assert [each.table for each in gate(local.config, "r1").waiting] == ["t_order", *MONTHS]
    local.sql("DELETE FROM t_order")
    commands.upgrade(local.config, course=Course(Selection.parse("202001")))
    assert list(waiting(local, "r1")) == [SECOND, THIRD], "no data clause comes to the template"


def test_of_a_baseline_the_ledger_tells_which_months_are_at_it(
    tmp_path: Path, sqlite_url: str
) -> None:
    old = made(Project.make(tmp_path, sqlite_url), FIRST, SECOND)
    old.sql(f"ALTER TABLE {SECOND} ADD COLUMN room_id int")
    adopt(old.config, "t_order")
    old.sql(f"ALTER TABLE {SECOND} ADD COLUMN note text")
    assert waiting(old, "head") == {FIRST: "unlike the template: column room_id missing"}
    old.revision("r1", AREA.format("t_order"))
    old.upgrade()
    assert opens(old, "head"), "it changes nothing in which the first month is unlike"


def test_data_that_was_not_changed_is_waited_for_though_the_month_looks_alike(
    local: Project,
) -> None:
    left_out(local, UNIQUE + PAY)
    local.sql(f"DELETE FROM {SECOND}", f"CREATE UNIQUE INDEX uq_user__202002 ON {SECOND} (user_id)")
    assert list(waiting(local, "r1")) == [SECOND]


def test_a_later_revision_that_changes_the_same_does_not_shut_it(local: Project) -> None:
    local.revision("r1", ADD_ROOM)
    local.upgrade()
    local.sql(TWICE.format(SECOND, "a"), TWICE.format(SECOND, "b"))
    local.revision("r2", DROP_ROOM + UNIQUE)
    with pytest.raises(StepFailed):
        local.upgrade(destructive=True)
    assert opens(local, "r1")
    assert not opens(local, "r2")
    local.sql(f"DELETE FROM {SECOND}")
    local.upgrade(destructive=True)
    assert opens(local, "r1")
    assert opens(local, "r2")


def test_a_month_that_was_left_out_of_a_later_revision_has_had_this_one(local: Project) -> None:
    local.revision("r0", ADD_ROOM.replace("BigInteger", "Integer"))
    local.upgrade()
    wider = 'op.alter_column("t_order", "room_id", type_=sa.BigInteger)\n'
    left_out(local, UNIQUE + wider)
    assert list(waiting(local, "r1")) == [SECOND]
    assert opens(local, "r0")


def test_what_a_revision_builds_on_has_to_come_to_its_end_first(local: Project) -> None:
    fails_on_the_second(local)
    local.revision("r2", AREA.format("t_item"))
    found = gate(local.config, "r2")
    assert found.pending == (
        "the upgrade to r1 is unfinished; "
        "the upgrade to r2 has not begun: the database is at no revision"
    )
    reasons = waiting(local, "r2")
    assert reasons[SECOND].startswith("it failed: ")
    assert reasons["t_item_202001"] == "the upgrade to r2 has not begun"
    assert set(reasons) == {*MONTHS, "t_item_202001"}


def test_families_that_the_revision_does_not_change_count_for_head_alone(local: Project) -> None:
    left_out(local)
    local.revision("r2", AREA.format("t_item"))
    local.upgrade()
    assert gate(local.config, "r2").families == ("t_item",)
    assert opens(local, "r2")
    assert list(waiting(local, "head")) == [SECOND]
    assert list(waiting(local, "r1")) == [SECOND]


def test_a_month_put_back_from_a_backup_is_named_other_drift_is_not(local: Project) -> None:
    local.revision("r1", ADD_ROOM)
    local.upgrade()
    local.sql(f"ALTER TABLE {FIRST} ADD COLUMN note text")
    assert opens(local, "r1")
    local.sql(f"ALTER TABLE {THIRD} DROP COLUMN room_id")
    assert waiting(local, "r1") == {THIRD: "unlike the template: column room_id missing"}
    local.sql("DROP TABLE t_order")
    assert waiting(local, "r1") == dict.fromkeys(MONTHS, "the template t_order is missing")


def test_of_a_stamped_revision_every_difference_counts_where_the_ledger_knows_nothing(
    local: Project,
) -> None:
    local.revision("r1", ADD_ROOM)
    files.stamp(local.config, "r1")
    assert opens(local, "r1"), "all months are like the template"
    assert opens(local, "r1", gone=True) is False
    local.sql("ALTER TABLE t_order ADD COLUMN room_id int", f"DROP TABLE {FIRST}")
    missing = "unlike the template: column room_id missing"
    assert waiting(local, "r1") == {SECOND: missing, THIRD: missing}


def test_a_run_whose_version_has_moved_is_through(local: Project) -> None:
    local.revision("r1", ADD_ROOM)
    local.upgrade()
    local.sql("UPDATE shardctl_run SET finished_at = NULL")
    assert opens(local, "r1")


def test_a_revision_of_plain_tables_has_no_months(local: Project) -> None:
    local.sql("CREATE TABLE plain (id int PRIMARY KEY)")
    local.revision("r1", AREA.format("plain"))
    assert not opens(local, "r1")
    local.upgrade()
    assert gate(local.config, "r1").families == ()
    assert opens(local, "r1")


def test_a_database_ahead_of_the_files_is_judged_by_the_ledger(local: Project) -> None:
    local.revision("r1", ADD_ROOM)
    file = local.revision("r2", AREA.format("t_order"))
    local.upgrade()
    file.unlink()
    assert opens(local, "r1")
    assert opens(local, "head")
    local.sql("DELETE FROM shardctl_run")
    with pytest.raises(ConfigError, match="the database is at r2, of which there is no file here"):
        gate(local.config, "r1")


@pytest.mark.parametrize("wrong", ["r9", "", "+1", "-1", "base"])
def test_a_revision_that_is_none_is_wrong_input(local: Project, wrong: str) -> None:
    local.revision("r1", ADD_ROOM)
    with pytest.raises(ConfigError):
        gate(local.config, wrong, wait=60)


def test_the_command_ends_with_what_it_found(local: Project, run_cli: RunCli) -> None:
    fails_on_the_second(local)
    shut = run_cli("gate", "--revision", "head", "--wait", "1s", cwd=local.folder)
    assert (shut.returncode, shut.stderr) == (1, "")
    told, *lines = shut.stdout.splitlines()
    assert told == "waiting, tables left: 2; the upgrade to r1 is unfinished"
    assert lines[0] == "the upgrade to r1 is unfinished"
    assert lines[1].startswith("t_order 2020-02: it failed: ")
    assert lines[2] == "t_order 2020-03: the upgrade to r1 has not come to it"
    data = json.loads(run_cli("gate", "--revision", "r1", "--json", cwd=local.folder).stdout)
    assert data["pending"] == lines[0]
    assert [each["month"] for each in data["waiting"]] == ["2020-02", "2020-03"]
    local.sql(f"DELETE FROM {SECOND}")
    local.upgrade()
    done = run_cli("gate", "--revision", "r1", "--wait", "10m", cwd=local.folder)
    assert (done.returncode, done.stdout) == (0, "r1 is in every month of t_order\n")
    done = run_cli("gate", "--revision", "r1", "--except", "202001", cwd=local.folder)
    assert done.stdout == "r1 is in every month of t_order except 202001\n"
    back = run_cli("gate", "--revision", "r1", "--gone", "--quiet", cwd=local.folder)
    assert (back.returncode, back.stdout) == (1, "")
    for wrong in (["--revision", "r9"], ["--revision", "r1", "--wait", "soon"], []):
        refused = run_cli("gate", *wrong, cwd=local.folder)
        assert refused.returncode == 2
        assert refused.stderr.startswith("error: ")


# -- ready for a revision ---------------------------------------------------------------------


def test_an_application_can_ask_for_a_revision(project: Project) -> None:
    engine = engine_of(project)
    assert not ledger.ready(engine, ORDER, "r1"), "there is no ledger yet"
    fails_on_the_second(project)
    assert not ledger.ready(engine, ORDER, "r1")
    project.sql(f"DELETE FROM {SECOND}")
    project.upgrade()
    with engine.connect() as connection:
        assert ledger.ready(connection, ORDER, "r1")
        assert not ledger.ready(connection, ORDER, "r2")
    commands.downgrade(
        project.config, "-1", allow_destructive=True, course=Course(Selection.parse("202001"))
    )
    assert not ledger.ready(engine, ORDER, "r1"), "it is being taken back"
    project.downgrade("-1")
    assert not ledger.ready(engine, ORDER, "r1")


def test_a_month_left_out_counts_for_its_family(local: Project) -> None:
    left_out(local)
    engine = engine_of(local)
    assert not ledger.ready(engine, ORDER, "r1")
    assert ledger.ready(engine, Family("t_item"), "r1")
