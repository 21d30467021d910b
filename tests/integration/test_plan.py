"""A plan shows what an upgrade will do, changes nothing, and what is run is what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from shardctl import ledger
from shardctl.cli.planned import as_text
from shardctl.errors import ConfigError, PlanChanged, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.plan.saved import as_data, load, save
from shardctl.migrate.plan.values import Plan, PlannedStep
from shardctl.migrate.selection import Selection
from tests.conftest import RunCli
from tests.killing import Trials, spaced
from tests.nursery import Nursery
from tests.project import Project

MONTHS = tuple(f"t_order_2020{month:02}" for month in range(1, 8))
ALL = ("t_order", *MONTHS)
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  kind smallint NOT NULL DEFAULT 0,
  body varchar(200) DEFAULT NULL,
  PRIMARY KEY (order_id)
)
"""
ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
HALL = 'op.add_column("t_order", sa.Column("hall", sa.BigInteger))\n'
INDEX = 'op.create_index("ix_kind", "t_order", ["kind"])\n'
WIDER = 'op.alter_column("t_order", "kind", type_=sa.BigInteger())\n'
UPDATE = "op.execute(\"UPDATE t_order SET body = 'x'\")\n"
ADD_ROOM = "ALTER TABLE {} ADD COLUMN room BIGINT"


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    return made(tmp_path, flow_url)


@pytest.fixture
def mysql(tmp_path: Path, mysql_url: str) -> Project:
    return made(tmp_path, mysql_url)


@pytest.fixture
def anywhere(tmp_path: Path, server_url: str) -> Project:
    return made(tmp_path, server_url)


def made(folder: Path, url: str) -> Project:
    """A template and seven months, each with a row."""
    project = Project.make(folder, url, "t_order")
    for table in ALL:
        project.sql(TABLE.format(table=table))
    for month in MONTHS:
        project.sql(f"INSERT INTO {month} (order_id) VALUES ('{month[-6:]}01-a')")
    return project


def planned(project: Project, target: str = "head") -> Plan:
    return commands.plan(project.config, target)


def saved(project: Project) -> Plan:
    """A plan that went through a file."""
    save(planned(project), project.folder / "plan.json")
    return load(project.folder / "plan.json")


def carried_out(project: Project, plan: Plan) -> None:
    commands.upgrade(project.config, plan=plan)


def refused(project: Project, plan: Plan) -> str:
    """What an upgrade says of a plan that does not hold; it has run nothing."""
    before = project.structures(*project.tables())
    with pytest.raises(PlanChanged) as caught:
        carried_out(project, plan)
    assert caught.value.exit_code == 3
    assert project.structures(*project.tables()) == before
    assert project.left_behind() == []
    return str(caught.value)


def steps(plan: Plan, table: str) -> list[PlannedStep]:
    return [
        step
        for revision in plan.revisions
        for share in revision.shares
        if share.table == table
        for step in share.steps
    ]


def having(project: Project, column: str = "room") -> set[str]:
    return {
        table
        for table, structure in project.structures(*ALL).items()
        if column in [one.name for one in structure.columns]
    }


# -- what it shows ---------------------------------------------------------------------------


def test_alike_months_stand_in_one_place_and_the_others_after_them(project: Project) -> None:
    project.sql(ADD_ROOM.format(MONTHS[2]))
    project.revision("r1", ROOM + INDEX)
    lines = as_text(planned(project)).splitlines()
    own = {"mysql": "INPLACE", "mariadb": "NOCOPY"}.get(project.database.dialect.name)
    told = [line for line in lines if " rows" not in line]
    first, second = (
        (f"    to run: 1 {'INSTANT'}", f"    to run: 2 {own}")
        if own
        else ("    to run: 1, writes wait", "    to run: 2, writes wait")
    )
    assert told[0] == "r1 r1"
    assert re.match(r"  1\. ALTER TABLE .t_order. ADD COLUMN room BIGINT", told[1])
    assert re.match(r"  2\. CREATE INDEX .*ix_kind", told[2])
    assert told[3:9] == [
        "  t_order: template, 6 months (2020-01..2020-02, 2020-04..2020-07)",
        first,
        second,
        "  t_order: 1 month (2020-03)",
        "    already so: 1",
        second,
    ]
    assert told[9:] == [
        "  less than a second, by what tables hold, for want of earlier steps on this server",
        "waves of t_order: template -> canary 2020-01 -> 6 months of history",
    ]


