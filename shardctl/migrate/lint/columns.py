"""Which columns a clause adds, drops and renames, told from how its table looks before and after.

What is gone afterwards was dropped where the clause loses it, and is called otherwise where it
loses nothing.
"""

from __future__ import annotations

import re

from shardctl.clause import Clause
from shardctl.structure import Column, Structure


def gone(before: Structure | None, after: Structure | None) -> tuple[str, ...]:
    """The columns of one structure that another has not; names are compared without case.

    None where there is no table before or after: what it then has is not a matter of columns.
    """
    if before is None or after is None:
        return ()
    present = {column.name.lower() for column in after.columns}
    return tuple(column.name for column in before.columns if column.name.lower() not in present)


def dropped(clause: Clause, before: Structure | None, after: Structure | None) -> tuple[str, ...]:
    """The columns whose values a clause loses."""
    return tuple(name for name in gone(before, after) if _is_lost(name, clause))


def renamed(clause: Clause, before: Structure | None, after: Structure | None) -> dict[str, str]:
    """Old name → new name; empty where a statement also adds, and which is which is not told."""
    old = [name for name in gone(before, after) if not _is_lost(name, clause)]
    new = gone(after, before)
    return dict(zip(old, new, strict=True)) if len(old) == len(new) else {}


def added(clause: Clause, before: Structure | None, after: Structure | None) -> tuple[str, ...]:
    """The columns that a clause makes; none where they may be others under a new name."""
    left = [name for name in gone(before, after) if not _is_lost(name, clause)]
    return () if left else gone(after, before)


def former(
    name: str, clause: Clause, before: Structure | None, after: Structure | None
) -> Column | None:
    """The column that is called so after a clause, as it was before; None for a new one."""
    old = {new: old for old, new in renamed(clause, before, after).items()}.get(name, name)
    return column_of(before, old)


def column_of(structure: Structure | None, name: str) -> Column | None:
    """A structure's column of a name."""
    columns = structure.columns if structure else ()
    return next((column for column in columns if column.name.lower() == name.lower()), None)


def has_default(column: Column) -> bool:
    """Whether a column has a value where none is given; `DEFAULT NULL` is none."""
    return column.default is not None and column.default.upper() != "NULL"


def _is_lost(name: str, clause: Clause) -> bool:
    """Whether a clause says that it loses this column: `column coin of t_order and its values`."""
    return bool(re.search(rf"\bcolumn {re.escape(name)}(?: of |, |$)", clause.loses, re.IGNORECASE))
