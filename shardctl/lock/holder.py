"""Who holds the lock, as its row tells it, and whether that owner still lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from shardctl.dialects import Database, Dialect
from shardctl.ledger import schema
from shardctl.ledger.clock import utc_now
from shardctl.lock.lease import STALE
from shardctl.lock.process import Process


@dataclass(frozen=True, slots=True)
class Holder:
    """The lock's row. All instants are in UTC, by the server's clock.

    Attributes:
        held: whether it is held; else the rest tells of the last owner.
        orphans: tokens of earlier owners whose statements may not have ended yet.
        server: where the owner's claim was seen; "" where claims do not work.
        beat: the last sign of life; None where the owner sends none.
        now: when the row was read.
    """

    fence: int
    held: bool
    token: str
    orphans: tuple[str, ...]
    command: str
    process: Process
    server: str
    since: datetime | None
    beat: datetime | None
    now: datetime

    @classmethod
    def read(cls, connection: Connection) -> Holder:
        """The row as it is now."""
        lock, heartbeat = schema.lock, schema.heartbeat
        row = connection.execute(
            select(lock, heartbeat.c.beat_at, utc_now().label("now"))
            .join(heartbeat, heartbeat.c.name == lock.c.name)
            .where(lock.c.name == schema.LOCK)
        ).one()
        return cls(
            fence=row.fence,
            held=row.held,
            token=row.token,
            orphans=tuple(row.orphans.split()),
            command=row.command,
            process=Process(row.owner, row.host, row.machine, row.pid or 0, row.started),
            server=row.server,
            since=row.acquired_at,
            beat=row.beat_at,
            now=row.now,
        )

    @property
    def silence(self) -> float | None:
        """Seconds since the last sign of life; None where none are sent."""
        return None if self.beat is None else (self.now - self.beat).total_seconds()

    def is_gone(self, connection: Connection, dialect: Dialect) -> bool:
        """Whether the owner has certainly ended, or has been silent for so long that it counts."""
        if self.silence is not None and self.silence >= STALE:
            return True
        if self.process.is_gone():
            return True
        # The same server must answer: named locks are each server's own.
        seen_on, holder = dialect.claimed(connection, claim_of(self.token))
        return bool(self.server) and seen_on == self.server and holder is None

    def sign_of_life(self, connection: Connection, dialect: Dialect) -> str:
        """By what the owner is known to live, in words; "" where nothing says so.

        Asked by someone who would take the lock away, so a session counts that has long been
        silent: it may run a statement yet.
        """
        if self.process.is_seen():
            return "that process lives"
        seen_on, session = dialect.claimed(connection, claim_of(self.token))
        if session is not None:
            return f"its session {session} is on the server"
        sure = bool(self.server) and seen_on == self.server
        if self.silence is not None and self.silence < STALE and not sure:
            return "it has given a sign of life"
        return ""

    def tell(self, database: Database) -> str:
        """Who holds the lock, since when, and what to do about it."""
        if not self.held:
            return (
                "the lock's row is being changed by another session, which has not ended its "
                "transaction; try again"
            )
        after = "if that process is gone for good: shardctl unlock"
        if self.silence is not None:
            after = f"it is taken over by itself {STALE:.0f} s after the last sign of life; {after}"
        return f"{self.introduced(database)}; try again when it has ended ({after})"

    def introduced(self, database: Database) -> str:
        """Who holds the lock, since when, and when it was last heard of."""
        who, silence = self.process, self.silence
        heard = "" if silence is None else f", last sign of life {max(silence, 0):.0f} s ago"
        return (
            f"{database.engine.url.database} is locked by {who.user}@{who.host} pid {who.pid}: "
            f"shardctl {self.command}, since {self.since:%Y-%m-%d %H:%M:%S} UTC{heard}"
        )


def claim_of(token: str) -> str:
    """What the connection that sends the signs of life claims, beside the sessions that work."""
    return f"{token}.lease"
