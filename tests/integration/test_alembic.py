"""Alembic's own command line in a project's folder does what shardctl does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import pytest
from alembic.config import Config as AlembicConfig
from alembic.operations import ops
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Column

from shardctl.migrate import commands, files
from shardctl.structure import differences
from tests.integration.test_upgrade import ADD_ROOM, ADD_UNIQUE, DROP_ROOM, DROP_UNIQUE, insert
from tests.nursery import Nursery
from tests.project import ORDERS, Project

MONTHS = ("t_order_202001", "t_order_202002", "t_order_202003")

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table(
    "t_order",
    metadata,
    sa.Column("order_id", sa.String(128), primary_key=True),
    sa.Column("coin", sa.Numeric(32, 2), nullable=False, server_default="0.00"),
    sa.Column("user_id", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("status", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("create_time", sa.DateTime, nullable=False),
    sa.Column("room_id", sa.BigInteger),
    sa.Index("ix_user", "user_id"),
)
sa.Table("room", metadata, sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False))
"""


@pytest.fixture
def project(tmp_path: Path, flow_url: str) -> Project:
    """A template and three months, each with a row; one has had the first revision by hand."""
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project.make(folder, flow_url, "t_order")
    project.sql(*(ORDERS.format(table=table, comment_id="") for table in ("t_order", *MONTHS)))
    project.sql(*(insert(month, "a", user=n) for n, month in enumerate(MONTHS)))
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")
    project.revision("r1", ADD_ROOM, DROP_ROOM)
    project.revision(
        "r2",
        ADD_UNIQUE + '\nop.execute("UPDATE t_order SET coin = coin + 1")',
        'op.execute("UPDATE t_order SET coin = coin - 1")\n' + DROP_UNIQUE,
    )
    return project


