"""What the codes of a remote side, and errors in their place, say of a request."""

from __future__ import annotations

import pytest

from shardctl.errors import ConfigError, Conflict, InDoubt, NotStored, TransactionLost
from shardctl.store.answers import Answer, Answers, answer_to

CODES = Answers(
    success={"SUCCESS", "ORDERPAID", 0},
    failure={"OUT_TRADE_NO_USED", 201},
    unknown={"SYSTEMERROR", "USERPAYING"},
)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("SUCCESS", Answer.SUCCESS),
        ("ORDERPAID", Answer.SUCCESS),
        (0, Answer.SUCCESS),
        ("0", Answer.SUCCESS),
        ("OUT_TRADE_NO_USED", Answer.FAILURE),
        (201, Answer.FAILURE),
        ("USERPAYING", Answer.UNKNOWN),
        ("A_CODE_OF_NEXT_YEAR", Answer.UNKNOWN),
        ("success", Answer.UNKNOWN),
        ("", Answer.UNKNOWN),
        (None, Answer.UNKNOWN),
    ],
)
def test_a_code_says_what_the_table_has_for_it_and_else_nothing(
    code: str | int | None, answer: Answer
) -> None:
    assert CODES.of(code) is answer


def test_a_code_with_two_answers_is_refused() -> None:
    with pytest.raises(ConfigError, match="codes with two answers: PAID"):
        Answers(success={"PAID"}, failure={"PAID", "CLOSED"})


def test_a_text_is_no_list_of_codes() -> None:
    with pytest.raises(ConfigError, match="list of codes"):
        Answers(success="SUCCESS", failure={"FAIL"})


@pytest.mark.parametrize(
    "error",
    [
        InDoubt("the connection broke off"),
        NotStored("locked"),
        TransactionLost("deadlock"),
        TimeoutError(),
        ConnectionResetError(),
        OSError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_doubt_or_a_time_out_is_never_a_failure(error: Exception) -> None:
    assert answer_to(error) is Answer.UNKNOWN


def test_a_conflict_is_a_failure_since_every_repetition_meets_it() -> None:
    assert answer_to(Conflict("other parameters", {})) is Answer.FAILURE
