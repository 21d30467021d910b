"""A fingerprint of the request in its row: what was asked for first, whatever became of the row.

It is made of the input in canonical form, not of what is stored, so that columns which change
later may be among the parameters. Its version tells which columns it was made of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Table

from shardctl.errors import ConfigError
from shardctl.store.canonical import encoded, is_own
from shardctl.store.parameters import MASKED, UNKNOWN, Parameters

SIZE: Final = 16
"""Bytes of a fingerprint."""
_DOMAIN: Final = b"shardctl request"  # sixteen bytes, as many as blake2b takes


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Where rows keep a fingerprint of their request, and what it is made of.

    A column that is added to the table gets a version of its own: a request of before is compared
    as it was then, and its repetition stays one.

    Attributes:
        column: holds 16 bytes; NULL in rows from before there were fingerprints.
        version: the column that holds the version.
        versions: by version the columns that count. New rows get the highest.
    """

    column: str
    version: str
    versions: Mapping[int, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Version:
    """A way in which fingerprints are made.

    Attributes:
        number: tells it from others.
        parameters: what counts, by name, which is an order that no change of the table's changes.
        names: theirs, as bytes.
    """

    number: int
    parameters: Parameters
    names: tuple[bytes, ...]

    @classmethod
    def of(cls, number: int, parameters: Parameters) -> Version:
        """The way that takes certain parameters."""
        each = tuple(sorted(parameters.each, key=attrgetter("name")))
        return cls(number, Parameters(each), tuple(encoded(one.name) for one in each))

    def digest(self, values: Mapping[str, Any]) -> bytes:
        """The fingerprint of what a request asks for; what a server fills in does not count."""
        asked = [b"%d" % self.number]
        for name, each in zip(self.names, self.parameters.each, strict=True):
            if (form := each.given(values)) is not UNKNOWN:
                asked += name, encoded(form)
        return blake2b(b"".join(asked), digest_size=SIZE, person=_DOMAIN).digest()


@dataclass(frozen=True, slots=True)
class Fingerprinted:
    """Compares requests by their fingerprints, and by columns where a row has none.

    Attributes:
        declared: where they are.
        by_version: how each is made.
        newest: how those of new rows are.
        columns: the parameters of a row without one.
    """

    declared: Fingerprint
    by_version: Mapping[int, Version]
    newest: Version
    columns: Parameters

    @classmethod
    def of(
        cls,
        declared: Fingerprint,
        table: Table,
        columns: Parameters,
        *,
        secret: Collection[str] = (),
        time: str | None = None,
        zone: tzinfo,
    ) -> Fingerprinted:
        """That of a declared table.

        Args:
            columns: the parameters where there is no fingerprint.
            time: the column of the add-time, which a repetition may give otherwise.

        Raises:
            ConfigError: a column is missing, or cannot be part of a fingerprint.
        """
        _check(declared, table, time)
        by_version = {}
        for number, names in declared.versions.items():
            without = set(table.c.keys()) - set(names)
            parameters = Parameters.of(table, without=without, secret=secret, zone=zone)
            if left := set(names) - {each.name for each in parameters.each}:
                raise ConfigError(f"{table.name}: the server fills in {', '.join(sorted(left))}")
            by_version[number] = Version.of(number, parameters)
        return cls(declared, by_version, by_version[max(by_version)], columns)

    def stamped(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row with its fingerprint, of the newest version."""
        made, newest = self.declared, self.newest
        return {**values, made.column: newest.digest(values), made.version: newest.number}

    def differences(
        self, stored: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """By column, the value stored and the value given, where these are not the same.

        Where no column tells, since what was asked for has changed since, the fingerprints stand
        in their own column's place.
        """
        kept = stored[self.declared.column]
        version = self.by_version.get(stored[self.declared.version])
        if kept is None or version is None:
            return self.columns.differences(stored, given)
        asked = version.digest(given)
        if asked == bytes(kept):
            return {}
        counted = version.parameters.each
        lasting = {each.name for each in self.columns.each}
        told = Parameters(tuple(each for each in counted if each.name in lasting))
        if found := told.differences(stored, given):
            return found
        if any(each.secret for each in counted):  # short ones can be guessed from it
            return {self.declared.column: (MASKED, MASKED)}
        return {self.declared.column: (bytes(kept).hex(), asked.hex())}


def _check(declared: Fingerprint, table: Table, time: str | None) -> None:
    own = {declared.column, declared.version}
    if not declared.versions:
        raise ConfigError(f"{table.name}: a fingerprint needs a version, such as {{1: (…)}}")
    for version, names in declared.versions.items():
        if isinstance(names, str) or not names:
            raise ConfigError(f"fingerprint {version} of {table.name}: give columns, not {names!r}")
        if missing := {*names, *own} - set(table.c.keys()):
            raise ConfigError(f"{table.name} has no column {', '.join(sorted(missing))}")
        if wrong := {*own, time} & set(names):
            raise ConfigError(
                f"fingerprint {version} of {table.name}: {', '.join(sorted(map(str, wrong)))} "
                "is no parameter"
            )
        for name in names:
            if is_own(table.c[name]):
                raise ConfigError(
                    f"fingerprint {version} of {table.name}: only the application knows what is "
                    f"equal in column {name}, of the type {table.c[name].type!r}"
                )
