"""Real MySQL and MariaDB servers for the suite: found, or started and stopped again.

For each of the two the first of these that is there:

1. its URL in ``SHARDCTL_TEST_URLS`` (SQLAlchemy URLs, separated by blanks or commas; the user
   must be allowed to create databases and users),
2. a binary (``SHARDCTL_MYSQLD``, else ``mysqld`` and ``mariadbd`` in ``PATH`` or ``/usr/sbin``),
   started on a data directory, a socket and a port of its own,
3. a container, where Docker answers.

``python -m tests.servers`` says which it would be. Where MariaDB or the Percona Toolkit is missing
on a Debian-like machine and the user is root, it installs it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import ER
from sqlalchemy import make_url

FLAVOURS = ("mysql", "mariadb")
IMAGES = {"mysql": "mysql:9", "mariadb": "mariadb:10.11"}
START_SECONDS = 60.0
TOOL = "pt-online-schema-change"
NO_TOOL = f"no {TOOL}: install percona-toolkit"

# No test survives a power failure, so nothing is forced to the disk: each DDL statement would be.
FAST = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=64M",
    # MySQL's log has threads of its own that wait by spinning: two fifths of a DDL statement's
    # CPU. https://dev.mysql.com/doc/refman/8.4/en/innodb-parameters.html, innodb_log_writer_threads
    "--loose-innodb-log-writer-threads=OFF",
)


class Unusable(Exception):
    """A server was named or found but cannot be used; the message says which, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``url`` is an SQLAlchemy URL of it, of a user who may do everything."""

    flavour: str
    url: str

    def connect(self) -> Any:
        """A PyMySQL connection in autocommit; raises `pymysql.OperationalError`."""
        arguments = make_url(self.url).translate_connect_args(username="user")
        return pymysql.connect(**arguments, charset="utf8mb4", autocommit=True, ssl_disabled=True)

    def database(self, name: str) -> str:
        """The URL of one database on this server.

        Without TLS: PyMySQL loads all of the system's certificates for each connection, which
        takes as long as a whole test may.
        """
        query = {"charset": "utf8mb4", "ssl_disabled": "true"}
        url = make_url(self.url).set(database=name).update_query_dict(query)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The URL of a new database; it is dropped at the end, whoever still holds it."""
        name = f"shardctl_test_{uuid.uuid4().hex[:12]}"
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield self.database(name)
        finally:
            with closing(self.connect()) as connection, connection.cursor() as cursor:
                self._drop(cursor, name)

    def _drop(self, cursor: Any, name: str) -> None:
        """Drop a database; sessions are killed where they stand in the way, and only there."""
        cursor.execute("SET SESSION lock_wait_timeout = 1")
        try:
            cursor.execute(f"DROP DATABASE {name}")
        except pymysql.OperationalError as error:
            if error.args[0] != ER.LOCK_WAIT_TIMEOUT:
                raise
            cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", (name,))
            for (session,) in cursor.fetchall():
                self._kill(cursor, session)
            cursor.execute("SET SESSION lock_wait_timeout = 10")
            cursor.execute(f"DROP DATABASE {name}")

    @staticmethod
    def _kill(cursor: Any, session: int) -> None:
        try:
            cursor.execute(f"KILL {session}")
        except pymysql.OperationalError as error:
            if error.args[0] != ER.NO_SUCH_THREAD:  # it went by itself meanwhile
                raise


