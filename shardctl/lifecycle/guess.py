"""What a family's tables tell of how its rows are routed, as values for the configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from shardctl.catalog import Member
from shardctl.config import Value
from shardctl.dialects import Statement, send
from shardctl.errors import InvalidId
from shardctl.gene import DigitsGene
from shardctl.migrate.site import Site
from shardctl.month import Month
from shardctl.structure import Structure

TIMES = ("create_time", "created_at", "add_time", "created", "createtime", "gmt_create", "ctime")
"""Names that a column of the add-time usually has, the likeliest first."""

_SAMPLE = 10
_DATE = "%Y%m%d"


def guess(site: Site, structure: Structure, months: Collection[Member]) -> dict[str, Value]:
    """Key, add-time, gene and length, as far as they are certain.

    The gene is one where every ID looked at has the date of its month at the same place, and
    at no second one. The first and the last IDs of a month are looked at: where a date is at
    the front, they are those next to the month's ends.

    Args:
        months: those whose IDs are looked at, up to 20 each.
    """
    found: dict[str, Value] = {}
    key = next((index for index in structure.indexes if index.kind == "primary"), None)
    columns = [part.column for part in key.parts if part.column] if key else []
    if columns:
        found["key"] = columns[0] if len(columns) == 1 else columns
    if time := _time(structure):
        found["time"] = time
    if len(columns) == 1:
        samples = {m.month: _ids(site, m.table, columns[0]) for m in months if m.month}
        gene = _gene(samples)
        found["gene"] = str(gene or "none")
        lengths = {len(text) for ids in samples.values() for text in ids}
        if gene and len(lengths) == 1:
            found["length"] = lengths.pop()
    return found


def _time(structure: Structure) -> str:
    stamps = {
        column.name: column
        for column in structure.columns
        if column.type.lower().startswith(("datetime", "timestamp"))
    }
    usual = [name for name in TIMES if name in stamps]
    certain = [name for name, column in stamps.items() if not column.nullable]
    return next(iter(usual + certain), "")


def _ids(site: Site, table: str, column: str) -> tuple[str, ...]:
    quote = site.database.dialect.quote
    ids: set[str] = set()
    for way in ("ASC", "DESC"):
        sql = f"SELECT {quote(column)} FROM {quote(table)} ORDER BY {quote(column)} {way}"
        some = Statement(f"{sql} LIMIT {_SAMPLE}")
        ids.update(map(str, send(site.connection, some).scalars()))
    return tuple(sorted(ids))


def _gene(samples: Mapping[Month, Collection[str]]) -> DigitsGene | None:
    """The one place at which every ID bears its month; None where there is none, or no ID."""
    ids = [text for texts in samples.values() for text in texts]
    letters = not all(text.isdecimal() for text in ids)
    genes = (
        DigitsGene(place, _DATE, letters=letters) for place in range(min(map(len, ids), default=0))
    )
    fitting = [
        gene
        for gene in genes
        if all(_month(gene, text) == month for month, texts in samples.items() for text in texts)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _month(gene: DigitsGene, text: str) -> Month | None:
    try:
        return gene.month(text)
    except InvalidId:
        return None
