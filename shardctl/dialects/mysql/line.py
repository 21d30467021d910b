"""A column as SHOW CREATE TABLE writes it: one line, in segments that can be changed one by one.

Nothing of the line is rewritten but the segments named: what neither Alembic nor
information_schema knows (COMPRESSED, COLUMN_FORMAT, SRID, INVISIBLE, a column's own CHECK) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from shardctl.dialects.mysql.tokens import Token, tokens

Kind: TypeAlias = Literal[
    "name",
    "type",
    "charset",
    "collate",
    "generated",
    "null",
    "default",
    "on update",
    "auto_increment",
    "comment",
    "check",
    "other",
]
"""The segments, in an order that both servers take."""

_ORDER: tuple[Kind, ...] = get_args(Kind)

# MySQL's attributes in comments of a version are segments of the kind "other", like the rest here.
_HEADS: dict[str, Kind] = {
    "CHARSET": "charset",
    "COLLATE": "collate",
    "GENERATED": "generated",
    "NOT": "null",
    "NULL": "null",
    "DEFAULT": "default",
    "ON": "on update",
    "AUTO_INCREMENT": "auto_increment",
    "COMMENT": "comment",
    "CHECK": "check",
    "INVISIBLE": "other",
    "REF_SYSTEM_ID": "other",
    "WITHOUT": "other",
    "WITH": "other",
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One attribute of a column with its value, as it stands in the line."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A column's line; every change gives a new one."""

    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, text: str) -> Line:
        """The line with this text, or the part of one: a type, `DEFAULT … ON UPDATE …`."""
        found: list[tuple[Kind, list[Token]]] = []
        visible = [token for token in tokens(text) if token.kind != "blank"]
        for position, token in enumerate(visible):
            kind = _kind(visible, position)
            if kind is None:
                found[-1][1].append(token)
            else:
                found.append((kind, [token]))
        return cls(
            tuple(Segment(kind, text[words[0].start : words[-1].end]) for kind, words in found)
        )

    def __str__(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    def get(self, kind: Kind) -> str:
        """The text of a segment; "" where the column has none of the kind."""
        return next((segment.text for segment in self.segments if segment.kind == kind), "")

    def without(self, *kinds: Kind) -> Line:
        """The line less all segments of some kinds."""
        return Line(tuple(segment for segment in self.segments if segment.kind not in kinds))

    def put(self, kind: Kind, text: str) -> Line:
        """The line with one segment in the place of that kind, where one stands or should."""
        new = Segment(kind, text)
        if self.get(kind):
            return Line(tuple(new if old.kind == kind else old for old in self.segments))
        later = _ORDER[_ORDER.index(kind) + 1 : -1]
        before = next(
            (at for at, segment in enumerate(self.segments) if segment.kind in later),
            len(self.segments),
        )
        return Line((*self.segments[:before], new, *self.segments[before:]))

    def merge(self, part: Line) -> Line:
        """The line with each segment of a part of one in its place."""
        line = self
        for segment in part.segments:
            line = line.put(segment.kind, segment.text)
        return line


def _kind(words: Sequence[Token], position: int) -> Kind | None:
    """The kind of segment that begins with a token; None where it goes on with the one before."""
    token = words[position]
    before = words[position - 1] if position else None
    if token.kind == "comment":
        return "other"
    if before is None:
        return "name" if token.kind == "name" else _HEADS.get(token.key, "type")
    if position == 1 and before.kind == "name":
        return "type"
    if before.key in ("NOT", "DEFAULT"):
        return None  # NULL, or a value that a keyword begins
    if token.key == "CHARACTER" and words[position + 1 : position + 2]:
        return "charset" if words[position + 1].key == "SET" else None
    return _HEADS.get(token.key)
