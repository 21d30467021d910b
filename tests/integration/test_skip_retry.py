"""A month that fails: tried again by itself, or left out by a decision that is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shardctl import ledger, lock
from shardctl.errors import (
    ConfigError,
    InvalidMonth,
    LockHeld,
    Refused,
    StepFailed,
    UnknownFamily,
)
from shardctl.lifecycle.check import check
from shardctl.lifecycle.status import MonthStatus, status
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.skip import skip
from shardctl.report import Event, Note, Step
from shardctl.structure import differences
from tests.conftest import RunCli
from tests.project import ORDERS, Project

FIRST, SECOND, THIRD = MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
ADD_ROOM = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))\n'
DROP_ROOM = 'op.drop_column("t_order", "room_id")\n'
PAY = 'op.execute("UPDATE t_order SET coin = coin + 1")\n'
TAKE = 'op.execute("UPDATE t_order SET coin = coin - 1")\n'
UNIQUE = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)\n'
NOT_UNIQUE = 'op.drop_index("uq_user", "t_order")\n'
TWICE = "INSERT INTO {} (order_id, user_id, create_time) VALUES ('twice', 7, '2020-01-01')"


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A template and three months, each with a row."""
    project = Project.make(tmp_path, flow_url, "t_order", "t_item")
    for table in ("t_order", *MONTHS):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for month in MONTHS:
        project.sql(TWICE.format(month).replace("twice", "once"))
    return project


def fails(project: Project, *months: str, clauses: str = ADD_ROOM + PAY + UNIQUE) -> str:
    """A revision that fails on months in which two rows have one user."""
    project.sql(*(TWICE.format(month) for month in months))
    project.revision("r1", clauses, NOT_UNIQUE + TAKE + DROP_ROOM)
    with pytest.raises(StepFailed) as failed:
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=0))
    return str(failed.value)


def mend(project: Project, month: str) -> None:
    project.sql(f"DELETE FROM {month} WHERE order_id = 'twice'")


def has(project: Project, table: str) -> tuple[bool, bool, list[int]]:
    """Whether a table has the revision's column, its index, and what its rows have."""
    structure = project.structure(table)
    column = any(column.name == "room_id" for column in structure.columns)
    index = any(index.name.startswith("uq_user") for index in structure.indexes)
    return column, index, [int(float(str(c))) for (c,) in project.rows(f"SELECT coin FROM {table}")]


def hows(project: Project, table: str) -> list[ledger.How | None]:
    rows = project.ledger_rows("r1")
    return [rows[n, table].how for n in range(3) if (n, table) in rows]


def retried(project: Project) -> tuple[list[str], list[str]]:
    """Which tables got something, and which wait."""
    events: list[Event] = []
    done = commands.retry(project.config, report=events.append)
    ran = {event.table for event in events if isinstance(event, Step) and event.state == "run"}
    return sorted(ran), sorted(table for outcome in done.outcomes for table in outcome.waiting)


def noted(project: Project) -> list[str]:
    """What is said where there is nothing to try again."""
    events: list[Event] = []
    assert commands.retry(project.config, report=events.append).outcomes == ()
    return [event.text for event in events if isinstance(event, Note)]


def month(project: Project, name: str) -> MonthStatus:
    (found,) = status(project.config, "t_order")
    return next(each for each in found.months if each.table == name)


# -- what a failure leaves in the ledger -----------------------------------------------------


def test_a_failure_is_kept_with_the_servers_words_and_the_statement(project: Project) -> None:
    fails(project, SECOND, clauses=UNIQUE)
    row = project.ledger_rows("r1")[0, SECOND]
    assert (row.how, row.done) == ("failed", False)
    assert row.words is not None
    assert "unique" in row.words.lower() or "(1062)" in row.words
    done = project.ledger_rows("r1")[0, FIRST]
    assert done.statement is not None
    assert FIRST in done.statement
    assert "uq_user" in done.statement
    assert done.words is None


def test_a_data_clause_that_failed_runs_when_it_can(project: Project) -> None:
    project.sql(TWICE.format(SECOND).replace("7", "8"))
    same = "op.execute(\"UPDATE t_order SET order_id = 'same'\")\n"
    project.revision("r1", same)
    with pytest.raises(StepFailed):
        project.upgrade()
    row = project.ledger_rows("r1")[0, SECOND]
    assert (row.how, row.done) == ("failed", False)
    mend(project, SECOND)
    project.upgrade()
    row = project.ledger_rows("r1")[0, SECOND]
    assert (row.how, row.words, row.rows) == ("ran", None, 1)
    assert row.statement is not None
    assert "'same'" in row.statement
    assert project.rows(f"SELECT order_id FROM {SECOND}") == [("same",)]


