"""What came of a request to store a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.exc import StatementError

from shardctl.errors import ShardctlError
from shardctl.month import Month

Kind = Literal["created", "replayed", "reopened"]

Failure = ShardctlError | StatementError | TypeError | ValueError
"""What stands in an outcome's place where several rows were given: what `create` would raise.

Drivers raise a TypeError or a ValueError for a value that they cannot send, such as a lone
surrogate in text.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A success: the row is stored, by this request or by an earlier one with the same ID.

    Attributes:
        kind: `created`, now; `replayed`, earlier and with the same parameters; `reopened`, now,
            in place of one that had ended invalid.
        month: where it is.
        row: by column. Of a created row what was sent, without what the server filled in; of
            others all that is stored, as it is now.
    """

    kind: Kind
    month: Month
    row: Mapping[str, Any]
