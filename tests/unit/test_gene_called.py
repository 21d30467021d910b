"""A gene that a function of the application reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import GeneMismatch, InvalidGene, InvalidId
from shardctl.family import Family
from shardctl.gene import CallableGene
from shardctl.month import Month


def base36(text: str) -> datetime:
    """An ID whose first six characters are the Unix time in base 36."""
    try:
        return datetime.fromtimestamp(int(text[:6], 36), UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidId(f"{text} has no time") from error


FAMILY = Family("t", timezone="Asia/Shanghai", gene=CallableGene(base36, "base36"))
MADE = datetime(2026, 11, 30, 16, tzinfo=UTC)


def test_a_function_that_tells_the_instant_is_asked_each_time() -> None:
    assert FAMILY.month(id="tpbofzx", now=MADE) == Month(2026, 11)
    assert base36("tpbog0") == MADE
    assert FAMILY.month(id="tpbog0x", instant=MADE, now=MADE) == Month(2026, 12)
    with pytest.raises(GeneMismatch):
        FAMILY.month(id="tpbog0x", instant=MADE + timedelta(seconds=6), now=MADE)
    assert ("base36 says", f"{MADE}") in FAMILY.explain("tpbog0x", now=MADE)
    assert FAMILY.fingerprint != Family("t", timezone="Asia/Shanghai").fingerprint


@pytest.mark.parametrize("wrong", ["", "-tpbog0", "tpb g0", "ｔpbog0", "tpbog0\n", 5])
def test_it_gets_ascii_letters_and_digits_only(wrong: str | int) -> None:
    with pytest.raises(InvalidId):
        FAMILY.month(id=wrong, now=MADE)


def test_a_month_will_do() -> None:
    gene = CallableGene(
        lambda text: Month(2000 + int(text[:2]), int(text[2:4])), "v1", decimal=True
    )
    family = Family("t", gene=gene)
    assert family.month(id=2611, now=MADE) == family.month(id="2611", now=MADE) == Month(2026, 11)
    assert gene.span("2611", UTC) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
    )
    with pytest.raises(InvalidGene):
        family.id_range(Month(2026, 11))


@pytest.mark.parametrize(
    "said", [datetime.max.replace(tzinfo=UTC), Month(9999, 12), Month(1, 1)], ids=str
)
def test_a_time_beyond_the_calendar_is_an_error_of_ours(said: datetime | Month) -> None:
    gene = CallableGene(lambda _: said, "v1")
    with pytest.raises(InvalidId, match="beyond the calendar"):
        gene.span("a", ZoneInfo("Asia/Shanghai"))
    with pytest.raises(InvalidId):
        Family("t", timezone="Asia/Shanghai", gene=gene, first=Month(2020, 1)).month(id="a")


def test_what_is_no_month_is_a_mistake_of_the_function() -> None:
    for wrong in (None, 202611, datetime(2026, 11, 1)):  # noqa: DTZ001  that is the point
        gene = CallableGene(lambda _, wrong=wrong: wrong, "v1")  # type: ignore[misc]
        with pytest.raises(InvalidGene, match="give a Month or an aware datetime"):
            gene.month("1", UTC)
    with pytest.raises(InvalidGene, match="name"):
        CallableGene(base36, "")
