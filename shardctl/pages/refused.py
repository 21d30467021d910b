"""SELECTs that cannot be read in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.sql.elements import Over
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.visitors import iterate

from shardctl.errors import QueryRefused

_AGGREGATES: Final = frozenset(["avg", "count", "group_concat", "max", "min", "sum"])
_REASONS: Final[Mapping[str, str]] = {
    "LIMIT": "give 'size'",
    "OFFSET": "pages go on from a cursor, given as 'after': an offset would read all that it "
    "leaves out, and shift when rows come",
    "FOR UPDATE": "rows are locked by their IDs, in their own month",
}


def refuse(written: Select[Any]) -> None:
    """Refuse what would hold for the rows of one month, and not for those of all.

    Raises:
        QueryRefused: with the reason, and what to do in its place.
    """
    clauses = {
        "LIMIT": written._limit_clause is not None or written._fetch_clause is not None,
        "OFFSET": written._offset_clause is not None,
        "DISTINCT": written._distinct,
        "GROUP BY": bool(written._group_by_clauses),
        "HAVING": bool(written._having_criteria),
        "FOR UPDATE": written._for_update_arg is not None,
    }
    for clause, there in clauses.items():
        if there:
            reason = _REASONS.get(
                clause, "it would hold within each month, and not for all of them"
            )
            raise QueryRefused(f"{clause} cannot be read in pages: {reason}")
    if not written._order_by_clauses:
        raise QueryRefused("pages need an ORDER BY, which has to end in the key")
    for each in iterate(written):
        if isinstance(each, Over) or (isinstance(each, Function) and each.name in _AGGREGATES):
            raise QueryRefused(f"{each} cannot be read in pages: it would be each month's own")
