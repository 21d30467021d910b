"""Clauses go to a month in as few statements as are right, each by an algorithm or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
import sqlalchemy as sa

from shardctl.errors import StepFailed
from shardctl.report import Event, Step
from shardctl.structure import differences
from tests.killing import Trials, spaced
from tests.nursery import Nursery
from tests.project import Project

Sent: TypeAlias = list[tuple[str, str]]
"""For each statement, a word of each of its clauses, and its algorithm."""

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  user_id bigint NOT NULL DEFAULT 0,
  kind smallint NOT NULL DEFAULT 0,
  note varchar(20) NOT NULL DEFAULT '',
  body varchar(200) DEFAULT NULL,
  PRIMARY KEY (order_id), KEY ix_user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""

ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
HALL = 'op.add_column("t_order", sa.Column("hall", sa.BigInteger))\n'
INDEX = 'op.create_index("ix_kind", "t_order", ["kind"])\n'
ROOM_INDEX = 'op.create_index("ix_room", "t_order", ["room"])\n'
WIDER = 'op.alter_column("t_order", "kind", type_=sa.BigInteger())\n'
NULLABLE = 'op.alter_column("t_order", "note", nullable=True)\n'
FULLTEXT = 'op.execute("CREATE FULLTEXT INDEX ix_body ON t_order (body)")\n'
CHECK = 'op.create_check_constraint("ck_kind", "t_order", "kind >= 0")\n'
UPDATE = "op.execute(\"UPDATE t_order SET note = 'x'\")\n"
WORDS = {
    "room": "ADD COLUMN room",
    "hall": "ADD COLUMN hall",
    "ix_kind": "ix_kind",
    "ix_room": "ix_room",
    "bigint": "MODIFY COLUMN `kind`",
    "nullable": "MODIFY COLUMN `note`",
    "ix_body": "ix_body",
    "ck_kind": "ck_kind",
    "update": "UPDATE",
    "drop ix_user": "DROP INDEX ix_user",
    "drop user_id": "DROP COLUMN user_id",
}


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    return made(tmp_path, server_url)


def made(folder: Path, url: str) -> Project:
    """A template and three months, each with a row."""
    project = Project.make(folder, url, "t_order")
    for table in ("t_order", *MONTHS):
        project.sql(TABLE.format(table=table))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id) VALUES ('{month[-6:]}01-a')")
    return project


def ran(project: Project, *, destructive: bool = False) -> dict[str, Sent]:
    """What an upgrade sent to each table."""
    events: list[Event] = []
    project.upgrade(destructive=destructive, report=events.append)
    return sent(events, "run")


def sent(events: list[Event], state: str) -> dict[str, Sent]:
    found: dict[str, Sent] = {}
    for event in events:
        if isinstance(event, Step) and event.state == state:
            clauses = " + ".join(map(word, (event.sql, *event.further)))
            found.setdefault(event.table, []).append((clauses, event.algorithm))
    return found


def word(sql: str) -> str:
    return next((name for name, text in WORDS.items() if text in sql), sql)


def assert_all_equal(project: Project) -> None:
    for month in MONTHS:
        assert differences(project.structure("t_order"), project.structure(month)) == ()
        assert len(project.rows(f"SELECT * FROM {month}")) == 1
    assert project.left_behind() == []


@pytest.mark.parametrize(
    ("clause", "mysql", "mariadb"),
    [
        (ROOM, "INSTANT", "INSTANT"),
        (INDEX, "INPLACE", "NOCOPY"),
        (NULLABLE, "INPLACE, rebuild", "INPLACE, rebuild"),
        (FULLTEXT, "INPLACE, LOCK=SHARED, rebuild", "INPLACE, LOCK=SHARED"),
        (WIDER, "COPY", "COPY"),
        (CHECK, "COPY", "COPY"),
        ('op.drop_column("t_order", "note")\n', "INSTANT", "INSTANT"),
        ('op.drop_index("ix_user", "t_order")\n', "INPLACE", "NOCOPY"),
        ('op.create_table_comment("t_order", "orders")\n', "INPLACE", "INSTANT"),
        ('op.alter_column("t_order", "note", new_column_name="text")\n', "INSTANT", "INSTANT"),
        ('op.execute("ALTER TABLE t_order FORCE")\n', "INPLACE, rebuild", "INPLACE, rebuild"),
        # What says itself how it is to be done is sent as it is.
        ('op.execute("ALTER TABLE t_order ADD room INT, ALGORITHM=COPY")\n', "", ""),
    ],
)
def test_a_clause_is_sent_by_the_cheapest_algorithm_that_the_server_takes(
    project: Project, clause: str, mysql: str, mariadb: str
) -> None:
    project.revision("r1", clause)
    found = ran(project, destructive=True)
    expected = mariadb if project.database.dialect.name == "mariadb" else mysql
    for table in ("t_order", *MONTHS):
        assert [how for _, how in found[table]] == [expected]
    assert_all_equal(project)


INPLACE = "INPLACE/NOCOPY"


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        pytest.param(
            ROOM + HALL,
            [("room + hall", "INSTANT")],
            id="columns use up one row version",
        ),
        pytest.param(
            INDEX + ROOM + ROOM_INDEX + HALL,
            [("room + hall", "INSTANT"), ("ix_kind + ix_room", INPLACE)],
            id="columns and indexes",
        ),
        pytest.param(
            ROOM + INDEX + WIDER,
            [("room + ix_kind + bigint", "COPY")],
            id="one rebuild takes all",
        ),
        pytest.param(
            NULLABLE + ROOM + INDEX,
            [("nullable + room + ix_kind", "INPLACE, rebuild")],
            id="a rebuild in place",
        ),
        pytest.param(
            'op.drop_index("ix_user", "t_order")\nop.drop_column("t_order", "user_id")\n',
            [("drop ix_user", INPLACE), ("drop user_id", "INSTANT")],
            id="an index goes before its column",
        ),
        pytest.param(
            ROOM + UPDATE + HALL + INDEX,
            [("room", "INSTANT"), ("update", ""), ("hall", "INSTANT"), ("ix_kind", INPLACE)],
            id="a data clause is a barrier",
        ),
        pytest.param(
            CHECK + 'op.drop_constraint("ck_kind", "t_order", type_="check")\n' + ROOM,
            None,
            id="what ends as it began is found out",
        ),
    ],
)
def test_clauses_are_grouped_by_what_they_cost(
    project: Project, revision: str, expected: Sent | None
) -> None:
    project.revision("r1", revision)
    found = ran(project, destructive=True)
    assert_all_equal(project)
    if expected is None:
        return
    own = "NOCOPY" if project.database.dialect.name == "mariadb" else "INPLACE"
    wanted = [(clauses, own if how == INPLACE else how) for clauses, how in expected]
    assert [found[month] for month in MONTHS] == [wanted] * 3
    assert sorted(n for n, table in project.ledger_rows("r1") if table == MONTHS[0]) == list(
        range(sum(clauses.count("+") + 1 for clauses, _ in expected))
    )


def test_what_keeps_writers_out_stays_apart_unless_it_rebuilds(
    tmp_path: Path, mysql_url: str
) -> None:
    project = made(tmp_path, mysql_url)
    lower = 'op.execute("CREATE INDEX ix_lower ON t_order ((LOWER(note)))")\n'
    project.revision("r1", INDEX + lower)
    project.revision("r2", 'op.drop_index("ix_kind", "t_order")\n' + FULLTEXT)
    found = ran(project)[MONTHS[0]]
    assert [how for _, how in found] == [
        "INPLACE",
        "INPLACE, LOCK=SHARED",
        "INPLACE, LOCK=SHARED, rebuild",
    ]
    assert_all_equal(project)


@pytest.mark.parametrize(
    "revision",
    [
        pytest.param(
            'op.alter_column("t_order", "note", new_column_name="text")\n'
            'op.alter_column("t_order", "text", type_=sa.String(40))\n',
            id="rename, then modify under the new name",
        ),
        pytest.param(
            'op.alter_column("t_order", "kind", type_=sa.Integer())\n'
            'op.alter_column("t_order", "kind", nullable=True)\n',
            id="modify twice",
        ),
        pytest.param(
            'op.drop_column("t_order", "note")\n'
            'op.add_column("t_order", sa.Column("note", sa.String(20), server_default="new"))\n',
            id="drop, then add under the same name",
        ),
        pytest.param(
            'op.alter_column("t_order", "note", new_column_name="a")\n'
            'op.alter_column("t_order", "body", new_column_name="note")\n'
            'op.alter_column("t_order", "a", new_column_name="body")\n',
            id="swap two columns",
        ),
        pytest.param(
            ROOM + 'op.alter_column("t_order", "room", type_=sa.Integer(), comment="which")\n',
            id="add, then modify",
        ),
        pytest.param(
            'op.execute("ALTER TABLE t_order ADD c INT, DEFAULT CHARSET=latin1")\n'
            'op.execute("ALTER TABLE t_order ADD d VARCHAR(10)")\n',
            id="a charset that holds from the next column on",
        ),
    ],
)
def test_what_the_server_takes_otherwise_together_is_split(project: Project, revision: str) -> None:
    project.sql(TABLE.format(table="plain"))
    project.sql(f"UPDATE {MONTHS[0]} SET note = 'n', body = 'b', kind = 7")
    project.sql(f"INSERT INTO plain SELECT * FROM {MONTHS[0]}")
    project.revision("r1", revision)
    # The same, each clause in a revision of its own: what it is to come to.
    for number, line in enumerate(revision.splitlines()):
        project.revision(f"s{number}", line.replace("t_order", "plain"))
    project.upgrade(destructive=True)
    assert_all_equal(project)
    assert differences(project.structure("plain"), project.structure(MONTHS[0])) == ()
    assert project.rows("SELECT * FROM plain") == project.rows(f"SELECT * FROM {MONTHS[0]}")


def test_constraints_are_found_by_their_meaning_within_a_group(project: Project) -> None:
    project.revision("r1", CHECK + ROOM)
    project.upgrade()
    project.revision(
        "r2",
        'op.drop_constraint("ck_kind", "t_order", type_="check")\n'
        'op.create_check_constraint("ck_low", "t_order", "kind < 9")\n'
        'op.create_foreign_key("fk_room", "t_order", "room", ["room"], ["id"])\n'
        'op.create_index("ix_note", "t_order", ["note"])\n',
    )
    project.sql("CREATE TABLE room (id bigint PRIMARY KEY)")
    found = ran(project)
    assert [how for _, how in found[MONTHS[0]]] == ["COPY"]
    assert_all_equal(project)
    names = {key.name for month in MONTHS for key in project.structure(month).foreign_keys}
    assert names == {f"fk_room_{month[-6:]}" for month in MONTHS}


def test_a_key_from_family_to_family_goes_along(tmp_path: Path, server_url: str) -> None:
    project = Project.make(tmp_path, server_url, "t_order", "t_item")
    items = [month.replace("order", "item") for month in MONTHS]
    for table in ("t_order", *MONTHS, "t_item", *items):
        project.sql(TABLE.format(table=table))
    project.revision(
        "r1",
        'op.add_column("t_item", sa.Column("order_id_", sa.String(64)))\n'
        'op.create_foreign_key("fk_order", "t_item", "t_order", ["order_id_"], ["order_id"])\n'
        + INDEX.replace("t_order", "t_item"),
    )
    project.revision(
        "r2",
        'op.drop_constraint("fk_order", "t_item", type_="foreignkey")\n'
        + (WIDER + HALL).replace("t_order", "t_item"),
    )
    assert sent(project.dry_run(), "pending")["t_item"]
    found = ran(project)
    assert [(clauses.count("+"), how) for clauses, how in found[items[0]]] == [
        (2, "COPY"),
        (2, "COPY"),
    ]
    for item in items:
        assert differences(project.structure("t_item"), project.structure(item)) == ()
    assert project.left_behind() == []


def test_a_month_that_has_a_part_of_it_gets_the_rest_in_steps_of_its_own(project: Project) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN room BIGINT")
    project.sql(f"ALTER TABLE {MONTHS[2]} MODIFY kind BIGINT NOT NULL DEFAULT 0")
    project.revision("r1", ROOM + WIDER + INDEX + HALL)
    found = ran(project)
    own = "NOCOPY" if project.database.dialect.name == "mariadb" else "INPLACE"
    assert found[MONTHS[0]] == [("room + bigint + ix_kind + hall", "COPY")]
    assert found[MONTHS[1]] == [("bigint + ix_kind + hall", "COPY")]
    assert found[MONTHS[2]] == [("room + hall", "INSTANT"), ("ix_kind", own)]


def test_a_dry_run_foresees_the_very_steps_that_are_run(project: Project) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN room BIGINT")
    project.revision("r1", ROOM + INDEX + WIDER)
    project.revision("r2", HALL + ROOM_INDEX + UPDATE + NULLABLE + FULLTEXT)
    foreseen = sent(project.dry_run(), "pending")
    assert project.left_behind() == []
    assert foreseen == ran(project)


# -- months on which an algorithm does not hold ----------------------------------------------------


def use_up_row_versions(project: Project, table: str) -> None:
    """Add and drop a column INSTANT until the server takes no more."""
    with project.connect() as connection:

        def change() -> None:
            for number in range(1000):
                what = "DROP COLUMN z" if number % 2 else "ADD COLUMN z INT"
                connection.exec_driver_sql(f"ALTER TABLE {table} {what}, ALGORITHM=INSTANT")

        with pytest.raises(sa.exc.DBAPIError, match="row versions"):
            change()


def stopped(project: Project) -> str:
    """The message of an upgrade that leaves the second month, and that one alone."""
    with pytest.raises(StepFailed) as caught:
        project.upgrade()
    message = str(caught.value)
    assert caught.value.exit_code == 4
    assert message.startswith(f"{MONTHS[1]}: clause 1 of r1 r1 cannot be INSTANT here")
    has = {
        table: "room" in [column.name for column in project.structure(table).columns]
        for table in ("t_order", *MONTHS)
    }
    assert has == {"t_order": True, MONTHS[0]: True, MONTHS[1]: False, MONTHS[2]: True}
    assert project.version() is None
    assert project.left_behind() == []
    return message


def goes_on(project: Project, message: str) -> None:
    """Do by hand what the message says, and run again."""
    statement = message.splitlines()[-1].strip().removesuffix(";")
    assert statement.startswith(f"ALTER TABLE `{MONTHS[1]}` ADD COLUMN room")
    project.sql(statement)
    (outcome,) = project.upgrade().outcomes
    assert outcome.found[MONTHS[1]] == (0,)
    assert project.version() == "r1"


def test_a_month_whose_row_versions_are_used_up_stops_the_upgrade(
    tmp_path: Path, mysql_url: str
) -> None:
    project = made(tmp_path, mysql_url)
    use_up_row_versions(project, MONTHS[1])
    project.revision("r1", ROOM)
    message = stopped(project)
    assert "(4092)" in message
    goes_on(project, message)


@pytest.mark.parametrize(
    "change", ["ADD FULLTEXT INDEX ix_text (body)", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8"]
)
def test_a_month_of_another_kind_stops_the_upgrade_before_it_is_touched(
    project: Project, change: str
) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} {change}")
    project.revision("r1", ROOM)
    events = project.dry_run()
    assert sent(events, "failed") == {MONTHS[1]: [("room", "INSTANT")]}
    assert sent(events, "pending").keys() == {"t_order", MONTHS[0], MONTHS[2]}
    message = stopped(project)
    assert re.search(r"\(184[56]\)", message)
    done = {key for key, row in project.ledger_rows("r1").items() if row.done}
    assert done == {(0, "t_order"), (0, MONTHS[0]), (0, MONTHS[2])}
    goes_on(project, message)


@pytest.mark.parametrize(
    "change", ["ADD FULLTEXT INDEX ix_text (body)", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8"]
)
def test_what_is_copied_on_every_month_is_copied_on_such_a_month_too(
    project: Project, change: str
) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} {change}")
    project.revision("r1", ROOM + WIDER)
    assert ran(project)[MONTHS[1]] == [("room + bigint", "COPY")]


def test_what_is_refused_by_the_same_algorithm_is_to_be_done_by_hand_at_once(
    project: Project,
) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} ROW_FORMAT=COMPRESSED")
    project.revision("r1", ROOM + INDEX + HALL)
    events = project.dry_run()
    assert sent(events, "failed") == {MONTHS[1]: [("room + hall", "INSTANT")]}
    assert len(sent(events, "pending")[MONTHS[1]]) == 1
    with pytest.raises(StepFailed, match=f"{MONTHS[1]}: clauses 1, 3 of r1") as caught:
        project.upgrade()
    project.sql(str(caught.value).splitlines()[-1].strip().removesuffix(";"))
    (outcome,) = project.upgrade().outcomes
    assert (outcome.found[MONTHS[1]], outcome.ran[MONTHS[1]]) == ((0, 2), (1,))


def test_what_comes_before_a_clause_that_is_refused_is_done(project: Project) -> None:
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD FULLTEXT INDEX ix_text (body)")
    project.revision("r1", INDEX + ROOM + ROOM_INDEX)
    with pytest.raises(StepFailed, match=f"{MONTHS[1]}: clause 2 of r1") as caught:
        project.upgrade()
    rows = project.ledger_rows("r1").items()
    assert {n for (n, table), row in rows if table == MONTHS[1] and row.done} == {0}
    project.sql(str(caught.value).splitlines()[-1].strip().removesuffix(";"))
    (outcome,) = project.upgrade().outcomes
    assert (outcome.found[MONTHS[1]], outcome.ran[MONTHS[1]]) == ((1,), (2,))


def test_what_only_the_month_itself_can_tell_is_found_when_it_is_run(project: Project) -> None:
    """A FULLTEXT index leaves a hidden column behind that no copy has."""
    project.sql(
        f"ALTER TABLE {MONTHS[1]} ADD FULLTEXT INDEX ix_text (body)",
        f"ALTER TABLE {MONTHS[1]} DROP INDEX ix_text",
    )
    assert differences(project.structure("t_order"), project.structure(MONTHS[1])) == ()
    project.revision("r1", ROOM + INDEX)
    assert sent(project.dry_run(), "failed") == {}
    message = stopped(project)
    assert "(1845)" in message
    goes_on_with_index(project, message)


def goes_on_with_index(project: Project, message: str) -> None:
    project.sql(message.splitlines()[-1].strip().removesuffix(";"))
    (outcome,) = project.upgrade().outcomes
    assert (outcome.found[MONTHS[1]], outcome.ran[MONTHS[1]]) == ((0,), (1,))
    assert_all_equal(project)


def test_a_template_is_empty_and_takes_what_it_takes(tmp_path: Path, mysql_url: str) -> None:
    project = made(tmp_path, mysql_url)
    project.sql(
        "ALTER TABLE t_order ADD FULLTEXT INDEX ix_text (body)",
        "ALTER TABLE t_order DROP INDEX ix_text",
    )
    project.revision("r1", ROOM + HALL + INDEX)
    assert ran(project)[MONTHS[0]] == [("room + hall", "INSTANT"), ("ix_kind", "INPLACE")]
    assert_all_equal(project)


# -- killed in the midst ------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_clauses_that_are_sent_together_survive_a_kill_together(
    project: Project, nursery: Nursery
) -> None:
    upgrade = "commands.upgrade(config)"
    project.revision("r1", ROOM + INDEX + 'op.execute("ALTER TABLE t_order FORCE")\n' + WIDER)
    trials = Trials(nursery, project.folder)

    def reset() -> None:
        with project.connect() as connection:
            names = project.database.dialect.table_names(connection)
            project.database.dialect.drop(connection, names)
        for table in ("t_order", *MONTHS):
            project.sql(TABLE.format(table=table))
            project.sql(f"INSERT INTO {table} (order_id) VALUES ('a')")

    trials.again(upgrade)
    expected = project.structures("t_order", *MONTHS)
    interrupted = set[int]()
    for words in trials.killed(upgrade, **spaced(project, 6, first=26), before=reset):
        begun = [row for row in project.ledger_rows("r1").values() if not row.done]
        interrupted.add(len(begun))
        trials.again(upgrade)
        assert project.structures("t_order", *MONTHS) == expected, words
        rows = project.ledger_rows("r1")
        assert rows.keys() == {(n, t) for n in range(4) for t in ("t_order", *MONTHS)}, words
        assert all(row.done for row in rows.values()), words
        assert project.left_behind() == [], words
    assert {0, 4} <= interrupted <= {0, 4, 8}  # of one month, or of both


# -- without privileges -------------------------------------------------------------------------


@pytest.fixture
def modest(tmp_path: Path, mysql_url: str) -> Iterator[Project]:
    """A project of a user who sees nothing of the server beyond the database."""
    admin = made(tmp_path, mysql_url)
    url = sa.make_url(mysql_url)
    user = f"{url.database}_u"[-32:]
    admin.sql(
        f"CREATE USER {user} IDENTIFIED BY 'secret'", f"GRANT ALL ON {url.database}.* TO {user}"
    )
    try:
        other = url.set(username=user, password="secret")
        text = (tmp_path / "shardctl.toml").read_text()
        own = text.replace(mysql_url, other.render_as_string(hide_password=False))
        assert own != text
        (tmp_path / "shardctl.toml").write_text(own)
        yield admin
    finally:
        admin.sql(f"DROP USER {user}")


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (NULLABLE, "INPLACE, rebuild"),
        (INDEX, "INPLACE"),
        ('op.execute("ALTER TABLE t_order FORCE")\n', "INPLACE, rebuild"),
    ],
)
def test_a_rebuild_is_known_without_the_process_privilege(
    modest: Project, clause: str, expected: str
) -> None:
    modest.revision("r1", clause)
    assert [how for _, how in ran(modest)[MONTHS[0]]] == [expected]
    assert_all_equal(modest)


def test_on_sqlite_every_clause_is_a_statement(tmp_path: Path, sqlite_url: str) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    for table in ("t_order", *MONTHS):
        project.sql(f"CREATE TABLE {table} (order_id varchar(64) PRIMARY KEY, kind smallint)")
    project.revision("r1", ROOM + HALL + INDEX)
    assert ran(project)[MONTHS[0]] == [("room", ""), ("hall", ""), ("ix_kind", "")]
