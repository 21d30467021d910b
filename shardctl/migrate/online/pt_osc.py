"""pt-online-schema-change of the Percona Toolkit: copies a table by triggers and chunks.

What is said here of its behaviour was seen with 3.2.1, which Debian has, and read in 3.5.7's
source. Options of the user's own configuration files hold beside ours
(https://docs.percona.com/percona-toolkit/configuration_files.html).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from sqlalchemy import URL, Connection

from shardctl.errors import ConfigError
from shardctl.migrate.online.engine import Job

_COPYING: Final = re.compile(r"Copying .+:\s+(\d+)% (.+)")
_PAUSING: Final = re.compile(r"Pausing because .+")
_ABORTS_AT_LEAST: Final = 50
"""The tool's default for the running threads at which it gives up; it pauses at 25."""


@dataclass(frozen=True, slots=True)
class PtOsc:
    """`--online pt-osc`."""

    binary: ClassVar[str] = "pt-online-schema-change"
    install: ClassVar[str] = "install the Percona Toolkit (Debian: apt-get install percona-toolkit)"
    keeps_zone: ClassVar[bool] = True

    def obstacle(self, connection: Connection, url: URL) -> str:  # noqa: ARG002
        """None that is known."""
        return ""

    def login(self, url: URL) -> str:
        """An option file of MySQL's (https://dev.mysql.com/doc/refman/8.4/en/option-files.html)."""
        # Like PyMySQL; the C library takes localhost for a socket.
        host = "127.0.0.1" if url.host in (None, "localhost") else url.host
        options: dict[str, str | None] = {"user": url.username, "password": url.password}
        if socket := _query(url, "unix_socket"):
            options["socket"] = socket
        else:
            options |= {"host": host, "port": str(url.port or 3306)}
        for name in ("ssl_ca", "ssl_cert", "ssl_key"):
            options[name.replace("_", "-")] = _query(url, name)
        lines = [f"{name}={_quoted(value)}" for name, value in options.items() if value]
        return "\n".join(["[client]", *lines, ""])

    def command(self, job: Job) -> list[str]:
        """Its command line (https://docs.percona.com/percona-toolkit/pt-online-schema-change.html).

        The tool says nothing but a warning where a server does not know a time zone, and goes on
        in another: it gets what the server has called a session's own.
        """
        limits = job.limits
        settings = [f"lock_wait_timeout={limits.lock_wait}"]
        for name, value in job.settings.items():
            escaped = value.replace(",", r"\,")
            settings.append(f"{name}='{escaped}'")
        command = [
            self.binary,
            "--execute",
            "--no-version-check",  # it would ask Percona's server
            "--charset=utf8mb4",
            "--progress=time,1",
            # Replicas are our concern: SHOW SLAVE HOSTS, by which the tool looks for them, is gone
            # from MySQL 8.4, and it dies of that.
            "--recursion-method=none",
            f"--pause-file={job.pause}",
            f"--alter={job.specification}",
            f"--set-vars={','.join(settings)}",
        ]
        if limits.max_threads_running is not None:
            most = limits.max_threads_running
            command += [
                f"--max-load=Threads_running={most}",
                f"--critical-load=Threads_running={max(2 * most, _ABORTS_AT_LEAST)}",
            ]
        parts = {"F": str(job.login), "D": job.database, "t": job.table}
        dsn = ",".join(f"{key}={value.replace(',', chr(92) + ',')}" for key, value in parts.items())
        return [*command, dsn]

    def progress(self, line: str) -> tuple[int | None, str] | None:
        if match := _COPYING.fullmatch(line):
            return int(match[1]), match[2]
        return (None, line) if _PAUSING.fullmatch(line) else None

    def has_succeeded(self, job: Job, code: int, lines: Sequence[str]) -> bool:
        """By its last words as well: releases have ended with 0 after their ALTER failed."""
        return code == 0 and f"Successfully altered `{job.database}`.`{job.table}`." in lines


def _query(url: URL, name: str) -> str | None:
    value = url.query.get(name)
    return value if isinstance(value, str) else None


def _quoted(value: str) -> str:
    if re.search(r"[\0\r\n]", value):
        raise ConfigError("online: an option file cannot hold a user or password with a line break")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