def test_months_of_another_kind_are_told_with_the_servers_words(anywhere: Project) -> None:
    anywhere.sql(
        f"ALTER TABLE {MONTHS[1]} ADD FULLTEXT INDEX ix_body (body)",
        f"ALTER TABLE {MONTHS[3]} ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8",
    )
    anywhere.revision("r1", ROOM)
    plan = planned(anywhere)
    text = as_text(plan)
    assert "template, 5 months (2020-01, 2020-03, 2020-05..2020-07)" in text
    assert len(re.findall(r"    refused: 1 cannot be INSTANT: \(184[56]\)", text)) == 2
    for table in ALL:
        (step,) = steps(plan, table)
        assert bool(step.refused) == (table in (MONTHS[1], MONTHS[3]))


def test_the_document_has_all_of_it(project: Project) -> None:
    project.sql(ADD_ROOM.format(MONTHS[2]))
    project.revision("r1", ROOM + HALL + UPDATE)
    data = json.loads(json.dumps(as_data(planned(project))))
    (revision,) = data["revisions"]
    assert (data["format"], data["target"], data["direction"]) == (1, "head", "up")
    assert (revision["revision"], revision["title"]) == ("r1", "r1")
    assert len(revision["clauses"]) == 3
    shares = {share["table"]: share for share in revision["tables"] if share["steps"]}
    assert shares.keys() == set(ALL)
    by_table = {table["table"]: table for table in data["tables"]}
    assert by_table[MONTHS[0]]["month"] == "2020-01"
    assert by_table[MONTHS[0]]["rows"] == 1
    assert by_table["t_order"]["month"] is None
    assert by_table["t_order"]["structure"] == by_table[MONTHS[0]]["structure"]
    assert by_table[MONTHS[2]]["structure"] != by_table[MONTHS[0]]["structure"]
    assert len(data["structures"]) == 2
    assert shares[MONTHS[2]]["found"] == [1]
    every = shares[MONTHS[0]]["steps"]
    assert sorted(n for step in every for n in step["clauses"]) == [1, 2, 3]
    assert every[-1] | {"seconds": 0} == {
        "clauses": [3],
        "algorithm": None,
        "lock": None,
        "rebuilds": None,
        "data": True,
        "refused": "",
        "online": None,
        "blocks_writes": None,
        "seconds": 0,
        "estimated_from": "bytes",
    }
    if not project.is_sqlite:
        assert every[0]["clauses"] == [1, 2]
        assert (every[0]["algorithm"], every[0]["blocks_writes"]) == ("INSTANT", False)


def test_a_plan_that_was_saved_is_the_same_plan(project: Project) -> None:
    project.sql(ADD_ROOM.format(MONTHS[2]))
    project.revision("r1", ROOM + INDEX + UPDATE + WIDER)
    project.revision("r2", HALL)
    plan = planned(project)
    save(plan, project.folder / "plan.json")
    assert as_data(load(project.folder / "plan.json")) == as_data(plan)
    assert as_text(load(project.folder / "plan.json")) == as_text(plan)


def test_a_rebuild_blocks_writes_and_needs_disk(anywhere: Project) -> None:
    anywhere.revision("r1", WIDER)
    plan = planned(anywhere)
    (revision,) = plan.revisions
    assert all(step.blocks for step in revision.steps)
    assert revision.disk == max(table.bytes or 0 for table in plan.tables.values()) > 0
    text = as_text(plan)
    assert "to run: 1 COPY, writes wait" in text
    assert "disk needed for a rebuild: " in text


