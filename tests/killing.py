"""Commands that are killed at a chosen statement, and what they had written until then.

A command is a Python expression on `config`, `commands`, `Course`, `premake`, `adopt`,
`load(file)` for a plan, and `now(year, month, day)`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

import shardctl
from shardctl.lifecycle.adopt import adopt
from shardctl.lifecycle.premake import premake
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from shardctl.migrate.plan import saved
from tests.nursery import Nursery
from tests.project import Project
from tests.servers import Own

_WRITES = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?"
    r"(?:ALTER|CREATE|DROP|RENAME|INSERT|UPDATE|DELETE|REPLACE|BEGIN|COMMIT)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Trial:
    """What became of one process: killed, or through with its command after so many writes."""

    killed: bool
    exit_code: int
    writes: tuple[str, ...]


def spaced(project: Project, every: int, *, first: int = 0) -> dict[str, int]:
    """At which writes to kill: a trial on a server takes long, so MariaDB's lie between MySQL's.

    Args:
        every: how many writes lie between two kills.
        first: the earliest of them.
    """
    between = project.database.dialect.name == "mariadb"
    return {"first": first + between * (every // 2), "every": every}


@dataclass(frozen=True)
class Trials:
    """Commands of one project; what is killed is a process of its own."""

    nursery: Nursery
    folder: Path

    def run(self, command: str, *, kill_at: int | None = None) -> Trial:
        """Run a command.

        Args:
            kill_at: the writing statement or the file put in its place, counted from 0, before
                which the process is killed.
        """
        asked = {"folder": str(self.folder), "command": command, "kill_at": kill_at}
        child = self.nursery.start("tests.killing", json.dumps(asked))
        out, err = child.communicate()
        killed = child.wait() == -signal.SIGKILL
        assert killed or not err, err
        return Trial(killed, child.wait(), tuple(json.loads(line) for line in out.splitlines()))

    def crashed(self, command: str, server: Own, *, at: int) -> tuple[str, ...]:
        """Run a command in whose midst the server is killed, and start that again.

        Args:
            at: the writing statement before which it is killed, counted from 0.

        Returns:
            What the command had written; its process must have ended by itself, with an error.
        """
        asked = {"folder": str(self.folder), "command": command, "kill_at": at}
        asked["server"] = server.process.pid
        child = self.nursery.start("tests.killing", json.dumps(asked))
        out, err = child.communicate()
        assert (child.wait(), bool(err)) == (1, True)
        server.process.wait()
        server.restart()
        return tuple(json.loads(line) for line in out.splitlines())

    def through(self, command: str) -> Trial:
        """Run a command that nothing disturbs."""
        trial = self.run(command)
        assert trial.exit_code == 0
        return trial

    def again(self, command: str) -> None:
        """Run a command that nothing disturbs here: a process of its own costs as much again."""
        _carry_out(self.folder, command)

    def killed(
        self,
        command: str,
        *,
        first: int = 0,
        every: int,
        before: Callable[[], object] = lambda: None,
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Kill a command again and again, each time later, until it is through before that.

        Args:
            first: the first write at which it is killed, counted from 0.
            every: how many writes lie between two kills.
            before: what is to be done before each time.

        Yields:
            The write before which it was killed, and the last one that it did; the last time
            it was through before that.
        """
        for kill_at in count(first, every):
            before()
            trial = self.run(command, kill_at=kill_at)
            yield kill_at, trial.writes[-1:]
            if not trial.killed:
                assert len(trial.writes) <= kill_at
                break


def _main(asked: dict[str, object]) -> None:
    writes, turn = count(), threading.Lock()

    def write(what: str) -> None:
        if threading.current_thread().name == "shardctl heartbeat":
            return
        with turn:
            if next(writes) == asked["kill_at"]:
                kill()
            os.write(1, json.dumps(" ".join(what.split())[:80]).encode() + b"\n")

    def kill() -> None:
        """The server, where its process is named; what is asked of it then fails."""
        server = asked.get("server")
        os.kill(os.getpid() if server is None else int(str(server)), signal.SIGKILL)

    def before(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if _WRITES.match(statement):
            write(statement)

    def audit(name: str, arguments: tuple[object, ...]) -> None:
        if name == "os.rename" or (name == "open" and arguments[1] in ("a", "w", "x")):
            write(f"{name} {arguments[0]}")

    event.listen(Engine, "before_cursor_execute", before)
    sys.addaudithook(audit)
    _carry_out(Path(str(asked["folder"])), str(asked["command"]))


def _carry_out(folder: Path, command: str) -> None:
    config = shardctl.load(folder / "shardctl.toml")
    names = {"config": config, "commands": commands, "premake": premake, "adopt": adopt}
    names["load"] = lambda file: saved.load(Path(file))
    names["Course"] = Course
    eval(command, names | {"now": partial(datetime, tzinfo=UTC)})


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]))
