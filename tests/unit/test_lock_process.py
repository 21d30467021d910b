"""Whether a process still lives, asked from another one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from shardctl.lock.process import Process


def test_a_process_that_asks_is_not_gone() -> None:
    assert not Process.this().is_gone()
    assert Process.this() == Process.this()


def test_a_process_that_ended_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        ended = replace(Process.this(), pid=child.pid)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert ended.is_gone()  # nobody has asked for it yet: it is a zombie
    assert ended.is_gone()


def test_another_process_with_the_same_id_is_told_from_it() -> None:
    me = Process.this()
    assert me.started is not None
    assert replace(me, started=me.started - 1).is_gone()


def test_a_process_of_another_machine_is_never_known_to_be_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert not replace(Process.this(), machine="another", pid=child.pid).is_gone()
