"""adopt: an existing family comes into care, and not a row or column of its months changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from shardctl import ledger
from shardctl.errors import ConfigError, Refused
from shardctl.family import Family
from shardctl.lifecycle import baseline
from shardctl.lifecycle.adopt import adopt
from shardctl.lifecycle.premake import premake
from shardctl.lifecycle.status import status
from shardctl.month import Month
from shardctl.report import Event, Note
from shardctl.structure import differences
from tests.conftest import RunCli
from tests.project import ORDERS, Project

NOW = datetime(2020, 4, 10, 12, tzinfo=UTC)
FEBRUARY = Month(2020, 2)

ON_SERVERS = """
CREATE TABLE `{table}` (
  `order_id` varchar(128) NOT NULL COMMENT '订单id',
  `coin` decimal(32,2) NOT NULL DEFAULT '0.00' COMMENT '支付币数',
  `user_id` bigint(20) unsigned NOT NULL DEFAULT '0' COMMENT '用户id',
  `create_time` datetime NOT NULL COMMENT '创建时间',
  `update_time` datetime NOT NULL COMMENT '更新时间',
  PRIMARY KEY (`order_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='订单表'
"""
ON_SQLITE = """
CREATE TABLE {table} (
  order_id varchar(128) NOT NULL,
  coin decimal(32,2) NOT NULL DEFAULT '0.00',
  user_id bigint NOT NULL DEFAULT '0',
  create_time datetime NOT NULL,
  update_time datetime NOT NULL,
  PRIMARY KEY (order_id)
)
"""


def empty_project(folder: Path, url: str, *families: str) -> Project:
    return Project.make(folder / "project", url, *families)


def month(project: Project, table: str, *ids: str) -> None:
    project.sql((ON_SQLITE if project.is_sqlite else ON_SERVERS).format(table=table))
    for order in ids:
        project.sql(
            f"INSERT INTO {table} (order_id, create_time, update_time) "
            f"VALUES ('{order}', '2020-01-01 00:00:00', '2020-01-01 00:00:00')"
        )


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """Three months; two of them have had a column added by hand."""
    project = empty_project(tmp_path, flow_url)
    month(project, "t_order_202002", "2020020109364399365840049582", "2020022923595999365840000001")
    month(project, "t_order_202003", "2020030109364399365840049582", "2020033123595999365840000001")
    month(project, "t_order_202004", "2020040109364399365840049582", "2020041020200499365840000001")
    for table in ("t_order_202003", "t_order_202004"):
        project.sql(f"ALTER TABLE {table} ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")
    return project


def drop_everything(project: Project) -> None:
    with project.connect() as connection:
        names = project.database.dialect.table_names(connection)
    drops = [f"DROP TABLE {project.database.dialect.quote(name)}" for name in names]
    project.sql(*([] if project.is_sqlite else ["SET FOREIGN_KEY_CHECKS=0"]), *drops)


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def test_the_family_comes_into_care(project: Project) -> None:
    before = project.structures(*project.tables())

    adopted = adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)

    after = project.structures(*project.tables())
    assert {table: after[table] for table in before} == before
    assert not differences(after["t_order_202002"], after["t_order"])
    assert project.rows("SELECT count(*) FROM t_order") == [(0,)]
    assert project.version() == adopted.revision == baseline.revision_id("t_order")
    assert [len(each.differences) for each in adopted.months] == [0, 1, 1]
    assert str(adopted.months[1].differences[0]) == "column room_id extra"
    assert project.config.families["t_order"] == Family(
        "t_order",
        "Asia/Shanghai",
        key=("order_id",),
        time="create_time",
        gene=project.config.families["t_order"].gene,
        length=(28,),
    )
    assert str(project.config.families["t_order"].month(id="2020031" + "0" * 21)) == "2020-03"


def test_the_ledger_knows_the_months_and_where_they_stand(project: Project) -> None:
    adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    with project.connect() as connection:
        known = ledger.months(connection)
    own = baseline.revision_id("t_order")
    assert {name: (row.revision, row.origin) for name, row in known.items()} == {
        "t_order_202002": (own, "adopted"),
        "t_order_202003": (None, "adopted"),
        "t_order_202004": (None, "adopted"),
    }


def test_a_second_adopt_says_so_and_changes_nothing(project: Project) -> None:
    adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    files = {file: file.read_bytes() for file in project.folder.rglob("*.*") if file.is_file()}
    events: list[Event] = []

    again = adopt(project.config, "t_order", now=NOW, report=events.append)

    assert again.already
    assert again.files == ()
    assert "in care already" in notes(events)
    assert all(file.read_bytes() == content for file, content in files.items())


def test_the_same_files_make_the_same_template_in_an_empty_database(project: Project) -> None:
    adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    expected = project.structure("t_order")
    drop_everything(project)

    project.upgrade()
    premake(project.config, months=0, now=NOW)

    assert project.structure("t_order") == expected
    assert not differences(expected, project.structure("t_order_202004"))
    project.downgrade("base")
    assert "t_order" in project.tables()


def test_then_one_migration_makes_all_months_equal(project: Project) -> None:
    adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    project.revision(
        "room",
        'op.add_column("t_order", sa.Column("room_id", sa.BigInteger(), server_default="0", '
        "nullable=False))",
    )
    project.upgrade()
    (family,) = status(project.config, now=NOW)
    assert [month.differences for month in family.months] == [(), (), ()]
    assert {month.revision for month in family.months} == {"room"}


def test_the_configuration_keeps_its_comments(project: Project) -> None:
    file = project.folder / "shardctl.toml"
    before = file.read_text()
    adopt(project.config, "t_order", now=NOW)
    assert file.read_text().startswith(before)


def test_the_template_is_made_like_the_newest_month_that_has_begun(project: Project) -> None:
    month(project, "t_order_202005")
    project.sql("ALTER TABLE t_order_202005 ADD COLUMN note varchar(5)")
    adopt(project.config, "t_order", now=NOW)
    assert [column.name for column in project.structure("t_order").columns][-1] == "room_id"


@pytest.mark.parametrize("done", ["template", "file", "configuration"])
def test_an_adoption_that_broke_off_is_taken_up_again(project: Project, done: str) -> None:
    """What a crash leaves is what the steps before it made; the later ones are taken back here."""
    configuration = (project.folder / "shardctl.toml").read_text()
    whole = adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    expected = (project.folder / "shardctl.toml").read_text(), whole.files[0].read_text()
    project.sql("DELETE FROM alembic_version")
    if done == "template":
        whole.files[0].unlink()
    if done != "configuration":
        (project.folder / "shardctl.toml").write_text(configuration)
        project.sql("DELETE FROM shardctl_month")

    again = adopt(project.config, "t_order", now=NOW)

    assert not again.already
    assert again.months == whole.months
    assert project.version() == whole.revision
    assert expected == (
        (project.folder / "shardctl.toml").read_text(),
        whole.files[0].read_text(),
    )
    assert adopt(project.config, "t_order", now=NOW).already


# -- refused, with nothing changed ------------------------------------------------------------


def refused(
    project: Project, words: str, *arguments: str, error: type[Exception] = Refused
) -> None:
    with project.connect() as connection:
        tables = project.database.dialect.table_names(connection)
    configuration = (project.folder / "shardctl.toml").read_text()
    with pytest.raises(error, match=words):
        adopt(
            project.config,
            "t_order",
            from_month=Month.parse(arguments[0]) if arguments else None,
            now=NOW,
        )
    with project.connect() as connection:
        assert project.database.dialect.table_names(connection) == tables
    assert (project.folder / "shardctl.toml").read_text() == configuration
    assert not list((project.folder / "migrations" / "versions").glob("*adopt*"))


def test_a_family_without_months(tmp_path: Path, url: str) -> None:
    project = empty_project(tmp_path, url)
    project.sql(ORDERS.format(table="t_order_202001_bak", comment_id=""))
    refused(project, "no month of t_order.*t_order_202601(.|\n)*t_order_202001_bak")


def test_a_month_that_is_not_there(project: Project) -> None:
    refused(project, "t_order_202001 does not exist", "202001")


def test_a_table_of_the_templates_name_that_has_rows(project: Project) -> None:
    month(project, "t_order", "1")
    refused(project, 'template = "t_order_template"')

    with (project.folder / "shardctl.toml").open("a") as file:
        file.write('\n[families.t_order]\ntemplate = "t_order_template"\n')
    adopted = adopt(project.config, "t_order", from_month=FEBRUARY, now=NOW)
    assert adopted.template == "t_order_template"
    assert project.rows("SELECT count(*) FROM t_order") == [(1,)]
    expected = project.structure("t_order_template")
    drop_everything(project)
    project.upgrade()
    assert project.tables() == ("t_order_template",)
    assert project.structure("t_order_template") == expected


def test_an_empty_table_of_the_templates_name_is_taken(project: Project) -> None:
    month(project, "t_order")
    project.sql("ALTER TABLE t_order ADD COLUMN note varchar(5)")
    refused(project, "is not like t_order_202002", "202002")

    adopted = adopt(project.config, "t_order", now=NOW)
    assert str(adopted.months[0].differences[0]) == "column note missing"


def test_a_database_that_is_behind_its_revisions(project: Project) -> None:
    project.revision("r1", "pass")
    refused(project, "shardctl upgrade")
    project.upgrade()
    adopt(project.config, "t_order", now=NOW)
    assert project.version() == baseline.revision_id("t_order")


def test_another_database_gets_the_baseline_by_upgrade(project: Project) -> None:
    """The files are there, and the months; the template and the stamp are not."""
    adopt(project.config, "t_order", from_month=Month(2020, 3), now=NOW)
    drop_everything(project)
    month(project, "t_order_202003", "1")
    project.sql("ALTER TABLE t_order_202003 ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")

    with pytest.raises(Refused, match="shardctl upgrade"):
        adopt(project.config, "t_order", now=NOW)
    project.upgrade()
    assert not differences(project.structure("t_order"), project.structure("t_order_202003"))
    assert project.rows("SELECT count(*) FROM t_order_202003") == [(1,)]


def test_a_project_without_an_alembic_environment(project: Project) -> None:
    (project.folder / "migrations" / "env.py").unlink()
    refused(project, "shardctl init", error=ConfigError)


# -- suffixes, genes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "pattern"),
    [
        (("t_order_2020-01", "t_order_2020-02"), "_%Y-%m"),
        (("t_order_2020_01", "t_order_2020_02"), "_%Y_%m"),
        (("t_order_2020_1", "t_order_2020_11"), "_%Y_%-m"),
        (("t_order_2001", "t_order_2002"), "_%y%m"),
        (("t_order_202001", "t_order_202002", "t_order_2002"), "_%Y%m"),
    ],
)
def test_the_suffix_is_found_by_the_months(
    tmp_path: Path, sqlite_url: str, tables: tuple[str, ...], pattern: str
) -> None:
    project = empty_project(tmp_path, sqlite_url)
    for table in tables:
        project.sql(ON_SQLITE.format(table=f'"{table}"'))
    adopt(project.config, "t_order", now=NOW)
    assert project.config.families["t_order"].suffix.pattern == pattern


def test_months_that_fit_two_suffixes_are_a_question(tmp_path: Path, sqlite_url: str) -> None:
    project = empty_project(tmp_path, sqlite_url)
    project.sql(ON_SQLITE.format(table="t_order_2020_11"))
    refused(project, "fit '_%Y_%m' and '_%Y_%-m' alike", error=ConfigError)


@pytest.mark.parametrize(
    ("ids", "gene"),
    [
        (("ab20200401x", "ab20200430y"), 2),
        (("4020150401", "4020150402"), None),
        (("2020040120200401", "2020043020200430"), None),
        (("20200401", "20200331"), None),
        (("20200431",), None),
        ((), None),
    ],
)
def test_a_gene_is_written_down_only_where_it_is_certain(
    tmp_path: Path, sqlite_url: str, ids: tuple[str, ...], gene: int | None
) -> None:
    project = empty_project(tmp_path, sqlite_url)
    month(project, "t_order_202004", *ids)
    adopt(project.config, "t_order", now=NOW)
    found = project.config.families["t_order"].gene
    assert (found and found.position) == gene


def test_ids_of_several_lengths_declare_none(tmp_path: Path, sqlite_url: str) -> None:
    project = empty_project(tmp_path, sqlite_url)
    month(project, "t_order_202004", "202004011", "2020041022")
    adopt(project.config, "t_order", now=NOW)
    assert project.config.families["t_order"].length == ()


# -- constraints and texts -------------------------------------------------------------------------


def test_constraints_get_their_declared_names(tmp_path: Path, url: str) -> None:
    project = empty_project(tmp_path, url)
    project.sql("CREATE TABLE t_user (id bigint NOT NULL PRIMARY KEY)")
    for tag in ("202003", "202004"):
        project.sql(
            f"""CREATE TABLE t_order_{tag} (
              order_id bigint NOT NULL PRIMARY KEY,
              user_id bigint NOT NULL,
              CONSTRAINT ck_user_{tag} CHECK (user_id > 0),
              CONSTRAINT fk_user_{tag} FOREIGN KEY (user_id) REFERENCES t_user (id)
            )"""
        )
    adopted = adopt(project.config, "t_order", now=NOW)

    template = project.structure("t_order")
    assert [check.name for check in template.checks] == ["ck_user"]
    assert [key.name for key in template.foreign_keys] == ["fk_user"]
    assert [each.differences for each in adopted.months] == [(), ()]
    premake(project.config, months=1, now=NOW)
    assert [key.name for key in project.structure("t_order_202005").foreign_keys] == [
        "fk_user_202005"
    ]
    project.sql(
        "DROP TABLE t_order_202003", "DROP TABLE t_order_202004", "DROP TABLE t_order_202005"
    )
    project.sql("DROP TABLE t_order", "DELETE FROM alembic_version")
    project.upgrade()
    assert project.structure("t_order") == template


def test_a_declared_name_that_a_month_bears_itself(tmp_path: Path, server_url: str) -> None:
    project = empty_project(tmp_path, server_url)
    project.sql(
        "CREATE TABLE t_user (id bigint NOT NULL PRIMARY KEY)",
        """CREATE TABLE t_order_202004 (
          order_id bigint NOT NULL PRIMARY KEY,
          user_id bigint NOT NULL,
          CONSTRAINT ck_user CHECK (user_id > 0),
          CONSTRAINT fk_user FOREIGN KEY (user_id) REFERENCES t_user (id)
        )""",
    )
    events: list[Event] = []
    adopted = adopt(project.config, "t_order", now=NOW, report=events.append)
    assert adopted.months[0].differences == ()
    assert project.structure("t_order").foreign_keys[0].name == "fk_user_t_order"
    assert "foreign key (user_id) bears its key's name" in notes(events)
    assert [each.made for each in premake(project.config, months=1, now=NOW)] == [False, True]


def test_a_declared_name_that_another_month_bears(tmp_path: Path, server_url: str) -> None:
    project = empty_project(tmp_path, server_url)
    project.sql("CREATE TABLE t_user (id bigint NOT NULL PRIMARY KEY)")
    for tag, name in (("202003", "fk_user"), ("202004", "fk_user_202004")):
        project.sql(
            f"""CREATE TABLE t_order_{tag} (
              order_id bigint NOT NULL PRIMARY KEY,
              user_id bigint NOT NULL,
              CONSTRAINT {name} FOREIGN KEY (user_id) REFERENCES t_user (id)
            )"""
        )
    adopted = adopt(project.config, "t_order", now=NOW)
    assert [each.differences for each in adopted.months] == [(), ()]
    assert project.structure("t_order").foreign_keys[0].name == "fk_user_t_order"


def test_a_family_that_refers_to_another_comes_second(tmp_path: Path, url: str) -> None:
    project = empty_project(tmp_path, url)
    month(project, "t_order_202004")
    project.sql(
        """CREATE TABLE t_item_202004 (
          id bigint NOT NULL PRIMARY KEY,
          order_id varchar(128) NOT NULL,
          CONSTRAINT fk_order_202004 FOREIGN KEY (order_id) REFERENCES t_order_202004 (order_id)
        )"""
    )
    with pytest.raises(Refused, match="t_order_202004, a month of a family that is not in care"):
        adopt(project.config, "t_item", now=NOW)

    adopt(project.config, "t_order", now=NOW)
    adopted = adopt(project.config, "t_item", now=NOW)
    assert adopted.months[0].differences == ()
    assert project.structure("t_item").foreign_keys[0].table == "t_order"
    assert project.version() == baseline.revision_id("t_item")
    expected = project.structures("t_item", "t_order")
    drop_everything(project)
    project.upgrade()
    assert project.structures("t_item", "t_order") == expected


AWKWARD = 'it\'\'s 50% """ :x a:b \\\\ \\\\:y {t_order} {0} t_order # 订单'


def test_awkward_texts_come_through_the_baseline(tmp_path: Path, url: str) -> None:
    project = empty_project(tmp_path, url)
    comment = "" if project.is_sqlite else f" COMMENT '{AWKWARD}'"
    project.sql(
        f"""CREATE TABLE t_order_202004 (
          order_id varchar(50) NOT NULL PRIMARY KEY,
          note varchar(99) NOT NULL DEFAULT '{AWKWARD.replace("{t_order} ", "")}'{comment},
          t_order varchar(9) NOT NULL DEFAULT ':a'
        )"""
    )
    adopt(project.config, "t_order", now=NOW)
    expected = project.structure("t_order")
    drop_everything(project)
    project.upgrade()
    assert project.structure("t_order") == expected


@given(st.lists(st.sampled_from([":", "\\", "a", " ", "%", "'", '"', "\n", "$", "单", "{"])))
def test_any_sql_survives_the_revision_file(pieces: list[str]) -> None:
    """Both as Alembic reads it, by text(), and as Python does."""
    sql = "SELECT " + "".join(pieces)
    file = baseline.text_of("t", (), [sql])
    executed: list[str] = []

    class Recorder:
        execute = staticmethod(executed.append)

    space = {"op": Recorder}
    exec(compile(file.replace("from alembic import op", ""), "revision", "exec"), space)
    space["upgrade"]()  # type: ignore[operator]
    assert str(text(executed[0])) == sql


# -- the command --------------------------------------------------------------------------


def test_the_command_tells_what_differs(project: Project, run_cli: RunCli) -> None:
    month(project, "t_order_202001_bak")
    told = run_cli("adopt", "t_order", "--from", "202002", cwd=project.folder)
    assert told.returncode == 0, told.stderr
    assert "t_order_202003: column room_id extra" in told.stdout
    assert "left out: t_order_202001_bak" in told.stdout
    assert f"baseline revision {baseline.revision_id('t_order')}" in told.stdout

    again = run_cli("adopt", "t_order", cwd=project.folder)
    assert again.returncode == 0
    assert "in care already" in again.stdout

    wrong = run_cli("adopt", "t_nothing", cwd=project.folder)
    assert (wrong.returncode, wrong.stdout) == (3, "")
    assert wrong.stderr.startswith("error: there is no month of t_nothing")


def test_below_the_baseline_there_is_a_way_back_up(project: Project) -> None:
    adopt(project.config, "t_order", now=NOW)
    before = project.structures(*project.tables())
    project.downgrade("base")
    assert project.version() is None
    (outcome,) = project.upgrade().outcomes
    assert not any(outcome.ran.values())
    assert project.structures(*project.tables()) == before
