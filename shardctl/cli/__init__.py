"""The command line: each command is parsed here, does its work in the library, and is printed.

What a command needs is imported when it runs, so that help and completion are there at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

import shardctl
from shardctl.cli.adopt import adopt
from shardctl.cli.check import check
from shardctl.cli.current import current
from shardctl.cli.demo import demo
from shardctl.cli.downgrade import downgrade
from shardctl.cli.gate import gate
from shardctl.cli.history import history
from shardctl.cli.init import init
from shardctl.cli.log import log
from shardctl.cli.plan import plan
from shardctl.cli.premake import premake
from shardctl.cli.retry import retry
from shardctl.cli.revision import revision
from shardctl.cli.session import Session, session
from shardctl.cli.skip import skip
from shardctl.cli.stamp import stamp
from shardctl.cli.status import status
from shardctl.cli.unlock import unlock
from shardctl.cli.upgrade import upgrade
from shardctl.cli.verify import verify
from shardctl.cli.where import where
from shardctl.errors import ShardctlError

BUG = 70
INTERRUPTED = 130

_USAGE_ERROR: Any = typer.BadParameter.__base__  # typer gives its base class no name of its own
_COMMANDS = (
    *(init, adopt, revision, plan, upgrade, downgrade, retry, skip, current, history, stamp),
    *(premake, status, check, verify, gate, where, log, unlock, demo),
)

app = typer.Typer(
    name="shardctl",
    help="Keep monthly-sharded tables in sync: one Alembic revision reaches every month.",
    epilog="The options above may stand behind the command, too.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in _COMMANDS:
    # A relative target, -1, is no option.
    app.command(context_settings={"ignore_unknown_options": command is downgrade})(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shardctl {shardctl.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="The configuration; by default shardctl.toml upwards from here."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The database's URL in place of the configuration's.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    version: Annotated[  # noqa: ARG001  its callback acts on it
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    current = session(context)
    current.config_path, current.url = config, url
    current.debug, current.quiet = debug, quiet
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with the exit code of what happened.

    Args:
        arguments: what stands behind the program's name; `sys.argv`'s by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(
            stream, "reconfigure"
        ):  # a comment in Chinese must not end us on a latin1 terminal
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    current = Session()
    try:
        code = app(_options_first(arguments), "shardctl", standalone_mode=False, obj=current)
        return _interrupted() if code == INTERRUPTED else code or 0
    except KeyboardInterrupt:
        return _interrupted()
    except ShardctlError as error:
        return _failed(str(error), error.exit_code, current)
    except _USAGE_ERROR as error:
        where = error.ctx.command_path if error.ctx else "shardctl"
        return _failed(f"{error.format_message()}\nsee '{where} --help'", 2, current)
    except typer.Abort:
        return _failed("given up", 2, current)
    except Exception as error:  # noqa: BLE001  the last place: nothing may end in a bare traceback
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        return _failed(
            f"{what}\nthis is a bug of ours: please report it with what --debug shows", BUG, current
        )


def _failed(message: str, code: int, current: Session) -> int:
    if current.debug:
        traceback.print_exc()
    typer.echo(f"error: {message}", err=True)
    return code


def _interrupted() -> int:
    typer.echo("interrupted; what was done is recorded: run it again to go on", err=True)
    return INTERRUPTED


def _options_first(arguments: Sequence[str]) -> list[str]:
    """Global options may stand behind the command, too: `shardctl demo --url …`."""
    first: list[str] = []
    others: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument in ("--config", "--url"):
            value = list(islice(remaining, 1))
            if not value:
                return [argument]  # which Typer refuses for the want of its value
            first += [argument, *value]
        elif argument in ("--debug", "--quiet") or argument.startswith(("--config=", "--url=")):
            first.append(argument)
        elif argument == "--":
            others += [argument, *remaining]
        else:
            others.append(argument)
    return first + others
