"""One migration reaches every month, and goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from shardctl import ledger
from shardctl.errors import (
    ConfigError,
    Contradiction,
    Destructive,
    Refused,
    RevisionEdited,
    RevisionRefused,
    StepFailed,
)
from shardctl.report import Event, Step, TableDone
from shardctl.structure import differences
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003", "t_order_202004")

ADD_ROOM = """
op.add_column("t_order", sa.Column("room_id", sa.BigInteger, nullable=False, server_default="0"))
"""
DROP_ROOM = 'op.drop_column("t_order", "room_id")'
ADD_UNIQUE = 'op.create_index("uq_user", "t_order", ["user_id"], unique=True)'
DROP_UNIQUE = 'op.drop_index("uq_user", "t_order")'


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A template and four months, each with a row."""
    project = Project.make(tmp_path, flow_url, "t_order")
    for table in ("t_order", *MONTHS):
        project.sql(ORDERS.format(table=table, comment_id=""))
    for number, month in enumerate(MONTHS, start=1):
        project.sql(insert(month, f"{month[-6:]}01-a", user=number))
    return project


def insert(table: str, order_id: str, user: int = 1) -> str:
    return (
        f"INSERT INTO {table} (order_id, user_id, create_time) "
        f"VALUES ('{order_id}', {user}, '2020-01-01 00:00:00')"
    )


def add_room_by_hand(project: Project, *tables: str, type_: str = "bigint") -> None:
    for table in tables:
        project.sql(f"ALTER TABLE {table} ADD COLUMN room_id {type_} NOT NULL DEFAULT '0'")


def assert_all_equal(project: Project) -> None:
    """Every month looks as the template does, the order of columns included."""
    template, *months = project.tables()
    assert template == "t_order"
    assert months
    for month in months:
        assert differences(project.structure("t_order"), project.structure(month)) == ()
    assert project.left_behind() == []


def columns(project: Project, table: str) -> list[str]:
    return [column.name for column in project.structure(table).columns]


def test_a_column_reaches_the_template_and_every_month(project: Project) -> None:
    project.revision("r1", ADD_ROOM)
    project.upgrade()
    assert project.version() == "r1"
    for table in ("t_order", *MONTHS):
        assert columns(project, table)[-1] == "room_id"
        project.rows(f"SELECT order_id, room_id FROM {table}")
    assert_all_equal(project)


def test_months_that_a_dba_had_altered_by_hand_are_left_alone(project: Project) -> None:
    add_room_by_hand(project, *MONTHS[2:])
    project.revision("r1", ADD_ROOM)
    (outcome,) = project.upgrade().outcomes
    assert {table for table, numbers in outcome.ran.items() if numbers} == {"t_order", *MONTHS[:2]}
    assert {table for table, numbers in outcome.found.items() if numbers} == set(MONTHS[2:])
    assert_all_equal(project)


def test_a_second_upgrade_changes_nothing(project: Project) -> None:
    project.revision("r1", ADD_ROOM)
    project.upgrade()
    before = project.structures("t_order", *MONTHS)
    assert project.upgrade().outcomes == ()
    assert project.structures("t_order", *MONTHS) == before


def test_a_dry_run_tells_which_month_gets_what_and_changes_nothing(project: Project) -> None:
    add_room_by_hand(project, MONTHS[3])
    project.revision("r1", ADD_ROOM)
    project.revision("r2", 'op.create_index("ix_room", "t_order", ["room_id"])')
    before = project.tables()
    steps = [event for event in project.dry_run() if isinstance(event, Step)]
    assert {(s.table, s.state) for s in steps if "room_id BIGINT" in s.sql} == {
        ("t_order", "pending"),
        *((month, "pending") for month in MONTHS[:3]),
        (MONTHS[3], "found"),
    }
    # The second revision is foreseen on tables as the first one will have left them.
    assert {(s.table, s.state) for s in steps if "ix_room" in s.sql} == {
        (table, "pending") for table in ("t_order", *MONTHS)
    }
    assert project.tables() == before
    assert "room_id" not in columns(project, MONTHS[0])
    with project.connect() as connection:
        names = project.database.dialect.table_names(connection)
    assert not {"alembic_version", "shardctl_run"} & set(names)


def test_a_month_that_fails_is_named_and_the_next_run_goes_on(project: Project) -> None:
    project.sql(insert(MONTHS[2], "twice", user=3))
    project.revision("r1", ADD_ROOM + ADD_UNIQUE)
    with pytest.raises(StepFailed) as caught:
        project.upgrade()
    assert caught.value.exit_code == 4
    assert MONTHS[2] in str(caught.value)
    assert "clause 2" in str(caught.value)
    assert project.version() is None
    indexed = {
        table
        for table in ("t_order", *MONTHS)
        if any(index.name == "uq_user" for index in project.structure(table).indexes)
    }
    assert indexed == {"t_order", *MONTHS} - {MONTHS[2]}
    assert "room_id" in columns(project, MONTHS[2])

    project.sql(f"DELETE FROM {MONTHS[2]} WHERE order_id = 'twice'")
    (outcome,) = project.upgrade().outcomes
    assert {table: numbers for table, numbers in outcome.ran.items() if numbers} == {
        MONTHS[2]: (1,),
    }
    assert project.version() == "r1"
    assert_all_equal(project)