def test_a_revision_of_which_nothing_took_effect_may_be_edited(project: Project) -> None:
    project.sql(TWICE.format(FIRST))
    file = project.revision("r1", "op.execute(\"UPDATE t_order SET order_id = 'same'\")\n")
    with pytest.raises(StepFailed):
        project.upgrade()
    assert hows(project, FIRST) == ["failed"]
    file.write_text(file.read_text().replace("order_id = 'same'", "coin = 2"))
    project.upgrade()
    assert {has(project, each)[2][0] for each in MONTHS} == {2}


# -- retry ------------------------------------------------------------------------------------


def test_only_the_month_that_failed_is_tried_again(project: Project) -> None:
    fails(project, SECOND)
    assert has(project, THIRD) == (False, False, [0])
    mend(project, SECOND)
    assert retried(project) == ([SECOND], [THIRD])
    assert has(project, SECOND) == (True, True, [1])
    assert has(project, THIRD) == (False, False, [0])
    assert project.rows("SELECT version_num FROM alembic_version") == []
    project.upgrade()
    assert project.version() == "r1"
    assert [has(project, each) for each in MONTHS] == [(True, True, [1])] * 3


def test_the_last_month_that_failed_brings_the_revision_to_its_end(project: Project) -> None:
    fails(project, THIRD)
    mend(project, THIRD)
    assert retried(project) == ([THIRD], [])
    assert project.version() == "r1"
    with project.connect() as connection:
        assert ledger.unfinished(connection) == ()
    for each in MONTHS:
        assert differences(project.structure("t_order"), project.structure(each)) == ()


def test_one_that_fails_again_says_why_and_can_be_tried_once_more(project: Project) -> None:
    fails(project, SECOND)
    with pytest.raises(StepFailed, match=SECOND):
        commands.retry(project.config)
    assert hows(project, SECOND) == ["ran", "ran", "failed"]
    mend(project, SECOND)
    assert retried(project)[0] == [SECOND]


def test_what_comes_behind_waits_until_the_months_before_have_had_their_turn(
    project: Project,
) -> None:
    """The plain table's clause may rely on all months, and so may what follows it."""
    project.sql("CREATE TABLE plain (id int PRIMARY KEY)")
    plain = 'op.add_column("plain", sa.Column("x", sa.Integer))\n'
    fails(project, SECOND, clauses=UNIQUE + plain + PAY)
    mend(project, SECOND)
    assert retried(project) == ([SECOND], [THIRD])
    assert has(project, SECOND) == (False, True, [0]), "the clause behind the plain table waits"
    project.upgrade()
    assert [has(project, each) for each in MONTHS] == [(False, True, [1])] * 3


def test_where_the_template_failed_the_months_wait(project: Project) -> None:
    project.sql(TWICE.format("t_order"), TWICE.format("t_order").replace("twice", "once"))
    project.revision("r1", UNIQUE)
    with pytest.raises(StepFailed, match="t_order: "):
        project.upgrade()
    project.sql("DELETE FROM t_order")
    assert retried(project) == (["t_order"], [*MONTHS])
    project.upgrade()
    assert [has(project, each) for each in MONTHS] == [(False, True, [0])] * 3


def test_there_may_be_nothing_to_try_again(project: Project) -> None:
    assert noted(project) == ["no revision is unfinished"]
    fails(project, SECOND)
    skip(project.config, "202002", reason="archived")
    (note,) = noted(project)
    assert "nothing of revision r1 has failed" in note
    assert has(project, THIRD) == (False, False, [0])


def test_a_way_back_that_failed_is_tried_again(project: Project) -> None:
    project.revision("r1", ADD_ROOM, UNIQUE + DROP_ROOM)
    project.upgrade()
    project.sql(TWICE.format(SECOND))
    with pytest.raises(StepFailed):
        commands.downgrade(
            project.config, "-1", allow_destructive=True, course=Course(jobs=1, max_failures=0)
        )
    mend(project, SECOND)
    events: list[Event] = []
    commands.retry(project.config, allow_destructive=True, report=events.append)
    assert has(project, SECOND) == (False, True, [0])
    assert has(project, THIRD) == (True, False, [0])
    assert project.version() == "r1"
    project.downgrade("-1")
    assert has(project, THIRD) == (False, True, [0])
    assert project.rows("SELECT version_num FROM alembic_version") == []


