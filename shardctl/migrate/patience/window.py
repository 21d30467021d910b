"""The hours of the day in which changes may begin."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from shardctl.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Window:
    """A part of every day, from one time of day up to another; it may go over midnight.

    Attributes:
        end: the first time of day at which it is closed again.
    """

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Window:
        """A window as it is written: `01:00-05:00`, `22:30-04:00`.

        Raises:
            ConfigError: it is written otherwise, or ends where it starts.
        """
        start = end = time()
        if re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", text, re.ASCII):
            with suppress(ValueError):  # 25:00
                start, end = (time.fromisoformat(part) for part in text.split("-"))
        if start == end:
            raise ConfigError(
                f"window {text!r}: it is to look like 01:00-05:00, or 22:30-04:00 over midnight"
            )
        return cls(start, end)

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def is_open(self, now: datetime) -> bool:
        """Whether a step may begin.

        Args:
            now: in the zone that the window is meant in.
        """
        at = now.time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def opens(self, now: datetime) -> datetime:
        """When it opens next; `now` and the answer are in the zone that it is meant in."""
        today = now.replace(
            hour=self.start.hour, minute=self.start.minute, second=0, microsecond=0, fold=0
        )
        return today if today > now else today + timedelta(days=1)