@contextmanager
def user_with(server: Server, database: str, privileges: str) -> Iterator[str]:
    """The URL of a database for a user of its own with certain privileges."""
    user = f"u_{database[-12:]}"
    # MariaDB's own set-up has an anonymous user at localhost, who comes before one of anywhere.
    accounts = (user, f"{user}@localhost")
    with closing(server.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER " + ", ".join(f"{a} IDENTIFIED BY 'hunter2'" for a in accounts))
        try:
            cursor.execute(f"GRANT {privileges} ON {database}.* TO {', '.join(accounts)}")
            url = make_url(server.database(database)).set(username=user, password="hunter2")
            yield url.render_as_string(hide_password=False)
        finally:
            cursor.execute(f"DROP USER {', '.join(accounts)}")


def acquire(environ: Mapping[str, str], stack: ExitStack) -> dict[str, Server]:
    """The servers that can be had, by flavour; what is started here ends with `stack`.

    Raises `Unusable` where one is named or found and does not work: the next source is no
    substitute for what was asked for.
    """
    given = _given(environ)
    local = _binaries(environ)
    servers = {}
    for flavour in FLAVOURS:
        if flavour in given:
            servers[flavour] = given[flavour]
        elif flavour in local:
            started = stack.enter_context(_started(flavour, local[flavour], FAST))
            servers[flavour] = started.server
        elif _docker_answers():
            servers[flavour] = stack.enter_context(_container(flavour))
    return servers


@contextmanager
def private(flavour: str, environ: Mapping[str, str], *options: str) -> Iterator[Own]:
    """A server of one's own, with its default settings but for some options.

    Raises `Unusable` where there is no binary to start.
    """
    binary = _binaries(environ).get(flavour)
    if binary is None:
        raise Unusable(missing(flavour))
    with _started(flavour, binary, options) as started:
        yield started


def has_tool() -> bool:
    """Whether pt-online-schema-change is there."""
    return shutil.which(TOOL) is not None


def missing(flavour: str) -> str:
    """One line on what to do about a server that cannot be had."""
    package = {"mysql": "mysql-server", "mariadb": "mariadb-server"}[flavour]
    return (
        f"no {flavour} server: install {package} or Docker, "
        f"or set SHARDCTL_MYSQLD (a mysqld) or SHARDCTL_TEST_URLS"
    )


def _given(environ: Mapping[str, str]) -> dict[str, Server]:
    servers: dict[str, Server] = {}
    for url in environ.get("SHARDCTL_TEST_URLS", "").replace(",", " ").split():
        try:
            with closing(Server("", url).connect()) as connection:
                flavour = _flavour(connection.get_server_info())
        except pymysql.OperationalError as error:
            raise Unusable(f"{make_url(url)} of SHARDCTL_TEST_URLS: {error}") from error
        if flavour in servers:
            raise Unusable(f"SHARDCTL_TEST_URLS names more than one {flavour} server")
        servers[flavour] = Server(flavour, url)
    return servers


def _binaries(environ: Mapping[str, str]) -> dict[str, str]:
    """The binary of each flavour, judged by ``--version``: Debian's ``mysqld`` is MariaDB's."""
    path = os.pathsep.join((environ.get("PATH", os.defpath), "/usr/sbin"))
    found: dict[str, str] = {}
    for name in (environ.get("SHARDCTL_MYSQLD"), "mysqld", "mariadbd"):
        if binary := name and shutil.which(name, path=path):
            version = subprocess.run([binary, "--version"], capture_output=True, text=True)
            if version.returncode == 0:
                found.setdefault(_flavour(version.stdout), binary)
    return found


def _flavour(version: str) -> str:
    return "mariadb" if "mariadb" in version.lower() else "mysql"


@dataclass
class Own:
    """A server that we have started, and may end and start again; its data stay.

    Attributes:
        server: the running server.
        command: what starts it.
        log: what it says.
        process: it.
    """

    server: Server
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def started(cls, server: Server, command: Sequence[str], log: Path) -> Own:
        """One that lets us in."""
        own = cls(server, command, log, _popen(command, log))
        own.awaited()
        return own

    def crash(self) -> None:
        """End it as a failing machine does: it can write nothing more."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again after a crash; return when it lets us in."""
        self.process = _popen(self.command, self.log)
        self.awaited()

    def awaited(self) -> None:
        try:
            _await(self.server, lambda: self.process.poll() is None, self.log.read_text)
        except Unusable:
            self.crash()
            raise


@contextmanager
def _started(flavour: str, binary: str, options: Iterable[str]) -> Iterator[Own]:
    """A server on a data directory, a socket and a port of its own."""
    with tempfile.TemporaryDirectory(prefix="shardctl-", ignore_cleanup_errors=True) as folder:
        data, log = Path(folder, "data"), Path(folder, "log")
        # A MariaDB that starts, or makes its data directory, removes what looks like a temporary
        # table in its tmpdir, another server's too, which then crashes (ha_maria::drop_table).
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        with log.open("wb") as output:
            _install(flavour, binary, data, temporary, output)
        port = _free_port()
        command = [
            *_ends_with_us(),
            *_without_defaults(binary),
            *options,
            f"--datadir={data}",
            f"--tmpdir={temporary}",
            f"--socket={folder}/socket",
            f"--pid-file={folder}/pid",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            *_user(),
        ]
        server = Server(flavour, f"mysql+pymysql://root@127.0.0.1:{port}/")
        started = Own.started(server, command, log)
        try:
            yield started
        finally:
            started.crash()


def _popen(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    # In a session of its own: Ctrl-C is for the tests; they end the server after it.
    with log.open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


def _install(flavour: str, binary: str, data: Path, temporary: Path, output: Any) -> None:
    if flavour == "mysql":
        command = [*_without_defaults(binary), "--initialize-insecure", f"--datadir={data}"]
    else:
        command = ["mariadb-install-db", "--no-defaults", f"--datadir={data}"]
        command += [f"--tmpdir={temporary}"]
        command += ["--auth-root-authentication-method=normal", "--skip-test-db"]
    done = subprocess.run([*command, *_user()], stdout=output, stderr=output)
    if done.returncode != 0:
        log = Path(output.name).read_text(errors="replace")
        raise Unusable(f"{binary} could not make a data directory:\n{log[-2000:]}")


def _without_defaults(binary: str) -> list[str]:
    """The machine's my.cnf must not count. A wrapper script says ``--no-defaults`` itself: it
    has to be the first option, and only the first."""
    with Path(binary).open("rb") as file:
        is_script = file.read(2) == b"#!"
    return [binary] if is_script else [binary, "--no-defaults"]


def _ends_with_us() -> list[str]:
    """On Linux the kernel ends the server when the tests are killed with no chance to do it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "info"], capture_output=True).returncode == 0


@contextmanager
def _container(flavour: str) -> Iterator[Server]:
    from testcontainers.core.container import DockerContainer  # half a second, seldom needed

    empty = {"mysql": "MYSQL_ALLOW_EMPTY_PASSWORD", "mariadb": "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD"}
    container = DockerContainer(IMAGES[flavour], tmpfs={"/var/lib/mysql": "rw"})
    container.with_env(empty[flavour], "1").with_exposed_ports(3306).with_command(list(FAST))
    with container:
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(3306)}"
        server = Server(flavour, f"mysql+pymysql://root@{address}/")
        wrapped = container.get_wrapped_container()

        def running() -> bool:
            wrapped.reload()
            return bool(wrapped.status == "running")

        _await(server, running, lambda: wrapped.logs().decode(errors="replace"))
        yield server


def _await(server: Server, running: Callable[[], bool], log: Callable[[], str]) -> None:
    """Return as soon as the server lets us in; raise when it has died or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.connect().close()
        except pymysql.OperationalError as error:
            if not running() or time.monotonic() > deadline:
                raise Unusable(f"{server.flavour} did not start:\n{log()[-2000:]}") from error
            time.sleep(0.05)  # between two looks
        else:
            return


def main() -> int:
    """Say where each server would come from, and install what is missing where that may be done."""
    for flavour in FLAVOURS:
        source = _source(flavour)
        if source is None and flavour == "mariadb" and os.geteuid() == 0 and _has_apt():
            print("mariadb: installing mariadb-server")
            _install_package("mariadb-server")
            source = _source(flavour)
        print(f"{flavour}: {source}" if source else missing(flavour))
    if not has_tool() and os.geteuid() == 0 and _has_apt():
        print("pt-online-schema-change: installing percona-toolkit")
        _install_package("percona-toolkit")
    print(f"pt-online-schema-change: {shutil.which(TOOL)}" if has_tool() else NO_TOOL)
    return 0


def _install_package(name: str) -> None:
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in ("update -q", f"install -y -q --no-install-recommends {name}"):
        subprocess.run(["apt-get", *words.split()], env=environ, check=True)


def _source(flavour: str) -> str | None:
    """Where a run would have this server from; None where it has none."""
    if given := _given(os.environ).get(flavour):
        return make_url(given.url).render_as_string()
    return _binaries(os.environ).get(flavour) or (IMAGES[flavour] if _docker_answers() else None)


def _has_apt() -> bool:
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unusable as error:
        sys.exit(str(error))
