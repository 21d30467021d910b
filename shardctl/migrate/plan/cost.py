"""How long a step is going to take: by this server's own earlier steps, else by a rule.

The rule says how many bytes of a table (data and indexes) a second takes care of. Its figures were
measured on one table of 120 MiB, on MySQL 9.7 and MariaDB 10.11 with two cores: an index 94 to
106 MiB/s, a rebuild in place 50 to 54, a copy 29 to 32, a FULLTEXT index 13 to 37, an UPDATE of
all rows 15 to 24; on one of 158 MiB pt-online-schema-change 16 to 51, where a copy had 20 to 45.
They tell minutes from hours, no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Final, TypeAlias, get_args

from sqlalchemy import Connection

from shardctl import ledger
from shardctl.clause import Algorithm, Clause
from shardctl.dialects import Size
from shardctl.ledger import Run
from shardctl.migrate.online.engine import EngineName, tool_of

Kind: TypeAlias = str
"""What steps are compared by: their algorithm as text, the name of the tool that does them, `data`,
or "" where the server chooses."""

DATA: Final = "data"
INSTANT: Final = "INSTANT"
TOOLS: Final = frozenset[Kind](get_args(EngineName))

_MIB = 2**20
_STATEMENT = 0.02
"""Seconds that any statement takes, whatever its table holds."""
_RATES: Mapping[Kind, int] = {
    "NOCOPY": 90,
    "INPLACE": 90,
    "INPLACE, rebuild": 50,
    "INPLACE, LOCK=SHARED": 15,
    "INPLACE, LOCK=SHARED, rebuild": 15,
    "COPY": 30,
    "pt-osc": 30,
    DATA: 15,
    "": 30,
}
"""MiB of a table that a second takes care of."""
_RUNS = 5
"""In so many of the newest runs earlier steps are looked for."""

Sample: TypeAlias = tuple[int, float]
"""The bytes of a table, and the seconds that a step on it has taken."""


@dataclass(frozen=True, slots=True)
class Experience:
    """What earlier steps on this server have taken, by their kind."""

    samples: Mapping[Kind, Sequence[Sample]]

    def seconds(self, kind: Kind, size: int | None) -> tuple[float, bool]:
        """How long a step is going to take, and whether that was learned on this server.

        Of steps on tables of a MiB and more the seconds per byte count, of others the seconds.

        Args:
            size: the bytes of its table; None where they are not known.
        """
        known = size or 0
        samples = self.samples.get(kind, ())
        if kind == INSTANT:
            taken = [seconds for _, seconds in samples]
            return (median(taken), True) if taken else (_STATEMENT, False)
        small = [seconds for held, seconds in samples if held < _MIB]
        large = [seconds / held for held, seconds in samples if held >= _MIB]
        if large:
            return max(median(small) if small else 0.0, known * median(large)), True
        if small and known < _MIB:
            return median(small), True
        return _STATEMENT + known / (_RATES.get(kind, 30) * _MIB), False


def kind_of(algorithm: Algorithm | None, *, data: bool) -> Kind:
    """The kind of a step."""
    return DATA if data else str(algorithm or "")


def experience(
    connection: Connection,
    wanted: Collection[Kind],
    sizes: Mapping[str, Size],
    ranked: Sequence[Algorithm],
) -> Experience:
    """What the ledger tells of earlier steps of some kinds; of each kind the newest run's.

    Args:
        sizes: what tables hold now, by their names; steps on others are left out.
        ranked: the server's algorithms, the cheapest first.
    """
    found: dict[Kind, list[Sample]] = {}
    for run in ledger.newest(connection, _RUNS):
        missing = {kind for kind in wanted if kind not in found}
        kinds = {kind_of(clause.algorithm, data=clause.data) for clause in run.clauses}
        if any(clause.algorithm and clause.algorithm.rebuilds for clause in run.clauses):
            kinds |= TOOLS
        if not kinds & missing:
            continue
        for kind, table, seconds in _steps(connection, run, ranked):
            if kind in missing and table in sizes:
                found.setdefault(kind, []).append((sizes[table].bytes or 0, seconds))
    return Experience(found)


def _steps(
    connection: Connection, run: Run, ranked: Sequence[Algorithm]
) -> Iterable[tuple[Kind, str, float]]:
    """The steps of a run: clauses that were sent together were done together, in the same time."""
    rows = ledger.rows_of(connection, run.revision, run.direction).values()
    timed = [
        (row.table, row.done_at, row.seconds, row.n, tool_of(row.statement))
        for row in rows
        if row.how == "ran" and row.done_at and row.seconds is not None
    ]
    in_order = sorted(timed, key=lambda row: row[:4])
    for (table, _, seconds), step in groupby(in_order, key=lambda row: row[:3]):
        numbers, tools = zip(*((row[3], row[4]) for row in step), strict=True)
        clauses = [run.clauses[number] for number in numbers]
        yield tools[0] or _dearest(clauses, ranked), table, seconds


def _dearest(clauses: Sequence[Clause], ranked: Sequence[Algorithm]) -> Kind:
    """The kind of a step, from the algorithms that its clauses take by themselves."""
    places = {(one.name, one.lock): place for place, one in enumerate(ranked)}
    used = [clause.algorithm for clause in clauses if clause.algorithm]
    dearest = max(
        used, key=lambda one: (places.get((one.name, one.lock), 0), one.rebuilds), default=None
    )
    return kind_of(dearest, data=any(clause.data for clause in clauses))
