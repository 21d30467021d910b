"""Alembic, configured for one command of ours."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from shardctl.config import Config
from shardctl.errors import ConfigError, ShardctlError
from shardctl.migrate.environment import ATTRIBUTE
from shardctl.migrate.request import Request
from shardctl.report import silent


def configured(
    config: Config, request: Request | None = None, *, quiet: bool = False
) -> AlembicConfig:
    """Alembic's configuration for one command; the caller translates what is raised here."""
    ini = config.path.parent / "alembic.ini"
    made = AlembicConfig(str(ini) if ini.exists() else None, cmd_opts=Namespace(quiet=quiet))
    if not (config.migrations / "env.py").exists():
        raise ConfigError(
            f"{config.migrations} is no Alembic environment: there is no env.py; run shardctl init"
        )
    # ConfigParser reads % as the beginning of a substitution.
    made.set_main_option("script_location", str(config.migrations).replace("%", "%%"))
    made.attributes[ATTRIBUTE] = request or Request(config, silent)
    _load(made)
    return made


def _load(made: AlembicConfig) -> None:
    """Load all revision files, whose own mistakes are to be told as such."""
    try:
        ScriptDirectory.from_config(made).get_heads()
    except (CommandError, ShardctlError):
        raise
    except Exception as error:  # what a file of the user's may raise is anything
        raise ConfigError(
            f"a revision file cannot be loaded: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def translated() -> Iterator[None]:
    """Alembic's own refusals (no such revision, several heads) as usage errors."""
    try:
        yield
    except CommandError as error:
        raise ConfigError(str(error)) from error
