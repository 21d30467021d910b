"""What a revision would destroy, block or break is told before it runs, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import event, make_url

from shardctl.catalog import Member
from shardctl.clause import Algorithm, Clause
from shardctl.dialects import open_database
from shardctl.errors import Destructive, RevisionRefused
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.finding import Finding
from shardctl.migrate.lint import RULES, lint
from shardctl.migrate.lint.subject import Change, Limits, Subject
from shardctl.migrate.selection import Selection
from shardctl.migrate.work import Revision
from shardctl.month import Month
from shardctl.report import Event, Note
from shardctl.structure import Column, Index, IndexPart, Structure
from tests.conftest import SETTINGS
from tests.project import Project
from tests.servers import Unusable, private

Found: TypeAlias = dict[str, tuple[str, ...]]
"""By rule, the tables that it has something to say of."""

FIRST, SECOND, THIRD = MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
ALL = ("t_order", *MONTHS)
FAMILY = '[families.t_order]\nkey = "order_id"\ntime = "create_time"\nstate = "status"'
BINARY = {"sqlite": ""}
"""What makes a text column binary, where it is not by default."""
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) {binary} NOT NULL,
  user_id bigint NOT NULL DEFAULT 0,
  shop_id bigint NOT NULL DEFAULT 0,
  room_id bigint DEFAULT NULL,
  status smallint NOT NULL DEFAULT 0,
  note varchar(40) NOT NULL DEFAULT '',
  create_time datetime NOT NULL DEFAULT '2020-01-01 00:00:00',
  PRIMARY KEY (order_id)
)
"""
INDEXES = {
    "ix_user": "INDEX {name} ON {table} (user_id)",
    "ix_room": "INDEX {name} ON {table} (room_id, user_id)",
    "ix_sweep": "INDEX {name} ON {table} (status, create_time)",
    "uq_pair": "UNIQUE INDEX {name} ON {table} (user_id, shop_id)",
}

DROP_NOTE = 'op.drop_column("t_order", "note")\n'
RENAME = 'op.alter_column("t_order", "note", new_column_name="words")\n'
ROOM_NOT_NULL = 'op.alter_column("t_order", "room_id", nullable=False)\n'
ROOM_DEFAULT = 'op.alter_column("t_order", "room_id", server_default="0")\n'
FILL_ROOM = 'op.execute("UPDATE t_order SET room_id = 0 WHERE room_id IS NULL")\n'
UNIQUE_USER = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)\n'
ADD_HALL = """op.add_column("t_order", sa.Column("hall", sa.BigInteger{}))\n"""


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    return made(tmp_path, url)


@pytest.fixture
def on_server(tmp_path: Path, server_url: str) -> Project:
    return made(tmp_path, server_url)


def made(folder: Path, url: str) -> Project:
    """A template and three months; the second alone has a NULL, and users with two rows."""
    project = Project.make(folder, url, FAMILY)
    for table in ALL:
        binary = BINARY.get(project.database.dialect.name, "CHARACTER SET ascii COLLATE ascii_bin")
        project.sql(TABLE.format(table=table, binary=binary))
        tag = f"__{table[-6:]}" if project.is_sqlite and table in MONTHS else ""
        for name, text in INDEXES.items():
            project.sql("CREATE " + text.format(name=name + tag, table=table))
    insert = "INSERT INTO {} (order_id, user_id, shop_id, room_id) VALUES "
    project.sql(
        insert.format(FIRST) + "('20200101-a', 1, 1, 5), ('20200101-b', 2, 1, 6)",
        insert.format(SECOND) + "('20200201-a', 1, 1, NULL), ('20200201-b', 1, 2, 7)",
    )
    return project


def findings(project: Project, upgrade: str, *, waive: str = "") -> tuple[Finding, ...]:
    """What lint has to say of a revision; it is not run."""
    head = f"# shardctl: allow {waive}\n" if waive else ""
    file = project.revision("r1", upgrade, head=head)
    (outcome,) = commands.upgrade(project.config, dry_run=True).outcomes
    file.unlink()
    return outcome.findings


def rules(project: Project, upgrade: str, *, waive: str = "") -> Found:
    return {found.rule: found.tables for found in findings(project, upgrade, waive=waive)}


