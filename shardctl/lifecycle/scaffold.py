"""The files that shardctl writes for a project: its configuration and an Alembic environment."""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from shardctl.config import FILE, parse
from shardctl.errors import ConfigError

_FILES = (FILE, "alembic.ini", "migrations/env.py", "migrations/script.py.mako")


def init(
    folder: str | Path = ".", *, url: str = "${DATABASE_URL}", timezone: str = "UTC"
) -> tuple[Path, ...]:
    """Write `shardctl.toml`, `alembic.ini` and `migrations/`; what is there already stays.

    Args:
        folder: where; it is made where it is absent.
        url: the database's, as the configuration is to hold it.
        timezone: the IANA name of the zone whose calendar makes the months.

    Returns:
        The files that were written; none where all are there.

    Raises:
        ConfigError: the time zone is unknown, or the folder cannot be written to.
    """
    folder = Path(folder).absolute()
    texts = {name: _template(name) for name in _FILES}
    for key, value in (("{url}", url), ("{timezone}", timezone)):
        texts[FILE] = texts[FILE].replace(key, json.dumps(value, ensure_ascii=False))
    parse(folder / FILE, texts[FILE])
    if _has_configuration(folder):
        del texts[FILE]
    try:
        (folder / "migrations" / "versions").mkdir(parents=True, exist_ok=True)
        return tuple(folder / name for name, text in texts.items() if _write(folder / name, text))
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: cannot be written: {error.strerror}"
        ) from error


def _has_configuration(folder: Path) -> bool:
    project = folder / "pyproject.toml"
    return project.is_file() and "[tool.shardctl" in project.read_text(encoding="utf-8-sig")


def _write(file: Path, text: str) -> bool:
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True


def _template(name: str) -> str:
    package = files("shardctl")
    templates: Traversable = package / "templates"
    if not templates.is_dir():  # an editable install: they lie beside the package
        templates = Path(str(package)).parent / "templates"
    return templates.joinpath(*name.split("/")).read_text(encoding="utf-8")
