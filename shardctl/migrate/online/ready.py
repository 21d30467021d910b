"""The tools there are, and whether one can work here."""

from __future__ import annotations

import shutil
import subprocess

from shardctl.dialects import Database
from shardctl.errors import ConfigError
from shardctl.migrate.online.engine import Engine, Online
from shardctl.migrate.online.gh_ost import GhOst
from shardctl.migrate.online.pt_osc import PtOsc


def engine_of(online: Online) -> Engine:
    """The tool that is named."""
    match online.engine:
        case "pt-osc":
            return PtOsc()
        case "gh-ost":
            return GhOst()


def ready(online: Online, database: Database) -> None:
    """Find out whether the tool can work here, before anything runs.

    Raises:
        ConfigError: it is not installed, does not run, or cannot work on this server.
    """
    engine, url = engine_of(online), database.engine.url
    if database.dialect.name not in ("mysql", "mariadb"):
        raise ConfigError(f"online={online.engine}: it is for MySQL and MariaDB; leave it out here")
    if shutil.which(engine.binary) is None:
        raise ConfigError(
            f"online={online.engine}: {engine.binary} is not on PATH: {engine.install}"
        )
    asked = subprocess.run(
        [engine.binary, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if asked.returncode != 0:
        words = " ".join((asked.stderr or asked.stdout).split())
        raise ConfigError(f"online={online.engine}: {engine.binary} does not run: {words}")
    if url.username is None:
        raise ConfigError(f"online={online.engine}: {engine.binary} needs the user in the url")
    engine.login(url)
    with database.connect() as connection:
        if obstacle := engine.obstacle(connection, url):
            raise ConfigError(f"online={online.engine}: {obstacle}")
