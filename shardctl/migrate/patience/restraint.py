"""How a run holds back for the sake of those who use the tables meanwhile."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shardctl.dialects import LOCK_WAIT
from shardctl.errors import ConfigError
from shardctl.migrate.online.engine import Online, online_of
from shardctl.migrate.patience.window import Window

LOCK_RETRIES: Final = 3
"""How often a statement is tried again that has waited for a lock in vain."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries, at most."""

LOCK_WAIT_LONG: Final = 60
"""Seconds that a statement waits at its end whose work would be lost; others wait behind it."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """What the user says of it; the defaults wait for a locked month a minute, and later again.

    Attributes:
        lock_wait: how long a statement waits for others' locks on its table, or on rows of it, in
            seconds, 1 or more: a transaction that has read a month keeps it from being altered,
            and every new query on it waits behind the statement that waits.
        lock_retries: how often one that has waited in vain is tried again before its month goes
            to the end of the queue, where it gets as many tries once more.
        window: the time of day, in the family's zone, outside of which no statement begins.
        max_threads_running: with more sessions than this at work on the server, ours among
            them, no statement begins; None: it is not asked.
        max_lag: while a replica is more seconds than this behind, no statement begins; None: it
            is not asked.
        replicas: the URLs of the replicas that count, with our user where they name none; empty:
            those that the server names.
        lock_wait_long: how long a statement that builds or rebuilds a big table waits at its
            end, in seconds; at its beginning, `lock_wait` counts (see `long_wait`).
        online: the tool that rebuilds big tables; None: the server does.

    Raises:
        ConfigError: a number is too small.
    """

    lock_wait: int = LOCK_WAIT
    lock_retries: int = LOCK_RETRIES
    window: Window | None = None
    max_threads_running: int | None = None
    max_lag: int | None = None
    replicas: tuple[str, ...] = field(default=(), repr=False)  # they hold passwords
    lock_wait_long: int = LOCK_WAIT_LONG
    online: Online | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.lock_wait < 1:
            raise ConfigError(f"lock_wait={self.lock_wait}: it is a number of seconds, 1 or more")
        if self.lock_wait_long < 1:
            raise ConfigError(
                f"lock_wait_long={self.lock_wait_long}: it is a number of seconds, 1 or more"
            )
        if self.lock_retries < 0:
            raise ConfigError(f"lock_retries={self.lock_retries}: it is a number, 0 or more")
        if self.max_threads_running is not None and self.max_threads_running < 1:
            raise ConfigError("max_threads_running: it is a number, 1 or more, as ours runs, too")
        if self.max_lag is not None and self.max_lag < 0:
            raise ConfigError(f"max_lag={self.max_lag}: it is a number of seconds, 0 or more")
        if self.replicas and self.max_lag is None:
            raise ConfigError("replica: say with max_lag, too, how many seconds it may be behind")

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each further try, ever longer.

        The first is as long as the table was kept from others by our waiting, so that their
        queries get through; chance keeps us out of step with what comes back at fixed times.
        """
        for tried in range(self.lock_retries):
            longest = min(self.lock_wait * 2.0**tried, LONGEST_PAUSE)
            yield longest * random.uniform(0.5, 1.0)


DEFAULT: Final = Restraint()
"""What holds where nothing is said."""


_NUMBERS: Final = ("lock_wait", "lock_wait_long", "lock_retries", "max_threads_running", "max_lag")

WORDS: Final = (*_NUMBERS, "window", "replica", "online", "online_from")
"""Under these names `restraint_of` finds what is said."""


def restraint_of(words: Mapping[str, str]) -> Restraint:
    """What is said under the names of its attributes, as text; what else is said is left alone.

    Under `replica` stand URLs, with blanks between them.

    Raises:
        ConfigError: it cannot be read, or a number is too small.
    """
    numbers: dict[str, int] = {}
    for name in _NUMBERS:
        if name in words:
            if not words[name].isdecimal():
                raise ConfigError(f"{name}={words[name]}: it is a number")
            numbers[name] = int(words[name])
    window = Window.parse(words["window"]) if "window" in words else None
    return Restraint(
        **numbers,
        window=window,
        replicas=tuple(words.get("replica", "").split()),
        online=online_of(words.get("online"), words.get("online_from")),
    )
