"""What a tool that did not come to its end leaves behind: found and told, never removed by us.

Another run of the tool that is still under way looks the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection

from shardctl.dialects import Dialect

_LONGEST_NAME: Final = 64
_PT_TRIES: Final = 10
"""So many underscores pt-online-schema-change puts before a name before it gives up."""
_PT_TRIGGER: Final = 60
"""So long is the part that its triggers' names have in common, at most."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A trigger or a table of a tool's."""

    kind: Literal["trigger", "table"]
    name: str

    def removal(self, dialect: Dialect) -> str:
        """The statement that removes it."""
        return f"DROP {self.kind.upper()} {dialect.quote(self.name)};"


def leftovers(connection: Connection, dialect: Dialect, table: str) -> tuple[Leftover, ...]:
    """What there is of either tool for a table, in the order in which it is to be removed.

    The triggers come first: they write to one of the tables whenever the month is written to.
    """
    database = str(connection.exec_driver_sql("SELECT DATABASE()").scalar_one())
    triggers = _triggers(database, table)
    marks = ", ".join(["%s"] * len(triggers))
    found = connection.exec_driver_sql(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() "
        f"AND trigger_name IN ({marks}) ORDER BY trigger_name",
        triggers,
    )
    names = [Leftover("trigger", str(name)) for name in found.scalars()]
    tables = dialect.table_names(connection)
    return (*names, *(Leftover("table", name) for name in tables if is_leftover(name, table)))


def in_the_way(connection: Connection, dialect: Dialect, table: str, binary: str) -> str:
    """Why a tool is not begun where there are leftovers, and what to do; "" without them."""
    found = leftovers(connection, dialect, table)
    if not found:
        return ""
    return (
        f"{table}: {binary} was not begun, as an earlier run has left {told(found, dialect)}\n"
        "When no such tool works on this table any more (SHOW PROCESSLIST), run these "
        "statements; then run again, which begins this table anew"
    )


def is_leftover(name: str, table: str) -> bool:
    """Whether a table has a name that a tool gives to one of its own for another."""
    if not name.startswith("_"):
        return False
    pt = {
        ("_" * count + table + suffix)[:_LONGEST_NAME]
        for count in range(1, _PT_TRIES + 1)
        for suffix in ("_new", "_old")
    }
    if name in pt:
        return True
    match = re.fullmatch(r"_(.+?)((?:_\d{14})?_(?:gho|ghc|ghk|del))", name)
    return match is not None and match[1] == table[: _LONGEST_NAME - 1 - len(match[2])]


def told(found: Sequence[Leftover], dialect: Dialect) -> str:
    """What was found, in words, and in lines behind it how to remove it."""
    names = ", ".join(f"{one.kind} {one.name}" for one in found)
    return f"{names}:\n" + "\n".join(f"  {one.removal(dialect)}" for one in found)


def _triggers(database: str, table: str) -> tuple[str, ...]:
    shared = re.sub(r"\W", "_", f"pt_osc_{database}_{table}", flags=re.ASCII)[:_PT_TRIGGER]
    return tuple(f"{shared}_{event}" for event in ("ins", "upd", "del"))
