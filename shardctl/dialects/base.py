"""What shardctl asks of a database server; one class a kind of server answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.clause import Action, Algorithm, Names, ObjectName, Param, Part, TableName
from shardctl.dialects.values import Blocker, Definition, Lag, Size, Statement, Written
from shardctl.structure import Structure

PLACES: Final = 64
"""So many sessions at most share a token: `token` itself, then `token.1` and so on."""


class Dialect(ABC):
    """One kind of server: how it is read, which text it takes, what its errors mean.

    Connections passed in are in autocommit mode (see `Database.connect`); `transaction` makes
    a transaction on one.
    """

    transactional_ddl: ClassVar[bool]
    """Whether a DDL statement and a ledger row can be committed together."""
    placeholder: ClassVar[str]
    """How the driver marks a bound value: `%s` or `?`."""
    index_names_per_database: ClassVar[bool] = False
    """Whether an index's name may stand once in a database, and not once in a table."""
    unseen_blocker: ClassVar[str] = "another process writes to it"
    """What is said of who holds a table, where `blockers` cannot tell."""
    uncounted: ClassVar[str] = "the server does not count it"
    """What is said where `index_reads` does not tell: what it would take."""
    scratch_url: ClassVar[str | None] = None
    """A database of its own in which scratch copies are made; None: beside the user's tables."""

    @property
    @abstractmethod
    def name(self) -> str:
        """`mysql`, `mariadb` or `sqlite`, as SQLAlchemy calls it."""

    # -- session ------------------------------------------------------------------------------

    @abstractmethod
    def prepare(self, connection: Connection, *, zone: str, lock_wait: int) -> None:
        """Put a session into the state that reading and changing tables rely on.

        Args:
            zone: the time zone in which TIMESTAMP values and defaults are read: an IANA name
                or an offset such as `+00:00`.
            lock_wait: how long a statement waits for another's lock on its table, or on rows of
                it, in seconds.
        """

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[None]:
        """A transaction on an autocommit connection; rolled back when the block raises."""
        connection.exec_driver_sql(self._begin)
        try:
            yield
        except BaseException:
            if not connection.invalidated:  # a session that broke off has nothing to roll back
                connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")

    _begin: ClassVar[str] = "BEGIN"

    # -- reading: never writes -------------------------------------------------------------------

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

    # -- text ---------------------------------------------------------------------------------

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

    # -- statements that outlive their client ------------------------------------------------------

    def connection_id(self, connection: Connection) -> int | None:  # noqa: ARG002
        """The session's id on its server; None where there is no server, only a file."""
        return None

    def claim(self, connection: Connection, token: str) -> None:  # noqa: B027
        """Mark a session as the one that sends a token's statements, before it sends any.

        The mark lasts exactly as long as the session. Nothing where a client's death ends its
        statements, or where the server has no such marks.

        Args:
            token: lower-case ASCII of at most 55 characters, claimed by no other session; several
                sessions of one token claim its places.

        Raises:
            Refused: another session has claimed it.
        """

    def claimed(self, connection: Connection, token: str) -> tuple[str, int | None]:  # noqa: ARG002
        """Which server answers, and the id of the session that has claimed a token there.

        The server is "" where sessions cannot be claimed.
        """
        return "", None

    def end_orphan(self, connection: Connection, token: str) -> int | None:  # noqa: ARG002
        """End the sessions that claimed a token or one of its places, or that run a statement
        whose mark begins so, and wait until they are gone.

        Returns:
            The id of one that was ended; None where there was none.

        Raises:
            Refused: this user may not end it; the message says what to run.
            StepFailed: it has not ended within half a minute.
        """
        return None

    def interrupt(self, connection: Connection, token: str, *, waiting: int | None = None) -> bool:  # noqa: ARG002
        """End the statements that the sessions of a token run; the sessions live on.

        Args:
            connection: of another session.
            waiting: only one that waits for a lock on its table, and began at most so many
                seconds ago; None: any.

        Returns:
            Whether there was one that was told to end.
        """
        return False

    # -- those who use the tables meanwhile --------------------------------------------------------

    def blockers(
        self,
        connection: Connection,  # noqa: ARG002
        table: str,  # noqa: ARG002
        *,
        rows: bool,  # noqa: ARG002
        waited: int,  # noqa: ARG002
        ours: int | None,  # noqa: ARG002
    ) -> tuple[Blocker, ...]:
        """Who holds a table, right after it was waited for in vain, the longest first.

        None where the server does not tell, or does not tell us.

        Args:
            rows: whether rows of it were waited for, and not the table.
            waited: for how long it was waited for, in seconds: who came later is no blocker.
            ours: the session that has waited, which the server may not have done with yet.
        """
        return ()

    def wait_for_tables(self, connection: Connection, seconds: int) -> None:  # noqa: B027
        """Set how long a statement waits, at each time that it wants its table to itself.

        Args:
            seconds: on some servers one at least.
        """

    def probe_table_lock(self, connection: Connection, table: str, mark: str) -> None:  # noqa: B027
        """Wait until nobody uses a table, as long as a statement that changes it would.

        Args:
            mark: a comment by which it is found in the server's list of processes.

        Raises:
            DBAPIError: somebody does for too long (`is_lock_timeout`).
        """

    def threads_running(self, connection: Connection) -> int | None:  # noqa: ARG002
        """How many sessions run a statement at this moment, this one too; None: not to be told."""
        return None

    def replica_hosts(self, connection: Connection) -> tuple[tuple[str, int], ...]:  # noqa: ARG002
        """Host and port of each replica of this server; the host is "" where it is not told."""
        return ()

    def written(self, connection: Connection) -> Written | None:  # noqa: ARG002
        """How far the log goes that this server's replicas follow; None: it writes none."""
        return None

    def replica_lag(self, connection: Connection, written: Written | None) -> Lag | None:  # noqa: ARG002
        """How far this replica is behind what it follows; None: it is no replica.

        Args:
            written: how far the primary's log goes.
        """
        return None

    # -- errors, by meaning -------------------------------------------------------------------

    @abstractmethod
    def is_lock_timeout(self, error: DBAPIError) -> bool:
        """Another session held the table, or rows of it, too long: the same may work later."""

    def is_held_up(self, error: DBAPIError) -> bool:
        """Others were in the way and nothing was done: the same may work later."""
        return self.is_lock_timeout(error)

    def is_interrupted(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """Somebody, or a time limit, ended the statement; the session lives on."""
        return False

    @abstractmethod
    def is_duplicate_key(self, error: DBAPIError) -> bool:
        """A row with the same unique key is there already."""

    @abstractmethod
    def is_missing_table(self, error: DBAPIError) -> bool:
        """A table that the statement names does not exist."""

    @abstractmethod
    def is_connection_lost(self, error: DBAPIError) -> bool:
        """The connection broke: whether the statement took effect is unknown."""

    def is_algorithm_refused(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """The table cannot be altered by the algorithm, or with the lock, that was demanded."""
        return False

    @abstractmethod
    def is_access_denied(self, error: DBAPIError) -> bool:
        """The user, its password or its privileges do not suffice."""

    @staticmethod
    def words(error: DBAPIError) -> str:
        """The server's own words, without SQLAlchemy's: `(1146) Table 'x' doesn't exist`."""
        arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
        if len(arguments) >= 2 and isinstance(arguments[0], int):
            return f"({arguments[0]}) {arguments[1]}"
        return str(error.orig)


def execute(connection: Connection, statement: Statement, mark: str = "") -> int:
    """Send one statement exactly as it is, and give the number of rows that it changed.

    Without values the driver's own formatting is left out altogether: SQLAlchemy otherwise
    passes empty parameters, on which PyMySQL reads every `%` as a placeholder.

    Args:
        mark: a comment that is sent before the text, by which the statement can be found in the
            server's list of processes.
    """
    sql = f"/* {mark} */ {statement.sql}" if mark else statement.sql
    if statement.values:
        return connection.exec_driver_sql(sql, statement.values).rowcount
    exact = {"no_parameters": True}
    return connection.exec_driver_sql(sql, execution_options=exact).rowcount


def text_of(statements: Sequence[Statement]) -> str:
    """Statements as a person reads them, one a line, without their values."""
    return ";\n".join(statement.sql for statement in statements)
