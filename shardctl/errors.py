"""Every error that shardctl raises, in one tree.

A message says what happened, on which table or month, and what to do next. The exit code of
the command line hangs on the class, so that a new error cannot be forgotten there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ShardctlError(Exception):
    """Base of every error that shardctl raises on purpose."""

    exit_code: ClassVar[int] = 2


# -- values and routing -------------------------------------------------------------------


class InvalidMonth(ShardctlError, ValueError):
    """A text or a number that is no month of the calendar."""


class InvalidSuffix(ShardctlError, ValueError):
    """A suffix pattern from which a month cannot be read back without doubt."""


class InvalidGene(ShardctlError, ValueError):
    """A gene whose declaration cannot tell a month."""


class InvalidId(ShardctlError, ValueError):
    """An ID that does not have the form that its family declares."""


class ImplausibleGene(InvalidId):
    """An ID of the right form whose month no table of the family can bear."""


class AmbiguousGene(InvalidId):
    """An ID that two of a family's rules claim for different months."""


class GeneMismatch(InvalidId):
    """An ID and an add-time, compared on demand, that are farther apart than the family allows."""


class ForeignId(InvalidId):
    """An ID that bears another user's id than the caller's."""


class FingerprintMismatch(ShardctlError):
    """A family that this application routes otherwise than the one that made the tables' rows."""


class InvalidInstant(ShardctlError, ValueError):
    """An add-time that names no instant, such as a naive one, or that its column cannot hold."""


class MonthMissing(ShardctlError):
    """A statement needs a month of which there is no table; the message says what makes it."""


# -- reads across months -------------------------------------------------------------------


class QueryRefused(ShardctlError, ValueError):
    """A SELECT that cannot be read across months as it is written."""


class ColumnMissing(ShardctlError):
    """A SELECT names a column that a month lacks, and nothing says what to read in its place."""


class CursorRefused(ShardctlError, ValueError):
    """A cursor from which a page cannot go on."""


class CursorTampered(CursorRefused):
    """It is not as it was given out, or was signed with another key."""


class CursorOfOtherQuery(CursorRefused):
    """It was given out for another query, or for other values in it."""


class CursorMonthGone(CursorRefused):
    """The month in which its row was has no table any more."""


# -- minting ------------------------------------------------------------------------------


class MintError(ShardctlError):
    """No ID was made; none is made until what the message says is set right."""


class ClockWentBack(MintError):
    """The clock is behind the last ID's time, or its mark, for longer than one can wait."""


class GeneExhausted(MintError):
    """The field of an ID that holds the time is about to run out."""


class WorkerShared(MintError):
    """A forked process that has its parent's worker number."""


class WorkerUnavailable(MintError):
    """No worker number can be leased, or kept."""


# -- writes of applications ----------------------------------------------------------------


class Conflict(ShardctlError):
    """A row with this ID is there, stored for a request with other parameters.

    Attributes:
        fields: what differs: by column, the value stored and the value given. Those that are
            secret are masked.
    """

    def __init__(self, message: str, fields: Mapping[str, tuple[Any, Any]]) -> None:
        super().__init__(message, fields)
        self.message = message
        self.fields = fields

    def __str__(self) -> str:
        return self.message


class TwinId(Conflict):
    """Another ID is stored that the key column's collation takes for this one."""


class Unsettled(ShardctlError):
    """Neither success nor failure: send the same request again to learn which."""


class InDoubt(Unsettled):
    """The connection broke off at COMMIT: the row may be stored, or not, or be stored later."""


class NotStored(Unsettled):
    """Nothing was stored, for a reason that passes: others held the row, the server was away."""


class TransactionLost(Unsettled):
    """A deadlock or a broken connection undid the caller's whole transaction, which is closed."""


class RowMissing(ShardctlError):
    """A row that is to be changed is not there: never stored, or deleted."""


class StateConflict(ShardctlError):
    """A row is in a state from which the one asked for cannot be had in one step.

    Attributes:
        stored: the state that it is in.
        asked: the state that it was to be in.
    """

    def __init__(self, message: str, stored: Any, asked: Any) -> None:
        super().__init__(message, stored, asked)
        self.message = message
        self.stored = stored
        self.asked = asked

    def __str__(self) -> str:
        return self.message


class OwnTransactionNeeded(ShardctlError):
    """What was asked for may have to be undone, which would undo the caller's transaction."""


class RowGone(ShardctlError):
    """The registry names a row that is not there any more."""


class LedgerMissing(ShardctlError):
    """A table of shardctl's own is not there; the message says what makes it."""


# -- usage, configuration, the way to the server --------------------------------------------


class ConfigError(ShardctlError):
    """A configuration that cannot be used; names file, key, value and what is allowed."""


class UnknownFamily(ConfigError):
    """A family that the configuration does not declare."""


class DatabaseUnavailable(ShardctlError):
    """The server does not answer, or lets us not in."""


class AccessDenied(ShardctlError):
    """A privilege is missing; the message has the server's words, which name it."""


class UnsupportedServer(ShardctlError):
    """A database that shardctl does not know how to read and change safely."""


# -- refused for safety: nothing was changed --------------------------------------------------


class Refused(ShardctlError):
    """Something that shardctl could do, but does not, because it may not be what you want."""

    exit_code = 3


class Unbounded(Refused):
    """Rows that are to be changed or deleted, and neither ID nor time says which."""


class LockHeld(Refused):
    """Another run holds the database's lock."""


class LockLost(Refused):
    """Another run took the lock over; this one may write no more."""


class RevisionRefused(Refused):
    """A revision that cannot be given to a family of tables as it is written."""


class RevisionEdited(Refused):
    """A revision file that was changed after a part of it had run."""


class Contradiction(Refused):
    """A table that is neither as a clause finds it nor as it leaves it."""


class PlanChanged(Refused):
    """A saved plan that does not hold any more, or that is none."""


class Destructive(Refused):
    """Clauses that lose data, without the word that allows it."""


# -- the database said no ----------------------------------------------------------------------


class Unwritable(Refused):
    """A statement depends on what a table will look like only after others have run."""


class StepFailed(ShardctlError):
    """The server refused a statement; what was done before it is recorded: run again to go on."""

    exit_code = 4