def test_row_versions_are_shown_where_the_server_counts_them(mysql: Project) -> None:
    mysql.sql(
        f"ALTER TABLE {MONTHS[4]} ADD z INT, ALGORITHM=INSTANT",
        f"ALTER TABLE {MONTHS[4]} DROP z, ALGORITHM=INSTANT",
    )
    mysql.revision("r1", ROOM)
    plan = planned(mysql)
    used = {table: plan.tables[table].versions for table in ALL}
    assert used == dict.fromkeys(ALL, 0) | {MONTHS[4]: 2}
    assert plan.version_limit in (64, 255)
    assert f"row versions used: at most 2 of {plan.version_limit}" in as_text(plan)


def test_row_versions_are_found_whatever_the_tables_are_called(
    tmp_path: Path, mysql_url: str
) -> None:
    project = Project.make(tmp_path, mysql_url, '[families.t_order]\nsuffix = "_%Y-%m"')
    for table in ("t_order", "`t_order_2020-01`"):
        project.sql(TABLE.format(table=table))
    project.sql("ALTER TABLE `t_order_2020-01` ADD z INT, ALGORITHM=INSTANT")
    project.sql("ALTER TABLE `t_order_2020-01` DROP z, ALGORITHM=INSTANT")
    project.revision("r1", ROOM)
    assert planned(project).tables["t_order_2020-01"].versions == 2


def test_a_user_without_privileges_gets_a_plan_too(mysql: Project) -> None:
    url = sa.make_url(mysql.config.url)
    user = f"{url.database}_u"[-32:]
    mysql.sql(
        f"CREATE USER {user} IDENTIFIED BY 'hunter2'", f"GRANT ALL ON {url.database}.* TO {user}"
    )
    try:
        other = url.set(username=user, password="hunter2")
        file = mysql.folder / "shardctl.toml"
        text = file.read_text().replace(
            str(mysql.config.url), other.render_as_string(hide_password=False)
        )
        file.write_text(text)
        mysql.revision("r1", ROOM)
        plan = saved(mysql)
        assert {table.versions for table in plan.tables.values()} == {None}
        assert "row versions" not in as_text(plan)
        assert "hunter2" not in (mysql.folder / "plan.json").read_text()
        carried_out(mysql, plan)
        assert having(mysql) == set(ALL)
    finally:
        mysql.sql(f"DROP USER {user}")


def test_time_is_told_by_this_servers_own_earlier_steps(project: Project) -> None:
    project.revision("r1", ROOM + UPDATE)
    project.upgrade()
    with project.connect() as connection:
        connection.exec_driver_sql("UPDATE shardctl_clause SET seconds = 7 WHERE n = 0")
        connection.exec_driver_sql("UPDATE shardctl_clause SET seconds = 2 WHERE n = 1")
    project.revision("r2", HALL + UPDATE)
    plan = planned(project)
    add, update = steps(plan, MONTHS[0])
    assert (add.seconds, add.measured) == (7, True)
    assert (update.seconds, update.measured) == (2, True)
    assert "  about 70 s, by this server's own earlier steps" in as_text(plan)
    if not project.is_sqlite:
        project.revision("r3", WIDER)
        assert "in part" not in as_text(planned(project, "r2"))
        assert not steps(planned(project), MONTHS[0])[-1].measured


def test_several_clauses_that_were_sent_together_have_taken_their_time_once(
    anywhere: Project,
) -> None:
    anywhere.revision("r1", ROOM + WIDER)
    anywhere.upgrade()
    with anywhere.connect() as connection:
        connection.exec_driver_sql("UPDATE shardctl_clause SET seconds = 3")
    anywhere.revision("r2", 'op.alter_column("t_order", "kind", type_=sa.Integer())\n')
    anywhere.revision("r3", HALL)
    copied, added = steps(planned(anywhere), MONTHS[0])
    assert (copied.seconds, copied.measured) == (3, True)
    assert not added.measured  # none was sent by itself


