"""What the command line does where nothing is said is what the library does."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields

import pytest

from shardctl.cli.downgrade import downgrade
from shardctl.cli.retry import retry
from shardctl.cli.upgrade import upgrade
from shardctl.migrate.course import Course
from shardctl.migrate.patience.restraint import Restraint

NUMBERS = {"jobs", "rebuild_jobs", "max_failures", "lock_wait", "lock_wait_long", "lock_retries"}


@pytest.mark.parametrize("command", [upgrade, downgrade, retry])
def test_the_numbers_of_a_command_are_the_librarys(command: Callable[..., None]) -> None:
    parameters = inspect.signature(command).parameters
    library = {field.name: field.default for of in (Course, Restraint) for field in fields(of)}
    told = {name: parameters[name].default for name in NUMBERS}
    assert told == {name: library[name] for name in NUMBERS}
