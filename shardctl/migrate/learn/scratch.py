"""Empty copies of tables on which a revision is tried before it touches anything real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from secrets import token_hex

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from shardctl.catalog import Member, names_for, references
from shardctl.clause import Clause, Names
from shardctl.dialects import Database, Definition, Dialect, Statement, execute
from shardctl.family import Family
from shardctl.month import Month
from shardctl.structure import Structure

PREFIX = "shardctl_scratch_"


@dataclass(slots=True)
class Scratch:
    """Copies of tables, made when they are first asked for, on a connection of their own.

    A copy bears the token of the session that made it, whose named lock tells later runs
    whether it was left behind by a crash.
    """

    dialect: Dialect
    families: Mapping[str, Family]
    source: Connection
    connection: Connection
    token: str
    copies: dict[str, str | None] = field(default_factory=dict)
    """From a family's or plain table's name to its copy; None where there is no such table now."""
    known: dict[str, Structure | None] = field(default_factory=dict)
    """How each copy looks, with declared names; kept up by whoever changes a copy."""
    twins: int = 0
    """How many twins were made."""

    def structure(self, name: str) -> Structure | None:
        """How the copy of a table looks now; None where there is none."""
        if (copy := self._copy_of(name)) is None:
            return None
        found = self.dialect.structures(self.connection, [copy]).get(copy)
        return found and found.referring(self.words)

    def declared(self, name: str) -> Structure | None:
        """How a copy looks, its checks and foreign keys called as in the table and the revision."""
        self._copy_of(name)
        return self.known[name]

    def names(self, name: str) -> Names:
        """The names that the copy of a table puts into a clause."""
        copy = self._copy_of(name) or self.name_of(name)
        templates = names_for(self.families, Member(name, name), self.dialect).tables
        copies = {table: made for table, made in self.copies.items() if made}
        return Names({**templates, **copies, name: copy}, tag=self._tag)

    def definition(self, name: str) -> Definition | None:
        """The text of a copy."""
        copy = self._copy_of(name)
        return self.dialect.definition(self.connection, copy) if copy else None

    def run(self, clause: Clause, statements: tuple[Statement, ...]) -> None:
        """Try one clause on the copy of its table, and keep account of which tables there are.

        Rows are not changed: a copy has none that a data clause means. What such a clause leaves
        behind is a row that fits, where there is one at all.
        """
        if clause.data:
            if copy := self.copies.get(clause.table):
                self._explain(statements)
                self.dialect.populate(self.connection, copy)
            return
        if clause.presence == "rename":
            self.copies[clause.table] = self._copy_of(clause.renamed_from)
            self.known[clause.table] = self.known[clause.renamed_from]
            self.copies[clause.renamed_from] = self.known[clause.renamed_from] = None
            return
        for statement in statements:
            execute(self.connection, statement)
        if clause.presence == "create":
            self.copies[clause.table] = self.name_of(clause.table)
        elif clause.presence == "drop":
            self.copies[clause.table] = None

    def _explain(self, statements: tuple[Statement, ...]) -> None:
        """Let the server read data clauses without running them: a wrong name shows here."""
        for statement in statements:
            try:
                execute(self.connection, replace(statement, sql=f"EXPLAIN {statement.sql}"))
            except DBAPIError as error:
                # A table beside the family's may be one that this revision makes.
                if not self.dialect.is_missing_table(error):
                    raise

    def name_of(self, name: str) -> str:
        """What a copy of the table is called."""
        if self.dialect.scratch_url:
            return self._real(name)
        return f"{PREFIX}{self.token}_{list(self.copies).index(name)}"

    @contextmanager
    def twin(self, family: str, member: Member, text: Definition | None = None) -> Iterator[Twin]:
        """An empty copy of one table, for one trial; it is gone afterwards.

        Args:
            family: the family's or plain table's name, as clauses say it.
            text: that of a copy which looks as the table will; None: as the table is now.
        """
        self.twins += 1
        tag = f"_{self.token}_{self.twins}"
        name = f"{PREFIX}{self.token}_{self.twins}_twin"
        own = names_for(self.families, member, self.dialect)
        source = text or self.dialect.definition(self.connection, member.table)
        old = self._tag if text else own.tag
        try:
            for statement in self.dialect.copy(source, name, Names(tag=tag), source_tag=old):
                execute(self.connection, statement)
            yield Twin(self, name, Names({**own.tables, family: name}, tag=tag), member.month)
        finally:
            if not self.connection.invalidated:
                self.dialect.drop(self.connection, [name])

    def forget(self, name: str) -> None:
        """Begin anew with a table, as if it were not there."""
        if copy := self._copy_of(name):
            self.dialect.drop(self.connection, [copy])
        self.copies[name] = self.known[name] = None

    def drop(self) -> None:
        """Remove all copies."""
        self.dialect.drop(self.connection, [copy for copy in self.copies.values() if copy])
        self.copies.clear()
        self.known.clear()

    @property
    def _tag(self) -> str:
        return "" if self.dialect.scratch_url else f"_{self.token}"

    def _real(self, name: str) -> str:
        return self.families[name].template if name in self.families else name

    def _copy_of(self, name: str) -> str | None:
        if name not in self.copies:
            self.copies[name] = None
            self.copies[name] = self._make(name)
        return self.copies[name]

    def _make(self, name: str) -> str | None:
        real = self._real(name)
        found = self.dialect.structures(self.source, [real]).get(real)
        self.known[name] = found and found.referring(self.words)
        if found is None:
            return None
        copy = self.name_of(name)
        # Read where it is run: the default of a TIMESTAMP is spelled in the session's time zone.
        reader = self.source if self.dialect.scratch_url else self.connection
        definition = self.dialect.definition(reader, real)
        for statement in self.dialect.copy(definition, copy, Names(tag=self._tag)):
            execute(self.connection, statement)
        self.dialect.populate(self.connection, copy)
        return copy

    @property
    def words(self) -> dict[str, str]:
        """For `Structure.referring`: templates and copies under their families' words."""
        words = {family.template: f"<{name}>" for name, family in self.families.items()}
        words |= {
            copy: f"<{name}>" if name in self.families else name
            for name, copy in self.copies.items()
            if copy
        }
        return words


