"""A raw ALTER TABLE of several parts goes to the months part by part, where that is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl.errors import Destructive, RevisionRefused, StepFailed
from shardctl.report import Event, Step
from shardctl.structure import differences
from tests.project import Project

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")
FIRST, MIDDLE, LAST = MONTHS
TABLES = ("t_order", *MONTHS)
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  number bigint NOT NULL AUTO_INCREMENT,
  kind smallint NOT NULL DEFAULT 1,
  user_id smallint NOT NULL DEFAULT 2,
  note varchar(20) NOT NULL DEFAULT '',
  PRIMARY KEY (number),
  CONSTRAINT {table}_old CHECK (order_id <> '')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""


@pytest.fixture
def project(tmp_path: Path, server_url: str) -> Project:
    """Three months with two rows each, and a plain table."""
    project = Project.make(tmp_path, server_url, "t_order")
    project.sql(
        *(TABLE.format(table=table) for table in TABLES),
        *(f"INSERT INTO {month} (order_id) VALUES ('a'), ('b')" for month in MONTHS),
        "CREATE TABLE room (id INT PRIMARY KEY)",
    )
    return project


def altered(project: Project, behind: str) -> None:
    """A revision that is one ALTER TABLE."""
    project.revision("r1", f'op.execute("""ALTER TABLE t_order {behind}""")')


def sent(project: Project, *, destructive: bool = False) -> dict[str, list[tuple[int, str]]]:
    """Of each statement that an upgrade sends: how many clauses it has, and its algorithm."""
    events: list[Event] = []
    project.upgrade(destructive=destructive, report=events.append)
    found: dict[str, list[tuple[int, str]]] = {}
    for event in events:
        if isinstance(event, Step) and event.state == "run":
            step = 1 + len(event.further), event.algorithm.split(",")[0]
            found.setdefault(event.table, []).append(step)
    return found


def in_place(project: Project) -> str:
    """The algorithm by which an index is made."""
    return "NOCOPY" if project.database.dialect.name == "mariadb" else "INPLACE"


def assert_all_equal(project: Project) -> None:
    for month in MONTHS:
        assert differences(project.structure("t_order"), project.structure(month)) == ()
        assert len(project.rows(f"SELECT * FROM {month}")) == 2
    assert project.left_behind() == []
    assert project.version() == "r1"


def test_a_month_that_has_had_a_part_by_hand_gets_the_rest(project: Project) -> None:
    altered(project, "ADD room INT, ADD INDEX ix_room (room), MODIFY kind BIGINT NOT NULL")
    project.sql(f"ALTER TABLE {FIRST} ADD room INT", f"ALTER TABLE {MIDDLE} ADD room INT")
    project.sql(f"ALTER TABLE {MIDDLE} ADD INDEX ix_room (room)")
    found = sent(project)
    assert {table: sum(size for size, _ in steps) for table, steps in found.items()} == {
        "t_order": 3, FIRST: 2, MIDDLE: 1, LAST: 3
    }  # fmt: skip
    assert_all_equal(project)


def test_parts_of_different_cost_are_sent_apart(project: Project) -> None:
    altered(project, "ADD room INT, ADD INDEX ix_kind (kind), ADD hall INT")
    apart = [(2, "INSTANT"), (1, in_place(project))]
    assert sent(project) == dict.fromkeys(TABLES, apart)
    assert_all_equal(project)


def test_one_rebuild_still_takes_all(project: Project) -> None:
    altered(project, "ADD room INT, MODIFY kind BIGINT NOT NULL, DROP COLUMN note")
    with pytest.raises(Destructive, match="column note"):
        project.upgrade()
    assert sent(project, destructive=True) == {t: [(3, "COPY")] for t in TABLES}
    assert_all_equal(project)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param("DROP PRIMARY KEY, ADD PRIMARY KEY (number, order_id)", id="auto increment"),
        pytest.param("RENAME COLUMN kind TO user_id, RENAME COLUMN user_id TO kind", id="swap"),
        pytest.param("ADD word VARCHAR(9), DEFAULT CHARSET=latin1", id="another end"),
        pytest.param("ADD room INT, ADD INDEX ix_room (room), FORCE", id="a word for the whole"),
    ],
)
def test_what_is_not_the_same_part_by_part_stays_whole(project: Project, behind: str) -> None:
    altered(project, behind)
    assert {len(steps) for steps in sent(project, destructive=True).values()} == {1}
    assert {number for number, _ in project.ledger_rows("r1")} == {0}
    assert_all_equal(project)


def test_names_that_are_swapped_take_their_values_along(project: Project) -> None:
    altered(project, "RENAME COLUMN kind TO user_id, RENAME COLUMN user_id TO kind")
    project.upgrade()
    assert project.rows(f"SELECT DISTINCT kind, user_id FROM {FIRST}") == [(2, 1)]
    assert_all_equal(project)


def test_each_month_has_its_own_names_of_constraints(project: Project) -> None:
    altered(
        project,
        "ADD CONSTRAINT ck_user CHECK (user_id > 0), DROP CONSTRAINT t_order_old, ADD room INT",
    )
    project.upgrade()
    named = [check.name for check in project.structure(MIDDLE).checks]
    assert named == ["ck_user_202002"]
    assert_all_equal(project)


def test_a_part_that_fails_on_one_month_is_finished_later(project: Project) -> None:
    altered(project, "ADD room INT, ADD UNIQUE INDEX uq_order (order_id)")
    project.sql(f"UPDATE {MIDDLE} SET order_id = 'a'")
    with pytest.raises(StepFailed, match=rf"^{MIDDLE}: clause 2 of r1 r1 failed: \(1062\)"):
        project.upgrade()
    assert "room" in {column.name for column in project.structure(MIDDLE).columns}
    project.sql(f"UPDATE {MIDDLE} SET order_id = number")
    assert sum(size for size, _ in sent(project)[MIDDLE]) == 1
    assert_all_equal(project)


def test_a_plain_table_is_altered_part_by_part_too(project: Project) -> None:
    project.revision("r1", 'op.execute("ALTER TABLE room ADD floor INT, ADD INDEX (floor)")')
    assert sent(project) == {"room": [(1, "INSTANT"), (1, in_place(project))]}
    assert [index.name for index in project.structure("room").indexes] == ["PRIMARY", "floor"]


def test_later_parts_build_on_what_earlier_clauses_did(project: Project) -> None:
    project.revision(
        "r1",
        'op.add_column("t_order", sa.Column("room", sa.Integer))\n'
        'op.execute("ALTER TABLE t_order ADD INDEX ix_room (room), ADD hall INT AFTER room")',
        'op.execute("ALTER TABLE t_order DROP hall, DROP INDEX ix_room, DROP room")',
    )
    project.upgrade()
    assert_all_equal(project)
    before = project.structure("t_order")
    project.downgrade("base")
    assert "room" not in {column.name for column in project.structure(LAST).columns}
    project.upgrade()
    assert differences(before, project.structure(LAST)) == ()
    assert_all_equal(project)


def test_sqlite_refuses_it_as_it_is(tmp_path: Path, sqlite_url: str) -> None:
    project = Project.make(tmp_path, sqlite_url, "t_order")
    project.sql("CREATE TABLE t_order (id INT)", "CREATE TABLE t_order_202001 (id INT)")
    altered(project, "ADD a INT, ADD b INT")
    with pytest.raises(RevisionRefused, match="fails on an empty copy"):
        project.upgrade()
