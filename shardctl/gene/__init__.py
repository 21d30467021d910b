"""The gene: the part of an ID that tells its month. One module a kind.

| kind | an ID | in order of time |
| --- | --- | --- |
| `DigitsGene` | a date in decimal digits, at a fixed place | where the date is in front |
| `TimestampGene` | seconds or milliseconds since 1970, as the leading digits | yes |
| `SnowflakeGene` | time, worker and sequence in the bits of an integer | yes |
| `Uuid7Gene`, `UlidGene` | milliseconds since 1970, then randomness | yes |
| `CallableGene` | whatever a function of the application reads | not known |
"""

from __future__ import annotations

from shardctl.gene.base import Gene, Id, Span
from shardctl.gene.called import CallableGene
from shardctl.gene.digits import DigitsGene
from shardctl.gene.parse import SONYFLAKE, TWITTER, parse_gene
from shardctl.gene.snowflake import SnowflakeGene
from shardctl.gene.ticks import TickGene
from shardctl.gene.timestamp import TimestampGene
from shardctl.gene.ulid import UlidGene
from shardctl.gene.uuid7 import Uuid7Gene

__all__ = [
    "SONYFLAKE",
    "TWITTER",
    "CallableGene",
    "DigitsGene",
    "Gene",
    "Id",
    "SnowflakeGene",
    "Span",
    "TickGene",
    "TimestampGene",
    "UlidGene",
    "Uuid7Gene",
    "parse_gene",
]
