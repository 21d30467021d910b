"""Genes as the configuration declares them: a short string, or a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shardctl.errors import InvalidGene
from shardctl.gene.base import Gene
from shardctl.gene.digits import DigitsGene
from shardctl.gene.snowflake import SnowflakeGene
from shardctl.gene.ticks import UNIX
from shardctl.gene.timestamp import TimestampGene
from shardctl.gene.ulid import UlidGene
from shardctl.gene.uuid7 import Uuid7Gene

TWITTER: Final = SnowflakeGene(41, (10,), 12, epoch=UNIX + timedelta(milliseconds=1288834974657))
"""Twitter's own layout and epoch, November 2010."""

SONYFLAKE: Final = SnowflakeGene(
    39, (16,), 8, epoch=datetime(2014, 9, 1, tzinfo=UTC), unit_ms=10, sequence_first=True
)
"""Sonyflake's layout, and its epoch where the program sets none (https://github.com/sony/sonyflake)."""

FORMS: Final = (
    '"none"; "digits 0 %Y%m%d"; "timestamp ms"; "snowflake twitter", "snowflake sonyflake" or '
    '"snowflake 42|5|5|12 epoch=2020-01-01 unit=1ms"; "uuid7"; "ulid"; or a table such as '
    '{ kind = "snowflake", bits = "42|5|5|12", epoch = "2020-01-01" }'
)
"""What `parse_gene` takes, in words."""

_LAYOUT = re.compile(r"(?:[0-9]{1,2}\|)+[0-9]{1,2}")
_UNIT = re.compile("([1-9][0-9]{0,8})(ms|s)")
_KEYS = {
    "digits": ("position", "format", "letters"),
    "timestamp": ("unit",),
    "snowflake": ("bits", "epoch", "unit", "sequence-first"),
    "uuid7": ("hex",),
    "ulid": (),
}


def parse_gene(declared: str | Mapping[str, Any]) -> Gene | None:
    """The gene that a configuration declares; None for `none`, routed by add-time alone.

    `parse_gene(str(gene))` is the gene again, for every kind but `CallableGene`.

    Args:
        declared: a short string, or a table with the same words as keys and its `kind`.

    Raises:
        InvalidGene: it has none of the forms.
    """
    table = _words(declared) if isinstance(declared, str) else dict(declared)
    kind = table.pop("kind", None)
    if kind == "none" and not table:
        return None
    if not isinstance(kind, str) or not table.keys() <= set(_KEYS.get(kind, ("?",))):
        raise _refused(declared)
    try:
        match kind:
            case "digits":
                return DigitsGene(
                    _number(table["position"]), _text(table["format"]), _flag(table.get("letters"))
                )
            case "timestamp":
                return TimestampGene(table["unit"])
            case "snowflake":
                return _snowflake(table)
            case "uuid7":
                return Uuid7Gene(hyphens=not _flag(table.get("hex")))
            case "ulid":
                return UlidGene()
    except InvalidGene:
        raise
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise _refused(declared) from error
    raise _refused(declared)


def _words(text: str) -> dict[str, Any]:
    """`snowflake 42|5|5|12 epoch=2020-01-01` as the table that says the same."""
    kind, *words = text.split(" ")
    table: dict[str, Any] = {"kind": kind}
    positional = iter(
        {"digits": ("position", "format"), "timestamp": ("unit",)}.get(kind, ("bits",))
    )
    for word in words:
        name, sign, value = word.partition("=")
        if word in ("letters", "hex", "sequence-first"):
            name, value = word, "true"
        elif not sign:
            name, value = next(positional, word), word
        if name in table or not value:
            raise _refused(text)
        table[name] = value
    return table


def _snowflake(table: Mapping[str, Any]) -> SnowflakeGene:
    bits = _text(table["bits"])
    preset = {"twitter": TWITTER, "sonyflake": SONYFLAKE}.get(bits)
    if preset is None:
        if not _LAYOUT.fullmatch(bits):
            raise ValueError(bits)
        time, *workers, sequence = map(int, bits.split("|"))
        preset = SnowflakeGene(time, tuple(workers), sequence)
    unit = _UNIT.fullmatch(_text(table.get("unit", f"{preset.unit_ms}ms")))
    if unit is None:
        raise ValueError(table["unit"])
    return SnowflakeGene(
        preset.time_bits,
        preset.worker_bits,
        preset.sequence_bits,
        epoch=_epoch(table["epoch"]) if "epoch" in table else preset.epoch,
        unit_ms=int(unit[1]) * (1000 if unit[2] == "s" else 1),
        sequence_first=preset.sequence_first or _flag(table.get("sequence-first")),
    )


def _epoch(value: object) -> datetime:
    """Milliseconds since 1970, or a date or a time in ISO 8601; in UTC unless it says otherwise."""
    text = "" if isinstance(value, bool) else str(value)
    if isinstance(value, int) or (text.isascii() and text.isdecimal()):
        return UNIX + timedelta(milliseconds=int(text))
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,4}", str(value)):
        raise ValueError(value)
    return int(str(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _flag(value: object) -> bool:
    if value not in (None, True, False, "true"):
        raise ValueError(value)
    return bool(value)


def _refused(declared: object) -> InvalidGene:
    return InvalidGene(f"gene {declared!r} is none of: {FORMS}")
