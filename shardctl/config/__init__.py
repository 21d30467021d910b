"""The configuration: `shardctl.toml`, or `[tool.shardctl]` in `pyproject.toml`: frozen values."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import quote

from shardctl.config.tables import GENERAL, Table, distinct, read_family, suggestion
from shardctl.errors import ConfigError, UnknownFamily
from shardctl.family import Family

FILE = "shardctl.toml"

Value: TypeAlias = str | int | list[str]
"""What a key of a family holds, as `append_family` writes it."""

_VARIABLE = re.compile(r"\$\{(?P<name>[^}]*)\}")
_SQLITE = re.compile(
    r"(?P<head>sqlite(?:\+\w+)?:///)(?P<file>(?!:memory:|file:)[^?]+)(?P<query>.*)"
)


@dataclass(frozen=True, slots=True)
class Config:
    """What one project has written down.

    Attributes:
        path: the file that it was read from; relative paths in it start at its folder.
        timezone: the IANA name of the families' zone.
        migrations: the folder of the Alembic environment, absolute.
        families: by name, in the file's order; read only.
        url_text: the database URL as written, its `${VARIABLE}`s not expanded; never shown.
    """

    path: Path
    timezone: str
    migrations: Path
    families: Mapping[str, Family]
    url_text: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The database URL, environment variables put in, a SQLite file's path absolute.

        A variable that stands where the password does (`user:${PASSWORD}@host`) is taken as it
        is; whatever else a variable brings must be written as a URL wants it.

        Raises:
            ConfigError: there is none, or it names a variable that is not set.
        """
        if not self.url_text:
            raise ConfigError(
                f"{self.path}: shardctl.url is missing; write it there, set SHARDCTL_URL, "
                "or give --url"
            )
        url = _VARIABLE.sub(self._variable, self.url_text)
        if match := _SQLITE.fullmatch(url):
            url = match["head"] + str(self.path.parent / match["file"]) + match["query"]
        return url

    def _variable(self, match: re.Match[str]) -> str:
        value = os.environ.get(match["name"])
        if value is None:
            raise ConfigError(
                f"{self.path}: shardctl.url wants the environment variable "
                f"{match['name']!r}, which is not set; set it, or give --url"
            )
        text = match.string
        is_password = text[: match.start()].endswith(":") and text[match.end() :].startswith("@")
        return quote(value, safe="") if is_password else value

    def family(self, name: str) -> Family:
        """The family of a name.

        Raises:
            UnknownFamily: the configuration does not declare it.
        """
        if name not in self.families:
            raise UnknownFamily(
                f"{self.path}: no family {name!r}{suggestion(name, self.families)}; "
                f"declared: {', '.join(self.families) or 'none yet (see shardctl adopt)'}"
            )
        return self.families[name]


def load(path: str | Path | None = None, *, url: str | None = None) -> Config:
    """Read the configuration; needs no database.

    `SHARDCTL_CONFIG`, `SHARDCTL_URL` and `SHARDCTL_MIGRATIONS` stand in for what is not given
    here and go before what the file says; an empty variable counts as none.

    Args:
        path: the file; by default `shardctl.toml`, or a `pyproject.toml` with `[tool.shardctl]`,
            in the current folder or the nearest one above.
        url: a database URL in place of the file's.

    Raises:
        ConfigError: there is no such file, or something in it cannot be used.
    """
    path = path or os.environ.get("SHARDCTL_CONFIG")
    file = Path(path).absolute() if path else _find(Path.cwd())
    config = parse(file, _text(file))
    if migrations := os.environ.get("SHARDCTL_MIGRATIONS"):
        config = replace(config, migrations=config.path.parent / migrations)
    if overriding := url or os.environ.get("SHARDCTL_URL"):
        config = replace(config, url_text=overriding)
    return config


def parse(file: Path, text: str) -> Config:
    """The configuration that a text would be, standing in a file.

    Raises:
        ConfigError: something in it cannot be used.
    """
    whole = Table(file, "", _document(file, text))
    if file.name == "pyproject.toml":
        general = whole.table("tool").table("shardctl")
        families = general.table("families")
        general.only(*GENERAL, "families")
    else:
        whole.only("shardctl", "families")
        general, families = whole.table("shardctl"), whole.table("families")
        general.only(*GENERAL)
    values = {"migrations": "migrations", "url": "", **general.read(GENERAL)}
    if "timezone" not in values:
        raise general.missing("timezone", GENERAL["timezone"][1])
    declared = {
        name: read_family(families.table(name), name, values["timezone"])
        for name in families.values
    }
    distinct(families, declared.values())
    return Config(
        path=file,
        timezone=values["timezone"],
        migrations=file.parent / values["migrations"],
        families=MappingProxyType(declared),
        url_text=values["url"],
    )


def append_family(config: Config, name: str, values: Mapping[str, Value]) -> Config:
    """Write a new family at the end of the configuration's file, whose text stays as it is.

    Args:
        values: what its table holds, keys as in the file; what is left out has its default.

    Returns:
        The configuration with that family.

    Raises:
        ConfigError: the file would not be valid any more, or declares the family already; it
            is then left as it was.
    """
    file = config.path
    text = _text(file)
    key = name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
    prefix = "tool.shardctl." if file.name == "pyproject.toml" else ""
    lines = [f"[{prefix}families.{key}]"]
    lines += [f"{k} = {json.dumps(value, ensure_ascii=False)}" for k, value in values.items()]
    gap = "" if text.endswith("\n") or not text else "\n"
    addition = gap + "\n" + "\n".join(lines) + "\n"
    families = parse(file, text + addition).families
    with file.open("a", encoding="utf-8", newline=_newline(file)) as stream:
        stream.write(addition)
    return replace(config, families=families)


def _find(folder: Path) -> Path:
    for above in (folder, *folder.parents):
        if (file := above / FILE).is_file():
            return file
        file = above / "pyproject.toml"
        if file.is_file() and "shardctl" in _document(file, _text(file)).get("tool", {}):
            return file
    raise ConfigError(
        f"no {FILE} in {folder} or above; make one with 'shardctl init', or name one with --config"
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # editors on Windows begin it with a BOM
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8: {error.reason} at byte {error.start}") from error


def _newline(file: Path) -> str:
    return "\r\n" if b"\r\n" in file.read_bytes() else "\n"


def _document(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not valid TOML: {error}") from error
