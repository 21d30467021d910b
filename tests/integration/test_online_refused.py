"""What a tool would do, and what it cannot be given, is told before anything is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shardctl import Month, ledger
from shardctl.catalog import Member
from shardctl.clause import Algorithm, Clause
from shardctl.cli.planned import as_text
from shardctl.errors import PlanChanged, Refused
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.lint import lint
from shardctl.migrate.lint.subject import Change, Limits, Subject
from shardctl.migrate.online.engine import Online
from shardctl.migrate.patience.restraint import Restraint
from shardctl.migrate.plan.saved import as_data, load, save
from shardctl.migrate.plan.values import PlannedStep
from shardctl.migrate.work import Revision
from tests.conftest import RunCli
from tests.project import Project

MONTHS = BIG, BIGGER, SMALL = ("t_order_202001", "t_order_202002", "t_order_202003")
TABLE = """
CREATE TABLE {table} (
  order_id varchar(64) NOT NULL,
  kind smallint NOT NULL DEFAULT 0,
  body varchar(300) NOT NULL DEFAULT '',
  PRIMARY KEY (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""
WIDER = 'op.alter_column("t_order", "kind", type_=sa.BigInteger())\n'
UNIQUE = 'op.create_unique_constraint("uq_kind", "t_order", ["kind"])\n'
ROOM = 'op.add_column("t_order", sa.Column("room", sa.BigInteger))\n'
TOOL = Online("pt-osc", 96 * 1024)
FROM = ("--online", "pt-osc", "--online-from", "96KiB")

pytestmark = pytest.mark.usefixtures("pt_osc")


@pytest.fixture
def project(tmp_path: Path, mariadb_url: str) -> Project:
    """A template, two months that are big enough for the tool, and one of one row."""
    project = Project.make(tmp_path, mariadb_url, "t_order")
    for table in ("t_order", *MONTHS):
        project.sql(TABLE.format(table=table))
    rows = ", ".join(f"('{number:05}', {number}, REPEAT('x', 300))" for number in range(600))
    for month in (BIG, BIGGER):
        project.sql(f"INSERT INTO {month} (order_id, kind, body) VALUES {rows}")
    project.sql(f"INSERT INTO {SMALL} (order_id) VALUES ('a')")
    project.sql(*(f"ANALYZE TABLE {month}" for month in MONTHS))
    return project


def upgrade(project: Project, course: Course | None = None, online: Online | None = TOOL) -> None:
    restraint = Restraint(online=online)
    commands.upgrade(
        project.config, allow_destructive=True, restraint=restraint, course=course or Course()
    )


def refused(project: Project) -> str:
    """What an upgrade says that is refused; nothing was changed."""
    before = project.structures("t_order", *MONTHS)
    with pytest.raises(Refused) as caught:
        upgrade(project)
    assert caught.value.exit_code == 3
    assert project.structures("t_order", *MONTHS) == before
    assert project.tables() == ("t_order", *MONTHS)
    assert project.left_behind() == []
    return str(caught.value)


def having(project: Project, column: str) -> set[str]:
    return {
        table
        for table, structure in project.structures("t_order", *MONTHS).items()
        if column in [one.name for one in structure.columns]
    }


def test_what_the_tool_would_lose_is_refused_while_the_template_is_as_it_was(
    project: Project, run_cli: RunCli
) -> None:
    project.revision("r1", ROOM + WIDER + UNIQUE)
    words = refused(project)
    assert words.splitlines() == [
        "r1 r1: pt-online-schema-change cannot be given this change, nothing was changed:",
        f"  {BIG}, {BIGGER}: unique key uq_kind is new, and rows that it finds twice would be lost",
        "Run it without --online (or with a greater --online-from) to have the server alter them, "
        "or alter them by hand and run again",
    ]
    with project.connect() as connection:
        assert ledger.unfinished(connection) == ()
    for command in (("plan", *FROM), ("upgrade", "--dry-run", *FROM), ("upgrade", *FROM)):
        done = run_cli(*command, cwd=project.folder)
        assert (done.returncode, words in done.stderr) == (3, True), done
    assert having(project, "room") == set()
    upgrade(project, online=Online("pt-osc", 1024**3))
    assert having(project, "room") == {"t_order", *MONTHS}


def test_a_run_that_goes_on_refuses_as_well(project: Project) -> None:
    project.revision("r1", ROOM + WIDER + UNIQUE)
    upgrade(project, Course(pause_after="template"), online=None)
    assert having(project, "room") == {"t_order"}
    assert f"{BIG}, {BIGGER}: unique key uq_kind is new" in refused(project)
    upgrade(project, online=None)
    assert having(project, "room") == {"t_order", *MONTHS}


def test_a_later_revision_is_refused_before_the_first_has_run(project: Project) -> None:
    project.sql(
        f"CREATE TRIGGER mine BEFORE INSERT ON {BIGGER} FOR EACH ROW SET NEW.body = 'x'",
        f"CREATE TRIGGER too BEFORE INSERT ON {SMALL} FOR EACH ROW SET NEW.body = 'x'",
    )
    project.revision("r1", ROOM)
    project.revision("r2", 'op.execute("UPDATE t_order SET kind = 1")\n' + WIDER)
    words = refused(project)
    assert having(project, "room") == set()
    assert f"  {BIGGER}: the table has trigger mine, which would be lost" in words
    assert BIG not in words.replace(BIGGER, "")
    assert SMALL not in words


def test_a_revision_that_cannot_be_foretold_is_refused_when_its_turn_comes(
    project: Project,
) -> None:
    project.revision("r1", ROOM)
    project.revision(
        "r2", 'op.get_bind().execute(sa.text("SELECT room FROM t_order"))\n' + WIDER + UNIQUE
    )
    with pytest.raises(Refused, match="r2 r2: pt-online-schema-change cannot be given"):
        upgrade(project)
    assert project.version() == "r1"
    assert not any("uq_kind" in str(one) for one in project.structures("t_order", BIG).values())


# -- in a plan -----------------------------------------------------------------------------------


def test_a_plan_tells_which_months_the_tool_gets(project: Project, run_cli: RunCli) -> None:
    project.revision("r1", ROOM)
    project.revision("r2", WIDER)
    plan = commands.plan(project.config, online=TOOL)
    second = plan.revisions[1]
    by = {share.table: [step.online for step in share.steps] for share in second.shares}
    assert by == {"t_order": [None], BIG: ["pt-osc"], BIGGER: ["pt-osc"], SMALL: [None]}
    lines = [line for line in as_text(plan).splitlines() if " rows" not in line]
    at = lines.index("  t_order: 2 months (2020-01..2020-02)")
    assert lines[at - 2 : at + 2] == [
        "  t_order: template, 1 month (2020-03)",
        "    to run: 1 COPY, writes wait",
        "  t_order: 2 months (2020-01..2020-02)",
        "    to run: 1 by pt-osc",
    ]
    assert not any(step.online for step in plan.revisions[0].steps)
    shown = run_cli("upgrade", "--dry-run", "--json", *FROM, cwd=project.folder)
    data = json.loads(shown.stdout)
    steps = {one["table"]: one["steps"][0] for one in data["revisions"][1]["tables"]}
    assert (steps[BIG]["online"], steps[BIG]["blocks_writes"]) == ("pt-osc", False)
    assert (steps[SMALL]["online"], steps[SMALL]["blocks_writes"]) == (None, True)
    assert as_text(plan) == run_cli("plan", *FROM, cwd=project.folder).stdout.rstrip()


def test_a_saved_plan_holds_the_tool_too(project: Project) -> None:
    project.revision("r1", WIDER.replace("BigInteger", "Integer"))
    made = commands.plan(project.config, online=TOOL, spelled=True)
    save(made, project.folder / "plan.json")
    plan = load(project.folder / "plan.json")
    assert as_data(plan) == as_data(made)
    text = commands.script(project.config, saved=plan)
    assert text.count("-- planned for pt-osc; here the server does it") == 2
    with pytest.raises(PlanChanged, match=f"{BIG}: r1 is to be run as 1 COPY, planned 1 pt-osc"):
        commands.upgrade(project.config, plan=plan)
    commands.upgrade(project.config, plan=plan, restraint=Restraint(online=TOOL))
    assert project.version() == "r1"
    statements = {
        table: row.statement for (_, table), row in project.ledger_rows("r1").items() if row.done
    }
    assert {table for table, sent in statements.items() if "pt-osc" in (sent or "")} == {
        BIG,
        BIGGER,
    }
    # What the tool has taken tells of the tool, and what the server has taken of the server.
    project.sql("UPDATE shardctl_clause SET seconds = IF(statement LIKE 'pt-osc: %', 7, 2)")
    project.revision("r2", WIDER)
    taken = {
        online: {step.seconds for step in steps(project, online) if step.measured}
        for online in (TOOL, None)
    }
    assert taken == {TOOL: {7, 2}, None: {2}}


def steps(project: Project, online: Online | None) -> tuple[PlannedStep, ...]:
    return commands.plan(project.config, online=online).revisions[0].steps


def test_lint_warns_of_no_rebuild_that_the_tool_does(project: Project) -> None:
    family, revision = project.config.families["t_order"], Revision("r1", "up", "", "")
    before = project.structure("t_order")
    clause = Clause("t_order", (), algorithm=Algorithm("COPY", rebuilds=True))
    members = tuple(Member("t_order", month, Month.parse(month[-6:])) for month in MONTHS)
    change = Change(clause, before, before, before, before, frozenset(), (), members)

    def named(online: Online | None) -> set[str]:
        with project.connect() as connection:
            subject = Subject(
                revision,
                (change,),
                {"t_order": family},
                project.database.dialect,
                connection,
                limits=Limits(bytes=1),
                online=online,
            )
            return {table for finding in lint(subject) for table in finding.tables}

    assert named(None) == set(MONTHS)
    assert named(TOOL) == {SMALL}
