"""How IDs are made, and until when: a family has one scheme, or several one after another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import tzinfo
from itertools import combinations
from typing import Final

from shardctl.errors import ConfigError, ImplausibleGene, InvalidGene, InvalidId
from shardctl.gene import Gene, Id
from shardctl.gene.base import shown
from shardctl.gene.seal import CHECK_DIGITS, Tag, check_digits, is_checked
from shardctl.month import Month

MOST: Final = 1000
"""No ID has more characters, declared or not."""

EARLIEST: Final = Month(1970, 1)
"""Where a family names no first month, earlier ones are nowhere looked for."""

_LONGEST = 10**MOST
_FORESEEN = 120


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way in which a family's IDs are made.

    An ID is the body, which bears the gene; then the tag; then the check digits.

    Attributes:
        gene: where in the body the time is; None where such rows are routed by add-time alone.
        length: how long an ID may be, seals included, in characters; empty for any length.
        check: two check digits end the ID (ISO 7064, MOD 97-10).
        tag: the keyed tag.
        until: the last month in which IDs were made so; None for the present scheme. In that
            month the next scheme holds, too.

    Raises:
        ConfigError: these do not go together.
    """

    gene: Gene | None = None
    length: tuple[int, ...] = ()
    check: bool = False
    tag: Tag | None = None
    until: Month | None = None

    def __post_init__(self) -> None:
        if isinstance(self.gene, str):
            raise ConfigError(f"gene {self.gene!r} is text: shardctl.gene.parse_gene reads it")
        if (self.check or self.tag) and self.gene is None:
            raise ConfigError("check digits and tags are verified before a gene is read: give one")
        if self.check and not self.decimal:
            raise ConfigError("check digits want IDs of decimal digits alone, tag included")
        if self.gene and self.gene.lengths:
            possible = {length + self.width for length in self.gene.lengths}
            if wrong := set(self.length) - possible:
                raise ConfigError(
                    f"IDs with gene '{self.gene}' have {_either(possible)} characters, not "
                    f"{_either(wrong)}"
                )

    @property
    def decimal(self) -> bool:
        """Whether IDs are decimal digits alone, so that an integer is one, too."""
        if self.gene is None:
            return True
        return self.gene.decimal and (self.tag is None or self.tag.form == "digits")

    @property
    def width(self) -> int:
        """How many characters at the end seal the ID."""
        return (self.tag.width if self.tag else 0) + (CHECK_DIGITS if self.check else 0)

    @property
    def lengths(self) -> tuple[int, ...]:
        """All lengths that an ID can have; empty for any."""
        if self.length or self.gene is None:
            return self.length
        return tuple(length + self.width for length in self.gene.lengths)

    def __str__(self) -> str:
        """What decides where an ID goes, in one line; for the family's fingerprint."""
        words = [str(self.gene or "none")]
        words += [f"tag={self.tag.form}"] if self.tag else []
        words += ["check=mod97"] if self.check else []
        words += [f"until={self.until:%Y%m}"] if self.until else []
        return " ".join(words)

    def fits(self, id: Id | None) -> bool:
        """Whether an ID has one of the lengths, which tell schemes apart."""
        try:
            text = self.text(id)
        except InvalidId:
            return False
        return not self.lengths or len(text) in self.lengths

    def body(self, id: Id | None) -> str:
        """What the gene reads, after the form and the seals of an ID were verified.

        Raises:
            InvalidId: it has not the one form that it may have.
        """
        text = self.text(id)
        if self.lengths and len(text) not in self.lengths:
            raise InvalidId(
                f"ID {shown(id)} has {len(text)} characters, not {_either(self.lengths)}"
            )
        if self.check:
            if not text.isdecimal() or not is_checked(text):
                raise InvalidId(f"ID {shown(id)} has wrong check digits: it is mistyped or cut")
            text = text[:-CHECK_DIGITS]
        if self.tag:
            text, tag = text[: -self.tag.width], text[-self.tag.width :]
            if not self.tag.is_right(text, tag):
                raise InvalidId(f"ID {shown(id)} has a wrong tag: it was not made here")
        return text

    def text(self, id: Id | None) -> str:
        """An ID's text, whatever it holds.

        Raises:
            InvalidId: it is neither a string nor an integer, or of no form that any ID has.
        """
        if id is None:
            raise InvalidId("there is no ID; give one, or the add-time as instant=")
        if isinstance(id, bool) or not isinstance(id, str | int):
            raise InvalidId(f"an ID is a string or an integer, not {type(id).__name__}")
        if isinstance(id, int):
            if not self.decimal:
                raise InvalidId(
                    f"ID {shown(id)} is an integer; IDs with gene '{self.gene}' are text"
                )
            if not 0 <= id < _LONGEST:
                raise InvalidId(f"ID {shown(id)} is no number of at most {MOST} digits")
            return int.__repr__(id)
        if not 0 < len(id) <= MOST or not id.isascii():
            raise InvalidId(f"ID {shown(id)} is not of 1 to {MOST} ASCII characters")
        return str.__str__(id)

    def seal(self, body: str) -> str:
        """The whole ID for a body: it, its tag, the check digits.

        Raises:
            ConfigError: the tag's key is not there.
        """
        if self.tag:
            body += self.tag.of(body)
        return body + check_digits(body) if self.check else body

    def id_range(self, first: Month, last: Month, zone: tzinfo, length: int) -> tuple[str, str]:
        """Between which texts the IDs of a length lie, from one month to another, both included.

        Raises:
            InvalidGene: IDs are not in order of time.
            ImplausibleGene: there can be none.
        """
        if self.gene is None:
            raise InvalidGene("IDs without a gene are not in order of time")
        low, high = self.gene.id_range(first, last, zone, length - self.width)
        most = "f" if self.tag and self.tag.form == "hex" else "9"
        return low.ljust(length, "0"), high.ljust(length, most)


