"""The suffix of a month table: the pattern between the family's name and the month."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from shardctl.errors import InvalidMonth, InvalidSuffix
from shardctl.month import Month

_FIELDS = {
    "%Y": "(?P<Y>[0-9]{4})",
    "%y": "(?P<y>[0-9]{2})",
    "%m": "(?P<m>[0-9]{2})",
    "%-m": "(?P<m>[0-9]{1,2})",
}
_TOKEN = re.compile("%-?.?")


@dataclass(frozen=True, slots=True)
class Suffix:
    """A pattern such as `_%Y%m`, `_%Y-%m`, `_%y%m`, or `_%Y_%-m` (month without a zero).

    It works both ways, and strictly: `parse` takes exactly what `format` gives, so that
    `202613`, `20261` and `202601_bak` are no months. `%y` means the years 2000 to 2099.

    Raises:
        InvalidSuffix: the pattern has no year or no month, one of them twice, or another `%`.
    """

    pattern: str = "_%Y%m"
    _shape: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tokens = _TOKEN.findall(self.pattern)
        if sorted(token[-1].lower() for token in tokens) != ["m", "y"] or not all(
            token in _FIELDS for token in tokens
        ):
            raise InvalidSuffix(
                f"suffix {self.pattern!r} needs one year (%Y or %y) and one month (%m or %-m)"
            )
        literals = _TOKEN.split(self.pattern)
        shape = re.escape(literals[0]) + "".join(
            _FIELDS[token] + re.escape(literal)
            for token, literal in zip(tokens, literals[1:], strict=True)
        )
        object.__setattr__(self, "_shape", re.compile(shape))

    def format(self, month: Month) -> str:
        """The suffix of one month: `_202601`.

        Raises:
            InvalidSuffix: the pattern has two-digit years and the month is not in 2000..2099.
        """
        if "%y" in self.pattern and not 2000 <= month.year <= 2099:
            raise InvalidSuffix(f"suffix {self.pattern!r} cannot name the year {month.year}")
        return format(month, self.pattern.replace("%-m", str(month.month)))

    def parse(self, text: str) -> Month:
        """The month that a suffix names.

        Raises:
            InvalidMonth: the text is not what this pattern gives for any month.
        """
        if match := self._shape.fullmatch(text):
            found = match.groupdict()
            year = int(found["Y"]) if "Y" in found else 2000 + int(found["y"])
            month = Month(year, int(found["m"]))
            if self.format(month) == text:
                return month
        raise InvalidMonth(f"{text!r} is not of the form {self.pattern!r}")
