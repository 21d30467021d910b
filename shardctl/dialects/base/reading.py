"""How a database is read; nothing here ever writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar

from sqlalchemy import Connection

from shardctl.dialects.values import Definition, Size
from shardctl.structure import Structure


class Reading(ABC):
    """What a kind of server tells of its tables."""

    uncounted: ClassVar[str] = "the server does not count it"
    """What is said where `index_reads` does not tell: what it would take."""

    @abstractmethod
    def table_names(self, connection: Connection) -> tuple[str, ...]:
        """The names of all tables (no views) of the database."""

    @abstractmethod
    def structures(self, connection: Connection, tables: Collection[str]) -> dict[str, Structure]:
        """How tables look, in a fixed number of queries; tables that do not exist are left out.

        Foreign keys to the own table refer to `structure.SELF`; others to the table's real name.
        """

    @abstractmethod
    def definition(self, connection: Connection, table: str) -> Definition:
        """The text by which this server would make the table."""

    @abstractmethod
    def sizes(self, connection: Connection, tables: Collection[str]) -> dict[str, Size]:
        """How much each table holds, estimated without reading rows."""

    @abstractmethod
    def has(self, connection: Connection, query: str, seconds: float) -> bool | None:
        """Whether a query gives a row at all.

        None where that cannot be told: it took longer, others kept it waiting, or a privilege is
        missing.

        Args:
            query: a SELECT without values; it begins with that word.
            seconds: how long it may take.
        """

    def index_reads(
        self,
        connection: Connection,  # noqa: ARG002
        tables: Collection[str],  # noqa: ARG002
        index: str,  # noqa: ARG002
    ) -> dict[str, int] | None:
        """By table, how many rows were read by an index of that name since the server counts.

        Tables by whose index none was read may be left out. None where nothing is counted, or
        the counts cannot be read.
        """
        return None

    @property
    def row_version_limit(self) -> int | None:
        """How many INSTANT changes of its columns a table takes before it must be rebuilt.

        None: any number, or they are not made so.
        """
        return None

    def row_versions(
        self,
        connection: Connection,  # noqa: ARG002
        tables: Collection[str],  # noqa: ARG002
    ) -> dict[str, int]:
        """How many row versions tables have used up of `row_version_limit`.

        What cannot be seen is left out; all are where the privilege for it is missing.
        """
        return {}
