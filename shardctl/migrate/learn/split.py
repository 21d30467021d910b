"""A raw ALTER TABLE of several parts as several clauses, where that comes to the same.

Part by part a month is found that has had some of them by hand, an INSTANT part is not carried
out like the index beside it, and the parts that belong together are sent together nevertheless
(see `steps`). Whether they come to the same is tried on copies: a statement as a whole may swap
two names, or exchange a primary key that no AUTO_INCREMENT column can be without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.dialects import execute
from shardctl.migrate.compile.raw.split import split
from shardctl.migrate.learn.alteration import Alteration
from shardctl.migrate.learn.locate import Details, details
from shardctl.migrate.learn.scratch import Scratch


def in_parts(clauses: Iterable[Clause], scratch: Scratch) -> Iterator[Clause]:
    """The clauses, those of several parts as one for each part where that ends alike.

    When one is asked for, the copies must stand where it begins.
    """
    for clause in clauses:
        parts = split(clause, scratch.families, scratch.dialect)
        yield from parts if len(parts) > 1 and _end_alike(clause, parts, scratch) else [clause]


def _end_alike(clause: Clause, parts: Sequence[Clause], scratch: Scratch) -> bool:
    whole = _end([clause], scratch)
    return whole is not None and whole == _end(parts, scratch)


def _end(clauses: Sequence[Clause], scratch: Scratch) -> Details | None:
    """How a copy looks after clauses; None: there is no table, or the server refuses one."""
    table, dialect, connection = clauses[0].table, scratch.dialect, scratch.connection
    text, before = scratch.definition(table), scratch.declared(table)
    if text is None:
        return None
    family = scratch.families.get(table)
    member = Member(table, family.template) if family else Member("", table)
    with scratch.twin(table, member, text) as twin:
        try:
            for clause in clauses:
                alteration = Alteration.of(
                    dialect, [(clause, before)], twin.names, twin.structure, twin.definition
                )
                for statement in alteration.apart(twin.table):
                    execute(connection, statement)
        except DBAPIError as error:
            if dialect.is_connection_lost(error):
                raise
            return None
        return details(twin.structure())
