"""Which process this is, told so that another can find out whether it still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, on any machine.

    Attributes:
        user: the name of the user who runs it.
        host: the machine's name, for people: several machines and containers may share one.
        machine: what tells process ids of different kernels and containers apart.
        pid: its process id there.
        started: when it was started, in clock ticks since the machine's boot, so that a reused
            id is told from it; None where the system does not tell (only Linux does here).
    """

    user: str
    host: str
    machine: str
    pid: int
    started: int | None

    @classmethod
    def this(cls) -> Process:
        """The process that asks."""
        pid = os.getpid()
        host = socket.gethostname()
        return cls(_user(), host, _machine(host), pid, _started(pid))

    def is_gone(self) -> bool:
        """Whether it has certainly ended. False for a process that cannot be seen from here."""
        if self.machine != _machine(socket.gethostname()):
            return False
        if self.started is not None:
            return _started(self.pid) != self.started
        return os.name == "posix" and not _answers(self.pid)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id that has no name
        return f"uid {os.getuid()}"


def _machine(host: str) -> str:
    """Linux: this boot of the kernel and the namespace of process ids; elsewhere the host's name.

    Containers that share the host's network share its name, each with a process 1 of its own.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115  it points nowhere
    except OSError:
        return host


def _started(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat (proc_pid_stat(5)); None: no such process, or one that ended.

    A process that was killed stays as a zombie until its parent asks for it.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in brackets, may hold anything
    return None if fields[0] in "ZX" else int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
