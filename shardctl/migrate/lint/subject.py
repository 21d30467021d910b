"""What the rules of lint look at: a revision, clause by clause, and the tables yet to get it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.dialects import Dialect, Size
from shardctl.family import Family
from shardctl.migrate.learn.locate import Lesson
from shardctl.migrate.lint.columns import added, dropped
from shardctl.migrate.online.engine import Online
from shardctl.migrate.work import Revision, Work
from shardctl.structure import Structure


@dataclass(frozen=True, slots=True)
class Limits:
    """From what size on a rule speaks, and how long it looks at rows.

    Attributes:
        bytes: a month of more, indexes included, is large to rebuild.
        rows: a month of more is large for one UPDATE or DELETE.
        months: in so many months with rows at most is looked for rows, for each clause.
        seconds: so long at most in one month.
        in_all: so many seconds at most in all months, for each clause.
    """

    bytes: int = 2**30
    rows: int = 100_000
    months: int = 100
    seconds: float = 2.0
    in_all: float = 10.0


@dataclass(frozen=True, slots=True)
class Change:
    """One clause of a revision, and what it makes of its table.

    Attributes:
        before: how the table looks before it, None where there is none, or none known.
        after: how it looks then.
        first: how the table looks before the revision.
        last: how it looks after the revision.
        own: the columns that earlier clauses of the revision have added.
        earlier: the clauses of the revision on this table that come before.
        members: the tables that are still to get it.
    """

    clause: Clause
    before: Structure | None
    after: Structure | None
    first: Structure | None
    last: Structure | None
    own: frozenset[str]
    earlier: tuple[Clause, ...]
    members: tuple[Member, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are still to get it, the template too."""
        return tuple(member.table for member in self.members)

    @property
    def in_use(self) -> tuple[str, ...]:
        """Those of them that may hold rows and that applications know: all but the template."""
        return tuple(
            member.table for member in self.members if not member.family or member.month is not None
        )

    @property
    def alters(self) -> bool:
        """Whether it changes the structure of a table that was there before the revision."""
        return bool(self.first and self.before and self.after and not self.clause.presence)


@dataclass(frozen=True, slots=True)
class Subject:
    """A revision that is about to run, as the rules see it.

    Attributes:
        changes: its clauses, those that no table needs any more left out.
        families: the families' declarations.
        connection: to read from, where a rule needs more than it is given.
        unsettled: tables that other revisions, which have not run either, change before.
        online: the tool that rebuilds big tables while they are in use; None: the server does.
    """

    revision: Revision
    changes: tuple[Change, ...]
    families: Mapping[str, Family]
    dialect: Dialect
    connection: Connection
    unsettled: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    online: Online | None = None

    def sizes(self, tables: Iterable[str]) -> dict[str, Size]:
        """How much tables hold, estimated by the server; asked for when a rule needs it."""
        return self.dialect.sizes(self.connection, tuple(tables))


def changes(
    clauses: Sequence[Clause], lessons: Mapping[str, Lesson], works: Iterable[Work]
) -> tuple[Change, ...]:
    """The clauses of a revision that some table is still to get, with what they bring about.

    Args:
        works: what each table needs, as foreseen.
    """
    members: dict[int, list[Member]] = {}
    for work in works:
        for number in work.todo:
            members.setdefault(number, []).append(work.member)
    own: dict[str, set[str]] = {}
    found: list[Change] = []
    for number, clause in enumerate(clauses):
        lesson = lessons.get(clause.table)
        states = lesson.states if lesson else (None, None)
        at = lesson.clauses.index(number) if lesson else 0
        before, after = states[at : at + 2]
        new = own.setdefault(clause.table, set())
        if number in members:
            found.append(
                Change(
                    clause,
                    before,
                    after,
                    states[0],
                    states[-1],
                    frozenset(new),
                    tuple(other for other in clauses[:number] if other.table == clause.table),
                    tuple(members[number]),
                )
            )
        new -= set(dropped(clause, before, after))
        new |= set(added(clause, before, after))
    return tuple(found)
