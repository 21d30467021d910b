"""Check digits and keyed tags: verified before an ID is routed."""

from __future__ import annotations

import hashlib
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import ConfigError, InvalidGene, InvalidId
from shardctl.family import Family, Tag
from shardctl.gene import TWITTER, DigitsGene, Gene, UlidGene
from shardctl.gene.seal import check_digits, is_checked
from shardctl.month import Month

KEY = b"correct horse battery staple"
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BODY = "2026112109364399365840049582"
CHECKED = Family("t_order", gene=DigitsGene(0, "%Y%m%d"), length=(30,), check=True)

digits = st.text("0123456789", min_size=1, max_size=40)


def test_check_digits_are_those_of_an_iban() -> None:
    """DE75 5121 0800 1245 1261 99, a published example: D is 13, E is 14."""
    assert check_digits("512108001245126199" + "1314") == "75"


@given(digits, st.integers(0, 99))
def test_one_pair_of_digits_alone_is_right(body: str, pair: int) -> None:
    assert is_checked(f"{body}{pair:02}") == (f"{pair:02}" == check_digits(body))


@given(digits, st.data())
def test_a_wrong_digit_and_two_in_wrong_order_are_found(body: str, data: st.DataObject) -> None:
    sealed = body + check_digits(body)
    at = data.draw(st.integers(0, len(sealed) - 1))
    digit = data.draw(st.sampled_from("0123456789"))
    mistyped = sealed[:at] + digit + sealed[at + 1 :]
    swapped = sealed[:at] + sealed[at : at + 2][::-1] + sealed[at + 2 :]
    for other in (mistyped, swapped):
        assert is_checked(other) == (other == sealed)


def test_an_id_is_routed_only_with_its_check_digits() -> None:
    sealed = CHECKED.scheme.seal(BODY)
    assert len(sealed) == 30
    assert CHECKED.month(id=sealed, now=NOW) == Month(2026, 11)
    assert CHECKED.table_name(id=int(sealed)) == "t_order_202611"
    forged = sealed.replace("202611", "202610", 1)
    for wrong in (BODY, forged, sealed[:-1], sealed + "0"):
        with pytest.raises(InvalidId):
            CHECKED.month(id=wrong, now=NOW)


@pytest.mark.parametrize("form", ["hex", "digits"])
def test_a_tag_is_four_bytes_of_blake2b(form: str) -> None:
    """As another program would make it, from the words in the documentation."""
    digest = hashlib.blake2b(BODY.encode(), digest_size=4, key=KEY).digest()
    wanted = digest.hex() if form == "hex" else str(int.from_bytes(digest, "big")).zfill(10)
    assert Tag(key=KEY, form=form).of(BODY) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gene", "body", "tag", "check"),
    [
        (DigitsGene(0, "%Y%m%d"), BODY, Tag(key=KEY), False),
        (DigitsGene(0, "%Y%m%d"), BODY, Tag(key=KEY, form="digits"), True),
        (TWITTER, str(TWITTER.boundary(Month(2026, 11), UTC)), Tag(key=KEY), False),
        (UlidGene(), "01M69B0X000000000000000000", Tag(key=KEY), False),
    ],
)
def test_a_forged_month_is_refused(gene: Gene, body: str, tag: Tag, check: bool) -> None:
    family = Family("t_order", gene=gene, tag=tag, check=check)
    sealed = family.scheme.seal(body)
    month = gene.month(body, UTC)
    assert family.month(id=sealed, now=NOW) == month
    assert family.table_name(id=sealed) == f"t_order_{month:%Y%m}"
    assert ("tag", "right") in family.explain(sealed, now=NOW)
    for at in range(len(sealed)):
        for other in "0123456789abcdef":
            if (forged := sealed[:at] + other + sealed[at + 1 :]) != sealed:
                with pytest.raises(InvalidId, match=r"tag|check digits|ULID|characters"):
                    family.month(id=forged, now=NOW)


def test_another_spelling_of_a_tag_is_refused() -> None:
    family = Family("t", gene=DigitsGene(0, "%Y%m%d"), tag=Tag(key=KEY))
    sealed = family.scheme.seal(BODY + "0")
    for wrong in (sealed.upper(), sealed + "\n", sealed[:-1] + "é", "", "00", int("9" * 20)):
        with pytest.raises(InvalidId):
            family.month(id=wrong, now=NOW)


def test_the_range_of_sealed_ids_holds_them() -> None:
    low, high = CHECKED.id_range(Month(2026, 11))
    assert isinstance(low, str)
    assert isinstance(high, str)
    assert low <= CHECKED.scheme.seal(BODY) <= high < CHECKED.scheme.seal("20261201" + "0" * 20)
    flakes = Family("t", gene=TWITTER, check=True)
    id = int(flakes.scheme.seal(str(TWITTER.boundary(Month(2026, 11), UTC))))
    smallest, largest = flakes.id_range(Month(2026, 11))
    assert int(smallest) <= id <= int(largest)
    assert flakes.month(id=id, now=NOW) == Month(2026, 11)


def test_the_key_is_read_when_it_is_wanted_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    family = Family("t_order", gene=DigitsGene(0, "%Y%m%d"), tag=Tag("ORDER_TAG_KEY"))
    with pytest.raises(ConfigError, match=r"ORDER_TAG_KEY .* is not set"):
        family.scheme.seal(BODY)
    monkeypatch.setenv("ORDER_TAG_KEY", "too short")
    with pytest.raises(ConfigError, match="it has 9") as caught:
        family.month(id=BODY + "0" * 8)
    assert "too short" not in str(caught.value)
    monkeypatch.setenv("ORDER_TAG_KEY", KEY.decode())
    sealed = family.scheme.seal(BODY)
    given = Family("t_order", gene=DigitsGene(0, "%Y%m%d"), tag=Tag(key=KEY))
    assert given.month(id=sealed, now=NOW) == family.month(id=sealed, now=NOW)
    assert given.fingerprint == family.fingerprint
    assert "correct" not in f"{given!r} {given.scheme!r} {given.tag!r} {given.scheme}"
    assert pickle.loads(pickle.dumps(given)) == given


@pytest.mark.parametrize(
    "wrong",
    [
        {"variable": "KEY", "key": KEY},
        {},
        {"key": b"short"},
        {"key": b"k" * 65},
        {"variable": "KEY", "form": "base64"},
    ],
)
def test_a_tag_that_cannot_be_made_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidGene):
        Tag(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"gene": UlidGene(), "check": True}, "decimal digits alone"),
        ({"gene": TWITTER, "check": True, "tag": Tag(key=KEY)}, "decimal digits alone"),
        ({"check": True}, "give one"),
        ({"tag": Tag(key=KEY)}, "give one"),
        ({"gene": UlidGene(), "length": (28,)}, "have 26 characters, not 28"),
        ({"gene": UlidGene(), "tag": Tag(key=KEY), "length": (26,)}, "have 34 characters, not 26"),
    ],
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=f"family t: .*{words}"):
        Family("t", **wrong)  # type: ignore[arg-type]
