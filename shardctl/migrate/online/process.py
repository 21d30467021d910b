"""A tool under way: its lines as they come, and its end, by itself or because it is told to.

It runs in a session of its own: Ctrl-C on the terminal is ours to pass on. When we are killed, it
is told to end on Linux; elsewhere it goes on, and the next run finds its tables in its way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final

GRACE: Final = 30.0
"""Seconds that a tool is given to end when it is told to; it waits for its statement first."""
KEPT: Final = 200
"""So many of its last lines are kept."""
_LOOK: Final = 2.0
"""Seconds between two calls of `look`."""
_TICK: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a tool ended.

    Attributes:
        code: its exit code; negative: the signal that ended it.
        lines: its last words, of both outputs.
        stopped: whether it was told to end.
    """

    code: int
    lines: tuple[str, ...]
    stopped: bool


def run(
    command: Sequence[str],
    *,
    heard: Callable[[str], None],
    stop: Callable[[], bool],
    look: Callable[[], None],
) -> Ended:
    """Run a tool to its end.

    Args:
        heard: given each of its lines.
        stop: asked all the time whether it is to end.
        look: called at once and every few seconds; what it raises ends the tool, and is raised
            again.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(
        [*_ends_with_us(), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    assert process.stdout is not None
    queue: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            queue.put(line.rstrip())
        queue.put(None)

    reader = threading.Thread(target=read, name="shardctl online", daemon=True)
    reader.start()
    lines: deque[str] = deque(maxlen=KEPT)
    stopped = False
    kill_at = look_at = time.monotonic()
    try:
        while True:
            with suppress(Empty):
                line = queue.get(timeout=_TICK)
                if line is None:
                    break
                if line:
                    lines.append(line)
                    heard(line)
            now = time.monotonic()
            if not stopped and stop():
                stopped, kill_at = True, now + GRACE
                process.terminate()
            if stopped and now > kill_at:
                process.kill()
            if not stopped and now >= look_at:
                look_at = now + _LOOK
                look()
        return Ended(process.wait(), tuple(lines), stopped)
    finally:
        _end(process)
        reader.join()
        process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    """End a tool that still runs, as something was raised."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ends_with_us() -> list[str]:
    """What the command is started by, so that the kernel ends it when this thread is no more.

    That nobody reads its lines any more does not end it: MariaDB's client library, which Perl
    loads, has SIGPIPE ignored.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _environment() -> dict[str, str]:
    """Ours, without what makes the toolkit print all that it does, the password among it."""
    silent = {name: value for name, value in os.environ.items() if name != "PTDEBUG"}
    return silent | {"LC_ALL": "C.UTF-8"}
