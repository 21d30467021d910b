"""The texts of tables from which their columns' own lines are taken, read once for all alike."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from shardctl.dialects import Definition, Dialect
from shardctl.migrate.learn.locate import Details


@dataclass(frozen=True, slots=True)
class Texts:
    """What sessions of one time zone have read, as defaults are spelled in it.

    Attributes:
        known: by how a table looks, the text of one that looks so: on a server, clauses need the
            lines of columns alone, and columns that look alike have lines that mean the same.
    """

    dialect: Dialect
    known: dict[Details, Definition] = field(default_factory=dict)

    def of(self, connection: Connection, table: str, look: Details | None) -> Definition:
        """The text of a table, or of one that looks like it.

        Args:
            look: how it looked a moment ago; None: it may look otherwise by now, and its own text
                is read.
        """
        if look is None or self.dialect.transactional_ddl:  # a file's tables are made anew of it
            return self.dialect.definition(connection, table)
        if look not in self.known:
            self.known[look] = self.dialect.definition(connection, table)
        return self.known[look]