def test_a_revision_that_fails_can_be_given_up(project: Project) -> None:
    before = project.structures("t_order", *MONTHS)
    project.sql(insert(MONTHS[1], "twice", user=2))
    project.revision("r0", "pass")
    project.upgrade()
    project.revision("r1", ADD_ROOM + ADD_UNIQUE, DROP_UNIQUE + "\n" + DROP_ROOM)
    with pytest.raises(StepFailed):
        project.upgrade()
    project.downgrade("r0")
    assert project.version() == "r0"
    assert project.structures("t_order", *MONTHS) == before
    # After it, the way is free: the same revision, mended, runs from its beginning.
    project.sql(f"DELETE FROM {MONTHS[1]} WHERE order_id = 'twice'")
    project.upgrade()
    assert_all_equal(project)


def test_giving_up_counts_as_the_first_step_of_a_relative_target(project: Project) -> None:
    project.revision("r0", 'op.create_index("ix_coin", "t_order", ["coin"])', "pass")
    project.upgrade()
    project.sql(insert(MONTHS[1], "twice", user=2))
    project.revision("r1", ADD_UNIQUE, DROP_UNIQUE)
    with pytest.raises(StepFailed):
        project.upgrade()
    project.downgrade("-1")
    assert project.version() == "r0"
    assert_all_equal(project)


def test_giving_up_touches_only_the_months_where_the_revision_ran(project: Project) -> None:
    add_room_by_hand(project, MONTHS[0])
    project.sql(insert(MONTHS[1], "twice", user=2))
    project.revision("r1", ADD_ROOM + ADD_UNIQUE, DROP_UNIQUE + "\n" + DROP_ROOM)
    project.sql(insert(MONTHS[0], "twice", user=1))
    with pytest.raises(StepFailed):
        project.upgrade()
    project.downgrade("base")
    assert "room_id" in columns(project, MONTHS[0]), "a DBA had made it, not the revision"
    assert "room_id" not in columns(project, "t_order")


def test_a_half_applied_revision_that_was_edited_is_refused_with_both_versions(
    project: Project,
) -> None:
    project.sql(insert(MONTHS[1], "twice", user=2))
    file = project.revision("r1", ADD_UNIQUE)
    with pytest.raises(StepFailed):
        project.upgrade()
    file.write_text(file.read_text().replace("uq_user", "uq_users"))
    with pytest.raises(RevisionEdited) as caught:
        project.upgrade()
    assert caught.value.exit_code == 3
    assert '-    op.create_index("uq_user"' in str(caught.value)
    assert '+    op.create_index("uq_users"' in str(caught.value)


def test_a_resume_takes_the_clauses_from_the_ledger_though_the_revision_inspects(
    project: Project,
) -> None:
    """Run again, such a revision would see the template's new column and do nothing."""
    project.revision(
        "r1",
        """
        present = {c["name"] for c in sa.inspect(op.get_bind()).get_columns("t_order")}
        if "room_id" not in present:
            op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
        op.create_index("uq_user", "t_order", ["user_id"], unique=True)
        """,
    )
    project.sql(insert(MONTHS[1], "twice", user=2))
    with pytest.raises(StepFailed):
        project.upgrade()
    project.sql(f"DELETE FROM {MONTHS[1]} WHERE order_id = 'twice'")
    project.upgrade()
    assert_all_equal(project)
    assert "room_id" in columns(project, MONTHS[3])


def test_a_data_clause_runs_once_a_month_and_never_on_the_template(project: Project) -> None:
    project.sql(insert("t_order", "stray"))
    project.sql(insert(MONTHS[2], "twice", user=3))
    project.revision(
        "r1", 'op.execute("UPDATE t_order SET coin = coin + 1")\n' + ADD_UNIQUE, DROP_UNIQUE
    )
    with pytest.raises(StepFailed):
        project.upgrade()
    project.sql(f"DELETE FROM {MONTHS[2]} WHERE order_id = 'twice'")
    project.upgrade()
    for month in MONTHS:
        assert {int(coin) for (coin,) in project.rows(f"SELECT coin FROM {month}")} == {1}
    assert [int(coin) for (coin,) in project.rows("SELECT coin FROM t_order")] == [0]


