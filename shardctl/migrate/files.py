"""The revision files, and which of them the database is at."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import alembic.command
from alembic.config import Config as AlembicConfig
from alembic.operations import ops
from alembic.script import Script, ScriptDirectory

from shardctl.config import Config
from shardctl.errors import ConfigError
from shardctl.migrate.configured import configured, translated
from shardctl.migrate.lineage import Lineage


def stamp(config: Config, target: str) -> None:
    """Set the database's revision without running anything.

    Raises:
        ConfigError: there is no such revision.
    """
    with translated():
        alembic.command.stamp(configured(config), target)


def current(config: Config) -> tuple[str, ...]:
    """The revision (or heads) that the database is at, a line each."""
    return _printed(config, alembic.command.current)


def history(config: Config) -> tuple[str, ...]:
    """The revisions, the newest first, a line each."""
    return _printed(config, alembic.command.history)


def heads(config: Config) -> tuple[str, ...]:
    """The newest revisions among the files; asks no database."""
    with translated():
        return tuple(ScriptDirectory.from_config(configured(config)).get_heads())


def lineage(config: Config, target: str) -> Lineage:
    """A revision among the files, by its id or `head`; asks no database.

    Raises:
        ConfigError: there is no such revision, or several heads.
    """
    with translated():
        return Lineage.of(ScriptDirectory.from_config(configured(config)), target)


def revision(
    config: Config, message: str, *, autogenerate: bool = False, sql: str | None = None
) -> Path:
    """Make a revision file: empty, from the models' metadata, or of raw SQL.

    Args:
        message: what it does, in words.
        autogenerate: compare the metadata that `env.py` names with the templates.
        sql: a statement on a family's name; its way back is left to you.

    Returns:
        The file that was written.

    Raises:
        ConfigError: the message is empty, or Alembic refuses.
    """
    if not message.strip():
        raise ConfigError('a revision wants a message that says what it does: -m "add room_id"')

    def fill(_context: object, _revision: object, directives: list[ops.MigrationScript]) -> None:
        if sql is not None:
            directives[0].upgrade_ops_list[0].ops.append(ops.ExecuteSQLOp(sql))

    with translated():
        alembic_config = configured(config, quiet=True)
        if sql is not None:
            # Alembic asks the hook below only where the environment runs.
            alembic_config.set_main_option("revision_environment", "true")
        made = alembic.command.revision(
            alembic_config,
            message,
            autogenerate=autogenerate,
            process_revision_directives=fill,
        )
    script = made[0] if isinstance(made, list) else made
    if not isinstance(script, Script):
        raise ConfigError("the revision was not written: env.py took it out of the directives")
    return Path(script.path)


def _printed(config: Config, command: Callable[[AlembicConfig], None]) -> tuple[str, ...]:
    text = io.StringIO()
    with translated():
        alembic_config = configured(config)
        alembic_config.stdout = text
        command(alembic_config)
    return tuple(line for line in text.getvalue().splitlines() if line.strip())