def test_what_loses_data_is_warned_of(project: Project) -> None:
    project.revision("r1", 'op.drop_column("t_order", "body")\n')
    (warning,) = planned(project).warnings
    assert "column body of t_order" in warning
    assert warning in as_text(planned(project))


# -- what it does not do ---------------------------------------------------------------------


def test_a_plan_changes_nothing_and_needs_no_lock(project: Project) -> None:
    from shardctl import lock

    project.revision("r1", ROOM)
    project.upgrade()
    project.revision("r2", INDEX + WIDER + UPDATE)
    before = project.structures(*project.tables())
    with lock.acquire(project.database, command="upgrade"):
        with project.connect() as connection:
            rows = connection.exec_driver_sql("SELECT * FROM shardctl_clause").all()
        plan = planned(project)
    assert plan
    with project.connect() as connection:
        assert connection.exec_driver_sql("SELECT * FROM shardctl_clause").all() == rows
        assert [run.revision for run in ledger.newest(connection, 9)] == ["r1"]
        assert ledger.unfinished(connection) == ()
    assert project.structures(*project.tables()) == before
    assert project.left_behind() == []


def test_the_command_checks_saves_and_runs(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ROOM)

    def run(*arguments: str) -> tuple[int, str]:
        ended = run_cli(*arguments, cwd=project.folder)
        return ended.returncode, ended.stdout + ended.stderr

    code, text = run("plan", "--out", "plan.json")
    assert code == 0
    assert run("plan", "--check") == (1, text)
    assert run("upgrade", "--dry-run") == (0, text)
    code, document = run("plan", "--json")
    shown, kept = json.loads(document), json.loads((project.folder / "plan.json").read_text())
    for each in (shown, kept):
        del each["made_at"], each["digest"]
        for revision in each["revisions"]:  # what is to be sent is for the file alone
            del revision["text"]
            for table in revision["tables"]:
                del table["statements"]
    assert (code, shown) == (0, kept)
    assert run("upgrade", "other", "--plan", "plan.json")[0] == 3
    assert run("upgrade", "--plan", "plan.json", "--quiet") == (0, "")
    assert having(project) == set(ALL)
    assert run("plan", "--check") == (0, "nothing to do\n")
    assert run("upgrade", "--plan", "plan.json") == (0, "nothing to do\n")
    assert run("upgrade", "--plan", "absent.json")[0] == 2
    code, text = run("downgrade", "base", "--dry-run")
    assert code == 0
    assert "downgrade of r1 r1" in text
    assert having(project) == set(ALL)


def test_more_months_cost_no_more_statements_and_share_what_is_known_of_them(
    anywhere: Project,
) -> None:
    anywhere.revision("r1", ROOM + INDEX)

    def sent() -> tuple[int, Plan]:
        statements: list[str] = []

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        sa.event.listen(sa.Engine, "before_cursor_execute", count)
        try:
            plan = planned(anywhere)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", count)
        return len(statements), plan

    few, _ = sent()
    for month in range(1, 13):
        anywhere.sql(TABLE.format(table=f"t_order_2021{month:02}"))
    many, plan = sent()
    assert many == few
    assert len({id(table.structure) for table in plan.tables.values()}) == 1
    assert len({id(share.steps[0]) for share in plan.revisions[0].shares if share.steps}) <= 2


def test_some_months_of_a_plan_go_first_and_the_others_later(anywhere: Project) -> None:
    anywhere.revision("r1", ROOM)
    plan = saved(anywhere)
    some = Course(Selection.parse("202001..202003"))
    commands.upgrade(anywhere.config, plan=plan, course=some)
    assert (anywhere.version(), having(anywhere)) == (None, {"t_order", *MONTHS[:3]})
    carried_out(anywhere, plan)
    assert (anywhere.version(), having(anywhere)) == ("r1", set(ALL))


# -- a plan that holds no more ---------------------------------------------------------------


