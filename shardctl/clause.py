"""A clause: one change of one table, as data that can be kept, compared and sent to any month.

A statement's text is kept in parts. Where the table's name stands, there is a `TableName`; where
the name of a constraint or of an index stands, an `ObjectName`: each member of a family fills in
its own. So the text around them is never searched, and a column, a literal or a comment that
looks like the table's name stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

ObjectKind: TypeAlias = Literal["check", "foreign key", "index", "unique", "primary key"]


@dataclass(frozen=True, slots=True)
class TableName:
    """Where a table's name stands: a family's (each month puts in its own) or a plain table's."""

    name: str


@dataclass(frozen=True, slots=True)
class ObjectName:
    """Where the name of a check, foreign key or index of the clause's own table stands.

    `existing` tells an object that is there already, found by its meaning, from a new one.
    """

    kind: ObjectKind
    name: str
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Param:
    """Where a bound value stands, as the driver takes it."""

    value: Any


Part: TypeAlias = str | TableName | ObjectName | Param


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement in parts; no `%` or `:` in the literal ones is doubled or escaped."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class AlterColumn:
    """What a revision says about a column; all that it does not say stays as the table has it.

    Attributes:
        column: the column as it is called before.
        type: its new type as SQL.
        nullable: whether it may be NULL.
        default: its new default as SQL; "" drops the default.
        comment: its new comment, unquoted; "" drops it.
        name: its new name.
        after: the column that it is to stand behind; "" for the first place.
    """

    column: str
    type: str | None = None
    nullable: bool | None = None
    default: str | None = None
    comment: str | None = None
    name: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """A constraint to be added where the server has no statement for it (SQLite).

    `parts` is the constraint as CREATE TABLE writes it, from `CONSTRAINT` or its keyword on.
    """

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class DropConstraint:
    """A constraint to be dropped where the server has no statement for it (SQLite)."""

    kind: ObjectKind
    name: str | None


Action: TypeAlias = Sql | AlterColumn | AddConstraint | DropConstraint


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a server carries out an ALTER TABLE.

    Attributes:
        name: as `ALGORITHM=` says it.
        lock: as `LOCK=` says it; "" where the server takes none with this algorithm, or where
            nothing is demanded.
        rebuilds: whether the table is written anew, row by row.
    """

    name: str
    lock: str = ""
    rebuilds: bool = False

    def __str__(self) -> str:
        """Short, for people: what is good news (no lock, no rebuild) is not said."""
        lock = f", LOCK={self.lock}" if self.lock not in ("", "NONE") else ""
        return self.name + lock + (", rebuild" if self.rebuilds and self.name != "COPY" else "")

    @property
    def instant(self) -> bool:
        """Whether no more than metadata is changed, in a moment, however big the table is."""
        return self.name == "INSTANT"

    @property
    def demand(self) -> str:
        """The words of ALTER TABLE by which it is carried out in this way or not at all."""
        return f"ALGORITHM={self.name}" + (f", LOCK={self.lock}" if self.lock else "")


@dataclass(frozen=True, slots=True)
class Chunks:
    """How one UPDATE goes through a big table: by ranges of its key, a transaction each.

    Attributes:
        rows: how many rows of the table a range holds.
        columns: those that are set, of which none is one of the key's.
        filtered: whether the statement ends with a WHERE clause, to which a range is to be added.
    """

    rows: int
    columns: tuple[str, ...]
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """One change of one table.

    Attributes:
        table: the family's name, or a plain table's; "" for SQL that names no table known.
        actions: what is done; a DDL clause has exactly one, a data clause one or several in one
            transaction.
        data: whether it changes rows (DML) and not the structure.
        presence: "create" or "drop" where the clause makes or removes the whole table,
            "rename" where it gives the table another name.
        renamed_from: the table's old name, where `presence` is "rename"; `table` is the new one.
        loses: in plain words, what data is lost by it as far as the clause alone tells; "" where
            nothing is.
        algorithm: how the server carried it out on an empty copy; None where it cannot be asked,
            or the clause says so itself.
        chunks: how a data clause's one statement goes through the table; None: all at once.
    """

    table: str
    actions: tuple[Action, ...]
    data: bool = False
    presence: Literal["", "create", "drop", "rename"] = ""
    renamed_from: str = ""
    loses: str = ""
    algorithm: Algorithm | None = None
    chunks: Chunks | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Which names one table puts into a clause's parts.

    Attributes:
        tables: family and plain names → physical names, the clause's own table among them; what
            is not in it stays as it is.
        tag: put behind the names of new checks and foreign keys, which are unique in a schema: a
            month's suffix; "" for the template and for plain tables, which bear declared names.
        index_tag: the same for indexes, where their names are unique in a schema (SQLite).
        existing: (kind, declared name) → this table's own name of that object, by its meaning.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    index_tag: str = ""
    existing: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def table(self, name: str) -> str:
        """The physical table that a name in a clause means."""
        return self.tables.get(name, name)

    def object(self, part: ObjectName) -> str:
        """This table's own name of a check, foreign key or index."""
        if part.existing and (part.kind, part.name) in self.existing:
            return self.existing[part.kind, part.name]
        tag = self.index_tag if part.kind in ("index", "unique") else self.tag
        return shorten(part.name + tag)


def shorten(name: str, longest: int = 64) -> str:
    """A name of at most `longest` characters: its tail replaced by a hash where it is longer.

    64 characters is MySQL's limit for every identifier that shardctl makes.
    """
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: longest - 9]}_{digest}"
