"""Processes that have everything loaded: forks of one that has, each with its own streams.

Loading takes longer than most of what a command does. So one process loads once, and each
`python -m …` of a test is a fork of it: a process of its own in all that a test can see.
The loaded process takes one JSON document a line and answers each with one.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from shardctl import cli, lifecycle, migrate

ROOT = Path(__file__).parent.parent
LOADED = (
    *("alembic.config", "pymysql", "rich.progress", "sqlglot", "sqlite3", "typer._adapters"),
    *("sqlalchemy.dialects.mysql.pymysql", "sqlalchemy.dialects.sqlite.pysqlite"),
    *("sqlglot.dialects.mysql", "sqlglot.dialects.sqlite", "pydantic.plugin._loader"),
    *("concurrent.futures.thread", "encodings.idna", "encodings.utf_8_sig", "typer._click.core"),
    *("importlib.resources.readers", "shardctl.store", "sqlalchemy.orm", "zoneinfo"),
)
"""Beside the modules of the commands: what these load when it comes to that."""


@dataclass
class Child:
    """A process under way; used as `subprocess.Popen` is.

    Attributes:
        returncode: its exit code, or the negative number of the signal that ended it; None as
            long as it is not known to have ended.
    """

    nursery: Nursery
    pid: int
    streams: Path
    returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        if self.returncode is None:
            self.returncode = self.nursery.ask({"pid": self.pid, "wait": False})
        return self.returncode

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        if self.returncode is None:
            self.returncode = self.nursery.ask({"pid": self.pid, "wait": True})
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[str, str]:
        """What it has written to stdout and stderr, when it has ended."""
        self.wait()
        out, err = ((self.streams / name).read_text("utf-8") for name in ("out", "err"))
        return out, err

    def completed(self, *args: str) -> subprocess.CompletedProcess[str]:
        """How it ended, as `subprocess.run` gives it."""
        out, err = self.communicate()
        return subprocess.CompletedProcess(args, self.wait(), out, err)


@dataclass
class Nursery:
    """The loaded process, and a folder for the streams of its forks."""

    process: subprocess.Popen[str]
    folder: Path
    asked: int = field(default=0)

    def start(
        self,
        *args: str,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
        input: str = "",
    ) -> Child:
        """`python -m` with these arguments.

        Args:
            env: what is added to the environment.
            input: what is to be read from stdin.
        """
        streams = Path(tempfile.mkdtemp(dir=self.folder))
        (streams / "in").write_text(input, "utf-8")
        environ = {**os.environ, "COLUMNS": "120", **(env or {})}
        asked = {"args": args, "cwd": str(cwd), "env": environ, "streams": str(streams)}
        return Child(self, self.ask(asked), streams)

    def ask(self, question: Mapping[str, Any]) -> Any:
        """One question and its answer."""
        assert self.process.stdin
        assert self.process.stdout
        self.asked += 1
        self.process.stdin.write(json.dumps({"number": self.asked, **question}) + "\n")
        self.process.stdin.flush()
        # A test that was stopped while it waited has left its answer behind.
        while (answer := json.loads(self.process.stdout.readline()))["number"] != self.asked:
            pass
        return answer["answer"]


@contextmanager
def opened() -> Iterator[Nursery]:
    """The loaded process, for the length of a block; forks that are left end with it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
            cwd=ROOT,
        ) as process,
    ):
        yield Nursery(process, Path(folder))
        assert process.stdin
        process.stdin.close()


def _serve() -> dict[str, Any] | None:
    """Answer until nobody asks any more; in a fork: what it is to do."""
    ours = [
        module.name
        for package in (cli, lifecycle, migrate)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    for module in (*LOADED, *ours):
        with suppress(ModuleNotFoundError):  # it is loaded when it is needed, or never
            import_module(module)
    gc.freeze()  # else a fork's first collection copies all of it
    alive = set[int]()
    for line in sys.stdin:
        asked = json.loads(line)
        if "pid" in asked:
            pid, status = os.waitpid(asked["pid"], 0 if asked["wait"] else os.WNOHANG)
            alive -= {pid}
            answer = os.waitstatus_to_exitcode(status) if pid else None
        elif answer := os.fork():
            alive.add(answer)
        else:
            return asked
        print(json.dumps({"number": asked["number"], "answer": answer}), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return None


def _become(asked: dict[str, Any]) -> None:
    """`python -m` with what was asked for, in a fork."""
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    modes = ("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY)
    for number, (name, mode) in enumerate(modes):
        opened = os.open(Path(asked["streams"], name), mode | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the tests ignore it
    sys.path[0] = asked["cwd"]
    sys.argv[1:] = asked["args"][1:]
    try:
        runpy.run_module(asked["args"][0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  the process's last word, whatever it is
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)  # taking apart all that was loaded takes as long as loading it


if __name__ == "__main__":
    if todo := _serve():
        _become(todo)
