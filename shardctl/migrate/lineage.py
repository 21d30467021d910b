"""A revision among the others of its files: what it builds on, and what builds on it."""

from __future__ import annotations

from dataclasses import dataclass

from alembic.script import ScriptDirectory

from shardctl.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Lineage:
    """One revision, and those around it.

    Attributes:
        revision: its whole id.
        before: those that a database at it has had, itself among them.
        after: those at which a database has had it, itself among them.
        known: all that there are files of.
    """

    revision: str
    before: frozenset[str]
    after: frozenset[str]
    known: frozenset[str]

    @classmethod
    def of(cls, script: ScriptDirectory, target: str) -> Lineage:
        """The lineage of a revision, of `head`, or of the beginning of an id.

        Raises:
            CommandError: there is no such revision, or there are several.
            ConfigError: it names none.
        """
        found = script.get_revision(target) if target else None
        if found is None:
            raise ConfigError(f"{target!r} names no revision: give its id, or head")
        after, next_ones = set[str](), {found.revision}
        while next_ones:
            after |= next_ones
            each = script.get_revisions(tuple(next_ones))
            next_ones = {n for one in each if one for n in one._all_nextrev} - after
        return cls(
            found.revision,
            frozenset(each.revision for each in script.iterate_revisions(found.revision, "base")),
            frozenset(after),
            frozenset(each.revision for each in script.walk_revisions()),
        )
