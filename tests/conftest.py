"""Fixtures: fresh databases on SQLite, MariaDB and MySQL, and the command line.

A test asks for ``url`` to run on all three, ``server_url`` for the two servers, ``turn_url`` for
one of them and ``flow_url`` for SQLite besides, or for one of ``sqlite_url``, ``mariadb_url``,
``mysql_url``; each is a database of its own that ends with the test. A server that cannot be had
is a skip with the reason; with ``CI`` set it is an error.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

import hypothesis
import pytest

from tests.nursery import Nursery, opened
from tests.servers import FLAVOURS, NO_TOOL, Server, Unusable, acquire, has_tool, missing

# Three processes share two cores with two servers: an example that took long has proved nothing.
hypothesis.settings.register_profile("shardctl", deadline=None)
hypothesis.settings.load_profile("shardctl")

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 2**30

LONGEST = (
    *("test_store_storm", "test_kill", "test_mint", "test_every_op", "test_two_roads_migrated"),
    *("test_plan", "test_patience", "test_steps", "test_kill_lifecycle", "test_packaging"),
    *("test_gene_fuzz", "test_kill_server", "test_backfill", "test_online", "test_lint"),
)
"""They begin, so that in the end no process is at a long test while the others have none."""

SETTINGS = pytest.StashKey[Mapping[str, str]]()
SERVERS = pytest.StashKey[dict[str, Server]]()


def pytest_configure(config: pytest.Config) -> None:
    """What the developer has set for shardctl, or a shell for Ctrl-C, must not matter to a test."""
    given = getattr(config, "workerinput", {"settings": dict(os.environ)})
    config.stash[SETTINGS] = given["settings"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored behind `&` in a script
    for name in [name for name in os.environ if name.startswith("SHARDCTL_")]:
        del os.environ[name]
    # A revision that is written twice within a second would be taken from the first one's bytecode.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    _stay_in_memory()


def _stay_in_memory() -> None:
    """Files of tests and servers go where nothing waits for a disk: MariaDB forces each DDL
    statement to it, SQLite each commit, and no test survives a power failure."""
    usable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    if "TMPDIR" not in os.environ and usable and shutil.disk_usage(MEMORY).free >= ENOUGH:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_sessionstart(session: pytest.Session) -> None:
    """In CI a skipped server would look green: find that out before the first test."""
    if session.config.stash[SETTINGS].get("CI"):
        for flavour in FLAVOURS:
            if flavour not in _servers(session.config):
                pytest.exit(missing(flavour), returncode=pytest.ExitCode.USAGE_ERROR)
        if not has_tool():
            pytest.exit(NO_TOOL, returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded here stays: garbage is not looked for in it, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Under xdist the servers belong to the controller; each worker is told their URLs.

    And what was set for the tests: the environment that it inherits is bare of it.
    """
    node.workerinput["settings"] = dict(node.config.stash[SETTINGS])
    node.workerinput["servers"] = {
        flavour: server.url for flavour, server in _servers(node.config).items()
    }


def _servers(config: pytest.Config) -> dict[str, Server]:
    """The servers of this run, started when they are first asked for."""
    if SERVERS not in config.stash:
        if hasattr(config, "workerinput"):
            urls: dict[str, str] = config.workerinput["servers"]
            config.stash[SERVERS] = {f: Server(f, url) for f, url in urls.items()}
        else:
            stack = ExitStack()
            config.add_cleanup(stack.close)
            try:
                config.stash[SERVERS] = acquire(config.stash[SETTINGS], stack)
            except Unusable as error:
                pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    return config.stash[SERVERS]


def _server(config: pytest.Config, flavour: str) -> Server:
    server = _servers(config).get(flavour)
    if server is None:
        pytest.skip(missing(flavour))
    return server


@pytest.fixture(params=FLAVOURS, scope="module")
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two servers itself; a test that makes users or databases removes them."""
    return _server(request.config, request.param)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite database in a file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'shardctl.db'}"


@pytest.fixture
def mysql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on MySQL."""
    with _server(request.config, "mysql").fresh_database() as url:
        yield url


@pytest.fixture
def mariadb_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database on MariaDB."""
    with _server(request.config, "mariadb").fresh_database() as url:
        yield url


@pytest.fixture(params=FLAVOURS)
def server_url(request: pytest.FixtureRequest) -> str:
    """An empty database on each of the two servers."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", *FLAVOURS])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database on SQLite, MySQL and MariaDB."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", *FLAVOURS], scope="module")
def lasting_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database on each of the three for all tests of a module, which only read there."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('lasting') / 'shardctl.db'}"
        return
    with _server(request.config, request.param).fresh_database() as url:
        yield url


@pytest.fixture
def turn_url(request: pytest.FixtureRequest) -> str:
    """An empty database on one of the two servers: each has half of the tests.

    For the course of a command, which is the same code on both; what their statements do, and
    what they tell, is tested on both.
    """
    flavour = FLAVOURS[crc32(request.node.originalname.encode()) % len(FLAVOURS)]
    url: str = request.getfixturevalue(f"{flavour}_url")
    return url


@pytest.fixture(params=["sqlite", "turn"])
def flow_url(request: pytest.FixtureRequest) -> str:
    """The same, and one on SQLite."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def pt_osc() -> None:
    """pt-online-schema-change is there."""
    if not has_tool():
        pytest.skip(NO_TOOL)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """A process that has everything loaded, and starts others in no time."""
    with opened() as nursery:
        yield nursery


RunCli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_cli(tmp_path: Path, nursery: Nursery) -> RunCli:
    """``run_cli("status", "--json")`` runs the command line in a process of its own.

    ``cwd`` is the test's `tmp_path` unless given; ``env`` is added to the environment, ``input``
    goes to stdin. Exit code and texts are in the result: no code is an error by itself.
    """

    def run(
        *args: str, cwd: Path = tmp_path, env: Mapping[str, str] | None = None, input: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return nursery.start("shardctl", *args, cwd=cwd, env=env, input=input).completed(*args)

    return run


@pytest.fixture
def run_fresh(tmp_path: Path) -> RunCli:
    """The same in a process that has nothing loaded yet, as a shell starts it."""

    def run(*args: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "shardctl", *args]
        return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=False)

    return run
