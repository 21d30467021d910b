"""The gene: the part of an ID that tells its month."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shardctl.errors import InvalidGene, InvalidId, InvalidMonth
from shardctl.month import Month

_WIDTHS = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2}
_DIGITS = re.compile(r"digits ([0-9]+) ((?:%[Yymd])+)")


@dataclass(frozen=True, slots=True)
class DigitsGene:
    """A date written in decimal digits at a fixed place of the ID.

    `DigitsGene(0, "%Y%m%d")` reads `2017072809364399…` as July 2017. `%y` means 2000 to 2099.

    Raises:
        InvalidGene: the format has no year or no month, or one of them twice.
    """

    position: int
    format: str

    def __post_init__(self) -> None:
        fields = re.findall("%.", self.format)
        if (
            "".join(fields) != self.format
            or any(field not in _WIDTHS for field in fields)
            or sorted(field.lower() for field in fields) not in (["%m", "%y"], ["%d", "%m", "%y"])
            or self.position < 0
        ):
            raise InvalidGene(
                f"gene format {self.format!r} at {self.position}: give a position from 0 and a "
                "format of one %Y or %y, one %m, and at most one %d"
            )

    def month(self, text: str) -> Month:
        """The month written in an ID.

        Args:
            text: the ID's canonical text, ASCII digits only where the gene stands.

        Raises:
            InvalidId: the ID is too short, has other characters there, or no real date.
        """
        values: dict[str, int] = {}
        at = self.position
        for name in re.findall("%.", self.format):
            digits = text[at : at + _WIDTHS[name]]
            if len(digits) < _WIDTHS[name] or not (digits.isascii() and digits.isdecimal()):
                raise InvalidId(f"ID {text!r} has no date digits at {self.position}")
            values[name] = int(digits)
            at += _WIDTHS[name]
        year = values["%Y"] if "%Y" in values else 2000 + values["%y"]
        try:
            month = Month(year, values["%m"])
        except InvalidMonth as error:
            raise InvalidId(f"ID {text!r} bears no month: {error}") from error
        if "%d" in values and not 1 <= values["%d"] <= _days(month):
            raise InvalidId(f"ID {text!r} bears no date: {month} has no day {values['%d']}")
        return month


def parse_gene(text: str) -> DigitsGene | None:
    """The gene that a configuration declares: `digits POSITION FORMAT`, or `none`.

    Raises:
        InvalidGene: the text has neither form.
    """
    if text == "none":
        return None
    if match := _DIGITS.fullmatch(text):
        return DigitsGene(int(match[1]), match[2])
    raise InvalidGene(f"gene {text!r} is neither 'none' nor like 'digits 0 %Y%m%d'")


def _days(month: Month) -> int:
    if month.month == 2:
        leap = month.year % 4 == 0 and (month.year % 100 != 0 or month.year % 400 == 0)
        return 29 if leap else 28
    return 30 if month.month in (4, 6, 9, 11) else 31