def test_after_a_downgrade_an_upgrade_runs_the_data_clauses_again(project: Project) -> None:
    project.revision(
        "r1",
        'op.execute("UPDATE t_order SET coin = coin + 1")',
        'op.execute("UPDATE t_order SET coin = coin - 1")',
    )
    project.upgrade()
    project.downgrade("base")
    assert {int(c) for (c,) in project.rows(f"SELECT coin FROM {MONTHS[0]}")} == {0}
    project.upgrade()
    assert {int(c) for (c,) in project.rows(f"SELECT coin FROM {MONTHS[0]}")} == {1}


def test_a_month_born_during_the_run_is_caught_before_the_version_moves(project: Project) -> None:
    project.revision("r1", ADD_ROOM)
    born = "t_order_202005"

    def give_birth(event: Event) -> None:
        if event == TableDone(MONTHS[3]) and born not in project.tables():
            project.sql(ORDERS.format(table=born, comment_id=""))

    project.upgrade(report=give_birth)
    assert "room_id" in columns(project, born)
    assert_all_equal(project)


def test_a_month_that_is_neither_before_nor_after_stops_everything_beforehand(
    project: Project,
) -> None:
    add_room_by_hand(project, MONTHS[2], type_="int")
    project.revision("r1", ADD_ROOM)
    before = project.structures("t_order", *MONTHS)
    with pytest.raises(Contradiction) as caught:
        project.upgrade()
    assert caught.value.exit_code == 3
    assert MONTHS[2] in str(caught.value)
    assert project.structures("t_order", *MONTHS) == before


def test_what_loses_data_wants_to_be_allowed(project: Project) -> None:
    project.revision("r1", 'op.drop_column("t_order", "status")')
    with pytest.raises(Destructive) as caught:
        project.upgrade()
    assert caught.value.exit_code == 3
    assert "status" in str(caught.value)
    assert "--allow-destructive" in str(caught.value)
    assert "status" in columns(project, "t_order")
    project.upgrade(destructive=True)
    assert "status" not in columns(project, MONTHS[0])


@pytest.mark.parametrize(
    "statement", ['"DELETE FROM t_order"', 'sa.delete(sa.table("t_order", sa.column("coin")))']
)
def test_emptying_every_month_wants_to_be_allowed(project: Project, statement: str) -> None:
    project.revision("r1", f"op.execute({statement})")
    with pytest.raises(Destructive, match="all rows of t_order"):
        project.upgrade()
    project.upgrade(destructive=True)
    assert project.rows(f"SELECT * FROM {MONTHS[0]}") == []


def test_narrowing_a_column_wants_to_be_allowed(project: Project) -> None:
    project.revision("r1", 'op.alter_column("t_order", "order_id", type_=sa.String(64))')
    with pytest.raises(Destructive, match=r"order_id that do not fit"):
        project.upgrade()
    project.upgrade(destructive=True)
    assert_all_equal(project)


def test_a_downgrade_that_drops_wants_to_be_allowed(project: Project) -> None:
    project.revision("r1", ADD_ROOM, DROP_ROOM)
    project.upgrade()
    with pytest.raises(Destructive):
        project.downgrade("base", destructive=False)
    assert project.version() == "r1"
    project.downgrade("base")
    assert "room_id" not in columns(project, MONTHS[0])


def test_a_statement_that_the_server_refuses_fails_on_a_copy_and_touches_nothing(
    project: Project,
) -> None:
    project.revision("r1", ADD_ROOM + 'op.create_index("ix_none", "t_order", ["no_such_column"])')
    before = project.structures("t_order", *MONTHS)
    with pytest.raises(RevisionRefused, match="clause 2"):
        project.upgrade()
    assert project.structures("t_order", *MONTHS) == before
    assert project.left_behind() == []


def test_a_name_that_is_neither_family_nor_table_is_refused(project: Project) -> None:
    project.revision("r1", 'op.add_column("t_ordr", sa.Column("room_id", sa.BigInteger))')
    with pytest.raises(RevisionRefused, match=r"t_ordr.*families: t_order"):
        project.upgrade()


def test_a_data_clause_with_a_wrong_name_fails_before_anything_is_touched(
    project: Project,
) -> None:
    project.revision("r1", ADD_ROOM + 'op.execute("UPDATE t_order SET no_such_column = room_id")')
    with pytest.raises(RevisionRefused, match="clause 2"):
        project.upgrade()
    assert "room_id" not in columns(project, "t_order")


def test_a_single_month_is_refused_since_the_family_would_diverge(project: Project) -> None:
    project.revision("r1", f'op.add_column("{MONTHS[1]}", sa.Column("room_id", sa.BigInteger))')
    with pytest.raises(RevisionRefused, match="one table of the family t_order"):
        project.upgrade()
    assert "room_id" not in columns(project, MONTHS[1])