def notes(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Note)]


def test_each_rule_finds_what_it_is_for(project: Project) -> None:
    counted = {} if project.database.dialect.name == "mysql" else {"drop-index": MONTHS}
    no_default = 'op.alter_column("t_order", "note", server_default=None)\n'
    shorter = 'op.alter_column("t_order", "note", type_=sa.String(20))\n'
    cases: dict[str, Found] = {
        # First: MySQL counts the rows, too, that are read by it for other rules.
        'op.drop_index("ix_room", "t_order")\n': counted,
        DROP_NOTE + UNIQUE_USER + 'op.drop_index("ix_sweep", "t_order")\n': {
            "drop-column": ALL,
            "unique-duplicates": (SECOND,),
            "drop-index": MONTHS,
        },
        ROOM_NOT_NULL: {"not-null-over-nulls": (SECOND,), "not-null-without-default": MONTHS},
        FILL_ROOM + ROOM_NOT_NULL: {"not-null-without-default": MONTHS},
        "import shardctl.op\n"
        'shardctl.op.backfill("t_order", set_={"room_id": 0}, where="room_id IS NULL")\n'
        + ROOM_NOT_NULL: {"not-null-without-default": MONTHS},
        no_default + shorter + 'op.drop_index("uq_pair", "t_order")\n': {
            "not-null-without-default": MONTHS,
            "narrow-type": ALL,
            "drop-index": MONTHS,
        },
        RENAME + 'op.execute("DELETE FROM t_order")\n': {
            "rename-column": MONTHS,
            "lose-rows": MONTHS,
        },
    }
    assert {text: rules(project, text) for text in cases} == cases


def test_what_does_no_harm_is_not_told(project: Project) -> None:
    """The neighbours of what is told, all in one revision."""
    assert (
        rules(
            project,
            'op.create_index("uq_room", "t_order", ["room_id"], unique=True)\n'
            'op.create_index("uq_more", "t_order", ["user_id", "shop_id", "note"], unique=True)\n'
            'op.create_index("ix_other", "t_order", ["room_id", "user_id", "note"])\n'
            'op.drop_index("ix_room", "t_order")  # the one before begins with it\n'
            'op.drop_index("ix_user", "t_order")  # uq_pair does\n'
            'op.create_index("ix_brief", "t_order", ["note"])\n'
            'op.drop_index("ix_brief", "t_order")\n'
            + ADD_HALL.format("")
            + 'op.drop_column("t_order", "hall")\n'
            'op.add_column("t_order", sa.Column("door", sa.Integer, nullable=False, '
            'server_default="0"))\n'
            'op.alter_column("t_order", "note", type_=sa.String(80))\n'
            'op.execute("DELETE FROM t_order WHERE user_id = 7")\n'
            + FILL_ROOM
            + ROOM_NOT_NULL
            + ROOM_DEFAULT,
        )
        == {}
    )
    dedupe = 'op.execute("DELETE FROM t_order WHERE shop_id = 2")\n'
    assert rules(project, dedupe + UNIQUE_USER) == {}


def test_what_only_a_server_can_do_is_told_too(on_server: Project) -> None:
    raw = 'op.execute("ALTER TABLE t_order {}")\n'
    text = 'op.alter_column("t_order", "order_id", type_=mysql.VARCHAR(64, {}), nullable=False)\n'
    cases: dict[str, Found] = {
        ADD_HALL.format(", nullable=False") + raw.format("DROP PRIMARY KEY"): {
            "not-null-without-default": MONTHS,
            "drop-index": MONTHS,
        },
        ADD_HALL.format(', nullable=False, server_default="0"')
        + 'op.alter_column("t_order", "hall", server_default=None)\n': {
            "not-null-without-default": MONTHS
        },
        raw.format("DROP note, CHANGE shop_id store_id BIGINT NOT NULL DEFAULT 0"): {
            "drop-column": ALL,
            "rename-column": MONTHS,
        },
        text.format('charset="utf8mb4", collation="utf8mb4_general_ci"'): {"key-not-binary": ALL},
        text.format('charset="utf8mb4", collation="utf8mb4_bin"')
        + raw.format("RENAME INDEX ix_user TO ix_by_user")
        + raw.format("CHANGE note NOTE VARCHAR(40) NOT NULL DEFAULT ''"): {},
    }
    assert {text: rules(on_server, text) for text in cases} == cases


