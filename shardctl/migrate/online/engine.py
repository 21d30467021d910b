"""Which tool rebuilds big tables, from which size on; and what such a tool is asked and tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol, TypeAlias, get_args

from sqlalchemy import URL, Connection

from shardctl.catalog import Member
from shardctl.dialects import Size
from shardctl.errors import ConfigError
from shardctl.migrate.learn.trial import Step

EngineName: TypeAlias = Literal["pt-osc", "gh-ost"]

_UNITS: Final = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}


@dataclass(frozen=True, slots=True)
class Online:
    """What the user says of it.

    Attributes:
        engine: the tool.
        threshold: a table of at least so many bytes, data and indexes by the server's estimate,
            is handed to the tool for a step that rebuilds it; smaller ones the server alters.
    """

    engine: EngineName
    threshold: int = 1024**3

    def does(self, member: Member, step: Step) -> bool:
        """Whether a step is of the tool's kind: it rebuilds a table, and no template, empty as it
        is."""
        is_template = bool(member.family) and member.month is None
        rebuilds = step.algorithm is not None and step.algorithm.rebuilds and not step.stops
        return rebuilds and not is_template

    def takes(self, size: Size | None) -> bool:
        """Whether a table of this size is the tool's; one of unknown size is the server's."""
        return size is not None and size.bytes is not None and size.bytes >= self.threshold


def online_of(engine: str | None, threshold: str | None) -> Online | None:
    """What is said as text; None where no tool is named.

    Args:
        threshold: such as `1GiB`, `500MB` or a number of bytes; None: 1 GiB.

    Raises:
        ConfigError: it cannot be read, or only the size is said.
    """
    if engine is None:
        if threshold is not None:
            raise ConfigError(f"online_from={threshold}: say which tool as well: {_named()}")
        return None
    for name in get_args(EngineName):
        if name == engine:
            return Online(name) if threshold is None else Online(name, size_of(threshold))
    raise ConfigError(f"online={engine}: it is one of {_named()}")


def tool_of(statement: str | None) -> EngineName | None:
    """The tool that a statement in the ledger was handed to; None: the server carried it out."""
    word, _, _ = (statement or "").partition(": ")
    return next((name for name in get_args(EngineName) if name == word), None)


def size_of(text: str) -> int:
    """The bytes that a text such as `1GiB`, `1.5 TB` or `4096` means.

    Raises:
        ConfigError: it is no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]*)", text.strip(), re.ASCII)
    units = {unit.lower(): factor for unit, factor in _UNITS.items()}
    if match is None or match[2].lower() not in units:
        raise ConfigError(f"online_from={text}: it is to look like 1GiB, 500MB or 1048576 (bytes)")
    return int(float(match[1]) * units[match[2].lower()])


def _named() -> str:
    return ", ".join(get_args(EngineName))


@dataclass(frozen=True, slots=True)
class Limits:
    """What the tool is to respect meanwhile, as the server's own statements do.

    Attributes:
        lock_wait: seconds that its statements wait for others' locks.
        max_threads_running: with more sessions at work it pauses; None: the tool's own default.
    """

    lock_wait: int
    max_threads_running: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One table to be altered.

    Attributes:
        url: of its database.
        login: the file that has user and password, for the tool alone to read.
        specification: what stands behind ALTER TABLE.
        settings: variables that the tool's sessions are to have, with their values as text.
    """

    url: URL
    login: Path
    table: str
    specification: str
    settings: Mapping[str, str]
    limits: Limits

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.url.database or ""

    @property
    def pause(self) -> Path:
        """The file that has the tool pause as long as it is there."""
        return self.login.with_name("pause")


class Engine(Protocol):
    """One such tool."""

    binary: ClassVar[str]
    """What it is called on PATH."""
    install: ClassVar[str]
    """How to get it, in words."""
    keeps_zone: ClassVar[bool]
    """Whether its ALTER runs in the time zone that the job names."""

    def obstacle(self, connection: Connection, url: URL) -> str:
        """Why it cannot work on this server at all, in words; "" where it can."""

    def login(self, url: URL) -> str:
        """The text of its login file.

        Raises:
            ConfigError: the tool's format cannot hold this user or password.
        """

    def command(self, job: Job) -> list[str]:
        """Its command line, without the password."""

    def progress(self, line: str) -> tuple[int | None, str] | None:
        """How far it is, in percent where that is told, and its words; None: no such line."""

    def has_succeeded(self, job: Job, code: int, lines: Sequence[str]) -> bool:
        """Whether it says, by its words and its exit code, that the table is altered."""
