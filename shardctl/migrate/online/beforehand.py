"""What a tool is going to be given, and what of that it cannot be given: told before anything runs.

The template is the server's, and so would have its change already when the first big month is met.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.dialects import Definition, Size, execute
from shardctl.errors import Refused, RevisionRefused
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.locate import Details, Lesson
from shardctl.migrate.learn.scratch import Scratch
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.online.engine import Engine, Online
from shardctl.migrate.online.fit import entangled, unfit
from shardctl.migrate.online.leftovers import in_the_way
from shardctl.migrate.online.ready import engine_of
from shardctl.migrate.site import Site
from shardctl.migrate.work import Revision
from shardctl.structure import Structure

_NAMED: Final = 6
"""So many tables are named that cannot be given to a tool for one reason."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one table is going to get, in order.

    Attributes:
        looks: how it will look before that.
        text: of a copy that looks so; None: the table's own, or none is at hand (`is_open`).
        is_open: whether it can be told beforehand at all what becomes of it.
    """

    member: Member
    steps: tuple[Step, ...]
    looks: Details
    text: Definition | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Beforehand:
    """One revision, and the tool that is to rebuild the big ones of its tables."""

    online: Online
    site: Site
    scratch: Scratch
    clauses: Sequence[Clause]
    lessons: Mapping[str, Lesson]

    def sizes(self, tables: Collection[str]) -> dict[str, Size]:
        """How much tables hold; none of them where nothing of the revision rebuilds a table."""
        if not any(clause.algorithm and clause.algorithm.rebuilds for clause in self.clauses):
            return {}
        with self.site.reading() as connection:
            return self.site.database.dialect.sizes(connection, tuple(tables))

    def refuse_unfit(
        self, revision: Revision, prospects: Sequence[Prospect], sizes: Mapping[str, Size]
    ) -> None:
        """Try what the tool is going to be given on empty copies, those that look alike once.

        Raises:
            Refused: it would lose something, or what an earlier run has left is in its way.
        """
        given = [one for one in prospects if self._is_given(one, sizes.get(one.member.table))]
        if not given:
            return
        engine, dialect = engine_of(self.online), self.site.database.dialect
        tables = list(dict.fromkeys(one.member.table for one in given))
        with self.site.reading() as connection:
            for table in tables:
                if words := in_the_way(connection, dialect, table, engine.binary):
                    raise Refused(f"{words}\nNothing was changed")
            reasons = entangled(connection, tables)
        known: dict[object, str] = {}
        for one in given:
            key = one.member.family, one.steps, one.looks
            if key not in known:
                known[key] = self._unfit(one, engine) if one.is_open else ""
            reasons.setdefault(one.member.table, known[key])
        if unable := {table: reasons[table] for table in tables if reasons[table]}:
            raise Refused(_words(revision, engine, unable))

    def _is_given(self, prospect: Prospect, size: Size | None) -> bool:
        return self.online.takes(size) and any(
            self.online.does(prospect.member, step) for step in prospect.steps
        )

    def _unfit(self, prospect: Prospect, engine: Engine) -> str:
        """Why a table's steps cannot be given to the tool; "" where they can.

        What the server itself refuses is told where it does so, on the table.
        """
        dialect, member = self.site.database.dialect, prospect.member
        with self.scratch.twin(member.family or member.table, member, prospect.text) as twin:
            for step in prospect.steps:
                clauses = [(self.clauses[number], self._before(number)) for number in step.numbers]
                if clauses[0][0].data:
                    continue
                before, definition = twin.structure(), twin.definition()
                try:
                    names, structure = twin.names, twin.structure
                    own = Alteration.of(dialect, clauses, names, structure, twin.definition)
                    for statement in own.statements(twin.table, None):
                        execute(twin.scratch.connection, statement)
                except DBAPIError as error:
                    if dialect.is_connection_lost(error):
                        raise
                    return ""
                except RevisionRefused:
                    return ""
                if self.online.does(member, step):
                    said = own.specifications(twin.table)
                    zone, after = engine.keeps_zone, twin.structure()
                    if reason := unfit(before, after, said, definition, keeps_zone=zone):
                        return reason
        return ""

    def _before(self, number: int) -> Structure | None:
        lesson = self.lessons.get(self.clauses[number].table)
        return lesson.before(number) if lesson else None


def _words(revision: Revision, engine: Engine, unable: Mapping[str, str]) -> str:
    lines = [f"{revision}: {engine.binary} cannot be given this change, nothing was changed:"]
    for reason in dict.fromkeys(unable.values()):
        tables = [table for table, why in unable.items() if why == reason]
        more = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
        lines.append(f"  {', '.join(islice(tables, _NAMED))}{more}: {reason}")
    lines.append(
        "Run it without --online (or with a greater --online-from) to have the server alter them, "
        "or alter them by hand and run again"
    )
    return "\n".join(lines)
