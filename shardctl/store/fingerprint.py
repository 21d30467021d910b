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
class Fingerprinted:
    """Compares requests by their fingerprints, and by columns where a row has none.

    Attributes:
        declared: where they are.
        by_version: the parameters that each is made of, by name.
        columns: the parameters of a row without one.
    """

    declared: Fingerprint
    by_version: Mapping[int, Parameters]
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
        by_version = {
            version: _by_name(
                Parameters.of(
                    table, without=set(table.c.keys()) - set(names), secret=secret, zone=zone
                )
            )
            for version, names in declared.versions.items()
        }
        for version, parameters in by_version.items():
            if left := set(declared.versions[version]) - {each.name for each in parameters.each}:
                raise ConfigError(f"{table.name}: the server fills in {', '.join(sorted(left))}")
        return cls(declared, by_version, columns)

    def stamped(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row with its fingerprint, of the newest version."""
        version = max(self.by_version)
        print_ = digest(version, self.by_version[version], values)
        return {**values, self.declared.column: print_, self.declared.version: version}

    def differences(
        self, stored: Mapping[str, Any], given: Mapping[str, Any]
    ) -> dict[str, tuple[Any, Any]]:
        """By column, the value stored and the value given, where these are not the same.

        Where no column tells, since what was asked for has changed since, the fingerprints stand
        in their own column's place.
        """
        kept, version = stored[self.declared.column], stored[self.declared.version]
        parameters = self.by_version.get(version)
        if kept is None or parameters is None:
            return self.columns.differences(stored, given)
        asked = digest(version, parameters, given)
        if asked == bytes(kept):
            return {}
        lasting = {each.name for each in self.columns.each}
        told = Parameters(tuple(each for each in parameters.each if each.name in lasting))
        if found := told.differences(stored, given):
            return found
        if any(each.secret for each in parameters.each):  # short ones can be guessed from it
            return {self.declared.column: (MASKED, MASKED)}
        return {self.declared.column: (bytes(kept).hex(), asked.hex())}


def digest(version: int, parameters: Parameters, values: Mapping[str, Any]) -> bytes:
    """The fingerprint of what a request asks for; columns that a server fills in do not count."""
    asked = [b"%d" % version]
    for each in parameters.each:
        if (form := each.given(values)) is not UNKNOWN:
            asked += encoded(each.name), encoded(form)
    return blake2b(b"".join(asked), digest_size=SIZE, person=_DOMAIN).digest()


def _by_name(parameters: Parameters) -> Parameters:
    """In an order that no change of the table's changes."""
    return Parameters(tuple(sorted(parameters.each, key=attrgetter("name"))))


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