def test_a_unique_index_that_a_dropped_column_narrows_is_told(
    tmp_path: Path, mysql_url: str
) -> None:
    project = made(tmp_path, mysql_url)
    lost, narrowed = findings(project, 'op.drop_column("t_order", "shop_id")')
    assert (lost.rule, lost.severity) == ("drop-column", "destructive")
    assert (narrowed.rule, narrowed.severity) == ("unique-narrowed", "warning")
    assert "on (user_id, shop_id) becomes unique on (user_id)" in narrowed.message
    assert f"there are such rows in {SECOND}" in narrowed.message
    assert "not found out" not in narrowed.message
    before = 'op.drop_index("uq_pair", "t_order")\nop.drop_column("t_order", "shop_id")\n'
    assert "unique-narrowed" not in rules(project, before)


def test_a_month_that_has_had_the_clause_is_not_looked_at(project: Project) -> None:
    project.sql(f"ALTER TABLE {SECOND} RENAME COLUMN note TO words")
    tag = "__202002" if project.is_sqlite else ""
    project.sql(
        f"DELETE FROM {SECOND} WHERE shop_id = 2",
        f"CREATE UNIQUE INDEX uq_user{tag} ON {SECOND} (user_id)",
    )
    project.sql(f"INSERT INTO {THIRD} (order_id, user_id, shop_id) VALUES ('a', 1, 1), ('b', 1, 2)")
    assert rules(project, RENAME + UNIQUE_USER) == {
        "rename-column": (FIRST, THIRD),
        "unique-duplicates": (THIRD,),
    }


def test_a_month_that_the_run_is_not_meant_for_is_not_looked_at(project: Project) -> None:
    project.revision("r1", ROOM_NOT_NULL + ROOM_DEFAULT)
    course = Course(Selection.parse("202001"))
    (outcome,) = commands.upgrade(project.config, course=course).outcomes
    assert outcome.findings == ()
    with pytest.raises(Destructive, match=f"NULL in rows of {SECOND}"):
        project.upgrade()


def test_a_comment_waives_a_warning_and_nothing_else(project: Project) -> None:
    text = RENAME + ROOM_NOT_NULL
    found = findings(project, text, waive="rename-column, not-null-without-default")
    assert [(each.rule, each.waived) for each in found] == [("not-null-over-nulls", False)]
    (found_again,) = findings(
        project, text, waive="rename-column not-null-without-default,not-null-over-nulls"
    )
    assert (found_again.rule, found_again.waived) == ("not-null-over-nulls", True)
    assert "rename-column" in rules(project, f"_ = '# shardctl: allow rename-column'\n{RENAME}")


def test_waiving_a_rule_that_there_is_not_is_refused(project: Project) -> None:
    project.revision("r1", ADD_HALL.format(""), head="# shardctl: allow rename-colum\n")
    with pytest.raises(RevisionRefused, match="'# shardctl: allow rename-colum'") as caught:
        project.upgrade()
    for rule in RULES:
        assert rule.id in str(caught.value)
    assert project.version() is None


def test_what_is_destructive_is_refused_until_it_is_allowed(project: Project) -> None:
    room = 'op.alter_column("t_order", "room_id", new_column_name="hall_id")\n'
    project.revision("r1", room + DROP_NOTE)
    before = project.structures(*ALL)
    events: list[Event] = []
    with pytest.raises(Destructive) as caught:
        project.upgrade(report=events.append)
    assert str(caught.value).startswith("r1 r1 is destructive: drop-column: t_order loses column")
    assert str(caught.value).endswith("run it again with --allow-destructive")
    assert [text.split(": ")[1] for text in notes(events)] == ["rename-column"]
    assert project.structures(*ALL) == before

    (outcome,) = project.upgrade(destructive=True, report=events.append).outcomes
    assert [each.rule for each in outcome.findings] == ["drop-column", "rename-column"]
    assert [text.split(": ")[1] for text in notes(events)[1:]] == ["drop-column", "rename-column"]
    assert project.version() == "r1"


