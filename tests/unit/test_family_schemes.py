"""A change of scheme: IDs made before it go by the old rule, later ones by the new."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import (
    AmbiguousGene,
    ConfigError,
    GeneMismatch,
    ImplausibleGene,
    InvalidGene,
    InvalidId,
)
from shardctl.family import Family, Scheme
from shardctl.gene import TWITTER, CallableGene, DigitsGene, SnowflakeGene, TimestampGene, UlidGene
from shardctl.month import Month

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
CHANGE = Month(2026, 6)
DAYS = DigitsGene(0, "%Y%m%d")
CHANGED = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DAYS,
    length=(28,),
    genes=(Scheme(TimestampGene("ms"), (26, 27), until=CHANGE),),
    first=Month(2025, 1),
)


def old(month: Month) -> str:
    return TimestampGene("ms").lower(TimestampGene("ms").first_tick(month, SHANGHAI)) + "0" * 13


def new(month: Month) -> str:
    return f"{month:%Y%m}01" + "0" * 20


def test_each_id_goes_by_the_rule_that_made_it() -> None:
    for month in (Month(2025, 1), Month(2026, 5), CHANGE):
        assert CHANGED.month(id=old(month), now=NOW) == month
        assert CHANGED.table_name(id=old(month)) == f"t_order_{month:%Y%m}"
    for month in (CHANGE, Month(2026, 7), Month(2026, 11)):
        assert CHANGED.month(id=new(month), now=NOW) == month
        assert CHANGED.table_name(id=new(month)) == f"t_order_{month:%Y%m}"
        assert CHANGED.table_name(id=int(new(month))) == f"t_order_{month:%Y%m}"
    assert ("made", "until 2026-06") in CHANGED.explain(old(CHANGE), now=NOW)
    assert ("made", "as it is done now") in CHANGED.explain(new(CHANGE), now=NOW)


def test_a_rule_reads_no_month_that_is_not_its_own() -> None:
    for id in (old(CHANGE + 1), old(Month(2024, 12)), new(CHANGE + -1), new(Month(2027, 4))):
        with pytest.raises(ImplausibleGene):
            CHANGED.month(id=id, now=NOW)
    for id in ("5" * 25, "x" * 28, old(CHANGE) + "00"):
        with pytest.raises(InvalidId):
            CHANGED.table_name(id=id)


def test_the_range_of_a_month_is_that_of_its_rule() -> None:
    assert CHANGED.id_range(Month(2026, 7)) == ("20260701" + "0" * 20, "20260731" + "9" * 20)
    low, high = CHANGED.id_range(Month(2026, 5))
    assert str(low) <= old(Month(2026, 5)) <= str(high) < old(CHANGE)
    with pytest.raises(InvalidGene, match="made in two ways"):
        CHANGED.id_range(CHANGE)
    with pytest.raises(ImplausibleGene):
        CHANGED.id_range(Month(2024, 12))


def test_ids_without_a_gene_go_by_add_time_until_the_change() -> None:
    family = Family(
        "t_order",
        timezone="Asia/Shanghai",
        gene=DAYS,
        length=(28,),
        genes=(Scheme(None, (32,), until=CHANGE),),
    )
    before, after = CHANGE.start(SHANGHAI), (CHANGE + 1).start(SHANGHAI)
    assert family.month(id="f" * 32, instant=before, now=NOW) == CHANGE
    assert family.month(id=new(CHANGE), now=NOW) == CHANGE
    with pytest.raises(InvalidId, match="bears no gene; its add-time tells the month: instant="):
        family.month(id="f" * 32, now=NOW)
    with pytest.raises(InvalidId, match="bears no gene; its add-time tells the month: instant="):
        family.table_name(id="f" * 32)
    with pytest.raises(GeneMismatch, match="none such was made in 2026-07"):
        family.month(id="f" * 32, instant=after, now=NOW)


def test_two_rules_of_one_length_are_told_apart_by_the_range_of_their_ids() -> None:
    """Digits of days begin with 20, milliseconds with 17: for 26 characters as well as for 28."""
    family = Family("t", gene=DAYS, length=(26,), genes=(Scheme(UlidGene(), until=CHANGE),))
    low = str(family.id_range(Month(2026, 5))[0])
    assert family.month(id=low, now=NOW) == Month(2026, 5)
    assert family.table_name(id=low) == "t_202605"
    assert family.table_name(id="20260701" + "0" * 18) == "t_202607"
    with pytest.raises(InvalidId):
        family.table_name(id="9" * 26)


def test_a_new_epoch_is_told_apart_until_its_ids_have_grown_into_the_old_ones() -> None:
    """Ten years are looked ahead; what two claim after that is refused when it comes."""
    fresh = SnowflakeGene(41, (10,), 12, epoch=datetime(2026, 1, 1, tzinfo=UTC))
    family = Family("t", gene=fresh, genes=(Scheme(TWITTER, until=CHANGE),), first=Month(2024, 1))
    claimed = fresh.first_tick(Month(2040, 3), UTC) << 22
    assert TWITTER.month(str(claimed), UTC) == Month(2025, 1)
    assert family.month(id=claimed, now=NOW) == Month(2025, 1)
    with pytest.raises(AmbiguousGene, match=r"2025-01.*2040-03"):
        family.month(id=claimed, now=datetime(2040, 3, 1, tzinfo=UTC))


def test_lengths_that_tell_rules_apart_are_in_the_fingerprint() -> None:
    """The same ID of 28 digits, by the day in front in one, by that at 10 in the other."""
    id, later = "2026050100" + "20260601" + "0" * 10, DigitsGene(10, "%Y%m%d")
    one = Family("t", gene=later, length=(26,), genes=(Scheme(DAYS, (28,), until=CHANGE),))
    other = Family("t", gene=later, length=(28,), genes=(Scheme(DAYS, (26,), until=CHANGE),))
    assert one.table_name(id=id) == "t_202605"
    assert other.table_name(id=id) == "t_202606"
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("gene", "length", "former"),
    [
        (DAYS, (28,), Scheme(DigitsGene(10, "%Y%m%d"), (28,), until=CHANGE)),
        (DAYS, (28,), Scheme(None, (28,), until=CHANGE)),
        (None, (28,), Scheme(DAYS, (28,), until=CHANGE)),
        (DAYS, (28,), Scheme(None, until=CHANGE)),
        (DAYS, (), Scheme(TimestampGene("ms"), (26,), until=CHANGE)),
        (SnowflakeGene(41, (9,), 12, epoch=TWITTER.epoch), (), Scheme(TWITTER, until=CHANGE)),
        (DAYS, (28,), Scheme(CallableGene(lambda _: CHANGE, "f"), (28,), until=CHANGE)),
        (DAYS, (28,), Scheme(DigitsGene(0, "%Y%m"), (28,), until=CHANGE)),
    ],
)
def test_rules_that_might_claim_one_id_are_refused_at_once(
    gene: DigitsGene | None, length: tuple[int, ...], former: Scheme
) -> None:
    with pytest.raises(ConfigError, match=r"family t: genes .* cannot be told apart"):
        Family("t", gene=gene, length=length, genes=(former,), first=Month(2011, 1))


@pytest.mark.parametrize("untils", [(None,), (CHANGE, CHANGE), (CHANGE, CHANGE + -1)])
def test_changes_are_in_order_of_time(untils: tuple[Month | None, ...]) -> None:
    former = tuple(Scheme(DAYS, (length,), until=until) for length, until in enumerate(untils, 20))
    with pytest.raises(ConfigError, match="each a later month"):
        Family("t", gene=DAYS, length=(28,), genes=former)
    with pytest.raises(ConfigError, match="each a later month"):
        Family(
            "t", genes=(Scheme(DAYS, (20,), until=CHANGE),), first=CHANGE, gene=DAYS, length=(9,)
        )