def test_a_column_that_was_altered_by_hand_stops_the_plan(project: Project) -> None:
    project.revision("r1", INDEX)
    plan = saved(project)
    project.sql(ADD_ROOM.format(MONTHS[2]))
    if not project.is_sqlite:
        project.sql(f"ALTER TABLE {MONTHS[4]} MODIFY body varchar(199) DEFAULT NULL")
    words = refused(project, plan)
    assert f"{MONTHS[2]}: its structure is not what the plan saw: column room extra" in words
    if not project.is_sqlite:
        assert f"{MONTHS[4]}: its structure is not what the plan saw: column body type" in words
        assert "varchar(199)" in words
    carried_out(project, saved(project))


def test_what_another_did_of_it_meanwhile_stops_the_plan(project: Project) -> None:
    project.revision("r1", ROOM)
    plan = saved(project)
    project.sql(ADD_ROOM.format(MONTHS[2]))
    words = refused(project, plan)
    assert f"{MONTHS[2]}: clause 1 of r1 was done by others" in words
    assert "column room extra" in words


def test_another_month_or_one_less_stops_the_plan(project: Project) -> None:
    project.revision("r1", ROOM)
    plan = saved(project)
    project.sql(TABLE.format(table="t_order_202008"), f"DROP TABLE {MONTHS[6]}")
    words = refused(project, plan)
    assert "t_order_202008: it is not in the plan" in words
    assert f"{MONTHS[6]}: it is not there any more" in words


def test_other_revisions_stop_the_plan(project: Project) -> None:
    file = project.revision("r1", ROOM)
    plan = saved(project)
    text = file.read_text()
    file.write_text(text.replace("BigInteger", "Integer"))
    assert "revision r1: its file was edited" in refused(project, plan)
    file.write_text(text)
    more = project.revision("r2", HALL)
    assert "revision r2 is not in the plan" in refused(project, plan)
    more.unlink()
    carried_out(project, plan)
    assert having(project) == set(ALL)


def test_a_revision_that_comes_out_otherwise_stops_the_plan(project: Project) -> None:
    kind = project.folder / "kind"
    kind.write_text("room")
    project.revision(
        "r1",
        f"from pathlib import Path\nname = Path({str(kind)!r}).read_text()\n"
        'op.add_column("t_order", sa.Column(name, sa.BigInteger))\n',
    )
    plan = saved(project)
    kind.write_text("hall")
    assert "revision r1: its clauses come out otherwise" in refused(project, plan)


def test_a_file_that_is_no_plan_or_was_edited_is_refused(project: Project) -> None:
    project.revision("r1", ROOM)
    file = project.folder / "plan.json"
    save(planned(project), file)
    text = file.read_text()
    for other, words in (
        ("no plan", "no JSON"),
        ("{}", "no plan"),
        (text.replace('"format": 1', '"format": 99'), "format 99"),
        (text.replace("t_order_202003", "t_order_202103"), "was edited"),
    ):
        file.write_text(other)
        with pytest.raises(PlanChanged, match=words):
            load(file)
    with pytest.raises(ConfigError):
        load(project.folder / "absent.json")
    with pytest.raises(ConfigError):
        save(planned(project), project.folder / "absent" / "plan.json")


def test_a_relative_target_leads_to_the_same_revision_on_resume(project: Project) -> None:
    project.revision("r1", ROOM)
    project.revision("r2", HALL)
    save(planned(project, "+1"), project.folder / "plan.json")
    plan = load(project.folder / "plan.json")
    assert plan.target == "r1"
    carried_out(project, plan)
    carried_out(project, plan)
    assert (project.version(), having(project, "hall")) == ("r1", set())