# -- skip -------------------------------------------------------------------------------------


def test_a_month_that_is_left_out_lets_the_revision_come_to_its_end(project: Project) -> None:
    fails(project, SECOND, clauses=UNIQUE + PAY)
    left = skip(project.config, "202002", reason="archived, read only")
    assert (left.table, left.revision, left.clauses) == (SECOND, "r1", (1, 2))
    project.upgrade()
    assert project.version() == "r1"
    assert has(project, SECOND) == (False, False, [0, 0]), "no data clause ran either"
    assert has(project, THIRD) == (False, True, [1])
    rows = project.ledger_rows("r1")
    assert [rows[n, SECOND].how for n in (0, 1)] == ["skipped", "skipped"]
    assert rows[0, SECOND].words == "archived, read only"


def test_it_is_told_as_drift_with_the_reason_until_it_is_equal(project: Project) -> None:
    project.revision("r0", ADD_ROOM)
    project.upgrade()
    fails_on_second = "archived, read only"
    project.sql(TWICE.format(SECOND))
    project.revision("r1", UNIQUE)
    with pytest.raises(StepFailed):
        project.upgrade()
    skip(project.config, SECOND, reason=fails_on_second)
    project.upgrade()
    seen = month(project, SECOND)
    assert seen.revision == "r0"
    assert len(seen.differences) == 1
    assert seen.left_out == "left out of r1: archived, read only"
    assert month(project, THIRD).left_out == ""
    assert month(project, THIRD).revision == "r1"
    (problem,) = (p for p in check(project.config) if p.table == SECOND)
    assert "differs from the template" in problem.message
    assert "left out of r1: archived, read only" in problem.message
    mend(project, SECOND)
    name = "uq_user__202002" if project.is_sqlite else "uq_user"
    project.sql(f"CREATE UNIQUE INDEX {name} ON {SECOND} (user_id)")
    seen = month(project, SECOND)
    assert (seen.differences, seen.left_out, seen.revision) == ((), "", "r1")


def test_a_later_revision_reaches_the_month_again(project: Project) -> None:
    fails(project, SECOND, clauses=UNIQUE)
    skip(project.config, "2020-02", reason="archived")
    project.upgrade()
    project.revision("r2", ADD_ROOM)
    project.upgrade()
    assert [has(project, each)[0] for each in MONTHS] == [True, True, True]


def test_a_downgrade_leaves_it_alone_and_forgets_the_decision(project: Project) -> None:
    fails(project, SECOND, clauses=UNIQUE + PAY)
    skip(project.config, "202002", reason="archived")
    project.upgrade()
    file = project.folder / "migrations" / "versions" / "r1.py"
    file.write_text(file.read_text().replace(DROP_ROOM.strip(), "pass"))
    project.downgrade("-1")
    assert has(project, SECOND) == (False, False, [0, 0]), "nothing was taken back there"
    assert has(project, THIRD) == (False, False, [0])
    with project.connect() as connection:
        assert set(ledger.skipped(connection)) <= {SECOND}
    mend(project, SECOND)
    project.upgrade()
    assert has(project, SECOND) == (False, True, [1])
    with project.connect() as connection:
        assert ledger.skipped(connection) == {}


def test_a_downgrade_takes_back_there_only_what_had_run(project: Project) -> None:
    down = TAKE + NOT_UNIQUE + DROP_ROOM
    project.sql(TWICE.format(SECOND))
    project.revision("r1", ADD_ROOM + UNIQUE + PAY, down)
    with pytest.raises(StepFailed):
        project.upgrade()
    skip(project.config, "202002", reason="archived")
    project.upgrade()
    assert has(project, SECOND) == (True, False, [0, 0])
    assert has(project, THIRD) == (True, True, [1])
    project.downgrade("-1")
    assert has(project, SECOND) == (False, False, [0, 0]), "nothing was paid, nothing is taken"
    assert has(project, THIRD) == (False, False, [0])


def test_giving_the_revision_up_leaves_it_alone(project: Project) -> None:
    fails(project, SECOND)
    assert has(project, SECOND) == (True, False, [1, 1])
    skip(project.config, "202002", reason="archived")
    project.downgrade("base")
    assert has(project, SECOND) == (False, False, [0, 0]), "what had run there is taken back"
    assert has(project, THIRD) == (False, False, [0])


