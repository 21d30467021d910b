"""Whether a saved plan holds still: what it saw and what is there now, compared.

What an interrupted run of the plan has done already is no difference: where the ledger tells that
a clause ran on a table, the table is to look as the clause leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shardctl import ledger
from shardctl.errors import PlanChanged
from shardctl.ledger import ClauseRow, Run
from shardctl.migrate.learn.locate import Lesson, details
from shardctl.migrate.plan.forecast import compiled
from shardctl.migrate.plan.values import Plan, PlannedRevision, PlannedTable, Share
from shardctl.migrate.site import Site
from shardctl.migrate.unfinished import unstamped
from shardctl.migrate.work import Confined, lessons_of
from shardctl.structure import Key, title

_SHOWN = 10
"""So many differences are told; one is enough to refuse."""


def agree(saved: Plan, now: Plan, site: Site) -> None:
    """Compare a saved plan with one that was made of the same revisions right now.

    Args:
        site: where the ledger tells what was done meanwhile.

    Raises:
        PlanChanged: they differ in more than what a run of the saved plan has done.
    """
    runs = {run.revision: run for run in _runs(saved, site)}
    progress = [_Progress.of(run, site) for run in runs.values()]
    through = {run.revision for run in unstamped(site, now.at)[1]}
    through |= {run.revision for run in runs.values() if run.finished}
    left = [one for one in saved.revisions if not (one.id in runs and one.id in through)]
    unlike = [*_revisions(left, now.revisions)]
    if not unlike:
        begun = any(each.rows for each in progress)
        done = {each.run.revision: each.rows for each in progress}
        for was, shall in zip(left, now.revisions, strict=True):
            unlike += _tables(was, shall, done.get(was.id, {}), begun=begun)
    reached = {share.table for revision in left for share in revision.shares}
    for name, table in saved.tables.items():
        if name in reached and name in now.tables:
            unlike += _structure(table, now.tables[name], progress)
    if unlike:
        more = [f"and {len(unlike) - _SHOWN} more"] if len(unlike) > _SHOWN else []
        raise PlanChanged(
            "\n  ".join(
                [
                    "the plan does not hold any more, nothing was run; make a new one with "
                    "shardctl plan --out:",
                    *unlike[:_SHOWN],
                    *more,
                ]
            )
        )


def confined_by(plan: Plan) -> dict[str, Confined]:
    """By revision, the tables that a plan names, and the clauses that it has for each."""
    confined: dict[str, Confined] = {}
    for revision in plan.revisions:
        allowed: dict[str, set[int]] = {}
        for share in revision.shares:
            allowed.setdefault(share.table, set()).update(share.todo, share.found)
        confined[revision.id] = allowed
    return confined


def _runs(saved: Plan, site: Site) -> Iterator[Run]:
    """What the ledger has of the plan's revisions, as the plan has them."""
    for revision in saved.revisions:
        run = ledger.run(site.connection, revision.id, revision.direction)
        if run and (run.digest, compiled(run.clauses)) == (revision.source, revision.compiled):
            yield run


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far one revision of the plan has come."""

    run: Run
    lessons: Mapping[str, Lesson]
    rows: Mapping[tuple[int, str], ClauseRow]

    @classmethod
    def of(cls, run: Run, site: Site) -> _Progress:
        rows = ledger.rows_of(site.connection, run.revision, run.direction)
        return cls(run, lessons_of(run.clauses, run.states), rows)

    def changes(self, table: PlannedTable) -> Iterator[tuple[bool, dict[Key, object]]]:
        """What ran on a table: whether that is certain, and the details that it leaves."""
        lesson = self.lessons.get(table.family or table.name)
        if lesson is None:
            return
        for number, after in zip(lesson.clauses, lesson.stages[1:], strict=True):
            clause = self.run.clauses[number]
            row = self.rows.get(
                (number, table.name if clause.table == lesson.table else clause.table)
            )
            if row and row.how in ("ran", None):
                yield row.done, {key: after.get(key) for key in lesson.touched[number]}


def _revisions(left: Sequence[PlannedRevision], now: Sequence[PlannedRevision]) -> Iterator[str]:
    """In what the revisions to be run are other ones."""
    planned, found = {one.id: one for one in left}, {one.id: one for one in now}
    for one in now:
        was = planned.get(one.id)
        if was is None:
            yield f"revision {one.id} is not in the plan"
        elif was.source != one.source:
            yield f"revision {one.id}: its file was edited"
        elif was.compiled != one.compiled:
            yield f"revision {one.id}: its clauses come out otherwise than planned"
    for gone in planned.keys() - found.keys():
        yield f"revision {gone} is in the plan, but is not to be run any more"
    both = [one.id for one in left if one.id in found], [one.id for one in now if one.id in planned]
    if both[0] != both[1]:
        yield f"the order of revisions is {', '.join(both[1])}, planned {', '.join(both[0])}"


def _tables(
    was: PlannedRevision,
    now: PlannedRevision,
    rows: Mapping[tuple[int, str], ClauseRow],
    *,
    begun: bool,
) -> Iterator[str]:
    """In what the tables of a revision, or what they get, are other ones.

    Args:
        begun: whether the plan was begun to run; clauses may then be grouped otherwise.
    """
    planned, found = _by_table(was), _by_table(now)
    for table in planned.keys() - found.keys():
        yield f"{table}: it is not there any more"
    for table, shares in found.items():
        if table not in planned:
            yield f"{table}: it is not in the plan"
            continue
        had = {number for number in range(len(was.clauses)) if (number, table) in rows}
        todo, shall = _todo(planned[table]), _todo(shares)
        for number in sorted(shall - todo):
            yield f"{table}: clause {number + 1} of {was.id} is to be run, but is not in the plan"
        for number in sorted(todo - shall - had):
            yield f"{table}: clause {number + 1} of {was.id} was done by others"
        if not begun and shall == todo and _steps(shares) != _steps(planned[table]):
            yield (
                f"{table}: {was.id} is to be run as {_words(shares)}, planned "
                f"{_words(planned[table])}"
            )


def _by_table(revision: PlannedRevision) -> dict[str, list[Share]]:
    found: dict[str, list[Share]] = {}
    for share in revision.shares:
        found.setdefault(share.table, []).append(share)
    return found


def _todo(shares: Sequence[Share]) -> frozenset[int]:
    return frozenset[int]().union(*(share.todo for share in shares))


def _steps(shares: Sequence[Share]) -> list[tuple[object, ...]]:
    return [
        (step.numbers, step.algorithm, bool(step.refused), step.online)
        for share in shares
        for step in share.steps
    ]


def _words(shares: Sequence[Share]) -> str:
    return "; ".join(
        " ".join(
            [
                *(["refused:"] if step.refused else []),
                " + ".join(str(number + 1) for number in step.numbers),
                str(step.online or step.algorithm or ""),
            ]
        ).rstrip()
        for share in shares
        for step in share.steps
    )


def _structure(
    was: PlannedTable, now: PlannedTable, progress: Sequence[_Progress]
) -> Iterator[str]:
    """In what a table looks otherwise than it did, or than what ran on it has left it."""
    if was.structure == now.structure and not progress:
        return
    expected: dict[Key, object] = dict(details(was.structure))
    perhaps: dict[Key, list[object]] = {}
    ran = [change for each in progress for change in each.changes(was)]
    for certain, after in ran:
        if certain:
            expected |= after
        else:
            for key, value in after.items():
                perhaps.setdefault(key, []).append(value)
    live = details(now.structure)
    unlike = {
        key
        for key in expected | live
        if live.get(key) != expected.get(key) and live.get(key) not in perhaps.get(key, ())
    }
    if any(key[0] == "column" for _, after in ran for key in after):
        unlike.discard(("order",))  # which no clause is said to change that adds a column
    if told := [
        _difference(key, expected.get(key), live.get(key))
        for key in sorted(unlike)
        if not _is_attribute(key) or key[:2] not in unlike
    ]:
        yield f"{now.name}: its structure is not what the plan saw: {', '.join(told)}"


def _is_attribute(key: Key) -> bool:
    return key[0] == "column" and len(key) == 3


def _difference(key: Key, expected: object, live: object) -> str:
    """One detail, in words: how it is, and how it was when the plan was made."""
    if not _is_attribute(key) and None in (expected, live):
        return f"{title(key)} {'missing' if live is None else 'extra'}"
    if isinstance(live, str | bool | None) and isinstance(expected, str | bool | None):
        return f"{title(key)} is {_said(live)}, was {_said(expected)}"
    return f"{title(key)} differs"


def _said(value: object) -> str:
    return "none" if value is None else str(value) or "''"
