"""Where a row is: from its ID or its add-time to the month, the table and the row itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text

from shardctl.config import Config
from shardctl.dialects import Dialect
from shardctl.errors import ConfigError, InvalidId, InvalidMonth
from shardctl.family import Family
from shardctl.lifecycle.status import MonthStatus, standing
from shardctl.migrate.site import Site, opened
from shardctl.month import Month

_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?")
_NUMBER = re.compile("(tiny|small|medium|big)?int|decimal|numeric", re.IGNORECASE)
_BYTES = re.compile("(var)?binary|(tiny|medium|long)?blob", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a row is.

    Attributes:
        steps: how it was found: what was looked at, and what it says, in order.
        exists: whether the month's table is there.
        status: how the table stands; None where it is not there.
        rows: the rows with this ID, where they were asked for: of each the values as text, by
            column; texts, since a JSON reader may round a long number. There may be several
            where the key has more columns than the ID's.
    """

    family: str
    month: Month
    table: str
    steps: tuple[tuple[str, str], ...]
    exists: bool
    status: MonthStatus | None
    rows: tuple[Mapping[str, str | None], ...] = ()


def where(
    config: Config,
    sought: str,
    *,
    family: str | None = None,
    fetch: bool = False,
    now: datetime | None = None,
    tell: Callable[[str, str], None] = lambda _what, _says: None,
) -> Where:
    """Where the row of an ID, or of an add-time, is; reads only.

    Args:
        sought: an ID, or a time in ISO 8601, such as `2026-11-30T23:59:59.999`; by the clock in
            the family's zone unless it says its own.
        family: its name; may be left out where one alone is declared.
        fetch: read the row, too, by the column that holds IDs: the whole month is read where no
            index begins with it.
        now: an aware datetime in place of the clock's, for what is plausible.
        tell: gets each step at once: where an ID leads nowhere, those up to the error, too.

    Raises:
        UnknownFamily: the configuration does not declare it.
        ConfigError: several families are declared and none is named; or `fetch`, and the family
            has no key, or its column cannot hold this ID.
        InvalidId: the ID has not the form that the family declares, or a month that it has not;
            or `fetch`, and it is a time.
        InvalidMonth: the time is none.
        DatabaseUnavailable: the server does not answer or refuses us.
    """
    declared = _family(config, family)
    is_time = _TIME.fullmatch(sought) is not None
    if fetch and is_time:
        raise InvalidId(f"{sought} is a time: to fetch a row, give its ID")
    if fetch and not declared.key:
        raise ConfigError(
            f"{config.path}: families.{declared.name}.key is to name the column that holds IDs, "
            "so that a row can be fetched by it"
        )
    steps: list[tuple[str, str]] = []
    for what, says in _by_time(declared, sought) if is_time else declared.explain(sought, now):
        tell(what, says)
        steps.append((what, says))
    if is_time:
        month = declared.month(instant=_instant(declared, sought))
    else:
        month = declared.month(id=sought, now=now)
    with opened(config) as site:
        (standing_now,) = standing(site, [declared.name], now)
        found = {each.month: each for each in standing_now.months}.get(month)
        return Where(
            family=declared.name,
            month=month,
            table=declared.table_name(month),
            steps=tuple(steps),
            exists=found is not None,
            status=found,
            rows=_rows(site, declared, month, sought) if fetch and found else (),
        )


def _family(config: Config, name: str | None) -> Family:
    if name is not None:
        return config.family(name)
    if len(config.families) == 1:
        return next(iter(config.families.values()))
    raise ConfigError(
        f"{config.path}: name the family with --family; declared: "
        f"{', '.join(config.families) or 'none yet (see shardctl adopt)'}"
    )


def _by_time(family: Family, sought: str) -> Iterator[tuple[str, str]]:
    yield "time", sought
    instant = _instant(family, sought)
    month = family.month(instant=instant)
    yield f"by the clock in {family.timezone}", instant.astimezone(family.zone).isoformat(" ")
    yield "month", str(month)
    yield "table", family.table_name(month)


def _instant(family: Family, sought: str) -> datetime:
    try:
        instant = datetime.fromisoformat(sought)
    except ValueError as error:
        raise InvalidMonth(f"{sought!r} is no time: {error}") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=family.zone)


def _rows(
    site: Site, family: Family, month: Month, id: str
) -> tuple[Mapping[str, str | None], ...]:
    """The rows of an ID, which is bound as its column holds it, so that an index is used."""
    dialect, table, key = site.database.dialect, family.table_name(month), family.id_column
    structure = dialect.structures(site.connection, [table])[table]
    types = {column.name: column.type for column in structure.columns}
    if key not in types:
        raise ConfigError(f"the configuration names column {key}, which {table} has not")
    value: object = id
    if _NUMBER.match(types[key]):
        if not id.isdecimal():
            raise ConfigError(f"column {key} of {table} is {types[key]}: ID {id} is none of it")
        value = int(id)
    elif _BYTES.match(types[key]):
        value = id.encode()
    query = text(f"SELECT * FROM {_quoted(dialect, table)} WHERE {_quoted(dialect, key)} = :id")
    rows = site.connection.execute(query.bindparams(bindparam("id", value))).mappings()
    return tuple({name: _as_text(value) for name, value in row.items()} for row in rows)


def _quoted(dialect: Dialect, name: str) -> str:
    return dialect.quote(name).replace(":", "\\:")  # which SQLAlchemy takes for a parameter


def _as_text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.hex()
    return None if value is None else str(value)
