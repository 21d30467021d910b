"""Three answers of a remote side: success, failure, and that nothing is known."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from shardctl.errors import ConfigError, Conflict

Code = str | int


class Answer(Enum):
    """What is known of a request after an answer, or after none."""

    SUCCESS = "success"
    """It has taken effect, now or earlier."""
    FAILURE = "failure"
    """It has not, and will not: no repetition changes that."""
    UNKNOWN = "unknown"
    """It may have, or may yet: ask or repeat the request under the same number."""


class Answers:
    """Tells success, failure and doubt apart by the codes of a remote side.

        wechat = Answers(
            success={"SUCCESS", "ORDERPAID"},         # "already paid" is a success
            failure={"OUT_TRADE_NO_USED", "NOTENOUGH"},
            unknown={"SYSTEMERROR", "USERPAYING", "FREQUENCY_LIMITED"},
        )

    A code that stands nowhere is unknown: a new code, taken for a failure, would pay twice.

    Args:
        success: the request has taken effect; "already done" belongs here.
        failure: it has not and will not.
        unknown: time-outs, "in progress" and "rate limited" belong here; for the reader's sake,
            since what is not listed counts as this, too.

    Raises:
        ConfigError: a code stands in two of them, or a text for a list.
    """

    def __init__(
        self,
        *,
        success: Collection[Code],
        failure: Collection[Code],
        unknown: Collection[Code] = (),
    ) -> None:
        if any(isinstance(codes, str) for codes in (success, failure, unknown)):
            raise ConfigError("one text stands for a list of codes: give {'…'}")
        listed = {
            Answer.SUCCESS: frozenset(map(str, success)),
            Answer.FAILURE: frozenset(map(str, failure)),
            Answer.UNKNOWN: frozenset(map(str, unknown)),
        }
        self._answers = {code: answer for answer, codes in listed.items() for code in codes}
        twice = sum(map(len, listed.values())) - len(self._answers)
        if twice:
            both = [c for c in self._answers if sum(c in codes for codes in listed.values()) > 1]
            raise ConfigError(f"codes with two answers: {', '.join(sorted(both))}")

    def of(self, code: Code | None) -> Answer:
        """What a code says; None, where there was no answer, is unknown."""
        return self._answers.get(str(code), Answer.UNKNOWN)


def answer_to(error: BaseException) -> Answer:
    """What an error says that came in place of an answer.

    A failure is `Conflict` alone, which every repetition meets again. `InDoubt`, time-outs and
    broken connections are unknown, and so is whatever else stood in the way.
    """
    return Answer.FAILURE if isinstance(error, Conflict) else Answer.UNKNOWN
