"""What a web service answers to a request that it stored, or could not.

Status codes as the idempotency of large interfaces has them: 201 for a new row, 200 with
`Idempotent-Replayed: true` for a repeated one (Stripe), 409 or 422 for other parameters under the
same number (RFC 9110; draft-ietf-httpapi-idempotency-key-header-07), 503 with `Retry-After` where
the answer is not known. Errors are problem details (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from shardctl.errors import (
    Conflict,
    InvalidId,
    InvalidInstant,
    MonthMissing,
    RowGone,
    RowMissing,
    ShardctlError,
    StateConflict,
    Unsettled,
)
from shardctl.store.outcome import Outcome

EXACT: Final = 2**53
"""JavaScript reads integers up to this one exactly; larger ones leave as text."""


LATER: Final = "it is not known whether this was done: send the same request again"
"""The detail of an answer that is none."""

_PROBLEM: Final[Mapping[str, str]] = {"Content-Type": "application/problem+json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, for whatever framework sends it.

    Attributes:
        status: its code.
        body: values that JSON has.
        headers: beside those that the framework sets itself.
    """

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(
    result: Outcome | ShardctlError, *, conflict: int = HTTPStatus.CONFLICT, retry_after: int = 1
) -> Reply:
    """The answer to an outcome, or to an error of the store.

    Args:
        conflict: the status for other parameters under the same ID: 409, or 422 as the IETF's
            draft has it.
        retry_after: after how many seconds to repeat a request of which nothing is known.

    Raises:
        ShardctlError: the given one, where it is no answer to a client but a fault of the server.
    """
    match result:
        case Outcome("replayed"):
            return Reply(HTTPStatus.OK, json_row(result.row), {"Idempotent-Replayed": "true"})
        case Outcome():
            return Reply(HTTPStatus.CREATED, json_row(result.row))
        case Conflict():
            fields = {
                name: {"stored": json_value(stored), "given": json_value(given)}
                for name, (stored, given) in result.fields.items()
            }
            return _problem(conflict, result, fields=fields)
        case StateConflict():
            return _problem(HTTPStatus.CONFLICT, result, state=json_value(result.stored))
        case RowMissing():
            return _problem(HTTPStatus.NOT_FOUND, result)
        case RowGone():
            return _problem(HTTPStatus.GONE, result)
        case InvalidId() | InvalidInstant():
            return _problem(HTTPStatus.BAD_REQUEST, result)
        case Unsettled() | MonthMissing():
            return Reply(
                HTTPStatus.SERVICE_UNAVAILABLE,
                # Not the error's own words, which name servers and tables: log those.
                {"title": type(result).__name__, "status": 503, "detail": LATER},
                {**_PROBLEM, "Retry-After": str(retry_after)},
            )
    raise result


def json_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: json_value(value) for name, value in row.items()}


def json_value(value: Any) -> Any:
    """A column's value as JSON has it; decimals, large integers and times are text.

    Instants are in ISO 8601 with their offset, durations in seconds, bytes in hexadecimal.
    """
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if abs(value) <= EXACT else str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case Decimal() | UUID():
            return str(value)
        case Mapping():
            return {str(key): json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case set() | frozenset():
            return sorted(json_value(each) for each in value)
    return str(value)


def _problem(status: int, error: ShardctlError, **members: Any) -> Reply:
    body = {"title": type(error).__name__, "status": int(status), "detail": str(error), **members}
    return Reply(status, body, _PROBLEM)
