"""What a revision brings about: learned on scratch copies, one clause at a time.

The net effect of a revision would lie (add and rename, swap); the states after every single
clause do not. A clause that the server refuses is refused here, before anything real is touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import member_of
from shardctl.clause import (
    Action,
    AddConstraint,
    Algorithm,
    Clause,
    Names,
    ObjectName,
    Part,
    Sql,
)
from shardctl.dialects import Definition
from shardctl.errors import AccessDenied, RevisionRefused
from shardctl.migrate.learn.alteration import (
    Alteration,
    checks_by_meaning,
    existing_names,
    is_structural,
    names_existing,
)
from shardctl.migrate.learn.locate import Lesson, details, locate
from shardctl.migrate.learn.row_key import refuse_unwalkable
from shardctl.migrate.learn.scratch import Scratch
from shardctl.migrate.learn.split import in_parts
from shardctl.migrate.learn.wording import worded
from shardctl.structure import Check, ForeignKey, Structure, foreign_key_address

Named = TypeVar("Named", Check, ForeignKey)


@dataclass(frozen=True, slots=True)
class Learned:
    """A revision's clauses and what each does.

    Attributes:
        clauses: the clauses, with the server's algorithm filled in.
        states: by table name, how it looks before the first clause that concerns it and after
            each.
        shown: for each clause, the SQL as the template gets it.
        texts: by table name, the text of its copy before each clause that concerns it.
    """

    clauses: tuple[Clause, ...]
    states: dict[str, tuple[Structure | None, ...]]
    shown: tuple[str, ...]
    texts: dict[str, tuple[Definition | None, ...]]


def learn(clauses: Sequence[Clause], scratch: Scratch) -> Learned:
    """Run clauses on scratch copies and keep how these look after each.

    A raw ALTER TABLE of several parts becomes a clause for each, where that comes to the same.

    Names of checks and foreign keys in the states are the declared ones, as in the revision.

    Raises:
        RevisionRefused: a clause's table does not exist, or the server refuses a clause.
    """
    states: dict[str, list[Structure | None]] = {}
    texts: dict[str, list[Definition | None]] = {}
    judged: list[Clause] = []
    shown: list[str] = []
    for number, clause in enumerate(in_parts(clauses, scratch)):
        concerned = [name for name in (clause.table, clause.renamed_from) if name]
        if clause.presence == "create" and clause.table not in states:
            # The table may be there already, made by hand or before a stamp: then what it is to
            # be like is learned beside it, and it is compared with that.
            scratch.forget(clause.table)
        for name in concerned:
            states.setdefault(name, [scratch.declared(name)])
            texts.setdefault(name, []).append(scratch.definition(name))
        before = states[clause.table][-1] if clause.table else None
        text, algorithm = _try(clause, before, scratch, number)
        shown.append(text)
        for name in concerned:
            _keep_up(name, clause, scratch)
            states[name].append(scratch.known[name])
        judged.append(replace(clause, algorithm=algorithm))
    return Learned(
        tuple(judged),
        {name: tuple(seen) for name, seen in states.items()},
        tuple(shown),
        {name: tuple(read) for name, read in texts.items()},
    )


def _try(
    clause: Clause, before: Structure | None, scratch: Scratch, number: int
) -> tuple[str, Algorithm | None]:
    """Run one clause on the copy of its table.

    Returns:
        The text that the template would get, and how the server carried it out.
    """
    dialect = scratch.dialect
    if not clause.table:
        return worded(clause, dialect, scratch.families), None
    if member := member_of(scratch.families, clause.table):
        raise RevisionRefused(
            f"clause {number + 1} changes {member.table}, which is one table of the family "
            f"{member.family}: write {member.family}, and the clause reaches all its months"
        )
    refuse_unwalkable(clause, number, before)
    if before is None and clause.presence not in ("create", "rename"):
        if clause.data and clause.table not in scratch.families:
            return worded(clause, dialect, scratch.families), None
        raise RevisionRefused(
            f"clause {number + 1} changes {clause.table}, but there is neither a family nor a "
            f"table of that name; families: {', '.join(sorted(scratch.families)) or 'none'}"
        )
    real = {name: family.template for name, family in scratch.families.items()}
    declared = Names(real, existing=existing_names(before, before))
    definition = scratch.definition(clause.table) if is_structural(clause) else None
    text = worded(clause, dialect, scratch.families, declared, definition)
    names = scratch.names(clause.table)
    if names_existing(clause):
        own = scratch.structure(clause.table)
        names = replace(names, existing=existing_names(before, own))
    try:
        copy = names.table(clause.table)
        alteration = Alteration(dialect, [(clause, names)], definition)
        algorithm = _asked(alteration, copy, scratch)
        if algorithm is None:
            scratch.run(clause, alteration.apart(copy))
    except DBAPIError as error:
        if dialect.is_access_denied(error):
            raise AccessDenied(
                f"the server denies what clause {number + 1} needs, nothing was changed: "
                f"{dialect.words(error)}"
            ) from error
        raise RevisionRefused(
            f"clause {number + 1} fails on an empty copy of {clause.table}, nothing was changed: "
            f"{dialect.words(error)}\n  {text}"
        ) from error
    return text, algorithm


def _asked(alteration: Alteration, copy: str, scratch: Scratch) -> Algorithm | None:
    """Run a clause on a copy by the cheapest algorithm; None: it has not run, for it takes none.

    Some statements are not what they were with a demand behind them (PARTITION BY).
    """
    if not alteration.is_joinable:
        return None
    dialect = scratch.dialect
    try:
        return dialect.ask(scratch.connection, copy, alteration.joined, dialect.algorithms)
    except DBAPIError as error:
        if dialect.is_connection_lost(error):
            raise
        return None


def _keep_up(name: str, clause: Clause, scratch: Scratch) -> None:
    """Take note of how a copy looks after a clause, under declared names."""
    after = scratch.structure(name)
    scratch.known[name] = after and _declared(after, scratch.known[name], clause)


def _declared(after: Structure, before: Structure | None, clause: Clause) -> Structure:
    """The structure of a copy with the names that the revision and the template use."""
    known = before or Structure(())
    check_names = {address: check.name for address, check in checks_by_meaning(known).items()}
    key_names = {foreign_key_address(key): key.name for key in known.foreign_keys}
    given = _given_names(clause.actions)
    checks = tuple(
        _renamed(check, check_names.get(address), given)
        for address, check in checks_by_meaning(after).items()
    )
    keys = tuple(
        _renamed(key, key_names.get(foreign_key_address(key)), given) for key in after.foreign_keys
    )
    return replace(after, checks=checks, foreign_keys=keys)


def _renamed(item: Named, known: str | None, given: Sequence[str]) -> Named:
    if known is None:
        known = next((name for name in given if item.name.startswith(name)), item.name)
    return replace(item, name=known)


def _given_names(actions: Sequence[Action]) -> list[str]:
    parts: list[Part] = []
    for action in actions:
        if isinstance(action, Sql | AddConstraint):
            parts += action.parts
    found = [part.name for part in parts if isinstance(part, ObjectName) and not part.existing]
    return sorted(found, key=len, reverse=True)


def lived(clauses: Sequence[Clause], lessons: Mapping[str, Lesson], scratch: Scratch) -> None:
    """Bring scratch copies to where a revision ends, from wherever their originals stand.

    A revision that did not come to its end may have reached its template wholly, in part, or
    not at all; what follows it is learned from its end.
    """
    for number, clause in enumerate(clauses):
        lesson = lessons.get(clause.table)
        if lesson is None:
            continue
        live = details(scratch.structure(clause.table))
        if clause.data or number not in locate(lesson, clause.table, live, ()):
            _try(clause, lesson.states[lesson.clauses.index(number)], scratch, number)
            _keep_up(clause.table, clause, scratch)