def test_all_that_is_destructive_is_said_at_once(project: Project) -> None:
    project.revision("r1", DROP_NOTE + ROOM_NOT_NULL)
    with pytest.raises(Destructive) as caught:
        project.upgrade()
    first, *found, last = str(caught.value).splitlines()
    assert first == "r1 r1 is destructive:"
    assert [line.split(":")[0] for line in found] == ["  drop-column", "  not-null-over-nulls"]
    assert f"is NULL in rows of {SECOND}" in found[1]
    assert last.startswith("Nothing was changed")


def test_a_column_that_a_revision_adds_and_does_not_fill_is_null_where_there_are_rows(
    on_server: Project,
) -> None:
    hall = 'op.alter_column("t_order", "hall", existing_type=sa.BigInteger(), nullable=False)\n'
    assert rules(on_server, ADD_HALL.format("") + hall) == {
        "not-null-over-nulls": (FIRST, SECOND),
        "not-null-without-default": MONTHS,
    }


def test_what_is_destructive_and_waived_is_refused_still_and_not_repeated(
    project: Project,
) -> None:
    project.revision("r1", DROP_NOTE, head="# shardctl: allow drop-column\n")
    assert "refuses it without --allow-destructive" in notes(project.dry_run())[0]
    with pytest.raises(Destructive):
        project.upgrade()
    events: list[Event] = []
    project.upgrade(destructive=True, report=events.append)
    assert notes(events) == []
    assert project.version() == "r1"


def test_a_downgrade_says_what_it_loses(project: Project) -> None:
    hall = 'op.drop_column("t_order", "hall")'
    project.revision("r1", ADD_HALL.format(""), hall)
    project.upgrade()
    with pytest.raises(Destructive, match=r"downgrade of r1 r1 is destructive: .* column hall "):
        project.downgrade("base", destructive=False)
    (outcome,) = project.downgrade("base").outcomes
    assert [(each.rule, each.tables[0]) for each in outcome.findings] == [
        ("drop-column", "t_order")
    ]


def test_nulls_that_were_not_looked_for_in_time_may_be_there(project: Project) -> None:
    (not_seen,) = room_not_null(project, Limits(in_all=0))
    assert not_seen.severity == "destructive"
    assert not_seen.tables == MONTHS
    assert "was not found out in" in not_seen.message

    (seen,) = room_not_null(project, Limits())
    assert (seen.severity, seen.tables) == ("destructive", (SECOND,))

    project.sql(*(f"UPDATE {month} SET room_id = 1" for month in MONTHS))
    assert room_not_null(project, Limits()) == ()


def test_no_more_months_with_rows_are_looked_at_than_the_limit_says(on_server: Project) -> None:
    """The third is empty, and costs nothing."""
    on_server.sql(f"UPDATE {SECOND} SET room_id = 1")
    on_server.sql(*(f"ANALYZE TABLE {month}" for month in MONTHS))
    (not_seen,) = room_not_null(on_server, Limits(months=1))
    assert not_seen.tables == (SECOND,)


def room_not_null(project: Project, limits: Limits) -> tuple[Finding, ...]:
    """What there is to say of a clause that makes `room_id` NOT NULL, with a default."""
    before = project.structure("t_order")
    columns = tuple(
        replace(each, nullable=False, default="'0'") if each.name == "room_id" else each
        for each in before.columns
    )
    return linted(project, Clause("t_order", ()), limits, replace(before, columns=columns))


def linted(
    project: Project, clause: Clause, limits: Limits, after: Structure | None = None
) -> tuple[Finding, ...]:
    """What there is to say of a revision of one clause, which all tables are still to get."""
    now = project.structure("t_order")
    then = after or now
    members = (Member("t_order", month, Month.parse(month[-6:])) for month in MONTHS)
    tables = (Member("t_order", "t_order"), *members)
    change = Change(clause, now, then, now, then, frozenset(), (), tables)
    revision, families = Revision("r1", "up", "", ""), project.config.families
    with project.connect() as connection:
        dialect = project.database.dialect
        return lint(Subject(revision, (change,), families, dialect, connection, limits=limits))


