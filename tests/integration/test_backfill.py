"""Backfills: every row exactly once, in chunks, whatever happens in between."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from shardctl import ledger, lock
from shardctl.errors import Refused, RevisionEdited, RevisionRefused, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.patience.window import Window
from shardctl.report import Event, Progress, Step, TableDone
from tests.blocking import ended, started
from tests.killing import Trials
from tests.nursery import Nursery
from tests.project import Project, until

FULL, EMPTY, SMALL, LAST = MONTHS = tuple(f"t_order_20200{n}" for n in range(1, 5))
TABLE = """
CREATE TABLE {table} (
  id bigint NOT NULL,
  n int NOT NULL DEFAULT '0',
  status int NOT NULL DEFAULT '0',
  note varchar(40) NOT NULL DEFAULT '',
  PRIMARY KEY (id)
)
"""
IDS = {FULL: (-7, 1, 2, 30, 31, 32, 400, 10**12), EMPTY: (), SMALL: (5, 6), LAST: (1, 2, 3, 4)}
IMPORT = "import shardctl.op"
COUNT = 'shardctl.op.backfill("t_order", set_={"n": "n + 1"}, chunk=3)'
BACK = 'shardctl.op.backfill("t_order", set_={"n": "n - 1"}, chunk=3)'
ONCE = Restraint(lock_wait=1, lock_retries=0)


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    return made(tmp_path, flow_url)


@pytest.fixture
def on_server(tmp_path: Path, turn_url: str) -> Project:
    return made(tmp_path, turn_url)


@pytest.fixture
def on_sqlite(tmp_path: Path, sqlite_url: str) -> Project:
    return made(tmp_path, sqlite_url)


def made(tmp_path: Path, url: str) -> Project:
    """A month of many chunks with gaps in its IDs, an empty one, two of a few rows."""
    project = Project.make(tmp_path, url, "t_order")
    project.sql(*(TABLE.format(table=table) for table in ("t_order", *MONTHS)))
    for month, ids in IDS.items():
        if ids:
            values = ", ".join(f"({each}, {each} % 3)" for each in ids)
            project.sql(f"INSERT INTO {month} (id, status) VALUES {values}")
    return project


def counts(project: Project, column: str = "n") -> dict[str, list[object]]:
    """A column of every row, by month, in the order of the IDs."""
    return {
        month: [value for (value,) in project.rows(f"SELECT {column} FROM {month} ORDER BY id")]
        for month in MONTHS
    }


def all_are(value: int) -> dict[str, list[int]]:
    return {month: [value] * len(ids) for month, ids in IDS.items()}


def positions(
    project: Project, direction: ledger.Direction = "up"
) -> dict[str, tuple[object, int, int]]:
    """Of the backfill of r1, by table: the key that it came to, chunks, rows changed."""
    with project.connect() as connection:
        found = ledger.backfills(connection, "r1", direction)
    return {table: (row.position, row.chunks, row.rows) for (_, table), row in found.items()}


def stop_at(table: str, chunk: int) -> Callable[[Event], None]:
    """Presses Ctrl-C when a table has come so far."""
    told: list[Event] = []

    def report(event: Event) -> None:
        if isinstance(event, Progress) and event.table == table:
            told.append(event)
            if len(told) == chunk:
                signal.raise_signal(signal.SIGINT)

    return report


# -- every row once ------------------------------------------------------------------------------


def test_every_row_of_every_month_is_changed_once(project: Project) -> None:
    project.revision("r1", COUNT, head=IMPORT)
    project.sql("INSERT INTO t_order (id) VALUES (1)")
    (pending, *_) = [event for event in project.dry_run() if isinstance(event, Step)]
    assert pending.table in MONTHS
    assert pending.sql.endswith(" -- in chunks of 3")
    assert counts(project) == all_are(0)

    events: list[Event] = []
    project.upgrade(report=events.append)
    assert counts(project) == all_are(1)
    assert project.rows("SELECT n FROM t_order") == [(0,)], "the template's rows are nobody's"
    rows = project.ledger_rows("r1")
    assert {table: rows[0, table].rows for table in MONTHS} == {
        month: len(ids) for month, ids in IDS.items()
    }
    assert all(row.done and row.how == "ran" for row in rows.values())
    assert positions(project) == {FULL: ({"id": 32}, 2, 6), LAST: ({"id": 3}, 1, 3)}
    told = [event for event in events if isinstance(event, Progress) and event.table == FULL]
    assert [event.text.split(" of ")[0] for event in told] == ["3 rows", "6 rows"]
    assert project.version() == "r1"


KEYS = {
    "k_text": ("a varchar(20) {ci} NOT NULL, PRIMARY KEY (a)", "('b'), ('C'), ('a'), ('D'), ('é')"),
    "k_bytes": (
        "a varbinary(16) NOT NULL, PRIMARY KEY (a)",
        "(x'00'), (x'FF25'), (x'27'), (x'5C')",
    ),
    "k_decimal": ("a decimal(20,5) NOT NULL, PRIMARY KEY (a)", "(0.00001), (-3), (10.5), (9)"),
    "k_date": (
        "a date NOT NULL, PRIMARY KEY (a)",
        "('2020-02-01'), ('1999-12-31'), ('2020-01-31')",
    ),
    "k_unique": ("a int NOT NULL, b int, UNIQUE (b), UNIQUE (a)", "(3, 1), (1, NULL), (2, NULL)"),
    "k_pair": (
        "a varchar(20) {ci} NOT NULL, b datetime{us} NOT NULL, c int NOT NULL, "
        "PRIMARY KEY (a, b, c)",
        "('x', '2020-01-01 00:00:00', 1), ('X', '2020-01-01 00:00:00', 2), "
        "('x', '2020-01-01 00:00:00.5', 1), ('%s', '2020-01-01 00:00:00', 1), "
        "('y', '1999-01-01 00:00:00', 9), ('Y', '1999-01-01 00:00:00', 8), ('a', '2030-01-01', 1)",
    ),
}


def test_by_keys_of_every_kind(project: Project) -> None:
    ci = "COLLATE NOCASE" if project.is_sqlite else "COLLATE utf8mb4_general_ci"
    us = "" if project.is_sqlite else "(6)"
    for table, (columns, values) in KEYS.items():
        charset = "" if project.is_sqlite else " CHARSET utf8mb4"
        columns = columns.format(ci=ci, us=us)
        project.sql(f"CREATE TABLE {table} (n int NOT NULL DEFAULT '0', {columns}){charset}")
        key = "a, b, c" if table == "k_pair" else "a, b" if table == "k_unique" else "a"
        project.sql(f"INSERT INTO {table} ({key}) VALUES {values}")
    project.revision(
        "r1",
        f"for table in {list(KEYS)}:\n"
        '    for chunk in (1, 2, 3): shardctl.op.backfill(table, set_={"n": "n + 1"}, chunk=chunk)',
        head=IMPORT,
    )
    project.upgrade()
    for table in KEYS:
        assert {n for (n,) in project.rows(f"SELECT n FROM {table}")} == {3}, table
    with project.connect() as connection:
        met = {(n, t): row for (n, t), row in ledger.backfills(connection, "r1", "up").items()}
    for number, table in enumerate(KEYS):
        rows = project.rows(f"SELECT COUNT(*) FROM {table}")[0][0]
        assert met[3 * number, table].chunks == rows, "a row a chunk"


def test_texts_values_and_expressions_reach_every_month(project: Project) -> None:
    project.sql("CREATE TABLE fee (id bigint NOT NULL PRIMARY KEY, extra int NOT NULL)")
    project.sql("INSERT INTO fee VALUES (2, 100), (30, 300)")
    project.revision(
        "r1",
        """
        shardctl.op.backfill("t_order", chunk=2,
            where="{t_order}.status = 1 OR id IN (2, 5) -- some",
            set_={"note": "'t_order, 100% :of it'", "n": "{t_order}.n + 10"})
        shardctl.op.backfill("t_order", chunk=2, where=t_order.c.id >= 5,
            set_={"n": t_order.c.n + 1, "status": "status + 50", "note": sa.literal("100%s")})
        shardctl.op.backfill("t_order", chunk=3, where=sa.or_(Order.id == 2, Order.id == 1),
            set_={"n": 7, "note": "note"})
        shardctl.op.backfill("t_order", chunk=3, where="t_order.id IN (SELECT id FROM fee)",
            set_={"n": "n + (SELECT extra FROM fee WHERE fee.id = t_order.id)"})
        """,
        head=f"""
{IMPORT}
import sqlalchemy.orm