def refuse_ambiguous(schemes: tuple[Scheme, ...], first: Month | None, zone: tzinfo) -> None:
    """Refuse schemes of which two might claim one ID.

    Two schemes are told apart by the lengths of their IDs; where they share one, both must have
    IDs in order of time, and the ranges of those IDs, each in its own months, must be disjoint.
    The present scheme's months are taken to last ten years from the change: an ID that two claim
    after that is `AmbiguousGene` when it comes.

    Raises:
        ConfigError: two schemes cannot be told apart, or their months are not in order.
    """
    untils = [scheme.until for scheme in schemes[:-1]]
    bounds = [month for month in (first, *untils) if month]
    if None in untils or bounds != sorted(set(bounds)) or schemes[-1].until:
        raise ConfigError("earlier genes want 'until', each a later month than the one before")
    starts = [first or EARLIEST, *(month for month in untils if month)]
    ends = [*(month for month in untils if month), starts[-1] + _FORESEEN]
    for (one, i), (other, k) in combinations(zip(schemes, range(len(schemes)), strict=True), 2):
        for length in _shared(one, other):
            a = _range(one, starts[i], ends[i], zone, length)
            b = _range(other, starts[k], ends[k], zone, length)
            if a and b and a[0] <= b[1] and b[0] <= a[1]:
                raise _ambiguous(one, other, f"IDs of {length} characters may be of both")


def _shared(one: Scheme, other: Scheme) -> list[int]:
    """The lengths that IDs of both can have."""
    if not one.lengths or not other.lengths:
        raise _ambiguous(one, other, "declare the length of both")
    return sorted(set(one.lengths) & set(other.lengths))


def _range(
    scheme: Scheme, first: Month, last: Month, zone: tzinfo, length: int
) -> tuple[str, str] | None:
    try:
        return scheme.id_range(first, last, zone, length)
    except ImplausibleGene:
        return None
    except InvalidGene:
        return "", "\x7f"


def _ambiguous(one: Scheme, other: Scheme, why: str) -> ConfigError:
    return ConfigError(f"genes '{one}' and '{other}' cannot be told apart: {why}")


def _either(lengths: Collection[int]) -> str:
    low, high = min(lengths), max(lengths)
    if len(lengths) == high - low + 1 > 2:
        return f"{low} to {high}"
    return " or ".join(map(str, sorted(lengths)))
