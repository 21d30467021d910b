"""Where a table stands in a revision: which clauses it has had, told from how it looks.

The states of a table after every single clause were learned on a scratch copy. Clauses that
touch the same details form a component; the table stands where it equals one of the learned
states in what that component touches, whatever else it may look like. Only where the looks do
not tell (a clause without visible effect, an addition that is dropped again) the ledger decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise

from shardctl.errors import Contradiction
from shardctl.structure import Column, Key, Structure

_ATTRIBUTES = tuple(attribute.name for attribute in fields(Column) if attribute.name != "name")
_COLLATION: Key = ("option", "collation")


class Details(dict[Key, object]):
    """A structure down to single attributes; empty where there is no table.

    It is not changed once it is made, so that it has a hash, which is counted once: what was found
    out for one table is kept under it for all that look alike.
    """

    __slots__ = ("_hash",)

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(frozenset(self.items()))
            return self._hash


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a revision does to one table, learned on a scratch copy.

    Attributes:
        table: the family's or plain table's name.
        clauses: the numbers of the revision's clauses that concern it, in order.
        states: how it looks before the first of them and after each; None: there is no table.
        stages: the same states, down to their details.
        touched: for each clause, the details that it changes; none where it has no visible effect.
        components: the clauses with an effect, grouped so that no two groups touch the same.
    """

    table: str
    clauses: tuple[int, ...]
    states: tuple[Structure | None, ...]
    stages: tuple[Details, ...] = field(init=False, repr=False, compare=False)
    touched: Mapping[int, frozenset[Key]] = field(init=False, repr=False, compare=False)
    components: tuple[tuple[int, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take the states apart, once for all tables."""
        stages = tuple(details(state) for state in self.states)
        touched = {
            number: _touched(before, after)
            for number, (before, after) in zip(self.clauses, pairwise(stages), strict=True)
        }
        object.__setattr__(self, "stages", stages)
        object.__setattr__(self, "touched", touched)
        object.__setattr__(self, "components", _components(touched))

    def before(self, number: int) -> Structure | None:
        """How the table looks before one of the clauses."""
        return self.states[self.clauses.index(number)]


def details(structure: Structure | None) -> Details:
    """A structure's elements, with every column split into its attributes."""
    found = Details()
    if structure is None:
        return found
    found[("table",)] = True
    for key, value in structure.elements().items():
        if isinstance(value, Column):
            found[key] = True
            for attribute in _ATTRIBUTES:
                found[*key, attribute] = getattr(value, attribute)
        else:
            found[key] = value
    return found


def details_of(structures: Mapping[str, Structure | None]) -> dict[str, Details]:
    """The details of tables, by their names; those that look alike share one value."""
    known: dict[int, Details] = {}  # by the identity of a structure, which alike ones mostly share
    shared: dict[Details, Details] = {}
    for structure in structures.values():
        if id(structure) not in known:
            own = details(structure)
            known[id(structure)] = shared.setdefault(own, own)
    return {table: known[id(structure)] for table, structure in structures.items()}


def locate(lesson: Lesson, table: str, live: Details, recorded: Collection[int]) -> frozenset[int]:
    """The numbers of the clauses that a table has had already.

    Args:
        lesson: what the revision does to tables of this kind.
        table: the physical table, for the message.
        live: how it looks now.
        recorded: the numbers of the clauses that the ledger says were done on it.

    Raises:
        Contradiction: it is neither as a clause finds it nor as it leaves it.
    """
    stages, touched = lesson.stages, lesson.touched
    done = {number for number in lesson.clauses if not touched[number] and number in recorded}
    for component in lesson.components:
        keys = set[Key]().union(*(touched[number] for number in component))
        stops = [stages[lesson.clauses.index(component[0])]]
        stops += [stages[lesson.clauses.index(number) + 1] for number in component]
        reached = _reached(stops, live, keys)
        if not reached:
            raise Contradiction(_three_ways(table, component, stops, live, keys))
        least = sum(number in recorded for number in component)
        position = min((stop for stop in reached if stop >= least), default=reached[-1])
        done.update(component[:position])
    return frozenset(done)


def projected(lesson: Lesson, live: Details) -> Details:
    """How a table will look after the revision, told from how it looks now."""
    first, last = lesson.stages[0], lesson.stages[-1]
    if live == first:
        return last
    after = Details(live)
    for key in frozenset[Key]().union(*lesson.touched.values()):
        if key in last:
            after[key] = last[key]
        else:
            after.pop(key, None)
    return after


def _touched(before: Details, after: Details) -> frozenset[Key]:
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    order: Key = ("order",)
    return frozenset(keys if keys == {order} else keys - {order})


def _components(touched: Mapping[int, frozenset[Key]]) -> tuple[tuple[int, ...], ...]:
    """Clauses in order, grouped so that no two groups touch the same key."""
    groups: list[tuple[set[Key], list[int]]] = []
    for number, keys in touched.items():
        if not keys:
            continue
        joined = [group for group in groups if group[0] & keys]
        groups = [group for group in groups if group not in joined]
        groups.append(
            (
                set(keys).union(*(group[0] for group in joined)),
                sorted([number, *(n for group in joined for n in group[1])]),
            )
        )
    return tuple(tuple(numbers) for _, numbers in groups)


def _reached(stops: Sequence[Details], live: Details, keys: Collection[Key]) -> list[int]:
    """The stops at which a table may stand; several where the looks do not tell them apart."""
    exact = [at for at, stop in enumerate(stops) if _same(stop, live, keys)]
    if exact:
        return exact
    hard = [key for key in keys if not _absolute(key, converted=_COLLATION in keys)]
    return [at for at, stop in enumerate(stops) if _same(stop, live, hard)] if hard else [0]


def _absolute(key: Key, *, converted: bool) -> bool:
    """Whether a statement sets this whatever it was before, so that no value contradicts.

    Table options, comments and the order of columns are such; and, where the table's collation
    is among what changes (CONVERT TO CHARACTER SET), the collations of its columns.
    """
    if key[0] in ("option", "order") or key[2:] == ("comment",):
        return True
    return converted and key[2:] in (("charset",), ("collation",))


def _same(stop: Details, live: Details, keys: Collection[Key]) -> bool:
    return all(stop.get(key) == live.get(key) for key in keys)


def _three_ways(
    table: str,
    component: Sequence[int],
    stops: Sequence[Details],
    live: Details,
    keys: Collection[Key],
) -> str:
    unlike = sorted(
        key for key in keys if all(stop.get(key) != live.get(key) for stop in (stops[0], stops[-1]))
    ) or sorted(key for key in keys if stops[0].get(key) != live.get(key))
    lines = [
        f"  {' '.join(key)}: before {_word(stops[0].get(key))}, "
        f"after {_word(stops[-1].get(key))}, found {_word(live.get(key))}"
        for key in unlike[:6]
    ]
    numbers = ", ".join(str(number + 1) for number in component)
    return "\n".join(
        [
            f"{table} is neither as clause {numbers} of the revision finds it nor as it leaves it; "
            "bring it to one of the two by hand and run again:",
            *lines,
        ]
    )


def _word(value: object) -> str:
    return "absent" if value is None else repr(value) if isinstance(value, str) else str(value)
