"""Sessions that outlive their client, and those of others."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Connection

from shardctl.dialects.values import Blocker, Lag, Written


class Sessions:
    """What a kind of server tells of who uses it; a file tells nothing."""

    unseen_blocker: ClassVar[str] = "another process writes to it"
    """What is said of who holds a table, where `blockers` cannot tell."""

    def connection_id(self, connection: Connection) -> int | None:  # noqa: ARG002
        """The session's id on its server; None where there is no server, only a file."""
        return None

    def claim(self, connection: Connection, token: str) -> None:
        """Mark a session as the one that sends a token's statements, before it sends any.

        The mark lasts exactly as long as the session. Nothing where a client's death ends its
        statements, or where the server has no such marks.

        Args:
            token: lower-case ASCII of at most 55 characters, claimed by no other session; several
                sessions of one token claim its places.

        Raises:
            Refused: another session has claimed it.
        """

    def claimed(self, connection: Connection, token: str) -> tuple[str, int | None]:  # noqa: ARG002
        """Which server answers, and the id of the session that has claimed a token there.

        The server is "" where sessions cannot be claimed.
        """
        return "", None

    def end_orphan(self, connection: Connection, token: str) -> int | None:  # noqa: ARG002
        """End the sessions that claimed a token or one of its places, or that run a statement
        whose mark begins so, and wait until they are gone.

        Returns:
            The id of one that was ended; None where there was none.

        Raises:
            Refused: this user may not end it; the message says what to run.
            StepFailed: it has not ended within half a minute.
        """
        return None

    def interrupt(self, connection: Connection, token: str, *, waiting: int | None = None) -> bool:  # noqa: ARG002
        """End the statements that the sessions of a token run; the sessions live on.

        Args:
            connection: of another session.
            waiting: only one that waits for a lock on its table, and began at most so many
                seconds ago; None: any.

        Returns:
            Whether there was one that was told to end.
        """
        return False

    # -- those who use the tables meanwhile --------------------------------------------------------

    def blockers(
        self,
        connection: Connection,  # noqa: ARG002
        table: str,  # noqa: ARG002
        *,
        rows: bool,  # noqa: ARG002
        waited: int,  # noqa: ARG002
        ours: int | None,  # noqa: ARG002
    ) -> tuple[Blocker, ...]:
        """Who holds a table, right after it was waited for in vain, the longest first.

        None where the server does not tell, or does not tell us.

        Args:
            rows: whether rows of it were waited for, and not the table.
            waited: for how long it was waited for, in seconds: who came later is no blocker.
            ours: the session that has waited, which the server may not have done with yet.
        """
        return ()

    def wait_for_tables(self, connection: Connection, seconds: int) -> None:
        """Set how long a statement waits, at each time that it wants its table to itself.

        Args:
            seconds: on some servers one at least.
        """

    def probe_table_lock(self, connection: Connection, table: str, mark: str) -> None:
        """Wait until nobody uses a table, as long as a statement that changes it would.

        Args:
            mark: a comment by which it is found in the server's list of processes.

        Raises:
            DBAPIError: somebody does for too long (`is_lock_timeout`).
        """

    def threads_running(self, connection: Connection) -> int | None:  # noqa: ARG002
        """How many sessions run a statement at this moment, this one too; None: not to be told."""
        return None

    def replica_hosts(self, connection: Connection) -> tuple[tuple[str, int], ...]:  # noqa: ARG002
        """Host and port of each replica of this server; the host is "" where it is not told."""
        return ()

    def written(self, connection: Connection) -> Written | None:  # noqa: ARG002
        """How far the log goes that this server's replicas follow; None: it writes none."""
        return None

    def replica_lag(self, connection: Connection, written: Written | None) -> Lag | None:  # noqa: ARG002
        """How far this replica is behind what it follows; None: it is no replica.

        Args:
            written: how far the primary's log goes.
        """
        return None
