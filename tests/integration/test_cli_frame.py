"""What every command has in common: options, errors in one or two lines, exit codes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

import shardctl
from shardctl import errors
from shardctl.cli import main
from shardctl.cli.session import Session
from shardctl.lifecycle.scaffold import init
from tests.conftest import RunCli

SECRET = "hunter2"
COMMANDS = [
    ("adopt", "t_order"),
    ("revision", "-m", "add room_id"),
    ("plan",),
    ("upgrade",),
    ("upgrade", "--dry-run"),
    ("downgrade", "base"),
    ("current",),
    ("history",),
    ("stamp", "head"),
    ("premake",),
    ("status",),
    ("check",),
    ("where", "2026-02-01"),
]
NO_SERVER = ("revision", "history", "where")  # where tells what it can without one
NEED_A_SERVER = [command for command in COMMANDS if command[0] not in NO_SERVER]


@dataclass(frozen=True)
class Ended:
    """How the command line ended."""

    code: object
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in this process and in `tmp_path`: a tenth of a process's time."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        return Ended(caught.value.code, *capsys.readouterr())

    return run


def refused(ended: Ended, code: int, *words: str) -> None:
    """It ended with this code, and one or two lines that hold these words."""
    lines = ended.err.splitlines()
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert 1 <= len(lines) <= 2, ended.err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err
    for word in words:
        assert word in ended.err


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> Path:
    """A folder after `shardctl init`, with one family and no table."""
    init(tmp_path, url=sqlite_url)
    with (tmp_path / "shardctl.toml").open("a") as file:
        file.write("\n[families.t_order]\n")
    return tmp_path


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else takes it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


# -- usage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("upgade",), ("No such command 'upgade'", "see 'shardctl --help'")),
        (("upgrade", "--nope"), ("No such option", "--nope", "see 'shardctl upgrade --help'")),
        (("downgrade",), ("Missing argument", "see 'shardctl downgrade --help'")),
        (("premake", "--months", "x"), ("Invalid value", "--months")),
        (("premake", "--months", "-1"), ("Invalid value", "--months")),
        (("status", "--config"), ("--config", "argument")),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(cli(*arguments), 2, *words)


def test_no_command_shows_the_commands(cli: Cli) -> None:
    done = cli()
    assert (done.code, done.err) == (2, "")
    for command in ("init", "demo", *(name for name, *_ in COMMANDS)):
        assert f"  {command} " in done.out


def test_version(run_fresh: RunCli) -> None:
    done = run_fresh("--version")
    assert (done.returncode, done.stdout) == (0, f"shardctl {shardctl.__version__}\n")


def test_every_command_has_help(cli: Cli) -> None:
    for name, *_ in (("init",), ("demo",), *COMMANDS):
        done = cli(name, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"Usage: shardctl {name} ")


def test_help_loads_neither_a_driver_nor_alembic() -> None:
    program = (
        "import sys\n"
        "from shardctl.cli import main\n"
        "try:\n    main(['upgrade', '--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(*{'sqlalchemy', 'alembic', 'sqlglot', 'pymysql'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == ""


# -- configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_configuration(cli: Cli, command: tuple[str, ...]) -> None:
    refused(cli(*command), 2, "no shardctl.toml in", "shardctl init", "--config")


def test_a_wrong_configuration(cli: Cli, project: Path) -> None:
    with (project / "shardctl.toml").open("a") as file:
        file.write("premade = 2\n")
    refused(cli("status"), 2, "shardctl.toml: unknown key families.t_order.premade", "premake")


def test_the_configuration_may_be_named_before_and_behind_the_command(
    cli: Cli,
    project: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    file = str(project / "shardctl.toml")
    refused(cli("history"), 2, "no shardctl.toml")
    for arguments in (
        ("--config", file, "history"),
        ("history", "--config", file),
        ("history", f"--config={file}"),
    ):
        assert cli(*arguments).code == 0
    refused(cli("history", "--config", "gone.toml"), 2, "gone.toml")
    monkeypatch.setenv("SHARDCTL_CONFIG", file)
    assert cli("history").code == 0


@pytest.mark.parametrize("command", ["status", "premake"])
def test_an_unknown_family(cli: Cli, project: Path, command: str) -> None:
    words = "no family 't_oder' (did you mean 't_order'?)"
    refused(cli(command, "t_oder"), 2, str(project / "shardctl.toml"), words)


@pytest.mark.parametrize("month", ["202013", "2020", "20200", "x"])
def test_an_invalid_month(cli: Cli, project: Path, month: str) -> None:
    before = (project / "shardctl.toml").read_bytes()
    refused(cli("adopt", "t_user", "--from", month), 2, month[:4])
    assert (project / "shardctl.toml").read_bytes() == before


# -- the way to the server ------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", NEED_A_SERVER)
def test_a_server_that_does_not_answer(
    cli: Cli, closed_port: int, command: tuple[str, ...]
) -> None:
    url = f"mysql+pymysql://app:{SECRET}@127.0.0.1:{closed_port}/orders"
    refused(cli(*command, "--url", url), 2, "127.0.0.1", str(closed_port))


@pytest.mark.usefixtures("project")
def test_a_wrong_password(cli: Cli, server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = make_url(server_url).set(password=SECRET).render_as_string(hide_password=False)
    refused(cli("status", "--url", url), 2, "Access denied")
    monkeypatch.setenv("SHARDCTL_URL", url)
    refused(cli("upgrade"), 2, "Access denied")


@pytest.mark.usefixtures("project")
def test_a_database_that_does_not_exist(cli: Cli, server_url: str) -> None:
    url = make_url(server_url).set(database="shardctl_gone")
    done = cli("status", "--url", url.render_as_string(hide_password=False))
    refused(done, 2, "Unknown database", "shardctl_gone")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("orders", "url"),
        ("mysql+nope://h/d", "url"),
        (f"postgresql://app:{SECRET}@h/d", "postgresql"),
        ("mysql+pymysql://app:${PASSWORT}@h/d", "'PASSWORT', which is not set"),
    ],
)
def test_a_url_that_cannot_be_used(cli: Cli, url: str, word: str) -> None:
    refused(cli("status", "--url", url), 2, word)


@pytest.mark.usefixtures("project")
def test_no_password_is_shown_with_a_traceback_either(cli: Cli, closed_port: int) -> None:
    url = f"mysql+pymysql://app:{SECRET}@127.0.0.1:{closed_port}/orders"
    done = cli("status", "--url", url, "--debug")
    assert done.code == 2
    assert "Traceback" in done.err
    assert SECRET not in done.err


def test_the_process_ends_as_main_says(run_fresh: RunCli, project: Path, closed_port: int) -> None:
    url = f"mysql+pymysql://app:{SECRET}@127.0.0.1:{closed_port}/orders"
    done = run_fresh("status", "--url", url, cwd=project)
    refused(Ended(done.returncode, done.stdout, done.stderr), 2, str(closed_port))


# -- revisions ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp"])
def test_a_revision_that_does_not_exist(cli: Cli, command: str) -> None:
    refused(cli(command, "abc123"), 2, "abc123")


@pytest.mark.usefixtures("project")
def test_nothing_to_upgrade_says_so(cli: Cli) -> None:
    assert cli("upgrade") == Ended(0, "nothing to do\n", "")
    assert cli("upgrade", "--quiet") == Ended(0, "", "")
    assert cli("upgrade", "--dry-run") == Ended(0, "nothing to do\n", "")


# -- what main makes of it ------------------------------------------------------------------------


def ended(cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, *more: str) -> Ended:
    """How `status` ends when this error comes out of the library."""

    def raising(_: Session) -> None:
        raise error

    monkeypatch.setattr(Session, "config", raising)
    return cli("status", *more)


def test_any_other_error_is_called_a_bug_of_ours(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(cli, monkeypatch, ZeroDivisionError("oh\nno")) == Ended(
        70,
        "",
        "error: ZeroDivisionError: oh\n"
        "this is a bug of ours: please report it with what --debug shows\n",
    )


def test_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    done = ended(cli, monkeypatch, ZeroDivisionError("oh"), "--debug")
    assert done.code == 70
    assert "Traceback" in done.err


def test_an_interrupt_says_how_to_go_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(cli, monkeypatch, KeyboardInterrupt()) == Ended(
        130, "", "interrupted; what was done is recorded: run it again to go on\n"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.DatabaseUnavailable("x"), 2),
        (errors.LockHeld("x"), 3),
        (errors.Destructive("x"), 3),
        (errors.StepFailed("x"), 4),
    ],
)
def test_every_error_of_ours_has_its_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: shardctl.ShardctlError, code: int
) -> None:
    assert ended(cli, monkeypatch, error) == Ended(code, "", "error: x\n")
