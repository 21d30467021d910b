"""In which order months get a revision, how many at once, which of them, and what stops it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from shardctl.errors import ConfigError, StepFailed
from shardctl.lifecycle.status import status
from shardctl.migrate import commands
from shardctl.migrate.course import Course, course_of
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.selection import Selection
from shardctl.migrate.waves import WAVES
from shardctl.month import Month
from shardctl.report import Event, Note, Step, TableDone
from tests.blocking import read_by_another
from tests.conftest import RunCli
from tests.nursery import Nursery
from tests.project import ORDERS, Project

NOW = Month(datetime.now(UTC).year, datetime.now(UTC).month)
EMPTY, COLDEST, SECOND, THIRD = (f"t_order_20200{n}" for n in range(1, 5))
CURRENT, NEXT = (f"t_order_{month:%Y%m}" for month in (NOW, NOW + 1))
MONTHS = (EMPTY, COLDEST, SECOND, THIRD, CURRENT, NEXT)
IN_ORDER = ["t_order", NEXT, COLDEST, EMPTY, SECOND, THIRD, CURRENT]
ADD_COLUMN = 'op.add_column("t_order", sa.Column("room_id", sa.BigInteger))'
ADD_UNIQUE = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)'
ALONE = Course(jobs=1)


def made(tmp_path: Path, url: str) -> Project:
    """Four months of the past, of which all but the first have a row, the current, the next."""
    project = Project.make(tmp_path, url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    for month in (COLDEST, SECOND, THIRD, CURRENT):
        project.sql(f"INSERT INTO {month} (order_id, create_time) VALUES ('a', '2020-01-01')")
    return project


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    return made(tmp_path, flow_url)


@pytest.fixture
def on_server(tmp_path: Path, turn_url: str) -> Project:
    return made(tmp_path, turn_url)


def twice(project: Project, *months: str) -> None:
    """Months in which two rows have the same user, so that no unique index can be made."""
    for month in months:
        project.sql(f"INSERT INTO {month} (order_id, create_time) VALUES ('b', '2020-01-01')")


def done(events: list[Event]) -> list[str]:
    return [event.table for event in events if isinstance(event, TableDone)]


def having(project: Project) -> set[str]:
    """The tables that have the column or the index."""
    found = project.structures("t_order", *MONTHS)
    return {
        table
        for table, structure in found.items()
        if any(column.name == "room_id" for column in structure.columns)
        or any(index.name == "uq_user" for index in structure.indexes)
    }


def all_equal(project: Project) -> bool:
    return len(set(project.structures("t_order", *MONTHS).values())) == 1


# -- the waves -----------------------------------------------------------------------------------


def test_template_future_canary_history_current(project: Project) -> None:
    project.revision("r1", ADD_COLUMN)
    events: list[Event] = []
    commands.upgrade(project.config, course=ALONE, report=events.append)
    assert done(events) == IN_ORDER


def test_a_canary_that_fails_ends_the_run(project: Project) -> None:
    twice(project, COLDEST)
    project.revision("r1", ADD_UNIQUE)
    with pytest.raises(StepFailed, match=f"^{COLDEST}: clause 1 of r1"):
        project.upgrade()
    assert having(project) == {"t_order", NEXT}
    project.sql(f"DELETE FROM {COLDEST} WHERE order_id = 'b'")
    project.upgrade()
    assert all_equal(project)


def test_after_the_canary_a_month_that_fails_does_not_keep_the_others(project: Project) -> None:
    twice(project, SECOND, CURRENT)
    project.revision("r1", ADD_UNIQUE)
    with pytest.raises(StepFailed) as failed:
        project.upgrade()
    first, second, way_on = str(failed.value).splitlines()
    assert first.startswith(f"{SECOND}: clause 1 of r1 r1 failed: ")
    assert second.startswith(f"{CURRENT}: clause 1 of r1 r1 failed: ")
    assert "run again to go on" in way_on
    assert failed.value.exit_code == 4
    assert having(project) == {"t_order", *MONTHS} - {SECOND, CURRENT}
    assert {t for (_, t), row in project.ledger_rows("r1").items() if row.done} == having(project)


@pytest.mark.parametrize(
    ("most", "reached"),
    [(0, {"t_order", NEXT, COLDEST, EMPTY}), (1, {"t_order", NEXT, COLDEST, EMPTY})],
)
def test_when_too_many_months_have_failed_no_other_is_begun(
    project: Project, most: int, reached: set[str]
) -> None:
    twice(project, *(SECOND, THIRD)[: most + 1])
    project.revision("r1", ADD_UNIQUE)
    with pytest.raises(StepFailed):
        commands.upgrade(project.config, course=Course(jobs=1, max_failures=most))
    assert having(project) == reached


def test_fail_fast_on_the_command_line(project: Project, run_cli: RunCli) -> None:
    twice(project, SECOND)
    project.revision("r1", ADD_UNIQUE)
    ended = run_cli("upgrade", "--fail-fast", "--jobs", "1", cwd=project.folder)
    assert ended.returncode == 4
    assert having(project) == {"t_order", NEXT, COLDEST, EMPTY}


def test_where_the_coldest_month_is_locked_another_is_the_canary(on_server: Project) -> None:
    project = on_server
    twice(project, SECOND)
    project.revision("r1", ADD_UNIQUE)
    once = Restraint(lock_wait=1, lock_retries=0)
    events: list[Event] = []
    with read_by_another(project, COLDEST), pytest.raises(StepFailed, match=f"^{SECOND}: "):
        commands.upgrade(project.config, restraint=once, course=ALONE, report=events.append)
    assert having(project) == {"t_order", NEXT}
    assert Note(f"{COLDEST} stays locked: {SECOND} is the canary in its place") in events


# -- several at once -----------------------------------------------------------------------------


def test_while_one_month_is_locked_the_other_session_goes_on(on_server: Project) -> None:
    on_server.revision("r1", ADD_COLUMN)
    events: list[Event] = []
    with ExitStack() as read:
        read.enter_context(read_by_another(on_server, EMPTY))

        def report(event: Event) -> None:
            events.append(event)
            if event == TableDone(THIRD):
                read.close()

        patient = Restraint(lock_wait=60, lock_retries=0)
        commands.upgrade(on_server.config, restraint=patient, course=Course(jobs=2), report=report)
    assert [table for table in done(events) if table not in (SECOND, THIRD)] == [
        *("t_order", NEXT, COLDEST, EMPTY, CURRENT)
    ]
    assert done(events).index(THIRD) < done(events).index(EMPTY)
    assert not any(isinstance(e, Step) and e.state == "waiting" for e in events)
    assert all_equal(on_server)


@contextmanager
def most_at_once(words: str) -> Iterator[dict[str, int]]:
    """The greatest number of statements with certain words that were under way together."""
    seen = {"now": 0, "most": 0}
    months = tuple(f"`{month}`" for month in MONTHS)

    def ours(statement: str) -> bool:
        return words in statement and any(month in statement for month in months)

    def before(_c: object, _k: object, statement: str, *_: object) -> None:
        if ours(statement):
            seen["now"] += 1
            seen["most"] = max(seen.values())

    def after(_c: object, _k: object, statement: str, *_: object) -> None:
        if ours(statement):
            seen["now"] -= 1

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        ('op.alter_column("t_order", "status", type_=sa.BigInteger())', "ALGORITHM=COPY"),
        ('op.execute("UPDATE t_order SET coin = coin + 1")', "UPDATE"),
    ],
)
def test_one_month_is_rebuilt_or_has_its_rows_changed_at_a_time(
    on_server: Project, upgrade: str, words: str
) -> None:
    on_server.revision("r1", upgrade)
    with most_at_once(words) as seen:
        commands.upgrade(on_server.config, course=Course(jobs=4))
    assert seen["most"] == 1
    assert all_equal(on_server)


def test_four_sessions_leave_every_month_like_the_template(on_server: Project) -> None:
    on_server.revision(
        "r1",
        f"""
        {ADD_COLUMN}
        op.execute("UPDATE t_order SET coin = coin + 1")
        op.create_index("ix_room", "t_order", ["room_id"])
        op.alter_column("t_order", "status", type_=sa.BigInteger())
        """,
        """
        op.alter_column("t_order", "status", type_=sa.SmallInteger())
        op.drop_index("ix_room", "t_order")
        op.execute("UPDATE t_order SET coin = coin - 1")
        op.drop_column("t_order", "room_id")
        """,
    )
    before = on_server.structures("t_order", *MONTHS)
    four = Course(jobs=4, rebuild_jobs=4)
    commands.upgrade(on_server.config, course=four)
    assert all_equal(on_server)
    assert {row.how for row in on_server.ledger_rows("r1").values()} == {"ran"}
    assert on_server.rows(f"SELECT coin FROM {THIRD}") == [(1,)]
    commands.downgrade(on_server.config, "base", allow_destructive=True, course=four)
    assert on_server.structures("t_order", *MONTHS) == before
    assert on_server.rows(f"SELECT coin FROM {THIRD}") == [(0,)]


# -- some months, some waves ---------------------------------------------------------------------


def test_only_some_months_leave_the_revision_unfinished(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ADD_COLUMN)
    project.revision("r2", 'op.add_column("t_order", sa.Column("hall", sa.BigInteger))')
    ended = run_cli("upgrade", "--only", "202001..202002,202004", cwd=project.folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == (
        "1 revision: 4 changes made on 4 tables; 3 months waiting: run upgrade to go on"
    )
    assert having(project) == {"t_order", EMPTY, COLDEST, THIRD}
    assert project.rows("SELECT version_num FROM alembic_version") == []
    (family,) = status(project.config)
    (run,) = family.unfinished
    assert (run.revision, run.done, run.waiting) == ("r1", 4, 3)
    assert run.months == (Month(2020, 3), NOW, NOW + 1)
    assert str(run).endswith(f"3 waiting: 2020-03, {NOW} to {NOW + 1} (2 months)")
    assert project.left_behind() == []

    commands.upgrade(project.config)
    assert (project.version(), all_equal(project)) == ("r2", True)


def test_all_months_but_some(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ADD_COLUMN)
    but = f"{NOW:%Y%m}..{NOW + 1:%Y%m}"
    assert run_cli("upgrade", "--except", but, cwd=project.folder).returncode == 0
    assert having(project) == {"t_order", *MONTHS} - {CURRENT, NEXT}
    assert run_cli("upgrade", "--only", but, cwd=project.folder).returncode == 0
    assert (project.version(), all_equal(project)) == ("r1", True)


@pytest.mark.parametrize("wave", ["template", "future", "canary", "history"])
def test_a_run_pauses_after_a_wave_and_the_next_goes_on(project: Project, wave: str) -> None:
    reached = {
        "template": {"t_order"},
        "future": {"t_order", NEXT},
        "canary": {"t_order", NEXT, COLDEST},
        "history": {"t_order", *MONTHS} - {CURRENT},
    }
    project.revision("r1", ADD_COLUMN)
    course = course_of({"pause_after": wave})
    (outcome,) = commands.upgrade(project.config, course=course).outcomes
    assert having(project) == reached[wave]
    assert set(outcome.waiting) == {"t_order", *MONTHS} - reached[wave]
    commands.upgrade(project.config, course=course)
    assert having(project) == reached[wave]
    commands.upgrade(project.config)
    assert (project.version(), all_equal(project)) == ("r1", True)


def test_without_a_month_that_has_rows_there_is_no_canary_to_pause_after(
    tmp_path: Path, url: str
) -> None:
    project = Project.make(tmp_path, url, "t_order")
    project.sql(*(ORDERS.format(table=t, comment_id="") for t in ("t_order", EMPTY, NEXT)))
    project.revision("r1", ADD_COLUMN)
    (outcome,) = commands.upgrade(project.config, course=Course(pause_after="canary")).outcomes
    assert outcome.waiting == (EMPTY,)


def test_months_of_which_none_is_there_are_a_slip_of_the_pen(
    project: Project, run_cli: RunCli
) -> None:
    project.revision("r1", ADD_COLUMN)
    for option in ("--only", "--let-rebuild"):
        refused = run_cli("upgrade", option, "202501", cwd=project.folder)
        assert refused.returncode == 2
        assert "there is none of these months" in refused.stderr
    assert having(project) == set()


def test_a_downgrade_that_pauses_says_how_to_go_on(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ADD_COLUMN, 'op.drop_column("t_order", "room_id")')
    project.upgrade()
    words = ("downgrade", "base", "--allow-destructive", "--pause-after", "canary")
    paused = run_cli(*words, cwd=project.folder)
    assert paused.stdout.splitlines()[-1].endswith("4 months waiting: run downgrade to go on")


def test_what_follows_on_another_table_waits_for_all_months(project: Project) -> None:
    rooms = 'op.create_table("room", sa.Column("id", sa.Integer, primary_key=True))'
    project.revision("r1", f"{ADD_COLUMN}\n{rooms}")
    commands.upgrade(project.config, course=Course(months=Selection.parse(only="202001")))
    assert "room" not in project.tables()
    commands.upgrade(project.config)
    assert "room" in project.tables()


def test_a_part_can_be_given_up(project: Project) -> None:
    before = project.structures("t_order", *MONTHS)
    project.revision("r1", ADD_COLUMN, 'op.drop_column("t_order", "room_id")')
    commands.upgrade(project.config, course=Course(pause_after="canary"))
    project.downgrade("-1")
    assert project.structures("t_order", *MONTHS) == before


def test_a_downgrade_reaches_some_months_only(project: Project) -> None:
    project.revision("r1", ADD_COLUMN, 'op.drop_column("t_order", "room_id")')
    project.upgrade()
    some = Course(months=Selection.parse(excepted="202003"))
    commands.downgrade(project.config, "base", allow_destructive=True, course=some)
    assert having(project) == {SECOND}
    assert project.version() == "r1"
    project.downgrade("base")
    assert having(project) == set()
    assert project.version() is None


def test_alembic_takes_the_same_words(project: Project, nursery: Nursery) -> None:
    project.revision("r1", ADD_COLUMN)
    words = ("-x", "only=202003", "-x", "jobs=1", "upgrade", "head")
    assert nursery.start("alembic", *words, cwd=project.folder).completed().returncode == 0
    assert having(project) == {"t_order", SECOND}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"only": "202013"}, "202001..202512"),
        ({"except": "202005..202001"}, "ends before it begins"),
        ({"pause_after": "canaries"}, "the waves are template, future, canary"),
        ({"jobs": "0"}, "1 to 64"),
        ({"rebuild_jobs": "two"}, "it is a number"),
        ({"max_failures": "-1"}, "it is a number"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: Mapping[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        course_of(words)


def test_the_waves_are_those_of_the_help(run_cli: RunCli, tmp_path: Path) -> None:
    shown = run_cli("upgrade", "--help", cwd=tmp_path).stdout
    assert all(wave in shown for wave in WAVES[:-1])
