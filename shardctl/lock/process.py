"""Which process this is, told so that another can find out whether it still lives."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path

_ENDED = ("Z", "X")  # one that was killed stays as a zombie until its parent asks for it


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
        pid, host = os.getpid(), socket.gethostname()
        stat = _stat(pid)
        return cls(_user(), host, _machine(host), pid, stat[1] if stat else None)

    def is_seen(self) -> bool:
        """Whether it certainly lives: it can be seen from here, and is not another of its id."""
        here = self.machine == _machine(socket.gethostname()) and os.name == "posix"
        return here and not self.is_gone()

    def is_gone(self) -> bool:
        """Whether it has certainly ended. False for a process that cannot be seen from here."""
        if self.machine != _machine(socket.gethostname()) or os.name != "posix":
            return False
        if not _answers(self.pid):
            return True
        stat = _stat(self.pid)
        if stat is None or self.started is None:
            return False
        state, started = stat
        return state in _ENDED or started != self.started


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


def _stat(pid: int) -> tuple[str, int] | None:
    """State and time of start, fields 3 and 22 of /proc/<pid>/stat (proc_pid_stat(5)).

    None where the system does not show them; not even a process that lives may be shown, when
    it is another user's (hidepid).
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in brackets, may hold anything
    return fields[0], int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
