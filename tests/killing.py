"""A process that has everything loaded, forks, and kills its children at a chosen statement.

Loading takes longer than a whole upgrade; so one process loads once, and each trial is a fork
of it. It takes one JSON document a line and answers with one: see `Nursery`.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

_WRITES = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?"
    r"(?:ALTER|CREATE|DROP|RENAME|INSERT|UPDATE|DELETE|REPLACE|BEGIN|COMMIT)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Trial:
    """What became of one child: killed, or through with its command after so many writes."""

    killed: bool
    exit_code: int
    writes: tuple[str, ...]


@dataclass(frozen=True)
class Nursery:
    """The loaded process."""

    process: subprocess.Popen[str]

    def run(self, folder: Path, command: str, *, kill_at: int | None = None) -> Trial:
        """Run a command of a project in a child.

        Args:
            command: a Python expression on `config`, `commands`, `premake`, `adopt`, and
                `now(year, month, day)`.
            kill_at: the writing statement or the file put in its place, counted from 0, before
                which the child is killed.
        """
        assert self.process.stdin
        assert self.process.stdout
        number = secrets.token_hex(4)
        asked = {"number": number, "folder": str(folder), "command": command, "kill_at": kill_at}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        # A test that was stopped while it waited has left its answer behind.
        answer = json.loads(self.process.stdout.readline())
        while answer["number"] != number:
            answer = json.loads(self.process.stdout.readline())
        return Trial(answer["killed"], answer["exit_code"], tuple(answer["writes"]))


@contextmanager
def nursery() -> Iterator[Nursery]:
    """The loaded process, for the length of a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.killing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=Path(__file__).parent.parent,
    )
    with process:
        yield Nursery(process)
        assert process.stdin
        process.stdin.close()


def _child(asked: dict[str, Any], pipe: int) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    import shardctl
    from shardctl.lifecycle.adopt import adopt
    from shardctl.lifecycle.premake import premake
    from shardctl.migrate import commands

    main, count = threading.get_ident(), 0

    def write(what: str) -> None:
        nonlocal count
        if threading.get_ident() == main:
            if count == asked["kill_at"]:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
            os.write(pipe, json.dumps(" ".join(what.split())[:80]).encode() + b"\n")

    def before(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if _WRITES.match(statement):
            write(statement)

    def audit(name: str, arguments: tuple[object, ...]) -> None:
        if name == "os.rename" or (name == "open" and arguments[1] in ("a", "w", "x")):
            write(f"{name} {arguments[0]}")

    event.listen(Engine, "before_cursor_execute", before)
    sys.addaudithook(audit)
    config = shardctl.load(Path(asked["folder"]) / "shardctl.toml")
    names = {"config": config, "commands": commands, "premake": premake, "adopt": adopt}
    eval(asked["command"], names | {"now": partial(datetime, tzinfo=UTC)})


def _serve() -> None:
    for module in ("pymysql", "shardctl.lifecycle.adopt", "shardctl.lifecycle.premake"):
        import_module(module)
    for line in sys.stdin:
        asked = json.loads(line)
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(read)
                _child(asked, write)
                code = 0
            except BaseException as error:  # noqa: BLE001  the child's last word, whatever it is
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            writes = [json.loads(text) for text in pipe]
        _, status = os.waitpid(pid, 0)
        answer = {
            "number": asked["number"],
            "killed": os.WIFSIGNALED(status),
            "exit_code": -1 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            "writes": writes,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve()
