"""The words of `alembic -x name=value` that are ours."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from shardctl.errors import ConfigError
from shardctl.migrate.course import WORDS as COURSE
from shardctl.migrate.patience.restraint import WORDS as RESTRAINT

WORDS: Final = ("allow_destructive", *COURSE, *RESTRAINT)

_LIKENESS: Final = 0.85
"""From here on, by difflib's ratio, a word is taken for one of ours that is misspelt."""


def refuse_misspelt(names: Iterable[str]) -> None:
    """Refuse what is all but one of our words; any other is one of the user's own `env.py`.

    A misspelt `only=202001` would reach all months.

    Raises:
        ConfigError: there is such a name.
    """
    for name in names:
        if name in WORDS:
            continue
        meant = get_close_matches(name.lower().replace("-", "_"), WORDS, 1, _LIKENESS)
        if meant:
            raise ConfigError(
                f"-x {name}: is {meant[0]} meant? shardctl's words are {', '.join(sorted(WORDS))}; "
                "a word of your own env.py's is to be less like them"
            )