# -- a plan that was begun -------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_a_plan_goes_on_where_it_was_killed(project: Project, nursery: Nursery) -> None:
    tables = ALL[:3]

    def reset() -> None:
        with project.connect() as connection:
            dialect = project.database.dialect
            dialect.drop(connection, dialect.table_names(connection))
        for table in tables:
            project.sql(TABLE.format(table=table))
        project.sql(ADD_ROOM.format(tables[2]))
        project.sql(*(f"INSERT INTO {month} (order_id) VALUES ('a')" for month in tables[1:]))

    project.revision("r1", ROOM + HALL + UPDATE + INDEX)
    project.revision("r2", WIDER)
    reset()
    file = project.folder / "plan.json"
    save(planned(project), file)
    upgrade = f"commands.upgrade(config, plan=load({str(file)!r}))"
    trials = Trials(nursery, project.folder)
    trials.through(upgrade)
    expected = project.structures(*tables)
    begun = set[str | None]()
    for words in trials.killed(upgrade, **spaced(project, 26, first=30), before=reset):
        with project.connect() as connection:
            begun |= {run.revision for run in ledger.unfinished(connection)}
        trials.through(upgrade)
        assert project.version() == "r2", words
        assert project.structures(*tables) == expected, words
        assert [project.rows(f"SELECT body FROM {month}") for month in tables[1:]] == [
            [("x",)],
            [("x",)],
        ], words
        assert project.left_behind() == [], words
    assert begun == {"r1", "r2"}


def test_a_plan_that_was_begun_is_refused_for_what_others_did(anywhere: Project) -> None:
    anywhere.sql(
        f"ALTER TABLE {MONTHS[3]} ADD FULLTEXT INDEX ix_body (body)",
    )
    anywhere.revision("r1", ROOM)
    anywhere.revision("r2", HALL)
    plan = saved(anywhere)
    with pytest.raises(StepFailed):
        carried_out(anywhere, plan)
    assert having(anywhere) == {*ALL} - {MONTHS[3]}
    anywhere.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN by_hand INT")
    words = refused(anywhere, plan)
    assert f"{MONTHS[1]}: its structure is not what the plan saw: column by_hand extra" in words
    assert MONTHS[0] not in words
    anywhere.sql(f"ALTER TABLE {MONTHS[1]} DROP COLUMN by_hand")
    # The month that was in the way is made like the others by hand: a plan of its own.
    anywhere.sql(f"ALTER TABLE {MONTHS[3]} DROP INDEX ix_body")
    assert MONTHS[3] in refused(anywhere, plan)


def test_what_a_run_of_the_plan_left_may_not_be_altered_after_it(anywhere: Project) -> None:
    anywhere.revision("r1", ROOM)
    anywhere.revision("r2", 'op.create_index("uq_kind", "t_order", ["kind"], unique=True)\n')
    plan = saved(anywhere)
    anywhere.sql(f"INSERT INTO {MONTHS[1]} (order_id) VALUES ('twice')")
    with pytest.raises(StepFailed):
        carried_out(anywhere, plan)
    assert anywhere.version() == "r1"
    anywhere.sql(f"ALTER TABLE {MONTHS[0]} MODIFY room INT")
    assert f"{MONTHS[0]}: its structure is not what the plan saw: column room type is" in refused(
        anywhere, plan
    )
    anywhere.sql(f"ALTER TABLE {MONTHS[0]} MODIFY room BIGINT")
    anywhere.sql(f"DELETE FROM {MONTHS[1]} WHERE order_id = 'twice'")
    carried_out(anywhere, plan)
    assert anywhere.version() == "r2"


def test_a_month_that_is_born_under_way_is_not_touched_and_keeps_the_version(
    anywhere: Project,
) -> None:
    project = anywhere
    project.revision("r1", ROOM)
    plan = saved(project)

    def bear(_event: object) -> None:
        if "t_order_202008" not in project.tables() and having(project):
            project.sql(TABLE.format(table="t_order_202008"))

    with pytest.raises(StepFailed, match="t_order_202008 was made meanwhile"):
        commands.upgrade(project.config, plan=plan, report=bear)
    assert project.version() is None
    columns = [column.name for column in project.structure("t_order_202008").columns]
    assert "room" not in columns
    project.upgrade()
    assert project.version() == "r1"
