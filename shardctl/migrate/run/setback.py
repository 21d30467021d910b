"""What keeps a step from taking effect on a table: recorded, told, and put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from shardctl.catalog import Member
from shardctl.clause import Clause
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.run.failure import (
    ONCE_CONNECTED,
    MonthFailed,
    broke_off,
    by_hand,
    failed,
    once_free,
    once_mended,
    refused,
    said,
)
from shardctl.migrate.run.held import held_by
from shardctl.migrate.run.send import Sender, sent
from shardctl.migrate.run.telling import Telling
from shardctl.migrate.site import Site


@dataclass(frozen=True, slots=True)
class Setbacks:
    """Those of one revision.

    Attributes:
        lock_wait: how long its statements wait for others' locks, in seconds.
    """

    site: Site
    clauses: Sequence[Clause]
    telling: Telling
    lock_wait: int

    def failed(
        self,
        sender: Sender,
        member: Member,
        step: Step,
        words: str,
        error: DBAPIError | None = None,
    ) -> None:
        """Record that a step did not take effect, and tell why."""
        sender.lease.ledger.failed_clauses(
            sender.connection,
            *sender.run,
            step.numbers,
            member.table,
            words,
            statement=sent(error) if error else None,
        )
        self.telling(member, step, "failed", detail=words)

    def refused(self, member: Member, step: Step, words: str, anyhow: str) -> MonthFailed:
        """What is to be raised where a table does not take a step by its algorithm.

        Args:
            anyhow: the statement that leaves the algorithm to the server.
        """
        told = refused(member.table, step, self.telling.revision, words)
        return MonthFailed(told, by_hand(anyhow, member.month))

    def ended(self, sender: Sender, member: Member, step: Step) -> None:
        """Record that Ctrl-C has ended a clause's statement, which has had no effect."""
        sender.ended(member.table, step.numbers)
        self.telling(member, step, "failed", detail="ended by Ctrl-C, the table is as it was")

    def held_by(self, sender: Sender, member: Member, step: Step, error: DBAPIError) -> str:
        """Who is in the way, in words."""
        dialect = self.site.database.dialect
        if not dialect.is_lock_timeout(error):
            return dialect.words(error)  # a deadlock, whose other party may be gone
        with self.site.reading() as connection:
            blockers = dialect.blockers(
                connection,
                member.table,
                rows=self.clauses[step.numbers[0]].data,
                waited=self.lock_wait,
                ours=sender.session,
            )
        lost = "".join(f"{note}; " for note in getattr(error, "__notes__", ()))
        return lost + (held_by(blockers) if blockers else dialect.unseen_blocker)

    def worded(
        self, sender: Sender, member: Member, step: Step, error: DBAPIError
    ) -> tuple[str, str]:
        """What happened, in a line, and in another how to go on."""
        dialect, revision = self.site.database.dialect, self.telling.revision
        where, what = member.table or "database", said(step)
        words = dialect.words(error)
        if dialect.is_held_up(error):
            if dialect.is_lock_timeout(error):
                words += f"; {self.held_by(sender, member, step, error)}"
            return failed(where, what, revision, words), once_free(revision)
        if dialect.is_connection_lost(error):
            return broke_off(where, what, revision, words), ONCE_CONNECTED
        return failed(where, what, revision, words), once_mended(revision)