@dataclass(frozen=True, slots=True)
class Twin:
    """A copy of one member of a family, or of a plain table, on which its steps are tried.

    Attributes:
        table: its name.
        names: what it puts into a clause.
    """

    scratch: Scratch
    table: str
    names: Names
    month: Month | None

    def structure(self) -> Structure:
        """How it looks now."""
        found = self.scratch.dialect.structures(self.scratch.connection, [self.table])[self.table]
        words = self.scratch.words | references(self.scratch.families, self.month)
        return found.referring(words)

    def definition(self) -> Definition:
        """Its text now."""
        return self.scratch.dialect.definition(self.scratch.connection, self.table)


@contextmanager
def scratch(
    database: Database, families: Mapping[str, Family], source: Connection, zone: str
) -> Iterator[Scratch]:
    """A place for copies, empty at first; whatever was made there is gone afterwards.

    Args:
        source: a connection on which the tables to be copied are read.
        zone: the time zone of the session that tries the clauses, as on the months.
    """
    dialect = database.dialect
    token = token_hex(4)
    if dialect.scratch_url:
        engine = create_engine(
            dialect.scratch_url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            yield Scratch(dialect, families, source, connection, token)
        return
    with database.connect(zone=zone) as connection:
        dialect.claim(connection, token)
        made = Scratch(dialect, families, source, connection, token)
        try:
            yield made
        except BaseException:
            with suppress(SQLAlchemyError):  # of a session that is lost, the next run sweeps them
                made.drop()
            raise
        made.drop()


def sweep(connection: Connection, dialect: Dialect) -> tuple[str, ...]:
    """Remove the scratch copies of sessions that are gone; gives their names."""
    left = []
    for table in dialect.table_names(connection):
        if table.startswith(PREFIX):
            token = table.removeprefix(PREFIX).split("_")[0]
            if dialect.claimed(connection, token)[1] is not None:
                continue
            left.append(table)
    dialect.drop(connection, left)
    return tuple(left)