t_order = sa.table(
    "t_order", *(sa.column(name) for name in ("id", "n", "status", "note"))
)


class Base(sa.orm.DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "t_order"
    id = sa.Column(sa.BigInteger, primary_key=True)
    n = sa.Column(sa.Integer)
    note = sa.Column(sa.String(40))
""",
    )
    project.upgrade()
    expected: dict[int, tuple[int, int, str]] = {}
    for month, ids in IDS.items():
        for each in ids:
            status = project.rows(f"SELECT {each} % 3")[0][0]
            assert isinstance(status, int)
            n, note = 0, ""
            if status == 1 or each in (2, 5):
                n, note = 10, "t_order, 100% :of it"
            if each >= 5:
                n, status, note = n + 1, status + 50, "100%s"
            if each in (1, 2):
                n = 7
            n += {2: 100, 30: 300}.get(each, 0)
            expected[each] = n, status, note
        rows = project.rows(f"SELECT id, n, status, note FROM {month}")
        assert {row[0]: row[1:] for row in rows} == {each: expected[each] for each in ids}


def test_a_row_that_comes_ahead_of_the_position_has_its_turn(project: Project) -> None:
    project.revision("r1", COUNT, head=IMPORT)
    added: list[str] = []

    def report(event: Event) -> None:
        if isinstance(event, Progress) and event.table == FULL and not added:
            project.sql(f"INSERT INTO {FULL} (id) VALUES (0), (33), (500)")
            added.append(FULL)

    project.upgrade(report=report)
    missed = [each for (each,) in project.rows(f"SELECT id FROM {FULL} WHERE n <> 1")]
    assert missed == [0], "behind the position it is the application's"


# -- what breaks off is gone on with -------------------------------------------------------------


def test_killed_at_any_statement_it_goes_on_where_it_was(
    project: Project, nursery: Nursery
) -> None:
    project.revision(
        "r1", 'shardctl.op.backfill("t_order", set_={"n": "n + 1"}, chunk=2)', head=IMPORT
    )
    trials = Trials(nursery, project.folder)
    upgrade = "commands.upgrade(config)"

    def afresh() -> None:
        project.sql(
            *(f"DELETE FROM shardctl_{name}" for name in ("run", "clause", "backfill")),
            "DELETE FROM alembic_version",
            *(f"UPDATE {month} SET n = 0" for month in MONTHS),
        )

    trials.through(upgrade)  # which makes the ledger
    afresh()
    writes = trials.through(upgrade).writes
    first = next(n for n, write in enumerate(writes) if write.startswith("/* shardctl"))
    # One month's chunks, four statements each, and the next month's first.
    for kill_at in range(first - 1, first + 22, 3 if project.is_sqlite else 7):
        afresh()
        assert trials.run(upgrade, kill_at=kill_at).killed
        trials.through(upgrade)
        assert counts(project) == all_are(1), (kill_at, writes[kill_at])
        rows = project.ledger_rows("r1")
        assert {table: rows[0, table].rows for table in MONTHS} == {
            month: len(ids) for month, ids in IDS.items()
        }


def test_ctrl_c_stops_between_two_chunks(project: Project) -> None:
    project.revision("r1", COUNT, head=IMPORT)
    with pytest.raises(KeyboardInterrupt):
        project.upgrade(report=stop_at(FULL, 2))
    assert counts(project)[FULL] == [1] * 6 + [0, 0]
    assert positions(project) == {FULL: ({"id": 32}, 2, 6)}
    assert project.ledger_rows("r1")[0, FULL].how == "ended"
    project.upgrade()
    assert counts(project) == all_are(1)
    assert project.ledger_rows("r1")[0, FULL].rows == 8


def test_a_revision_that_was_edited_within_a_backfill_is_refused(project: Project) -> None:
    file = project.revision("r1", COUNT, head=IMPORT)
    with pytest.raises(KeyboardInterrupt):
        project.upgrade(report=stop_at(FULL, 1))
    assert not any(row.done for row in project.ledger_rows("r1").values())
    before = file.read_text()
    file.write_text(before.replace("n + 1", "n + 2"))
    with pytest.raises(RevisionEdited):
        project.upgrade()
    file.write_text(before)
    project.upgrade()
    assert counts(project) == all_are(1)


def test_a_row_that_fails_stops_its_chunk_and_no_other(project: Project) -> None:
    project.sql(
        f"UPDATE {FULL} SET note = id",
        f"UPDATE {FULL} SET note = '32', n = 1 WHERE id = 400",
        f"CREATE UNIQUE INDEX uq ON {FULL} (note, n)",
    )
    project.revision("r1", COUNT, head=IMPORT)
    with pytest.raises(StepFailed, match=rf"{FULL}: clause 1 of r1 r1 failed: .*(?s:.)*run again"):
        project.upgrade()
    assert counts(project)[FULL] == [1, 1, 1, 0, 0, 0, 1, 0]
    assert positions(project) == {FULL: ({"id": 2}, 1, 3)}
    project.sql(f"UPDATE {FULL} SET note = 'mended' WHERE id = 400")
    project.upgrade()
    assert counts(project)[FULL] == [1, 1, 1, 1, 1, 1, 2, 1]


def test_a_month_whose_rows_are_locked_goes_on_after_the_others(on_server: Project) -> None:
    project = on_server
    project.revision("r1", COUNT, head=IMPORT)
    events: list[Event] = []
    dialect = project.database.dialect
    with ExitStack() as held:
        other = held.enter_context(project.connect())
        held.enter_context(dialect.transaction(other))
        other.exec_driver_sql(f"UPDATE {FULL} SET status = 9 WHERE id = 31")

        def report(event: Event) -> None:
            events.append(event)
            if isinstance(event, TableDone) and event.table == LAST:
                assert positions(project)[FULL] == ({"id": 2}, 1, 3)
                held.close()

        commands.upgrade(
            project.config, restraint=Restraint(lock_wait=1, lock_retries=1), report=report
        )
    waits = [event for event in events if isinstance(event, Step) and event.state == "waiting"]
    assert [event.table for event in waits] == [FULL, FULL]
    assert "next try in" in waits[0].detail
    assert "its turn comes again after the others" in waits[1].detail
    assert counts(project) == all_are(1)


def test_a_chunk_that_is_held_up_is_tried_again(on_server: Project) -> None:
    project = on_server
    project.revision("r1", COUNT, head=IMPORT)
    dialect = project.database.dialect
    with ExitStack() as held:
        other = held.enter_context(project.connect())
        held.enter_context(dialect.transaction(other))
        other.exec_driver_sql(f"UPDATE {FULL} SET status = 9 WHERE id = 31")

        def report(event: Event) -> None:
            if isinstance(event, Step) and event.state == "waiting":
                held.close()

        commands.upgrade(
            project.config, restraint=Restraint(lock_wait=1, lock_retries=1), report=report
        )
    assert counts(project) == all_are(1)


def test_a_chunk_that_a_deadlock_undid_is_done_once(
    on_server: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shardctl.migrate.patience.restraint.LONGEST_PAUSE", 0.1)
    project, events = on_server, list[Event]()
    project.revision("r1", COUNT, head=IMPORT)
    dialect = project.database.dialect
    restraint = Restraint(lock_wait=30, lock_retries=2)

    def waits_for_a_row() -> bool:
        # InnoDB tells nothing new to one who has asked less than 100 ms ago:
        # https://dev.mysql.com/doc/refman/8.4/en/innodb-information-schema-internal-data.html
        time.sleep(0.15)
        return project.rows(
            "SELECT COUNT(*) FROM information_schema.innodb_trx t "
            "JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id "
            "WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()"
        ) == [(1,)]

    with ThreadPoolExecutor(1) as pool:
        with project.connect() as other, dialect.transaction(other):
            # It has changed more than ours when the two meet: ours is the one that is undone.
            other.exec_driver_sql("CREATE TEMPORARY TABLE weight (n INT) ENGINE=InnoDB")
            many = ", ".join(f"({n})" for n in range(100))
            other.exec_driver_sql(f"INSERT INTO weight VALUES {many}")
            other.exec_driver_sql(f"UPDATE {FULL} SET status = 9 WHERE id = 32")
            running = pool.submit(
                commands.upgrade, project.config, restraint=restraint, report=events.append
            )
            until(lambda: running.done() or waits_for_a_row())
            other.exec_driver_sql(f"UPDATE {FULL} SET status = 9 WHERE id = 30")
        running.result(timeout=60)
    (waited,) = (each for each in events if isinstance(each, Step) and each.state == "waiting")
    assert waited.detail.startswith("(1213) Deadlock found")
    assert counts(project) == all_are(1)


def test_ctrl_c_while_a_chunk_waits_for_rows_stops_there(on_server: Project) -> None:
    project = on_server
    project.revision("r1", COUNT, head=IMPORT)
    dialect = project.database.dialect
    with project.connect() as other, dialect.transaction(other):
        other.exec_driver_sql(f"UPDATE {FULL} SET status = 9 WHERE id = 31")

        def report(event: Event) -> None:
            if isinstance(event, Step) and event.state == "waiting":
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            commands.upgrade(
                project.config, restraint=Restraint(lock_wait=1, lock_retries=3), report=report
            )
    assert positions(project) == {FULL: ({"id": 2}, 1, 3)}
    project.upgrade()
    assert counts(project) == all_are(1)


@pytest.mark.parametrize("how", ["Ctrl-C twice", "the process is killed", "its session is killed"])
def test_a_chunk_that_is_ended_in_its_midst_is_done_by_the_next_run(
    on_server: Project, nursery: Nursery, how: str
) -> None:
    project = on_server
    project.sql("CREATE TABLE pace (id bigint PRIMARY KEY, seconds int)")
    slow = "COALESCE((SELECT SLEEP(seconds) FROM pace WHERE pace.id = t_order.id), 0)"
    project.revision("r1", COUNT.replace("n + 1", f"n + 1 + {slow}"), head=IMPORT)
    project.sql("INSERT INTO pace VALUES (31, 600)")

    def asleep() -> list[tuple[object, ...]]:
        return project.rows(
            "SELECT id FROM information_schema.processlist "
            "WHERE db = DATABASE() AND state = 'User sleep'"
        )

    with started(nursery, project, "upgrade") as process:
        said = process.streams / "out"
        until(lambda: process.poll() is not None or asleep())
        ((session,),) = asleep()
        if how == "Ctrl-C twice":
            process.send_signal(signal.SIGINT)
            until(lambda: "Ctrl-C once more ends it" in said.read_text())
            process.send_signal(signal.SIGINT)
        elif how == "the process is killed":
            process.kill()
        else:
            project.sql(f"KILL {session}")
        code, errors = ended(process)
    if how == "Ctrl-C twice":
        assert code == 130
        assert "ended by Ctrl-C; it goes on where this chunk began" in said.read_text()
    elif how == "its session is killed":
        assert code == 4
        assert "the connection was lost in clause 1 of r1 r1" in errors
    assert positions(project) == {FULL: ({"id": 2}, 1, 3)}
    project.sql("DELETE FROM pace")
    project.upgrade()
    assert asleep() == []
    assert counts(project) == all_are(1)


def test_when_the_window_closes_it_stops_between_two_chunks(
    on_sqlite: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = on_sqlite
    project.revision("r1", COUNT, head=IMPORT)
    shown = [datetime(2026, 11, 22, 4, 59, tzinfo=ZoneInfo("Asia/Shanghai"))]
    monkeypatch.setattr("shardctl.migrate.patience.gate.local_time", lambda _: shown[0])
    night = Restraint(window=Window.parse("01:00-05:00"))

    def report(event: Event) -> None:
        if isinstance(event, Progress):
            shown[0] += timedelta(minutes=1)

    with pytest.raises(StepFailed, match="outside of the window"):
        commands.upgrade(project.config, restraint=night, report=report)
    assert counts(project)[FULL] == [1, 1, 1, 0, 0, 0, 0, 0]
    shown[0] += timedelta(hours=20)
    commands.upgrade(project.config, restraint=night)
    assert counts(project) == all_are(1)


def test_a_table_whose_key_was_changed_meanwhile_is_not_guessed_at(on_sqlite: Project) -> None:
    project = on_sqlite
    project.sql(f"CREATE UNIQUE INDEX uq ON {FULL} (id)")
    project.revision("r1", COUNT, head=IMPORT)
    with pytest.raises(KeyboardInterrupt):
        project.upgrade(report=stop_at(FULL, 1))
    ledger_has = json.dumps([["id", ["int", "2"]]], separators=(",", ":"))
    project.sql(
        f"UPDATE shardctl_backfill SET position = REPLACE('{ledger_has}', '\"id\"', '\"former\"')"
    )
    with pytest.raises(StepFailed, match=r"its key was \(former\) when its backfill began"):
        project.upgrade()
    assert counts(project)[FULL] == [1, 1, 1, 0, 0, 0, 0, 0]


def test_a_month_without_the_templates_key_is_left_as_it_is(on_sqlite: Project) -> None:
    project = on_sqlite
    project.sql(
        f"DROP TABLE {LAST}",
        TABLE.format(table=LAST).replace("'',\n  PRIMARY KEY (id)", "''"),
        f"INSERT INTO {LAST} (id) VALUES (1)",
    )
    project.revision("r1", COUNT, head=IMPORT)
    with pytest.raises(StepFailed, match=f"{LAST}: it has no key that a backfill could go through"):
        project.upgrade()
    assert counts(project)[LAST] == [0]


# -- forth and back ------------------------------------------------------------------------------


def test_a_downgrade_lets_a_later_upgrade_run_it_again(project: Project) -> None:
    project.revision("r1", COUNT, BACK, head=IMPORT)
    project.revision("r2", COUNT.replace("t_order", "plain").replace("3", "1"), head=IMPORT)
    project.sql(TABLE.format(table="plain"), "INSERT INTO plain (id) VALUES (1), (2)")
    project.upgrade()
    assert counts(project) == all_are(1)
    assert project.rows("SELECT n FROM plain") == [(1,), (1,)]
    assert project.version() == "r2"

    project.downgrade("base")
    assert counts(project) == all_are(0)
    assert positions(project) == {}
    assert set(positions(project, "down")) == {FULL, LAST}
    project.upgrade()
    assert counts(project) == all_are(1)
    assert positions(project, "down") == {}
    assert project.rows("SELECT n FROM plain") == [(2,), (2,)], "pass undoes nothing"


def test_one_that_is_half_done_is_undone_as_far_as_it_had_come(project: Project) -> None:
    project.revision(
        "r1",
        f"{COUNT}\n{COUNT.replace('n + 1', 'n + 10')}",
        'shardctl.op.backfill("t_order", set_={"n": "n - 10"}, chunk=2)\n' + BACK,
        head=IMPORT,
    )
    # First in the month's second backfill, then in its first.
    for chunk, half in ((4, [11] * 6 + [1] * 2), (2, [1] * 6 + [0] * 2)):
        with pytest.raises(KeyboardInterrupt):
            project.upgrade(report=stop_at(FULL, chunk))
        assert counts(project)[FULL] == half
        with pytest.raises(KeyboardInterrupt):
            commands.downgrade(project.config, "base", report=stop_at(FULL, 1))
        project.downgrade("base")
        assert counts(project) == all_are(0)
        assert positions(project) == {}
    project.upgrade()
    assert counts(project) == all_are(11)


def test_one_that_is_half_done_is_not_undone_by_what_would_change_all_rows(
    on_sqlite: Project,
) -> None:
    project = on_sqlite
    plain = 'op.execute("UPDATE t_order SET n = n - 1")'
    file = project.revision("r1", COUNT, plain, head=IMPORT)
    with pytest.raises(KeyboardInterrupt):
        project.upgrade(report=stop_at(FULL, 1))
    for several in (plain, f"{BACK}\n    {BACK}"):
        file.write_text(file.read_text().replace(plain, several))
        with pytest.raises(Refused, match=f"{FULL}: a backfill has changed a part of its rows"):
            project.downgrade("base")
        assert counts(project)[FULL] == [1, 1, 1, 0, 0, 0, 0, 0]
    file.write_text(file.read_text().replace(several, "pass"))
    project.downgrade("base")
    assert positions(project) == {}
    assert counts(project)[FULL] == [1, 1, 1, 0, 0, 0, 0, 0]


def test_alembics_own_command_does_the_same(project: Project, nursery: Nursery) -> None:
    project.revision("r1", COUNT, BACK, head=IMPORT)
    for command, n in (("upgrade head", 1), ("downgrade base", 0)):
        done = nursery.start("alembic", *command.split(), cwd=project.folder).completed()
        assert done.returncode == 0, done.stderr
        assert counts(project) == all_are(n)


# -- what cannot be is refused before anything is changed ----------------------------------------


@pytest.mark.parametrize(
    ("backfill", "words"),
    [
        ('"t_order", set_={"ID": "id + 1"}', r"by its key \(id\), so it cannot change ID"),
        ('"keyless", set_={"n": "n + 1"}', "no primary or unique key to go through it by"),
        ('"t_orders", set_={"n": "n + 1"}', "neither a family nor a table of that name"),
        ('"t_order_202001", set_={"n": "n + 1"}', "which is one table of the family t_order"),
        ('"t_order", set_={"m": "n + 1"}', r"fails on an empty copy of t_order"),
        ('"t_order", set_={"n": "1) WHERE (1"}', r"one expression, not: 1\) WHERE \(1"),
        ('"t_order", set_={"n": 1}, where="n = 0) OR (n = 1"', "one expression"),
        ('"t_order", set_={"n": "1; DELETE FROM t_order"}', "one expression"),
        ('"t_order", set_={"n": "n + 1 WHERE n > 0"}', "it is not clear whether t_order"),
        ('"t_order", set_={"n": "1"}, where=" "', "one expression"),
        ('"plain", set_={"n": "(SELECT MAX(n) FROM t_order)"}', "once for each month"),
        ('"t_order", set_={"n": object()}', "cannot be kept in the ledger"),
        ('"t_order", set_={"n": sa.column("n") + 1}, where="t_order.n = 0"', "names t_order"),
        ('"t_order", set_={}', "set_ is empty"),
        ('"t_order", set_={"n": 1}, chunk=0', "chunk=0 is no positive number"),
        ('"t_order", set_={"n": 1}, chunk=True', "chunk=True is no positive number"),
    ],
)
def test_refused(on_sqlite: Project, backfill: str, words: str) -> None:
    project = on_sqlite
    project.sql(
        "CREATE TABLE keyless (n int)", "CREATE TABLE plain (id integer PRIMARY KEY, n int)"
    )
    project.revision("r1", f"shardctl.op.backfill({backfill})", head=IMPORT)
    with pytest.raises(RevisionRefused, match=words):
        project.upgrade()
    assert counts(project) == all_are(0)
    assert project.rows("SELECT * FROM shardctl_run") == []


# -- the ledger ----------------------------------------------------------------------------------


def test_an_older_ledger_has_no_backfills_and_gets_its_table(project: Project) -> None:
    with project.connect() as connection:
        assert ledger.backfills(connection, "r1", "up") == {}
        ledger.ensure(connection, project.database.dialect)
        connection.exec_driver_sql("DROP TABLE shardctl_backfill")
        connection.exec_driver_sql("UPDATE shardctl_meta SET version = 4")
        assert ledger.backfills(connection, "r1", "up") == {}
        ledger.ensure(connection, project.database.dialect)
        assert connection.exec_driver_sql("SELECT * FROM shardctl_backfill").all() == []


def test_a_position_moves_only_from_where_it_was(project: Project) -> None:
    def advance(writer: ledger.Ledger, connection: Connection, chunk: int, key: int) -> None:
        writer.advance(
            connection,
            *("r1", "up", 0, FULL),
            chunk=chunk,
            position={"id": key},
            rows=key,
            seconds=0.0,
        )

    with lock.acquire(project.database, command="upgrade") as lease, project.connect() as own:
        advance(lease.ledger, own, 1, 10)
        advance(lease.ledger, own, 2, 20)
        for chunk in (1, 2, 4):
            with pytest.raises(Refused, match="another session has gone on"):
                advance(lease.ledger, own, chunk, 30)
        assert positions(project) == {FULL: ({"id": 20}, 2, 20)}
