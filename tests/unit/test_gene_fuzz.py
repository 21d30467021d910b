"""A million random and mutated IDs: the month that a slow oracle finds, or a typed error."""

from __future__ import annotations

import hashlib
import re
import uuid
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from shardctl.errors import InvalidId
from shardctl.family import Family, Scheme, Tag
from shardctl.gene import SONYFLAKE, TWITTER, DigitsGene, TimestampGene, UlidGene, Uuid7Gene
from shardctl.month import Month

EXAMPLES = 1_000_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, PREMAKE = (2020, 1), 4
CHANGE = (2024, 6)
DIGITS = "0123456789"
KEY = b"correct horse battery staple"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
STRANGE = [*"0123456789", *"aAfFgIlOoZ-_+. \n\t\0", "１", "٣", "é", "K", "\u200b", "\ud800"]

Ym = tuple[int, int]
"""Year and month: the oracle knows nothing of shardctl's values."""


def plausible(month: Ym | None, first: Ym = FIRST, last: Ym | None = None) -> Ym | None:
    today = datetime.now(SHANGHAI)
    number = today.year * 12 + today.month - 1 + PREMAKE
    newest = (number // 12, number % 12 + 1)
    return month if month and first <= month <= min(last or newest, newest) else None


def text_of(id: object) -> str | None:
    """The canonical text of a decimal ID."""
    if type(id) is int:
        return str(id) if id >= 0 else None
    return id if type(id) is str else None


def only(text: str | None, alphabet: str) -> bool:
    return text is not None and text != "" and text.strip(alphabet) == ""


def month_at(milliseconds: int) -> Ym | None:
    try:
        local = (UNIX + timedelta(milliseconds=milliseconds)).astimezone(SHANGHAI)
    except OverflowError:
        return None
    return local.year, local.month


def by_digits(id: object) -> Ym | None:
    text = text_of(id)
    if text is None or len(text) != 28 or not only(text, DIGITS):
        return None
    year, month, day = int(text[0:4]), int(text[4:6]), int(text[6:8])
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return None
    return plausible((year, month))


def by_clock(id: object) -> Ym | None:
    text = text_of(id)
    if text is None or not only(text, DIGITS) or len(text) not in (17, 19):
        return None
    try:
        made = datetime.strptime(text[:14], "%Y%m%d%H%M%S")  # noqa: DTZ007  a clock's face
    except ValueError:
        return None
    return plausible((made.year, made.month))


def by_timestamp(id: object) -> Ym | None:
    text = text_of(id)
    if text is None or len(text) not in (26, 27) or not only(text, DIGITS):
        return None
    return plausible(month_at(int(text[:13])))


def by_number(id: object, bits: int, unit: int, epoch: int) -> Ym | None:
    text = text_of(id)
    if text is None or not only(text, DIGITS) or (text[0] == "0" and text != "0"):
        return None
    number = int(text)
    return plausible(month_at(epoch + number // 2**bits * unit)) if number < 2**63 else None


def by_twitter(id: object) -> Ym | None:
    return by_number(id, 22, 1, 1288834974657)


def by_nineteen(id: object) -> Ym | None:
    text = text_of(id)
    return by_twitter(id) if text is not None and len(text) == 19 else None


def by_tagged(id: object) -> Ym | None:
    if type(id) is not str or len(id) != 36 or not id.isascii():
        return None
    tag = hashlib.blake2b(id[:28].encode(), digest_size=4, key=KEY).hexdigest()
    return by_digits(id[:28]) if id[28:] == tag else None


def by_sonyflake(id: object) -> Ym | None:
    return by_number(id, 24, 10, 1409529600000)


def by_uuid(id: object) -> Ym | None:
    if type(id) is not str:
        return None
    try:
        found = uuid.UUID(id)
    except ValueError:
        return None
    if str(found) != id or found.version != 7 or found.variant != uuid.RFC_4122:
        return None
    return plausible(month_at(found.int >> 80))


def by_ulid(id: object) -> Ym | None:
    if type(id) is not str or len(id) != 26 or not only(id, CROCKFORD):
        return None
    number = 0
    for character in id:
        number = number * 32 + CROCKFORD.index(character)
    return plausible(month_at(number >> 80)) if number < 2**128 else None


def by_checked(id: object) -> Ym | None:
    text = text_of(id)
    if text is None or len(text) != 30 or not only(text, DIGITS):
        return None
    if int(text[28:]) != 98 - int(text[:28] + "00") % 97:
        return None
    return by_digits(text[:28])


def by_schemes(id: object) -> Ym | None:
    text = text_of(id)
    if text is None:
        return None
    if len(text) == 28:
        return plausible(by_digits(text), CHANGE)
    return plausible(by_timestamp(text), FIRST, CHANGE)


@dataclass(frozen=True)
class Kind:
    family: Family
    oracle: Callable[[object], Ym | None]
    make: Callable[[Random, int], str | int]


def _family(**values: object) -> Family:
    return Family(
        "t_order",
        timezone="Asia/Shanghai",
        first=Month(*FIRST),
        premake=PREMAKE,
        **values,  # type: ignore[arg-type]
    )


def _clock(milliseconds: int, form: str) -> str:
    return f"{(UNIX + timedelta(milliseconds=milliseconds)).astimezone(SHANGHAI):{form}}"


def _tail(random: Random, count: int) -> str:
    return f"{random.randrange(10**count):0{count}}" if count > 0 else ""


def _checked(random: Random, ms: int) -> str:
    body = _clock(ms, "%Y%m%d") + _tail(random, 20)
    return f"{body}{98 - int(body + '00') % 97:02}"


def _tagged(random: Random, ms: int) -> str:
    body = _clock(ms, "%Y%m%d") + _tail(random, 20)
    return body + hashlib.blake2b(body.encode(), digest_size=4, key=KEY).hexdigest()


def _ulid(random: Random, ms: int) -> str:
    time = "".join(CROCKFORD[ms >> 5 * place & 31] for place in range(9, -1, -1))
    return time + "".join(random.choices(CROCKFORD, k=16))


def _timestamp(random: Random, ms: int) -> str:
    return f"{ms:013}" + _tail(random, random.choice((13, 14)))


DAYS = DigitsGene(0, "%Y%m%d")
KINDS = {
    "digits": Kind(
        _family(gene=DAYS, length=(28,)),
        by_digits,
        lambda r, ms: _clock(ms, "%Y%m%d") + _tail(r, 20),
    ),
    "clock": Kind(
        _family(gene=DigitsGene(0, "%Y%m%d%H%M%S"), length=(17, 19)),
        by_clock,
        lambda r, ms: _clock(ms, "%Y%m%d%H%M%S") + _tail(r, r.choice((3, 5))),
    ),
    "timestamp": Kind(_family(gene=TimestampGene("ms"), length=(26, 27)), by_timestamp, _timestamp),
    "twitter": Kind(
        _family(gene=TWITTER),
        by_twitter,
        lambda r, ms: max(ms - 1288834974657, 0) << 22 | r.getrandbits(22),
    ),
    "nineteen": Kind(
        _family(gene=TWITTER, length=(19,)),
        by_nineteen,
        lambda r, ms: max(ms - 1288834974657, 0) << 22 | r.getrandbits(22),
    ),
    "sonyflake": Kind(
        _family(gene=SONYFLAKE),
        by_sonyflake,
        lambda r, ms: str(max(ms - 1409529600000, 0) // 10 << 24 | r.getrandbits(24)),
    ),
    "uuid7": Kind(
        _family(gene=Uuid7Gene()),
        by_uuid,
        lambda r, ms: str(
            uuid.UUID(
                int=ms << 80 | 7 << 76 | r.getrandbits(12) << 64 | 2 << 62 | r.getrandbits(62)
            )
        ),
    ),
    "ulid": Kind(_family(gene=UlidGene()), by_ulid, _ulid),
    "checked": Kind(_family(gene=DAYS, length=(30,), check=True), by_checked, _checked),
    "tagged": Kind(_family(gene=DAYS, length=(36,), tag=Tag(key=KEY)), by_tagged, _tagged),
    "schemes": Kind(
        _family(
            gene=DAYS,
            length=(28,),
            genes=(Scheme(TimestampGene("ms"), (26, 27), until=Month(*CHANGE)),),
        ),
        by_schemes,
        lambda r, ms: (
            _timestamp(r, ms) if r.random() < 0.5 else _clock(ms, "%Y%m%d") + _tail(r, 20)
        ),
    ),
}


def mutated(random: Random, id: str | int) -> object:
    """An ID that may still be one: a character, the order, the length or the type is another."""
    text = str(id)
    at = random.randrange(len(text))
    match random.randrange(10):
        case 0 | 1 | 2:
            return text[:at] + random.choice(STRANGE) + text[at + 1 :]
        case 3:
            return text[:at] + random.choice(STRANGE) + text[at:]
        case 4:
            return text[:at] + text[at + 1 :]
        case 5:
            return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]
        case 6:
            return text[:8] + _tail(random, len(text) - 8)
        case 7:
            return _tail(random, len(text))
        case 8:
            return int(text) if re.fullmatch("[0-9]+", text) else text.swapcase()
        case _:
            number = int(text) if re.fullmatch("[0-9]+", text) else random.getrandbits(128)
            return random.choice(
                (-number, number << 3, float(number), text.encode(), True, text * 9)
            )


STARTS = [
    (datetime(year, month, 1, tzinfo=SHANGHAI) - UNIX) // timedelta(milliseconds=1)
    for year in range(2019, 2029)
    for month in range(1, 13)
]


def instant(random: Random) -> int:
    """Milliseconds: any of fifty years, or a little before or after a month's end at +08:00."""
    if random.random() < 0.5:
        return random.randrange(946_684_800_000, 2_524_608_000_000)
    return random.choice(STARTS) + random.randrange(-3, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_has_the_month_that_the_oracle_finds_or_none(kind: str) -> None:
    family, oracle, make = KINDS[kind].family, KINDS[kind].oracle, KINDS[kind].make
    random = Random(kind)
    found = 0
    for _ in range(EXAMPLES // len(KINDS) + 1):
        id: object = make(random, instant(random))
        if random.random() < 0.5:
            id = mutated(random, id)  # type: ignore[arg-type]
        wanted = oracle(id)
        try:
            month = family.month(id=id)  # type: ignore[arg-type]
        except InvalidId:
            assert wanted is None, ascii(id)
        else:
            assert (month.year, month.month) == wanted, ascii(id)
            found += 1
    assert EXAMPLES // len(KINDS) // 8 < found < EXAMPLES // len(KINDS)
