"""The text by which tables are made, copied and changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import ClassVar

from sqlalchemy import Connection

from shardctl.clause import Action, Algorithm, Names, ObjectName, Param, Part, TableName
from shardctl.dialects.base.sending import execute
from shardctl.dialects.values import Definition, Statement


class Altering(ABC):
    """Which text a kind of server takes."""

    placeholder: ClassVar[str]
    """How the driver marks a bound value: `%s` or `?`."""

    @abstractmethod
    def quote(self, name: str) -> str:
        """An identifier as this server wants it in SQL, always quoted."""

    @abstractmethod
    def copy(
        self, definition: Definition, name: str, names: Names, *, source_tag: str = ""
    ) -> tuple[Statement, ...]:
        """Statements that make an empty table `name` like the one defined.

        Args:
            names: `names.tables` says which table each foreign key of the definition refers to
                now, and under the definition's own table the name that generated constraint
                names (`t_order_chk_1`) are to begin with; self-references go to `name`.
                `names.tag` and `names.index_tag` go behind the other names.
            source_tag: the tag that the definition's own names bear, taken off first.
        """

    @abstractmethod
    def render(
        self, action: Action, table: str, names: Names, definition: Definition | None
    ) -> tuple[Statement, ...]:
        """The statements that carry out one action on one physical table.

        Args:
            table: the table it is for.
            names: what it puts into the action's parts.
            definition: the table's own text, for actions other than `Sql`; None for `Sql`.
        """

    # -- ALTER TABLE of several clauses, in a way that is demanded ---------------------------------

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """The ways in which an ALTER TABLE can be demanded, the cheapest first; empty where none
        can, and every clause is a statement of its own."""
        return ()

    def blocks_writes(self, algorithm: Algorithm | None) -> bool:  # noqa: ARG002
        """Whether others wait to write to the table as long as it is altered by an algorithm."""
        return True

    def specification(
        self, action: Action, table: str, names: Names, definition: Definition | None
    ) -> str | None:
        """What stands behind `ALTER TABLE t` for an action; None where it is no such statement.

        The arguments are those of `render`.
        """
        raise NotImplementedError

    def alter(
        self, table: str, specifications: Sequence[str], algorithm: Algorithm | None
    ) -> Statement:
        """One ALTER TABLE of several specifications, carried out by an algorithm or refused.

        Args:
            algorithm: None: the server chooses.
        """
        demand = [algorithm.demand] if algorithm else []
        text = ", ".join([*specifications, *demand])
        return Statement(f"ALTER TABLE {self.quote(table)} {text}")

    def ask(
        self,
        connection: Connection,
        table: str,
        alter: Callable[[str, Algorithm], Statement],
        allowed: Sequence[Algorithm],
    ) -> Algorithm:
        """Alter a scratch copy by the first of some algorithms that the server takes.

        Args:
            table: the copy.
            alter: the statement for a table, by an algorithm.
            allowed: some of `algorithms`.

        Returns:
            That algorithm, with what was seen of whether it rebuilds the table.

        Raises:
            DBAPIError: the server takes none of them (`is_algorithm_refused`), or refuses the
                statement itself.
        """
        raise NotImplementedError

    def populate(self, connection: Connection, table: str) -> None:  # noqa: B027
        """Put a row into a scratch copy, in place of others, where an empty one would take clauses
        that a full one refuses; nothing where the server judges a clause alike on both."""

    def drop(self, connection: Connection, tables: Collection[str]) -> None:
        """Remove tables, in whatever order they refer to each other; absent ones do not matter."""
        for table in tables:
            execute(connection, Statement(f"DROP TABLE IF EXISTS {self.quote(table)}"))

    def fill(self, parts: Sequence[Part], names: Names) -> Statement:
        """A statement from its parts, with the names of one table and the driver's placeholders."""
        values = tuple(part.value for part in parts if isinstance(part, Param))
        text: list[str] = []
        for part in parts:
            match part:
                case TableName(name):
                    text.append(self.quote(names.table(name)))
                case ObjectName():
                    text.append(self.quote(names.object(part)))
                case Param():
                    text.append(self.placeholder)
                case str():
                    doubled = values and self.placeholder == "%s"
                    text.append(part.replace("%", "%%") if doubled else part)
        return Statement("".join(text), values)

    @abstractmethod
    def literal(self, connection: Connection, value: object) -> str:
        """A value of the driver's as SQL, for statements that are sent by others."""
