"""ALTER TABLE of several parts, read as one statement for each of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final, cast

from shardctl.clause import Action, Clause, ObjectName, Part, Sql, TableName
from shardctl.dialects import Dialect
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.raw import clauses
from shardctl.migrate.compile.raw.lexer import Flavour, Statement, Token, statements
from shardctl.migrate.compile.raw.reader import Reader

_WHOLE: Final = (
    *("ALGORITHM", "FORCE", "IGNORE", "LOCK", "NOWAIT", "ORDER", "VALIDATION", "WAIT"),
    *("PARTITION", "PARTITIONING", "PARTITIONS", "SUBPARTITION", "PERIOD", "SYSTEM", "VERSIONING"),
)
"""Words that speak of the whole statement, or behind which a comma separates something else."""


def split(clause: Clause, families: Collection[str], dialect: Dialect) -> tuple[Clause, ...]:
    """A clause as one clause for each part that top-level commas separate.

    Whether they come to the same one after another is not asked here. A statement that says
    something of itself as a whole stays whole, and so does one in which a foreign key comes
    before another part: the server might make an index for it that this one would have brought.

    Args:
        families: the families' names.
    """
    if clause.data or clause.presence or not dialect.algorithms:
        return (clause,)
    flavour = cast(Flavour, dialect.name)
    try:
        found = list(statements(_text(clause.actions, families, dialect), families, flavour))
        pieces = list(_pieces(found[0])) if len(found) == 1 else []
    except RevisionRefused:  # what SQLAlchemy has compiled need not be readable here
        return (clause,)
    if len(pieces) < 2 or _is_whole(found[0].tokens) or any(map(_adds_key, pieces[:-1])):
        return (clause,)
    head = found[0].text[: pieces[0][0].start]
    return tuple(
        one
        for piece in pieces
        for one in clauses(
            head + found[0].text[piece[0].start : piece[-1].end], families, flavour=flavour
        )
    )


def _text(actions: Collection[Action], families: Collection[str], dialect: Dialect) -> str:
    """A clause as a revision may write it, with its family in braces; "" for one with values."""
    match tuple(actions):
        case (Sql(parts),):
            words = [_word(part, families, dialect) for part in parts]
            return "".join(word for word in words if word) if None not in words else ""
    return ""


def _word(part: Part, families: Collection[str], dialect: Dialect) -> str | None:
    match part:
        case str():
            return part
        case TableName(name):
            return f"{{{name}}}" if name in families else dialect.quote(name)
        case ObjectName():
            return dialect.quote(part.name)
    return None


def _pieces(statement: Statement) -> Iterator[tuple[Token, ...]]:
    """The tokens of each part of an ALTER TABLE; none of another statement."""
    reader = Reader(statement)
    if reader.take("ALTER", "TABLE"):
        reader.take("IF", "EXISTS")
        reader.table()
        starts = reader.parts()
        for start, behind in pairwise([*starts, len(statement.tokens) + 1]):
            yield statement.tokens[start : behind - 1]


def _is_whole(tokens: Collection[Token]) -> bool:
    depth = 0
    for token in tokens:
        depth += token.says("(") - token.says(")")
        if token.kind in ("hint", "executable") or (depth == 0 and token.says(*_WHOLE)):
            return True
    return False


def _adds_key(piece: Collection[Token]) -> bool:
    first, *rest = piece
    return not first.says("DROP") and any(one.says("FOREIGN", "REFERENCES") for one in rest)
