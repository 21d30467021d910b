"""What the tables of the configuration hold: each key, how it is read, what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from shardctl.errors import ConfigError, InvalidMonth
from shardctl.family import Family, Scheme, Tag
from shardctl.gene import Gene, parse_gene
from shardctl.gene.parse import FORMS
from shardctl.month import Month
from shardctl.suffix import Suffix

Keys: TypeAlias = Mapping[str, tuple[Callable[[Any], Any], str]]
"""Per key: the function that reads its value, and what is allowed in words."""

_MOST = 1000
_SKEW = re.compile("([0-9]{1,6})(ms|s|m)")
_SKEW_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes"}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file, which knows where it stands when something in it is wrong."""

    file: Path
    name: str
    values: Mapping[str, Any]

    def table(self, key: str) -> Table:
        """A table in this one; empty where it is absent."""
        inner = self.values.get(key, {})
        if not isinstance(inner, dict):
            raise self.wrong(key, f"a table, [{self._path(key)}]")
        return Table(self.file, self._path(key), inner)

    def only(self, *allowed: str) -> None:
        """Refuse keys that nothing would read: most are misspelt."""
        for key in self.values:
            if key not in allowed:
                raise ConfigError(
                    f"{self.file}: unknown key {self._path(key)}{suggestion(key, allowed)}; "
                    f"allowed: {', '.join(allowed)}"
                )

    def read(self, keys: Keys) -> dict[str, Any]:
        """The values that are there, read by each key's function."""
        found: dict[str, Any] = {}
        for key, (convert, allowed) in keys.items():
            try:
                if key in self.values:
                    found[key] = convert(self.values[key])
            except (ValueError, LookupError, OSError) as error:
                raise self.wrong(key, allowed) from error
        return found

    def missing(self, key: str, allowed: str) -> ConfigError:
        """The error for a key that has no default."""
        return ConfigError(f"{self.file}: {self._path(key)} is missing; allowed: {allowed}")

    def wrong(self, key: str, allowed: str) -> ConfigError:
        """The error that names file, key, value and what is allowed."""
        value = self.values[key]
        shown = "…" if key == "url" else json.dumps(value, ensure_ascii=False, default=str)
        return ConfigError(f"{self.file}: {self._path(key)} = {shown}; allowed: {allowed}")

    def _path(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def read_family(table: Table, name: str, timezone: str) -> Family:
    """The family that one table declares."""
    table.only(*FAMILY, "genes")
    values = table.read(FAMILY)
    values["time"], values["time_unit"] = values.pop("time", ("", ""))
    values["genes"] = _schemes(table)
    try:
        family = Family(name=name, timezone=timezone, **values)
    except ConfigError as error:
        raise ConfigError(f"{table.file}: {error}") from error
    if family.template.startswith(name):
        with suppress(InvalidMonth):
            family.suffix.parse(family.template.removeprefix(name))
            raise table.wrong("template", "a table that is none of the family's months")
    return family


def _schemes(table: Table) -> tuple[Scheme, ...]:
    """How IDs were made before: `[[families.t_order.genes]]`."""
    entries = table.values.get("genes", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise table.wrong("genes", "tables, each under [[genes]]")
    schemes = []
    for number, entry in enumerate(entries):
        inner = Table(table.file, f"{table.name}.genes[{number}]", entry)
        inner.only(*SCHEME)
        for key in ("gene", "until"):
            if key not in entry:
                raise inner.missing(key, SCHEME[key][1])
        values = inner.read(SCHEME)
        try:
            schemes.append(Scheme(**values))
        except ConfigError as error:
            raise ConfigError(f"{table.file}: {inner.name}: {error}") from error
    return tuple(schemes)


def distinct(table: Table, families: Iterable[Family]) -> None:
    """No table may belong to two families: it would get the revisions of both."""
    owners: dict[str, str] = {}
    for family in families:
        for name in (family.template, family.name + family.suffix.pattern):
            if (other := owners.setdefault(name, family.name)) != family.name:
                raise ConfigError(
                    f"{table.file}: {table.name}.{family.name} claims {name!r}, which is "
                    f"{table.name}.{other}'s; allowed: each table in one family"
                )


def suggestion(word: str, known: Iterable[str]) -> str:
    """What a misspelt word may have been meant to be, for the end of a sentence; or nothing."""
    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


# -- one function a kind of value; ValueError where it is none --------------------------------


def _name(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(value)
    return value


def _names(value: object) -> tuple[str, ...]:
    return tuple(_name(each) for each in _several(value))


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise ValueError(value)
    return value


def _gene(value: object) -> Gene | None:
    return parse_gene(value if isinstance(value, dict) else _name(value))


def _lengths(value: object) -> tuple[int, ...]:
    lengths = tuple(_count(each) for each in _several(value))
    if 0 in lengths:
        raise ValueError(value)
    return lengths


def _several(value: object) -> list[object]:
    if isinstance(value, list) and value:
        return value
    return [value]


def _timezone(value: object) -> str:
    return ZoneInfo(_name(value)).key


def _time(value: object) -> tuple[str, str]:
    if isinstance(value, dict):
        if value.keys() != {"column", "unit"} or value["unit"] not in ("s", "ms"):
            raise ValueError(value)
        return _name(value["column"]), value["unit"]
    return _name(value), ""


def _skew(value: object) -> timedelta:
    if not (match := _SKEW.fullmatch(_name(value))):
        raise ValueError(value)
    return timedelta(**{_SKEW_UNITS[match[2]]: int(match[1])})


def _check(value: object) -> bool:
    if value not in ("none", "mod97"):
        raise ValueError(value)
    return value == "mod97"


def _tag(value: object) -> Tag:
    if not isinstance(value, dict) or not {"variable"} <= value.keys() <= {"variable", "form"}:
        raise ValueError(value)
    return Tag(_name(value["variable"]), value.get("form", "hex"))


def _month(value: object) -> Month:
    return Month.parse(_name(value))


GENERAL: Keys = {
    "url": (_name, 'a URL such as "mysql+pymysql://user@host/orders"'),
    "migrations": (_name, 'a folder such as "migrations"'),
    "timezone": (_timezone, 'an IANA name such as "Asia/Shanghai"'),
}

SCHEME: Keys = {
    "gene": (_gene, FORMS),
    "length": (_lengths, f"a number of characters from 1 to {_MOST}, or a list of them"),
    "check": (_check, '"mod97", or "none"'),
    "tag": (_tag, 'such as { variable = "ORDER_TAG_KEY", form = "hex" }; or "digits"'),
    "until": (_month, 'the last month of this gene, such as "202606"'),
}

FAMILY: Keys = {
    "key": (_names, "a column, or a list of columns"),
    "time": (_time, 'a column, or { column = "create_time", unit = "s" } with unit "s" or "ms"'),
    **{key: SCHEME[key] for key in ("gene", "length", "check", "tag")},
    "first": (_month, 'a month such as "202001"'),
    "suffix": (lambda v: Suffix(_name(v)), 'one year and one month, such as "_%Y%m"'),
    "template": (_name, "the name of a table"),
    "skew": (_skew, 'a time such as "5s", "500ms" or "1m"'),
    "state": (_name, "the column of a row's state"),
    "premake": (_count, f"a number of months from 0 to {_MOST}"),
}
