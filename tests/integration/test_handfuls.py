"""Months that need a moment are taken several at a time, with one record for all of them."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.catalog import Member
from shardctl.errors import StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.run.looks import Looks
from shardctl.migrate.selection import Listed
from shardctl.migrate.site import opened
from shardctl.month import Month
from shardctl.report import Event, Note, Step, TableDone
from tests.blocking import read_by_another
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import ORDERS, Project, until

MONTHS = tuple(f"t_order_2020{month:02}" for month in range(1, 11))
FIRST, SECOND, THIRD, FOURTH, FIFTH = MONTHS[:5]
"""Ten empty months: a single session takes the first five together, then two, then each alone."""

ADD_COLUMN = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))'
WIDER = 'op.alter_column("t_order", "status", type_=sa.BigInteger())'
NARROWER = WIDER.replace("BigInteger", "SmallInteger")
INDEX = 'op.create_index("ix_user_id", "t_order", ["user_id"])'
DROP_COLUMN = 'op.drop_column("t_order", "room_id")'
BY_HAND = "ALTER TABLE {} ADD COLUMN room_id bigint"
ALONE = Course(jobs=1)
UP = "commands.upgrade(config, course=Course(jobs=1))"
DOWN = "commands.downgrade(config, 'base', allow_destructive=True, course=Course(jobs=1))"


@pytest.fixture
def project(tmp_path: Path, turn_url: str) -> Project:
    """Its revision adds a column; a test may put another in its place."""
    project = Project.make(tmp_path, turn_url, "t_order")
    made_anew(project)
    project.revision("r1", ADD_COLUMN, DROP_COLUMN)
    return project


def changing(project: Project, change: str, back: str = "pass") -> None:
    """Put another change in the place of its revision's."""
    (project.folder / "migrations" / "versions" / "r1.py").unlink()
    project.revision("r1", change, back)


def made_anew(project: Project) -> None:
    tables = ("t_order", *MONTHS)
    project.sql(*(f"DROP TABLE IF EXISTS {table}" for table in tables))
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))


def having(project: Project) -> list[str]:
    """The months that have the column."""
    found = project.structures(*MONTHS)
    return [month for month in MONTHS if "room_id" in {each.name for each in found[month].columns}]


def recorded(project: Project) -> dict[str, str]:
    """What the ledger says of each month that it knows: how it was done, "" where it was begun."""
    rows = project.ledger_rows("r1").values()
    return {row.table: row.how or "" for row in rows if row.table != "t_order"}


@contextmanager
def listening() -> Iterator[list[str]]:
    """A "step" for each ALTER TABLE of a month, a "record" for each write of the ledger's rows."""
    sent: list[str] = []

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "INTO shardctl_clause" in statement:
            sent.append("record")
        elif re.search("ALTER TABLE `?t_order_2020", statement):
            sent.append("step")

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", heard)


def together(sent: Sequence[str]) -> list[int]:
    """How many steps stand between two writes of the ledger's rows."""
    return [len(list(run)) for kind, run in groupby(sent) if kind == "step"]


def test_ten_months_are_recorded_by_fewer_writes_each_with_its_own_statement(
    project: Project,
) -> None:
    with listening() as sent:
        commands.upgrade(project.config, course=ALONE)
    # The template and its end; the first five; two and the end of five; one, one, one; the end.
    assert sent.count("record") == 8
    assert together(sent) == [5, 2, 1, 1, 1]
    for month in MONTHS:
        row = project.ledger_rows("r1")[0, month]
        assert (row.how, row.done) == ("ran", True)
        assert row.statement is not None
        assert row.statement.startswith(f"ALTER TABLE `{month}` ADD COLUMN")
        assert row.seconds is not None
        assert 0 < row.seconds < 10
    assert having(project) == list(MONTHS)


@pytest.mark.parametrize("change", [WIDER, INDEX])
def test_small_months_that_are_rebuilt_or_indexed_are_recorded_a_few_at_a_time(
    project: Project, change: str
) -> None:
    changing(project, change)
    with listening() as sent:
        commands.upgrade(project.config, course=ALONE)
    assert together(sent) == [4, 3, 1, 1, 1]
    assert recorded(project) == dict.fromkeys(MONTHS, "ran")
    for month in MONTHS:
        statement = project.ledger_rows("r1")[0, month].statement
        assert statement is not None
        assert statement.startswith(f"ALTER TABLE `{month}` ")


