"""What is sent to the server is what is compared, so that all servers store the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from sqlalchemy import Table

from shardctl.store.canonical import Form, sent_of


@dataclass(frozen=True, slots=True)
class Sent:
    """Turns the values that an application gives into those that its columns hold.

    An aware datetime becomes what clocks in the family's zone show then; times are cut to the
    column's precision, numbers rounded to its scale, as the table declares them: a column that is
    finer in the database has to be declared so. A TIMESTAMP is read by the session's zone,
    which has to be the family's wherever such a column is not the add-time's.

    Attributes:
        forms: by column, of those where servers or drivers differ.
    """

    forms: tuple[tuple[str, Form], ...]

    @classmethod
    def of(cls, table: Table, zone: tzinfo, *, without: Collection[str] = ()) -> Sent:
        """That for a declared table.

        Args:
            zone: the family's.
            without: columns of months' tables whose own type does so: the add-time, most keys.
        """
        forms = {c.key: sent_of(c, zone) for c in table.c if c.key not in without}
        return cls(tuple((name, form) for name, form in forms.items() if form))

    def __call__(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values as they are sent; those that were given, where nothing is to be done."""
        changed = {name: form(values[name]) for name, form in self.forms if name in values}
        return {**values, **changed} if changed else values