def test_a_clause_that_no_rule_needs_rows_for_costs_no_query(project: Project) -> None:
    before = project.structure("t_order")
    index = Index("ix_note", "key", (IndexPart("note"),))
    hall = Column("hall", "bigint")
    after = replace(before, columns=(*before.columns, hall), indexes=(*before.indexes, index))
    instant = Clause("t_order", (), algorithm=Algorithm("INSTANT"))
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(project.database.engine, "before_cursor_execute", note)
    assert linted(project, instant, Limits(), after) == ()
    with_lint = len(asked)
    asked.clear()
    project.structure("t_order")
    with project.connect():
        pass
    assert with_lint == len(asked)


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        (Algorithm("COPY", rebuilds=True), "COPY rebuilds large months, and keeps writers out"),
        (Algorithm("INPLACE", "NONE", rebuilds=True), "rebuilds large months, beside writers"),
        (Algorithm("INPLACE", "SHARED"), "builds an index of large months, and keeps writers out"),
        (Algorithm("INPLACE", "NONE"), ""),
        (Algorithm("INSTANT"), ""),
    ],
)
def test_a_rebuild_of_a_large_month_is_told(
    on_server: Project, algorithm: Algorithm, words: str
) -> None:
    on_server.sql(
        f"INSERT INTO {FIRST} (order_id, user_id, shop_id) "
        "WITH RECURSIVE n AS (SELECT 10 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
        "SELECT CONCAT(i, REPEAT('x', 60)), i, i FROM n",
        *(f"ANALYZE TABLE {month}" for month in MONTHS),
    )
    clause = Clause("t_order", (), algorithm=algorithm)
    found = linted(on_server, clause, Limits(bytes=150_000))
    assert [each.tables for each in found] == ([(FIRST,)] if words else [])
    assert all(words in each.message and f"{FIRST} (0.0 GiB)" in each.message for each in found)
    assert linted(on_server, clause, Limits()) == ()


def test_an_update_of_a_large_month_is_told_with_what_to_use_instead(project: Project) -> None:
    grow = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    pairs = "SELECT a.i + b.i * 1000 AS i FROM n AS a JOIN n AS b ON b.i <= 160"
    head = f"INSERT INTO {FIRST} (order_id, user_id, shop_id) "
    if project.is_sqlite:
        project.sql(f"{grow} {head} SELECT i, i, i FROM ({pairs}) AS pairs")
    else:
        project.sql(f"{head} {grow} SELECT i, i, i FROM ({pairs}) AS pairs")
        project.sql(f"ANALYZE TABLE {FIRST}")
    delete = 'op.execute("/* old */ DELETE FROM t_order WHERE room_id IS NULL")'
    for verb, text in {"UPDATE": FILL_ROOM, "DELETE": delete}.items():
        (found,) = findings(project, text)
        assert (found.rule, found.severity, found.tables) == ("large-update", "warning", (FIRST,))
        assert verb in found.message
        assert "shardctl.op.backfill" in found.message
    backfill = 'shardctl.op.backfill("t_order", set_={"room_id": 0}, where="room_id IS NULL")'
    assert rules(project, f"import shardctl.op\n{backfill}") == {}
    copied = "INSERT INTO t_sum SELECT room_id FROM t_order"
    project.sql("CREATE TABLE t_sum (room_id bigint)")
    text = f"import shardctl.op\nshardctl.op.execute({copied!r}, each_month=True)"
    assert rules(project, text) == {}


def test_what_earlier_revisions_of_a_dry_run_change_is_not_told_yet(project: Project) -> None:
    project.revision("r0", FILL_ROOM)
    project.revision("r1", ROOM_NOT_NULL + UNIQUE_USER)
    _, outcome = commands.upgrade(project.config, dry_run=True).outcomes
    assert {(each.rule, each.severity, each.tables) for each in outcome.findings} == {
        ("not-null-over-nulls", "warning", MONTHS),
        ("unique-duplicates", "warning", MONTHS),
        ("not-null-without-default", "warning", MONTHS),
    }
    words = "before earlier revisions have run"
    assert sum(words in each.message for each in outcome.findings) == 2