def test_a_month_that_is_not_small_is_begun_by_itself(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.migrate.patience.long_wait.SMALL", 64 * 1024)
    for month, count in ((FIRST, 1), (FIFTH, 3000)):  # the first is the canary
        rows = ", ".join(f"('{number:025}', NOW())" for number in range(count))
        insert = f"INSERT INTO {month} (order_id, create_time) VALUES {rows}"
        project.sql(insert, f"ANALYZE TABLE {month}")
    changing(project, WIDER)
    with listening() as sent:
        commands.upgrade(project.config, course=ALONE)
    assert together(sent) == [1, 3, 1, 2, 1, 1, 1]


@pytest.mark.usefixtures("pt_osc")
def test_where_a_tool_may_come_in_small_months_too_are_each_begun_by_themselves(
    project: Project,
) -> None:
    changing(project, WIDER)
    with listening() as sent:
        commands.upgrade(project.config, course=ALONE, restraint=Restraint(online=Online("pt-osc")))
    assert together(sent) == [1] * len(MONTHS)


@pytest.mark.parametrize(
    ("change", "back", "kills"),
    [
        (ADD_COLUMN, DROP_COLUMN, {-1: UP, 4: UP, 6: DOWN}),
        (f"{ADD_COLUMN}\n{WIDER}", f"{DROP_COLUMN}\n{NARROWER}", {1: UP, 3: DOWN}),
    ],
    ids=["instant", "rebuilt"],
)
def test_killed_at_any_of_their_statements_the_next_run_finishes_and_can_be_taken_back(
    project: Project, nursery: Nursery, change: str, back: str, kills: dict[int, str]
) -> None:
    """Before the record of the first together, between their statements, and behind the last."""
    changing(project, change, back)
    trials = Trials(nursery, project.folder)

    def reset() -> None:
        project.sql("DELETE FROM shardctl_clause", "DELETE FROM shardctl_run")
        project.sql("DELETE FROM alembic_version")
        made_anew(project)

    trials.again(UP)  # which makes the ledger
    reset()
    writes = trials.through(UP).writes
    met = [at for at, write in enumerate(writes) if f"ALTER TABLE `{FIRST}" in write]
    for beyond, way_on in kills.items():
        reset()
        assert trials.run(UP, kill_at=met[0] + beyond).killed
        half = having(project)
        trials.again(way_on)
        if way_on == UP:
            assert having(project) == list(MONTHS)
            assert recorded(project) == dict.fromkeys(MONTHS, "ran"), half
        else:
            assert len(half) >= 3
            assert having(project) == []
            assert project.version() is None


def test_while_one_is_locked_what_was_done_is_known_and_no_other_is_said_to_be_begun(
    project: Project,
) -> None:
    waits: list[dict[str, str]] = []
    with ExitStack() as read:
        read.enter_context(read_by_another(project, THIRD))

        def report(event: Event) -> None:
            if isinstance(event, Step) and event.state == "waiting":
                waits.append(recorded(project))
                if len(waits) == 2:
                    read.close()

        patient = Restraint(lock_wait=1, lock_retries=3)
        commands.upgrade(project.config, restraint=patient, course=ALONE, report=report)
    assert waits[1] == {FIRST: "ran", SECOND: "ran", THIRD: ""}
    assert recorded(project) == dict.fromkeys(MONTHS, "ran")


def test_one_that_fails_is_told_alone_and_those_that_were_not_reached_are_not_begun(
    project: Project,
) -> None:
    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(BY_HAND.format(THIRD))

    with pytest.raises(StepFailed, match=rf"^{THIRD}: clause 1 of r1 r1 failed: \(1060\)"):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=0), report=report)
    assert recorded(project) == {FIRST: "ran", SECOND: "ran", THIRD: "failed"}
    commands.upgrade(project.config, course=ALONE)
    assert having(project) == list(MONTHS)
    assert set(recorded(project)) == set(MONTHS)


def test_the_others_of_a_handful_go_on_where_one_has_failed(project: Project) -> None:
    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(BY_HAND.format(THIRD))

    with pytest.raises(StepFailed, match=rf"^{THIRD}: "):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=1), report=report)
    others = [month for month in MONTHS if month != THIRD]
    assert recorded(project) == {THIRD: "failed", **dict.fromkeys(others, "ran")}


