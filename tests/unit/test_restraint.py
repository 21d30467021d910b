from __future__ import annotations

import pytest

from shardctl.errors import ConfigError
from shardctl.migrate.patience.restraint import LONGEST_PAUSE, Restraint, restraint_of
from shardctl.migrate.patience.window import Window


def test_pauses_grow_with_a_part_of_chance_and_have_an_end() -> None:
    pauses = list(Restraint(lock_wait=5, lock_retries=6).pauses())
    longest = [5, 10, 20, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert len(pauses) == 6
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert pauses != list(Restraint(lock_wait=5, lock_retries=6).pauses())


def test_without_retries_there_is_no_pause() -> None:
    assert list(Restraint(lock_retries=0).pauses()) == []


def test_it_is_read_from_words() -> None:
    words = {
        "lock_wait": "2",
        "lock_retries": "0",
        "window": "01:00-05:00",
        "max_threads_running": "40",
        "allow_destructive": "1",
    }
    assert restraint_of(words) == Restraint(2, 0, Window.parse("01:00-05:00"), 40)
    assert restraint_of({}) == Restraint()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("lock_wait", "0"), ("lock_wait", "soon"), ("lock_retries", "-1")),
        *(("max_threads_running", "0"), ("window", "at night")),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        restraint_of({name: value})
