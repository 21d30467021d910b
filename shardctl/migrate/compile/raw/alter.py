"""ALTER TABLE: what it loses, and the checks, foreign keys and tables that it names."""

from __future__ import annotations

from collections.abc import Mapping

from shardctl.clause import Clause, ObjectKind, ObjectName
from shardctl.migrate.compile.raw.reader import Reader


def alter(reader: Reader) -> Clause | None:
    """The clause that ALTER TABLE is, read from behind ALTER; None for ALTER of anything else.

    Raises:
        RevisionRefused: it cannot be given to the table as it is written.
    """
    ignore = False
    while word := reader.take_any("ONLINE", "OFFLINE", "IGNORE"):
        ignore = ignore or word.says("IGNORE")
    if not reader.take("TABLE"):
        return None
    reader.take("IF", "EXISTS")
    table = reader.table()
    losses = ["rows that a new unique index finds double"] if ignore else []
    starts = reader.parts()
    for reader.at in starts:
        if new := _new_name(reader):
            if len(starts) > 1:
                reader.refuse(f"{table} gets more than a name: write RENAME by itself")
            return rename(reader, table, new)
        losses.append(_loss(reader, reader.family(table)))
    constraints(reader, table)
    return Clause(table, (reader.sql(table),), loses=", ".join(filter(None, losses)))


def rename(reader: Reader, table: str, new: str) -> Clause:
    """The clause that gives a plain table another name.

    Raises:
        RevisionRefused: one of the names is a family's.
    """
    for name in (table, new):
        if reader.family(name):
            reader.refuse(
                f"{name} is a family: its name is in the configuration and in that of every "
                "month, it is not given or taken by a revision"
            )
    return Clause(new, (reader.sql(new),), presence="rename", renamed_from=table)


def _new_name(reader: Reader) -> str:
    """The name that a part of ALTER TABLE gives to the table; "" where it gives it none."""
    if not reader.take("RENAME") or reader.take_any("COLUMN", "INDEX", "KEY"):
        return ""
    after = reader.peek(1)
    if reader.take_any("TO", "AS", "=") or after is None or not after.says("TO"):
        return reader.table()
    return ""  # SQLite's RENAME column TO column


def _loss(reader: Reader, family: bool) -> str:
    """What one part of ALTER TABLE loses; what it names of checks and foreign keys is noted."""
    if reader.take("TRUNCATE", "PARTITION"):
        return "the rows of partitions that are emptied"
    if reader.take_any("EXCHANGE", "DISCARD", "IMPORT") or (
        reader.take("CONVERT") and reader.take_any("PARTITION", "TABLE")
    ):
        return reader.refuse(
            "it moves rows from or to another table or file, which is no change of structure: do "
            "it outside of a revision"
        )
    altered = reader.take("ALTER")
    if not altered and not reader.take("DROP"):
        return ""
    if reader.take_any("CHECK", "CONSTRAINT"):
        _existing(reader, "check", family)
    elif altered:
        return ""
    elif reader.take("FOREIGN", "KEY"):
        _existing(reader, "foreign key", family)
    elif reader.take("PARTITION"):
        return "the rows of partitions that are dropped"
    elif reader.take("SYSTEM", "VERSIONING"):
        return "the history of all rows"
    elif not reader.take_any("PRIMARY", "INDEX", "KEY") and not reader.take("PERIOD", "FOR"):
        reader.take("COLUMN")
        reader.take("IF", "EXISTS")
        column = reader.name()
        return f"column {column.identifier}" if column else ""
    return ""


def _existing(reader: Reader, kind: ObjectKind, family: bool) -> None:
    reader.take("IF", "EXISTS")
    name = reader.peek()
    if family and name and (name.identifier or "").upper() != "PRIMARY":
        reader.object(kind, existing=True)


_KINDS: Mapping[str, ObjectKind] = {
    "CHECK": "check",
    "FOREIGN": "foreign key",
    "REFERENCES": "foreign key",
}


def constraints(reader: Reader, table: str) -> None:
    """Note the names of a family's new checks and foreign keys, and what these refer to.

    Raises:
        RevisionRefused: a foreign key from a plain table to a family.
    """
    for at, token in enumerate(reader.tokens):
        reader.at = at + 1
        if token.says("REFERENCES"):
            _reference(reader, table)
        elif not reader.family(table):
            continue
        elif token.says("CONSTRAINT"):
            reader.take("IF", "NOT", "EXISTS")
            name, kind = reader.name(), reader.peek()
            if name and kind and kind.text.upper() in _KINDS:
                found = ObjectName(_KINDS[kind.text.upper()], name.identifier or "")
                reader.found.setdefault(name, found)
        elif token.says("FOREIGN") and reader.statement.flavour == "mariadb":
            _index_name(reader, at)


def _reference(reader: Reader, table: str) -> None:
    """Note the family that a foreign key refers to; plain tables are left as they are written."""
    dot = reader.peek(1)
    referred = reader.peek(2 if dot and dot.says(".") else 0)
    if referred is None or referred.identifier not in reader.statement.names:
        return
    if not reader.family(table):
        reader.refuse(
            f"a foreign key from {table}, which is one table, to {referred.identifier}, which is "
            "a family of months: none of these has all rows"
        )
    reader.table()


def _index_name(reader: Reader, at: int) -> None:
    """MariaDB names a constraint that has no name after the index that FOREIGN KEY names."""
    named = at > 1 and reader.tokens[at - 2].says("CONSTRAINT")
    dropped = at > 0 and reader.tokens[at - 1].says("DROP")
    if named or dropped or not reader.take("KEY"):
        return
    reader.take("IF", "NOT", "EXISTS")
    reader.object("foreign key", existing=False)
