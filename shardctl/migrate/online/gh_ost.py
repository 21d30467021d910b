"""gh-ost: copies a table by chunks, and what is written meanwhile by the binary log.

What is said here of its behaviour was read in its documentation and source
(https://github.com/github/gh-ost/tree/master/doc).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from sqlalchemy import URL, Connection

from shardctl.errors import ConfigError
from shardctl.migrate.online.engine import Job

_COPY: Final = re.compile(r"Copy: \d+/\d+ (\d+)(?:\.\d+)?%;.*; ETA: (.+)")
_LONGEST_LOCK: Final = 10
"""Seconds that gh-ost takes for a lock, at most."""
_SERVER_IDS: Final = 1_000_000_000
"""From here on, as its documentation proposes, is the number by which it reads the log; no other
may bear it at the same time."""


@dataclass(frozen=True, slots=True)
class GhOst:
    """`--online gh-ost`."""

    binary: ClassVar[str] = "gh-ost"
    install: ClassVar[str] = "install it from https://github.com/github/gh-ost/releases"
    keeps_zone: ClassVar[bool] = False

    def obstacle(self, connection: Connection, url: URL) -> str:
        """It reads the binary log, by TCP."""
        if "unix_socket" in url.query:
            return "gh-ost reaches a server by host and port only, and the url names a socket"
        wanted = {"log_bin": "1", "binlog_format": "ROW", "binlog_row_image": "FULL"}
        columns = ", ".join(f"@@GLOBAL.{name}" for name in wanted)
        found = connection.exec_driver_sql(f"SELECT {columns}").one()
        for (name, value), other in zip(wanted.items(), found, strict=True):
            if str(other).upper() != value:
                return f"gh-ost needs {name}={value} on the server, which has {other}"
        return ""

    def login(self, url: URL) -> str:
        """An ini file as gopkg.in/ini.v1 reads it, which has no escapes but several quotes."""
        values = {"user": url.username, "password": url.password}
        lines = [f"{name} = {_quoted(value)}" for name, value in values.items() if value]
        return "\n".join(["[client]", *lines, ""])

    def command(self, job: Job) -> list[str]:
        """Its command line; the old table is dropped at the end, as an ALTER would."""
        limits = job.limits
        query = {name: str(value) for name, value in job.url.query.items()}
        command = [
            self.binary,
            "--execute",
            "--allow-on-master",
            "--verbose",
            "--ok-to-drop-table",
            f"--conf={job.login}",
            f"--host={job.url.host or '127.0.0.1'}",
            f"--port={job.url.port or 3306}",
            f"--database={job.database}",
            f"--table={job.table}",
            f"--alter={job.specification}",
            f"--replica-server-id={_SERVER_IDS + secrets.randbelow(_SERVER_IDS)}",
            f"--serve-socket-file={job.login.with_name('gh-ost.sock')}",
            f"--throttle-flag-file={job.pause}",
            f"--cut-over-lock-timeout-seconds={min(limits.lock_wait, _LONGEST_LOCK)}",
        ]
        if "ssl_ca" in query:
            command += ["--ssl", f"--ssl-ca={query['ssl_ca']}"]
            for name in ("ssl_cert", "ssl_key"):
                if name in query:
                    command.append(f"--{name.replace('_', '-')}={query[name]}")
        if limits.max_threads_running is not None:
            command.append(f"--max-load=Threads_running={limits.max_threads_running}")
        return command

    def progress(self, line: str) -> tuple[int | None, str] | None:
        match = _COPY.fullmatch(line)
        if match is None:
            return None
        throttled = match[2].startswith("throttled")
        return int(match[1]), match[2] if throttled else f"ETA {match[2]}"

    def has_succeeded(self, job: Job, code: int, lines: Sequence[str]) -> bool:  # noqa: ARG002
        return code == 0 and "# Done" in lines


def _quoted(value: str) -> str:
    """A value that is to be taken literally; `%(…)` and `${…}` would be replaced in any quotes."""
    if not re.search(r"[\0\r\n]|%\(|\$\{", value):
        if "`" not in value:
            return f"`{value}`"
        if '"""' not in value and not value.endswith('"'):
            return f'"""{value}"""'
    raise ConfigError(
        "online: gh-ost's file for user and password cannot hold one of yours "
        "(a line break, %(, ${, or ` together with a quotation mark): use --online pt-osc, "
        "or a user of its own for changes"
    )