def test_what_a_revision_raises_is_told_as_its_own_mistake(project: Project) -> None:
    project.revision("r1", "raise KeyError('colour')")
    with pytest.raises(RevisionRefused, match="r1 raised KeyError: 'colour'"):
        project.upgrade()


def test_a_file_that_cannot_be_loaded_is_told_as_such(project: Project) -> None:
    project.revision("r1", "pass", head="import no_such_module")
    with pytest.raises(ConfigError, match="no_such_module"):
        project.upgrade()


def test_an_unknown_target_is_a_usage_error(project: Project) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        project.upgrade("nowhere")


def test_operations_on_plain_tables_run_once_in_order(project: Project) -> None:
    project.revision(
        "r1",
        """
        op.create_table("room", sa.Column("id", sa.BigInteger, primary_key=True),
                        sa.Column("name", sa.String(50), nullable=False))
        op.add_column("t_order", sa.Column("room_id", sa.BigInteger))
        op.bulk_insert(sa.table("room", sa.column("id"), sa.column("name")),
                       [{"id": 1, "name": "红%房"}, {"id": 2, "name": "b:c"}])
        op.create_index("ix_name", "room", ["name"])
        """,
        """
        op.drop_index("ix_name", "room")
        op.drop_column("t_order", "room_id")
        op.drop_table("room")
        """,
    )
    project.upgrade()
    assert project.rows("SELECT id, name FROM room ORDER BY id") == [(1, "红%房"), (2, "b:c")]
    assert [index.name for index in project.structure("room").indexes][-1] == "ix_name"
    assert "room_id" in columns(project, MONTHS[0])
    project.downgrade("base")
    assert "room" not in project.tables()
    assert "room_id" not in columns(project, MONTHS[0])


def test_a_plain_table_can_be_renamed_and_changed_in_one_revision(project: Project) -> None:
    project.sql("CREATE TABLE room (id int PRIMARY KEY)")
    project.revision(
        "r1",
        """
        op.add_column("room", sa.Column("name", sa.String(50)))
        op.rename_table("room", "hall")
        op.create_index("ix_name", "hall", ["name"])
        """,
        """
        op.drop_index("ix_name", "hall")
        op.rename_table("hall", "room")
        op.drop_column("room", "name")
        """,
    )
    project.upgrade()
    assert "hall" in project.tables()
    assert "room" not in project.tables()
    project.downgrade("base")
    assert columns(project, "room") == ["id"]


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ('op.drop_table("t_order")', "t_order"),
        ('op.rename_table("t_order", "t_orders")', "t_order"),
        (
            'op.bulk_insert(sa.table("t_order", sa.column("order_id")), [{"order_id": "a"}])',
            "month",
        ),
        ('op.get_bind().execute(sa.text("DELETE FROM t_order"))', "get_bind"),
        ('op.execute("INSERT INTO t_summary SELECT count(*) FROM t_order")', "month"),
    ],
)
def test_what_has_no_meaning_for_a_family_is_refused_with_the_way_out(
    project: Project, operation: str, reason: str
) -> None:
    project.revision("r1", operation)
    with pytest.raises(RevisionRefused, match=reason):
        project.upgrade()
    assert project.version() is None


def test_the_ledger_knows_where_every_month_stands(project: Project) -> None:
    project.revision("r1", ADD_ROOM, DROP_ROOM)
    project.revision("r2", "pass")
    project.upgrade()
    assert revisions_of_months(project) == dict.fromkeys(MONTHS, "r2")
    project.downgrade("r1")
    assert revisions_of_months(project) == dict.fromkeys(MONTHS, "r1")
    project.downgrade("base")
    assert revisions_of_months(project) == dict.fromkeys(MONTHS)


def revisions_of_months(project: Project) -> dict[str, str | None]:
    with project.connect() as connection:
        return {name: row.revision for name, row in ledger.months(connection).items()}


def test_nothing_else_begins_while_a_revision_is_unfinished(project: Project) -> None:
    project.sql(insert(MONTHS[1], "twice", user=2))
    first = project.revision("r1", ADD_UNIQUE)
    with pytest.raises(StepFailed):
        project.upgrade()
    first.unlink()
    project.revision("r2", ADD_ROOM)
    with pytest.raises(Refused, match=r"revision r1 is unfinished"):
        project.upgrade()
    assert "room_id" not in columns(project, "t_order")


def test_a_revision_that_makes_a_family_makes_its_template(tmp_path: Path, url: str) -> None:
    project = Project.make(tmp_path, url, "t_log")
    project.revision(
        "r1",
        """
        op.create_table("t_log", sa.Column("id", sa.BigInteger, primary_key=True),
                        sa.Column("line", sa.String(200), nullable=False))
        op.create_index("ix_line", "t_log", ["line"])
        """,
    )
    project.upgrade()
    assert project.tables() == ("t_log",)
    assert columns(project, "t_log") == ["id", "line"]
