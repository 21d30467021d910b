"""Which months a run is meant for, as the user lists them: `202001..202512,202603`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shardctl.errors import ConfigError, InvalidMonth
from shardctl.month import Month


@dataclass(frozen=True, slots=True)
class Span:
    """Months from the first to the last, both among them."""

    first: Month
    last: Month

    def __contains__(self, month: Month) -> bool:
        """Whether it lies between them."""
        return self.first <= month <= self.last


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of all months; by default each of them.

    Attributes:
        only: none but these; empty: all.
        excepted: all but these.
    """

    only: tuple[Span, ...] = ()
    excepted: tuple[Span, ...] = ()

    @classmethod
    def parse(cls, only: str | None = None, excepted: str | None = None) -> Selection:
        """What the two options say.

        Raises:
            ConfigError: one cannot be read.
        """
        return cls(_spans("only", only), _spans("except", excepted))

    def __contains__(self, month: Month | None) -> bool:
        """Whether a month is meant. What has no month, a template or a plain table, always is."""
        if month is None:
            return True
        wanted = not self.only or any(month in span for span in self.only)
        return wanted and not any(month in span for span in self.excepted)


ALL: Final = Selection()


@dataclass(frozen=True, slots=True)
class Listed:
    """The months that are listed and no others, or everything; by default nothing.

    Attributes:
        everything: plain tables, too.
    """

    spans: tuple[Span, ...] = ()
    everything: bool = False

    @classmethod
    def parse(cls, option: str, text: str | None) -> Listed:
        """What an option lists: `202001..202512,202603`, or `all`.

        Raises:
            ConfigError: it cannot be read.
        """
        return cls(everything=True) if text == "all" else cls(_spans(option, text))

    def __contains__(self, month: Month | None) -> bool:
        """Whether a month is listed."""
        return self.everything or (month is not None and any(month in s for s in self.spans))


NONE: Final = Listed()


def _spans(option: str, text: str | None) -> tuple[Span, ...]:
    return tuple(_span(option, part) for part in _parts(text)) if text is not None else ()


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(","))


def _span(option: str, text: str) -> Span:
    first, dots, last = text.partition("..")
    try:
        span = Span(Month.parse(first), Month.parse(last if dots else first))
    except InvalidMonth as error:
        raise ConfigError(
            f"{option} {text!r}: {error}; months are listed as 202001..202512,202603"
        ) from error
    if span.last < span.first:
        raise ConfigError(f"{option} {text!r}: it ends before it begins")
    return span