def test_an_index_by_which_rows_were_read_is_still_used(tmp_path: Path, mysql_url: str) -> None:
    project = made(tmp_path, mysql_url)
    drop = 'op.drop_index("ix_room", "t_order")'
    assert rules(project, drop) == {}
    project.rows(f"SELECT order_id FROM {SECOND} FORCE INDEX (ix_room) WHERE room_id = 7")
    (found,) = findings(project, drop)
    assert (found.rule, found.severity, found.tables) == ("drop-index", "destructive", (SECOND,))
    assert f"since the server counts: 1 of {SECOND}" in found.message
    project.sql(*(f"ALTER TABLE {table} ALTER INDEX ix_room INVISIBLE" for table in ALL))
    assert rules(project, drop) == {}


def test_mariadb_tells_which_index_is_used_where_it_counts(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    settings = request.config.stash[SETTINGS]
    drop = 'op.drop_index("ix_room", "t_order")'
    try:
        with (
            private("mariadb", settings, "--userstat=ON") as own,
            own.server.fresh_database() as url,
        ):
            project = made(tmp_path, url)
            assert rules(project, drop) == {}
            project.rows(f"SELECT order_id FROM {SECOND} FORCE INDEX (ix_room) WHERE room_id = 7")
            (found,) = findings(project, drop)
            assert (found.severity, found.tables) == ("destructive", (SECOND,))
    except Unusable as error:
        if settings.get("CI"):
            raise
        pytest.skip(f"no server of one's own: {error}")


def test_what_the_server_does_not_let_one_see_cannot_be_told(
    tmp_path: Path, mysql_url: str
) -> None:
    project = made(tmp_path, mysql_url)
    url = make_url(mysql_url)
    user = f"{url.database}_u"[-32:]
    project.sql(
        f"CREATE USER {user} IDENTIFIED BY 'secret'",
        f"GRANT INSERT ON {url.database}.{SECOND} TO {user}",
    )
    try:
        own = url.set(username=user, password="secret").render_as_string(hide_password=False)
        database = open_database(own)
        with database.connect() as connection:
            dialect = database.dialect
            assert dialect.index_reads(connection, MONTHS, "ix_room") is None
            assert dialect.has(connection, f"SELECT 1 FROM {SECOND} LIMIT 1", 5.0) is None
        with project.connect() as connection:
            assert project.database.dialect.has(connection, f"SELECT 1 FROM {SECOND} LIMIT 1", 5.0)
    finally:
        project.sql(f"DROP USER {user}")


def test_an_index_that_alone_serves_a_foreign_key_is_used(tmp_path: Path, sqlite_url: str) -> None:
    """MySQL and MariaDB refuse to drop it."""
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql("CREATE TABLE shop (id bigint PRIMARY KEY)")
    for table in ("t_order", FIRST):
        columns = "order_id varchar(64) PRIMARY KEY, shop_id bigint REFERENCES shop (id)"
        tag = "" if table == "t_order" else "__202001"
        project.sql(
            f"CREATE TABLE {table} ({columns})",
            f"CREATE INDEX ix_shop{tag} ON {table} (shop_id)",
        )
    drop = 'op.drop_index("ix_shop", "t_order")\n'
    (found,) = findings(project, drop)
    assert (found.rule, found.severity) == ("drop-index", "destructive")
    assert "alone serves the foreign key (shop_id) to shop" in found.message
    assert rules(project, 'op.create_index("ix_new", "t_order", ["shop_id"])\n' + drop) == {}


def test_a_query_is_given_up_when_its_time_is_over_and_the_session_goes_on(url: str) -> None:
    database = open_database(url)
    digits = "SELECT 1 AS d" + " UNION ALL SELECT 1" * 9
    many = ", ".join(f"({digits}) AS t{n}" for n in range(9))
    endless = f"SELECT COUNT(*) FROM {many} HAVING COUNT(*) < 0"
    with database.connect() as connection:
        dialect = database.dialect
        assert dialect.has(connection, endless, 0.2) is None
        assert dialect.has(connection, "SELECT 1", 5.0) is True
        assert dialect.has(connection, "SELECT 1 FROM (SELECT 1 AS d) AS t WHERE d > '%'", 5.0) in (
            True,
            False,
        )
        assert (
            dialect.has(connection, "SELECT 1 FROM (SELECT 1 AS d) AS t WHERE d > 1", 5.0) is False
        )