Alembic = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def alembic(project: Project, nursery: Nursery) -> Alembic:
    """Alembic's command line in the project's folder, in a process of its own."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        env = {"COLUMNS": "200"}
        return nursery.start("alembic", *args, cwd=project.folder, env=env).completed(*args)

    return run


def done(alembic: Alembic, *args: str) -> str:
    """What a command prints that succeeds."""
    result = alembic(*args)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(alembic: Alembic, *args: str) -> str:
    """The lines of a command that fails, which are no traceback."""
    result = alembic(*args)
    assert result.returncode not in (0, None), result.stdout
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("INFO")]
    assert len(lines) <= 4, result.stderr
    return "\n".join(lines)


def recorded(project: Project, revision: str) -> dict[tuple[int, str], str | None]:
    return {key: row.how for key, row in project.ledger_rows(revision).items()}


def coins(project: Project) -> list[int]:
    return [int(str(coin)[:1]) for (coin,) in project.rows(f"SELECT coin FROM {MONTHS[0]}")]


def test_alembic_goes_up_and_down_as_shardctl_does(project: Project, alembic: Alembic) -> None:
    tables = ("t_order", *MONTHS)
    before = project.structure("t_order")
    project.upgrade()
    expected = project.structures(*tables), recorded(project, "r1"), recorded(project, "r2")
    project.downgrade("base")
    project.sql(f"ALTER TABLE {MONTHS[1]} ADD COLUMN room_id bigint NOT NULL DEFAULT '0'")

    done(alembic, "upgrade", "head")
    found = project.structures(*tables), recorded(project, "r1"), recorded(project, "r2")
    assert found == expected
    assert project.version() == "r2"
    assert "r2" in done(alembic, "current")
    assert coins(project) == [1]
    assert commands.upgrade(project.config).outcomes == ()

    for version, coin in (("r2", 1), ("r1", 0)):
        assert "allow_destructive=1" in refused(alembic, "downgrade", "base")
        assert (project.version(), coins(project)) == (version, [coin])
        done(alembic, "-x", "allow_destructive=1", "downgrade", "-1")
    assert project.version() is None
    for table, structure in project.structures(*tables).items():
        assert differences(before, structure) == (), table
    assert project.left_behind() == []


def test_a_revision_that_fails_ends_in_its_reason_and_is_gone_on_with(
    project: Project, alembic: Alembic
) -> None:
    project.sql(insert(MONTHS[1], "twice", user=1))
    words = refused(alembic, "upgrade", "head")
    assert MONTHS[1] in words
    assert project.version() == "r1"
    project.sql(f"DELETE FROM {MONTHS[1]} WHERE order_id = 'twice'")
    done(alembic, "upgrade", "head")
    assert project.version() == "r2"


def test_what_is_refused_is_refused_in_a_line(project: Project, alembic: Alembic) -> None:
    assert "--sql" in refused(alembic, "upgrade", "head", "--sql")
    assert "nowhere" in refused(alembic, "upgrade", "nowhere")
    (project.folder / "shardctl.toml").write_text("[shardctl]\nurl = 3\n")
    assert "url" in refused(alembic, "upgrade", "head")


def test_autogenerate_compares_the_template_alone(project: Project, alembic: Alembic) -> None:
    (project.folder / "models.py").write_text(MODELS)
    env = project.folder / "migrations" / "env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata = None", "from models import metadata as target_metadata"
        )
    )
    project.sql(
        "CREATE TABLE t_order_202001_bak (id int)",
        "CREATE TABLE t_order_item_202001 (id int)",
        "CREATE TABLE room (id bigint NOT NULL PRIMARY KEY)",
        "CREATE TABLE lonely (id int)",
    )
    done(alembic, "upgrade", "head")
    done(alembic, "revision", "--autogenerate", "-m", "as the models say")
    text = generated(project)
    upgrade = text[text.index("def upgrade") : text.index("def downgrade")]
    found = set(re.findall(r"op\.(\w+)\((?:op\.f\()?'(\w+)'", upgrade))
    assert found == {
        ("drop_table", "lonely"),
        ("drop_index", "uq_user"),
        ("create_index", "ix_user"),
        ("alter_column", "t_order"),
    }
    for hidden in ("shardctl", "t_order_", "alembic_version"):
        assert hidden not in upgrade
    # What it wrote runs, and leaves nothing to be found.
    done(alembic, "-x", "allow_destructive=1", "upgrade", "head")
    for month in MONTHS:
        assert differences(project.structure("t_order"), project.structure(month)) == ()
    done(alembic, "check")


def generated(project: Project) -> str:
    """The text of the newest revision."""
    (head,) = files.heads(project.config)
    folder = project.folder / "migrations" / "versions"
    (file,) = (path for path in folder.glob("*.py") if f"'{head}'" in path.read_text())
    return file.read_text()


def test_raw_sql_becomes_a_revision_that_runs(project: Project) -> None:
    project.upgrade()
    sql = "ALTER TABLE t_order ADD COLUMN note varchar(40) DEFAULT 't_order 50% :x \"it''s\"'"
    file = files.revision(project.config, "a note", sql=sql)
    assert sql in file.read_text() or "it\\'\\'s" in file.read_text()
    project.upgrade()
    for table in ("t_order", *MONTHS):
        (note,) = (c for c in project.structure(table).columns if c.name == "note")
        assert note.default == "'t_order 50% :x \"it''s\"'"


def test_the_private_parts_of_alembic_that_are_used_are_there() -> None:
    """They are not promised by Alembic: a version without them must not go unnoticed."""
    context = MigrationContext.configure(dialect_name="mysql")
    assert "_migrations_fn" in vars(context)
    assert callable(context.impl._exec)
    script, config = ScriptDirectory("."), AlembicConfig()
    assert EnvironmentContext(config, script).script is script
    assert list(signature(RevisionStep).parameters) == ["revision_map", "revision", "is_upgrade"]
    assert isinstance(RevisionStep.name, property)
    parameters = list(signature(BatchOperationsImpl).parameters)
    assert parameters[:4] == ["operations", "table_name", "schema", "recreate"]
    assert len(parameters) == 11
    assert ops.AddColumnOp("t", Column("a"), insert_after="b").kw == {"insert_after": "b"}


def test_alembics_log_calls_a_step_by_its_direction(alembic: Alembic) -> None:
    result = alembic("upgrade", "r1")
    assert "Running upgrade  -> r1" in result.stderr
    assert f"{MONTHS[1]}: found: ALTER TABLE" in result.stderr
