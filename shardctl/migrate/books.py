"""The ledger's account of revisions: what is going to be done, what has come to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shardctl import ledger
from shardctl.lock import Lease
from shardctl.migrate.left_out import LeftOut
from shardctl.migrate.prepare import Prepared
from shardctl.migrate.site import Site


@dataclass(frozen=True, slots=True)
class Books:
    """Kept by the one who holds the lock."""

    site: Site
    lease: Lease

    def begin(self, prepared: Prepared, left_out: Sequence[LeftOut] = ()) -> None:
        """Record what is going to be done; what was done and finished the other way is history."""
        connection, revision = self.site.connection, prepared.revision
        lease = self.lease
        opposite: ledger.Direction = "down" if revision.direction == "up" else "up"
        run = ledger.run(connection, revision.id, opposite)
        if run is not None and run.finished:
            lease.ledger.abandon(connection, revision.id, opposite)
        lease.ledger.begin_run(
            connection,
            revision.id,
            revision.direction,
            source=revision.source,
            clauses=prepared.clauses,
            states=prepared.states,
        )
        for each in left_out:
            lease.ledger.skip_clauses(
                connection, revision.id, "down", each.numbers, each.table, each.reason
            )

    def finish(self, revision: str, direction: ledger.Direction, heads: tuple[str, ...]) -> None:
        """Record that a revision is done, and where the months stand now.

        It is the last thing: the version has moved, and what breaks off in between is finished
        by the next command (`unstamped`). Months that the ledger had not met are registered;
        those that were left out stay where they were.

        Args:
            heads: the revisions that the database is at now.
        """
        lease, connection = self.lease, self.site.connection
        after = ", ".join(sorted(heads)) or None
        known = ledger.months(connection)
        left_out = {
            table
            for table, rows in ledger.skipped(connection).items()
            if any((row.revision, row.direction) == (revision, direction) for row in rows)
        }
        months = [
            month
            for roster in self.site.rosters().values()
            for month in roster.months
            if month.table not in left_out
        ]
        lease.ledger.set_revision(connection, [m.table for m in months if m.table in known], after)
        met = [member for member in months if member.table not in known]
        lease.ledger.register_found(
            connection, [(m.table, m.family, m.month) for m in met if m.month], after
        )
        lease.ledger.finish_run(connection, revision, direction)