def test_it_may_take_part_again_while_the_revision_is_unfinished(project: Project) -> None:
    fails(project, SECOND)
    skip(project.config, "202002", reason="archived")
    mend(project, SECOND)
    again = skip(project.config, "202002", undo=True)
    assert (again.undone, again.clauses) == (True, (3,))
    project.upgrade()
    assert has(project, SECOND) == (True, True, [1])
    with pytest.raises(Refused, match="no revision is unfinished"):
        skip(project.config, "202002", undo=True)


def test_a_month_that_was_made_unlike_everything_is_left_out_too(project: Project) -> None:
    fails(project, THIRD, clauses=UNIQUE)
    project.sql(f"DROP TABLE {THIRD}", f"CREATE TABLE {THIRD} (user_id int, uq_user int)")
    project.sql(
        f"CREATE INDEX {'uq_user__202003' if project.is_sqlite else 'uq_user'} ON {THIRD} (uq_user)"
    )
    with pytest.raises(Refused, match=THIRD):
        project.upgrade()
    skip(project.config, "202003", reason="not ours")
    project.upgrade()
    assert project.version() == "r1"


def test_what_cannot_be_left_out_is_refused(project: Project) -> None:
    with pytest.raises(Refused, match="no revision is unfinished"):
        skip(project.config, "202002", reason="archived")
    assert not any(name.startswith("shardctl") for name in names(project))
    fails(project, SECOND)
    with pytest.raises(ConfigError, match="--reason"):
        skip(project.config, "202002", reason=" ")
    with pytest.raises(Refused, match="no month 2020-07; there are 2020-01 to 2020-03"):
        skip(project.config, "202007", reason="archived")
    with pytest.raises(Refused, match="t_order is the template"):
        skip(project.config, "t_order", reason="archived")
    with pytest.raises(InvalidMonth):
        skip(project.config, "202013", reason="archived")
    with pytest.raises(UnknownFamily):
        skip(project.config, "202002", reason="archived", family="t_odrer")
    with pytest.raises(Refused, match="does nothing on t_item"):
        skip(project.config, "202002", reason="archived", family="t_item")
    with pytest.raises(Refused, match="nothing left to do in revision r1"):
        skip(project.config, "202001", reason="archived")
    with pytest.raises(Refused, match="not left out of revision r1"):
        skip(project.config, "202002", undo=True)
    with lock.acquire(project.database, command="upgrade"), pytest.raises(LockHeld):
        skip(project.config, "202002", reason="archived")
    assert hows(project, SECOND) == ["ran", "ran", "failed"]


def names(project: Project) -> tuple[str, ...]:
    with project.connect() as connection:
        return project.database.dialect.table_names(connection)


def test_of_several_families_one_is_named(project: Project) -> None:
    for table in ("t_item", "t_item_202002"):
        project.sql(ORDERS.format(table=table, comment_id=""))
    fails(project, SECOND, clauses=UNIQUE + ADD_ROOM.replace("t_order", "t_item"))
    with pytest.raises(ConfigError, match="--family"):
        skip(project.config, "202002", reason="archived")
    assert skip(project.config, "202002", reason="archived", family="t_order").table == SECOND
    assert skip(project.config, "t_item_202002", reason="archived").table == "t_item_202002"


# -- on the command line ------------------------------------------------------------------------


def test_the_commands_say_what_they_did(project: Project, run_cli: RunCli) -> None:
    fails(project, SECOND)
    assert run_cli("retry").returncode == 2
    done = run_cli("retry", "--failed")
    assert done.returncode == 4, done
    assert SECOND in done.stderr
    mend(project, SECOND)
    done = run_cli("retry", "--failed")
    assert done.returncode == 0, done
    assert re.search(r"\d changes? made on 1 table; 1 month waiting: run upgrade", done.stdout)
    done = run_cli("skip", "202003", "--reason", "archived", "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout) == {
        "family": "t_order",
        "month": "2020-03",
        "table": THIRD,
        "revision": "r1",
        "direction": "up",
        "clauses": [1, 2, 3],
        "undone": False,
    }
    done = run_cli("skip", "202003", "--undo")
    assert "takes part again in the upgrade of r1 (3 changes)" in done.stdout
    done = run_cli("skip", "202003", "--reason", "archived")
    assert "is left out of the upgrade of r1 (3 changes); 'shardctl upgrade' goes on" in done.stdout
    assert run_cli("upgrade").returncode == 0
    done = run_cli("status")
    assert f"{THIRD}: left out of r1: archived" in done.stdout
    assert run_cli("skip", "202003", "--reason", "archived").returncode == 3
    assert "no revision is unfinished" in run_cli("retry", "--failed").stdout
