"""Genes that count the time: Unix times, snowflakes, UUIDv7 and ULID, to the microsecond."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import ImplausibleGene, InvalidGene, InvalidId
from shardctl.family import Family
from shardctl.gene import (
    SONYFLAKE,
    TWITTER,
    SnowflakeGene,
    TickGene,
    TimestampGene,
    UlidGene,
    Uuid7Gene,
    parse_gene,
)
from shardctl.month import Month

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [SHANGHAI, ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")]
WIDE = SnowflakeGene(42, (5, 5), 12)
UNIX = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


# Each ID is put together here once more, from the published layout and not by the gene's code.


def since(epoch: datetime, instant: datetime, unit: timedelta) -> int:
    return (instant - epoch) // unit


def unix(instant: datetime) -> int:
    return since(UNIX, instant, timedelta(milliseconds=1))


def front_end(instant: datetime) -> str:
    return f"{unix(instant):013}{13912345678}{7:03}"


def front_end_seconds(instant: datetime) -> str:
    return f"{unix(instant) // 1000:010}{13912345678}{7:03}"


def twitter(instant: datetime) -> str:
    return str((unix(instant) - 1288834974657 << 22) + (5 << 12) + 9)


def wide(instant: datetime) -> str:
    return str((unix(instant) << 22) + (3 << 17) + (4 << 12) + 4095)


def sonyflake(instant: datetime) -> str:
    epoch = datetime(2014, 9, 1, tzinfo=UTC)
    return str((since(epoch, instant, timedelta(milliseconds=10)) << 24) + (255 << 16) + 65535)


def uuid7(instant: datetime) -> str:
    return str(uuid.UUID(int=unix(instant) << 80 | 7 << 76 | 0xABC << 64 | 2 << 62 | 0x1234))


def ulid(instant: datetime) -> str:
    number = unix(instant) << 80 | 0xABCDEF
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in range(25, -1, -1))


KINDS: list[tuple[TickGene, Callable[[datetime], str]]] = [
    (TimestampGene("ms"), front_end),
    (TimestampGene("s"), front_end_seconds),
    (TWITTER, twitter),
    (WIDE, wide),
    (SONYFLAKE, sonyflake),
    (Uuid7Gene(), uuid7),
    (Uuid7Gene(hyphens=False), lambda instant: uuid7(instant).replace("-", "")),
    (UlidGene(), ulid),
]
UNITS = {"timestamp s": timedelta(seconds=1), str(SONYFLAKE): timedelta(milliseconds=10)}
kinds = pytest.mark.parametrize(("gene", "made"), KINDS, ids=[str(gene)[:20] for gene, _ in KINDS])


@kinds
@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_month_ends_to_the_microsecond(
    gene: TickGene, made: Callable[[datetime], str], zone: tzinfo
) -> None:
    family = Family("t", timezone=str(zone), gene=gene, first=Month(2015, 1))
    unit = UNITS.get(str(gene), timedelta(milliseconds=1))
    for month in (Month(2015, 1) + n for n in range(150)):
        start = month.start(zone).astimezone(UTC)
        first, last = made(start), made(start - MICROSECOND)
        assert gene.month(first, zone) == gene.month(made(start + MICROSECOND), zone) == month
        assert gene.month(last, zone) == month + -1
        assert gene.span(first, zone) == (start, start + unit)
        if family.first and month > family.first and month <= family.current_month():
            assert family.month(id=first) == month
            assert family.month(id=last) == month + -1


@kinds
@given(passed=st.timedeltas(timedelta(0), timedelta(days=365 * 65)))
def test_ids_of_any_instant_tell_its_month(
    gene: TickGene, made: Callable[[datetime], str], passed: timedelta
) -> None:
    instant = datetime(2015, 1, 1, tzinfo=UTC) + passed
    for zone in ZONES:
        assert gene.month(made(instant), zone) == Month.of(instant, zone)
        since, until = gene.span(made(instant), zone)
        assert since <= instant < until


@kinds
def test_the_range_of_a_month_is_tight(gene: TickGene, made: Callable[[datetime], str]) -> None:
    month = Month(2026, 11)
    length = len(made(month.start(SHANGHAI) + timedelta(days=1)))
    low, high = gene.id_range(month, month, SHANGHAI, length)
    assert len(low) == len(high) == length
    start, end = month.start(SHANGHAI).astimezone(UTC), (month + 1).start(SHANGHAI).astimezone(UTC)
    assert gene.span(low, SHANGHAI)[0] == start
    assert gene.span(high, SHANGHAI)[1] == end
    assert low <= made(start) <= made(end - MICROSECOND) <= high < made(end)
    assert low > made(start - MICROSECOND)


@kinds
@given(passed=st.timedeltas(timedelta(0), timedelta(days=365 * 65)), zone=st.sampled_from(ZONES))
def test_a_month_is_a_range_of_ids(
    gene: TickGene, made: Callable[[datetime], str], passed: timedelta, zone: tzinfo
) -> None:
    """An ID lies in the range of its month, and in no other."""
    instant = datetime(2015, 1, 1, tzinfo=UTC) + passed
    text = made(instant)
    family = Family("t", timezone=str(zone), gene=gene, length=(len(text),))
    id: str | int = int(text) if isinstance(gene, SnowflakeGene) else text
    month = family.month(id=id, now=instant)
    for other in (month + -1, month, month + 1):
        try:
            low, high = family.id_range(other)
        except ImplausibleGene:  # no ID of that length is of the neighbour
            assert other != month
            continue
        assert type(low) is type(high) is type(id)
        assert (low <= id <= high) == (other == month)  # type: ignore[operator]
        assert family.month(id=low, now=instant) == family.month(id=high, now=instant) == other


@kinds
def test_each_step_of_reading_is_told(gene: TickGene, made: Callable[[datetime], str]) -> None:
    text = made(datetime(2026, 11, 30, 15, 59, 59, tzinfo=UTC))
    assert ("instant in Asia/Shanghai", "2026-11-30 23:59:59.000+08:00") in gene.steps(
        text, SHANGHAI
    )


def test_the_parts_of_a_snowflake_are_told() -> None:
    instant = datetime(2026, 11, 30, tzinfo=UTC)
    assert list(WIDE.parts(int(wide(instant))).items())[1:] == [
        *(("worker 1", 3), ("worker 2", 4), ("sequence", 4095))
    ]
    assert list(SONYFLAKE.parts(int(sonyflake(instant))).items())[1:] == [
        *(("sequence", 255), ("worker", 65535))
    ]


# -- one form -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gene", "wrong"),
    [
        (
            TWITTER,
            ["", "-1", "+1", " 1", "1 ", "1\n", "01", "1_0", "1.0", "1e9", "０", "１２３", "x"],
        ),
        (TWITTER, [str(2**63), str(2**64), "9" * 19, "9" * 4000]),
        (WIDE, [str(2**64), "-1"]),
        (SONYFLAKE, [str(2**63)]),
        (TimestampGene("ms"), ["", "179605439999", "１７９６０５４３９９９９９" + "0" * 14]),
        (TimestampGene("ms"), ["1796054399999" + "x" * 14, "-796054399999" + "0" * 14]),
        (TimestampGene("s"), ["179605439", "1796054399 123"]),
        (UlidGene(), ["01ARZ3NDEKTSV4RRFFQ69G5FAV".lower(), "01ARZ3NDEKTSV4RRFFQ69G5FA"]),
        (UlidGene(), ["O1ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAI", "8" + "Z" * 25]),
        (UlidGene(), ["01ARZ3NDEKTSV4RRFFQ69G5FAV\n", "01ARZ3NDEK-TSV4RRFFQ69G5FA"]),
        (Uuid7Gene(), ["0197ABCD-EF01-7000-8000-000000000000", "0197abcdef017000800000000000000a"]),
        (Uuid7Gene(), ["0197abcd-ef01-4000-8000-000000000000"]),  # version 4
        (Uuid7Gene(), ["0197abcd-ef01-7000-c000-000000000000"]),  # another variant
        (
            Uuid7Gene(),
            ["{0197abcd-ef01-7000-8000-00000000000}", "urn:uuid:0197abcd-ef01-7000-8000"],
        ),
        (Uuid7Gene(hyphens=False), ["0197abcd-ef01-7000-8000-000000000000"]),
    ],
)
def test_another_spelling_is_refused(gene: TickGene, wrong: list[str]) -> None:
    for text in wrong:
        with pytest.raises(InvalidId):
            gene.month(text, SHANGHAI)
        with pytest.raises(InvalidId):
            Family("t", timezone="Asia/Shanghai", gene=gene).month(id=text)


def test_a_snowflake_of_another_length_than_declared_is_refused() -> None:
    instant = datetime(2026, 11, 30, tzinfo=UTC)
    id = twitter(instant)
    assert len(id) == 19
    for length, right in (((19,), True), ((18, 19), True), ((18,), False)):
        family = Family("t", gene=TWITTER, length=length)
        for spelled in (id, int(id)):
            if right:
                assert family.table_name(id=spelled) == "t_202611"
                assert family.month(id=spelled) == Month(2026, 11)
            else:
                with pytest.raises(InvalidId, match="19 characters, not 18"):
                    family.table_name(id=spelled)


def test_numbers_that_no_bigint_holds_are_no_ids() -> None:
    family = Family("t", gene=TWITTER)
    for wrong in (-1, 2**63, 2**64, 10**5000, True, 2.5, float("nan"), None, b"1", [1]):
        with pytest.raises(InvalidId):
            family.month(id=wrong)  # type: ignore[arg-type]


def test_an_id_that_javascript_has_rounded_is_still_of_its_month() -> None:
    """And of another row, or of none: IDs leave as strings, floats do not come in."""
    instant = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
    id = int(twitter(instant)) | 1
    rounded = int(float(json.loads(json.dumps(id))))
    assert rounded != id
    family = Family("t", timezone="Asia/Shanghai", gene=TWITTER)
    assert family.month(id=rounded, now=instant) == family.month(id=id, now=instant)
    with pytest.raises(InvalidId, match="not float"):
        family.month(id=float(id))  # type: ignore[arg-type]


@pytest.mark.parametrize("gene", [Uuid7Gene(), UlidGene()], ids=str)
def test_a_time_after_the_calendar_is_an_error_of_ours(gene: TickGene) -> None:
    """Some are before its end in UTC, and after it in Shanghai, or end with it."""
    last = unix(datetime.max.replace(tzinfo=UTC))
    family = Family("t", timezone="Asia/Shanghai", gene=gene)
    for ticks in (last, last + 1, gene.most_ticks):
        id, _ = gene.extremes(ticks, ticks, gene.lengths[0])
        for read in (
            lambda id=id: gene.month(id, SHANGHAI),
            lambda id=id: gene.span(id, SHANGHAI),
            lambda id=id: tuple(gene.steps(id, SHANGHAI)),
            lambda id=id: family.table_name(id=id),
            lambda id=id: tuple(family.explain(id)),
        ):
            with pytest.raises(InvalidId, match="beyond the calendar"):
                read()


def test_a_field_that_ends_within_a_month_reaches_to_its_last_tick() -> None:
    """Ten bits of days; the last is 2022-10-20, and ID 1023 the largest."""
    gene = SnowflakeGene(10, epoch=datetime(2020, 1, 1, tzinfo=UTC), unit_ms=86_400_000)
    family = Family("t", gene=gene, first=Month(2020, 1))
    assert family.month(id=1023) == family.month(id="1023") == Month(2022, 10)
    assert family.id_range(Month(2022, 10)) == (1004, 1023)
    for wrong in (1024, "1024"):
        with pytest.raises(InvalidId):
            family.month(id=wrong)
    with pytest.raises(ImplausibleGene):
        family.id_range(Month(2022, 11))


# -- declarations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "gene"),
    [
        ("timestamp ms", TimestampGene("ms")),
        ({"kind": "timestamp", "unit": "s"}, TimestampGene("s")),
        ("snowflake twitter", TWITTER),
        ("snowflake 41|10|12 epoch=1288834974657", TWITTER),
        ("snowflake sonyflake", SONYFLAKE),
        ("snowflake 39|16|8 sequence-first unit=10ms epoch=2014-09-01", SONYFLAKE),
        ("snowflake 42|5|5|12", WIDE),
        (
            {"kind": "snowflake", "bits": "42|5|5|12", "epoch": "2020-01-01T00:00:00+08:00"},
            SnowflakeGene(42, (5, 5), 12, epoch=datetime(2019, 12, 31, 16, tzinfo=UTC)),
        ),
        (
            {"kind": "snowflake", "bits": "31|12", "unit": "1s", "epoch": 0},
            SnowflakeGene(31, (), 12, unit_ms=1000),
        ),
        ("uuid7", Uuid7Gene()),
        ("uuid7 hex", Uuid7Gene(hyphens=False)),
        ({"kind": "ulid"}, UlidGene()),
        ({"kind": "none"}, None),
    ],
)
def test_genes_are_declared_by_a_string_or_a_table(declared: object, gene: TickGene | None) -> None:
    found = parse_gene(declared)  # type: ignore[arg-type]
    assert found == gene
    if found:
        assert parse_gene(str(found)) == found


@pytest.mark.parametrize(
    "declared",
    [
        *("", "none at all", "timestamp", "timestamp us", "timestamp ms s", "snowflake"),
        *("snowflake 41", "snowflake 41|10|13|5", "snowflake 0|10|12", "snowflake 41|-1|12"),
        *("snowflake twitter unit=0ms", "snowflake twitter unit=1", "snowflake twitter epoch=soon"),
        *("snowflake twitter epoch=", "snowflake twitter worker=1", "uuid7 upper", "ulid lower"),
        *("uuid7  hex", "digits x %Y%m", "digits 0 %Y%m 5", "callable f", "snowflake 4１|10|12"),
        *({}, {"kind": 5}, {"kind": "ulid", "hex": True}, {"kind": "digits", "position": True}),
        *({"kind": "uuid7", "hex": "no"}, {"kind": "snowflake", "bits": 41}, {"bits": "41|12"}),
        *({"kind": "snowflake", "bits": "41|12", "epoch": 10**30},),
    ],
)
def test_what_declares_no_gene_is_refused(declared: object) -> None:
    with pytest.raises(InvalidGene):
        parse_gene(declared)  # type: ignore[arg-type]


def test_an_epoch_wants_a_zone_and_whole_milliseconds() -> None:
    for epoch in (datetime(2020, 1, 1), datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)):  # noqa: DTZ001
        with pytest.raises(InvalidGene, match="aware datetime in whole"):
            SnowflakeGene(41, (10,), 12, epoch=epoch)