def test_what_is_known_of_a_month_that_failed_is_kept_until_its_own_turn(project: Project) -> None:
    by_hand = (SECOND, FIFTH)

    def report(event: Event) -> None:
        if event == TableDone(FIRST):
            project.sql(*(BY_HAND.format(month) for month in by_hand))

    with pytest.raises(StepFailed):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=5), report=report)
    project.sql(*(f"ALTER TABLE {month} DROP COLUMN room_id" for month in by_hand))

    def again(event: Event) -> None:
        if event == TableDone(FIRST):  # which has had it; the next look is still fresh
            project.sql(BY_HAND.format(SECOND))

    with pytest.raises(StepFailed, match=rf"^{SECOND}: "):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=0), report=again)
    kept = project.ledger_rows("r1")[0, FIFTH]
    assert (kept.how, kept.words is not None and "1060" in kept.words) == ("failed", True)


def test_ctrl_c_leaves_none_begun_that_was_not_sent(project: Project) -> None:
    def report(event: Event) -> None:
        if event == TableDone(SECOND):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        commands.upgrade(project.config, course=ALONE, report=report)
    assert recorded(project) == {FIRST: "ran", SECOND: "ran"}
    assert having(project) == [FIRST, SECOND]


def test_where_rows_are_changed_too_each_month_is_begun_by_itself(project: Project) -> None:
    """That takes as long as the rows do, and another session could have taken the next month."""
    add = ADD_COLUMN.replace("room_id", "hall_id")
    project.revision("r2", f"{add}\nop.execute('UPDATE t_order SET coin = 1')")
    commands.upgrade(project.config, "r1", course=ALONE)
    with listening() as sent:
        commands.upgrade(project.config, course=ALONE)
    assert together(sent) == [1] * len(MONTHS)


def test_where_a_rebuild_is_accepted_each_month_is_begun_by_itself(project: Project) -> None:
    """A compressed table takes no INSTANT step: these are the rebuilds of as many tables."""
    project.sql(*(f"ALTER TABLE {month} ROW_FORMAT=COMPRESSED" for month in MONTHS))
    everywhere = Course(jobs=1, let_rebuild=Listed.parse("let_rebuild", "all"))
    with listening() as sent:
        commands.upgrade(project.config, course=everywhere)
    assert having(project) == list(MONTHS)
    assert together(sent) == [1] * len(MONTHS)


def test_while_the_server_is_busy_what_was_done_is_known_and_no_other_is_said_to_be_begun(
    project: Project,
) -> None:
    met: list[dict[str, str]] = []
    with ExitStack() as work, ThreadPoolExecutor(20) as pool:
        sessions = [work.enter_context(project.connect()) for _ in range(20)]
        ids = [project.database.dialect.connection_id(session) for session in sessions]
        running: list[Future[object]] = []

        def report(event: Event) -> None:
            if event == TableDone(FIRST):
                sleep = "SELECT SLEEP(60)"
                running.extend(pool.submit(each.exec_driver_sql, sleep) for each in sessions)
                until(lambda: sleeping(project) == len(ids))
            elif running and not met and isinstance(event, Note) and "threads run" in event.text:
                met.append(recorded(project))
                project.sql(*(f"KILL QUERY {session}" for session in ids))
                for each in running:
                    each.exception()

        calm = Restraint(max_threads_running=12)
        commands.upgrade(project.config, restraint=calm, course=ALONE, report=report)
    assert met == [{FIRST: "ran", SECOND: ""}]
    assert having(project) == list(MONTHS)


def sleeping(project: Project) -> int:
    """How many sessions of the database sleep in a statement."""
    found = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info = "
    return int(str(project.rows(f"{found} 'SELECT SLEEP(60)'")[0][0]))


def test_a_session_that_is_held_up_costs_the_others_no_looks(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has taken is still to come, and stands before what they take."""
    monkeypatch.setattr("shardctl.migrate.run.looks.MOST", 16)
    months = [Month(2020, 1) + n for n in range(80)]
    project = Project.make(tmp_path, sqlite_url, "t_order")
    tables = [f"t_order_{month:%Y%m}" for month in months]
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))
    reads: list[str] = []
    with opened(project.config) as site:
        members = [Member("t_order", *pair) for pair in zip(tables, months, strict=True)]
        looks = Looks(site, members, {})

        def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if "sqlite_master" in statement or "sqlite_schema" in statement:
                reads.append(statement)

        event.listen(Engine, "before_cursor_execute", heard)
        try:
            looks.ahead(members[0])
            once = len(reads)
            for member in members[:16]:
                looks.ahead(member)
            looks.of(members[0])  # and the session waits, with fifteen more in hand
            for member in members[16:]:
                looks.ahead(member)
                looks.of(member)
        finally:
            event.remove(Engine, "before_cursor_execute", heard)
    assert once > 0
    assert len(reads) <= 7 * once
