from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import InvalidMonth, InvalidSuffix
from shardctl.month import Month
from shardctl.suffix import Suffix

literals = st.text(st.characters(exclude_characters="%", exclude_categories=["Cs"]), max_size=3)


@st.composite
def suffixes(draw: st.DrawFn) -> Suffix:
    fields = draw(
        st.permutations([draw(st.sampled_from(["%Y", "%y"])), draw(st.sampled_from(["%m", "%-m"]))])
    )
    head, between, tail = draw(literals), draw(literals), draw(literals)
    return Suffix(head + fields[0] + between + fields[1] + tail)


months = st.builds(Month, st.integers(2000, 2099), st.integers(1, 12))


@given(suffixes(), months)
def test_what_is_formatted_is_parsed_again(suffix: Suffix, month: Month) -> None:
    assert suffix.parse(suffix.format(month)) == month


@given(suffixes(), st.text(max_size=12))
def test_what_is_parsed_is_formatted_alike(suffix: Suffix, text: str) -> None:
    try:
        month = suffix.parse(text)
    except InvalidMonth:
        return
    assert suffix.format(month) == text


@given(suffixes(), months, months)
def test_two_months_never_share_a_suffix(suffix: Suffix, one: Month, other: Month) -> None:
    assert (suffix.format(one) == suffix.format(other)) == (one == other)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("_%Y%m", "_202203"),
        ("_%Y_%m", "_2022_03"),
        ("_%Y-%m", "_2022-03"),
        ("_%y%m", "_2203"),
        ("_%Y_%-m", "_2022_3"),
        ("%m%Y", "032022"),
        ("_%Y.%m$", "_2022.03$"),
        ("年%Y月%m", "年2022月03"),
    ],
)
def test_the_patterns_found_in_the_wild(pattern: str, text: str) -> None:
    assert Suffix(pattern).format(Month(2022, 3)) == text
    assert Suffix(pattern).parse(text) == Month(2022, 3)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("_%Y%m", "_202613"),
        ("_%Y%m", "_202600"),
        ("_%Y%m", "_20261"),
        ("_%Y%m", "_202601_bak"),
        ("_%Y%m", "_item_202601"),
        ("_%Y%m", "202601"),
        ("_%Y%m", "_202601\n"),
        ("_%Y%m", "_２０２６０１"),
        ("_%Y%m", "_000001"),
        ("_%Y.%m", "_2026-01"),
        ("_%Y_%-m", "_2026_01"),
        ("_%Y_%-m", "_2026_13"),
        ("_%Y_%m", "_2026_1"),
        ("_%y%m", "_202601"),
    ],
)
def test_what_only_looks_like_a_month_is_none(pattern: str, text: str) -> None:
    with pytest.raises(InvalidMonth):
        Suffix(pattern).parse(text)


@pytest.mark.parametrize(
    "pattern",
    ["", "_", "_%Y", "_%m", "_%Y%Y", "_%Y%y%m", "_%Y%m%m", "_%Y%m%d", "_%Y%m%", "_%%Y%m", "_%Y%-Y"],
)
def test_a_pattern_without_one_year_and_one_month_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidSuffix, match="needs one year"):
        Suffix(pattern)


@pytest.mark.parametrize(("pattern", "year"), list(product(["_%y%m", "%m%y"], [1999, 2100])))
def test_two_digits_name_the_years_of_this_century_only(pattern: str, year: int) -> None:
    with pytest.raises(InvalidSuffix, match=f"cannot name the year {year}"):
        Suffix(pattern).format(Month(year, 1))
