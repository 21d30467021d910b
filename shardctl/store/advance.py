"""A row's state, moved on by compare-and-set: whoever repeats it, it is done once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, select, true, update

from shardctl.errors import ConfigError, NotStored, RowMissing, StateConflict
from shardctl.month import Month
from shardctl.store.address import Address, Condition
from shardctl.store.states import States

_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Advance:
    """A success: the row is in the state asked for, or was and is past it.

    Attributes:
        kind: `advanced`, now; `already`, earlier, and nothing was changed.
        state: the one that it is in now.
        month: where it is.
    """

    kind: Literal["advanced", "already"]
    state: Any
    month: Month


def advance(
    connection: Connection,
    states: States,
    address: Address,
    to: Any,
    values: Mapping[str, Any],
    where: Condition | None = None,
) -> Advance:
    """Move a row on to a state, from any state that has an edge to it.

    One UPDATE decides. Only where it changes nothing the row is looked at, under a shared lock.

    Args:
        values: further columns to set with the state.
        where: what else holds for the row; where it does not, nothing is so already.

    Raises:
        StateConflict: it is in another state, and has not been in this one; or is not as `where`
            says.
        RowMissing: there is no such row.
        NotStored: others changed its state to and fro meanwhile.
    """
    table, column = address.table, address.table.c[states.column]
    before = states.before(to)
    this, meant = address.conditions, where(table) if where else true()
    change = update(table).where(*this, column.in_(before), meant)
    change = change.values({**values, states.column: to})
    look = select(column, meant).where(*this).with_for_update(read=True)
    for _ in range(_ATTEMPTS):
        # SQLAlchemy has servers count the rows that were found, not those that were changed.
        if before and connection.execute(change).rowcount:
            return Advance("advanced", to, address.month)
        found = connection.execute(look).first()
        if found is None:
            raise RowMissing(
                f"{address.what} is not stored, or not any more: nothing to advance to {to!r}"
            )
        if not found[1]:
            raise StateConflict(
                f"{address.what} is in state {found[0]!r}, and not the one that was meant by "
                f"'where', which was to be {to!r}: others have changed it",
                found[0],
                to,
            )
        if found[0] not in before:
            return _judge(states, address, found[0], to)
    raise NotStored(f"{address.what}: others change its state all the while; repeat it later")


def _judge(states: States, address: Address, stored: Any, to: Any) -> Advance:
    """What a state means for one who asks for another."""
    if states.is_past(stored, to):
        return Advance("already", stored, address.month)
    way = states.way(stored, to)
    hint = (
        f"advance to {way[0]!r} first" if way else f"no way leads from there to {to!r}: look at why"
    )
    raise StateConflict(f"{address.what} is in state {stored!r}, not {to!r}: {hint}", stored, to)


def settable(
    values: Mapping[str, Any], mutable: Collection[str], states: States | None, table: str
) -> None:
    """Refuse to set columns that do not change after a row was stored.

    Raises:
        ConfigError: one of them is not among the mutable, or is the state.
    """
    if states and states.column in values:
        raise ConfigError(f"{table}.{states.column} is the rows' state: advance() alone changes it")
    if fixed := [name for name in values if name not in mutable]:
        raise ConfigError(
            f"{table}: {', '.join(map(repr, fixed))} not among the mutable columns "
            f"({', '.join(sorted(mutable)) or 'there are none'}): Store(mutable=…) declares them"
        )
