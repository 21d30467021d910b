"""The README holds: what it names exists, what exists it names, and its example runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from shardctl import errors
from shardctl.cli import BUG, INTERRUPTED, app, main
from shardctl.config.tables import FAMILY, GENERAL

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
COMMANDS = {command.callback.__name__: command.callback for command in app.registered_commands}


def section(title: str) -> str:
    """The text below a heading, up to the next one of its rank."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return text


def fenced(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows(text: str) -> list[str]:
    """The first cells of a text's tables."""
    return re.findall(r"^\| (.+?) \|", text, re.MULTILINE)


def descendants(parent: type[errors.ShardctlError]) -> set[type[errors.ShardctlError]]:
    return {parent}.union(*map(descendants, parent.__subclasses__()))


def test_every_command_is_in_the_table_and_no_other() -> None:
    named = {
        command
        for cell in rows(section("Commands"))
        for command in re.findall(r"`shardctl (\w+)", cell)
    }
    assert named == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert COMMANDS[name].__doc__
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    listed = re.findall(r"^  (\S.*)$", capsys.readouterr().out, re.MULTILINE)
    without = [line for line in listed if re.fullmatch(r"-\S+(?:, -\S+)?(?: [<A-Z]\S*)?\s*", line)]
    assert without == []


def test_every_exit_code_is_in_the_table_and_no_other() -> None:
    documented = {int(cell) for cell in rows(section("Commands")) if cell.isdecimal()}
    raised = {error.exit_code for error in descendants(errors.ShardctlError)}
    assert documented == {0, 1, BUG, INTERRUPTED} | raised


def test_every_key_of_the_configuration_is_documented_and_no_other() -> None:
    keys = [key for cell in rows(section("Configuration")) for key in re.findall("^`(.*)`$", cell)]
    assert sorted(keys) == sorted(["[shardctl]", *GENERAL, "[families.t_order]", *FAMILY])


def test_the_template_of_the_configuration_names_every_key() -> None:
    template = (CHECKOUT / "templates" / "shardctl.toml").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# )?(\w+) += ", template, re.MULTILINE)) == {*GENERAL, *FAMILY}


def test_the_examples_of_the_library_run_one_after_the_other() -> None:
    example = "".join(fenced("python"))
    assert example.count("assert ") >= 6
    exec(compile(example, "README.md", "exec"), {})


def test_the_story_calls_commands_and_options_that_exist(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = re.findall(r"^\$ shardctl (.+)$", "".join(fenced("console")), re.MULTILINE)
    lines += re.findall(r"shardctl (\w+[^&|\n]*)", "".join(fenced("crontab")))
    assert len(lines) >= 8
    for line in lines:
        name, *arguments = shlex.split(line)
        with pytest.raises(SystemExit):
            main([name, "--help"])
        shown = capsys.readouterr().out
        general = ["--quiet", "--config", "--url", "--debug"]
        for option in (each for each in arguments if each.startswith("-")):
            assert option in general or option in shown, line


def test_the_readme_names_no_make_target_that_is_not_there() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)`", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
