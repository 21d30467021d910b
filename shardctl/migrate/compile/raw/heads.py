"""DDL: the statements that make, change and remove tables and indexes.

Source of the grammar: "Data Definition Statements" of the MySQL manual, with what MariaDB and
SQLite have beyond it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from shardctl.clause import Clause, ObjectName
from shardctl.migrate.compile.raw.alter import alter, constraints, rename
from shardctl.migrate.compile.raw.lexer import Statement
from shardctl.migrate.compile.raw.reader import Reader


def ddl(statement: Statement, indexes: Mapping[str, str]) -> Clause | None:
    """The clause that a DDL statement on a table is; None for any other statement.

    Args:
        indexes: on SQLite, where DROP INDEX names no table: index → its table, or its family.

    Raises:
        RevisionRefused: it cannot be given to a family as it is written.
    """
    verb, *_ = statement.tokens
    read = _STATEMENTS.get(verb.text.upper()) if verb.kind == "word" else None
    reader = Reader(statement)
    reader.at = 1
    if verb.says("DROP") and statement.flavour == "sqlite" and reader.take("INDEX"):
        return _drop_sqlite_index(reader, indexes)
    return read(reader) if read else None


# -- CREATE --------------------------------------------------------------------------------------


def _create(reader: Reader) -> Clause | None:
    replaced = reader.take("OR", "REPLACE")
    if temporary := reader.take_any("TEMPORARY", "TEMP"):
        reader.refuse(f"a {temporary.text} table ends with its session, and a revision has many")
    if reader.take("TABLE"):
        return _create_table(reader, replaced)
    while reader.take_any("ONLINE", "OFFLINE", "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"):
        pass
    if reader.take("INDEX"):
        return _create_index(reader)
    if reader.statement.occurrences() and any(t.says("TRIGGER") for t in reader.tokens):
        reader.refuse("triggers on a family's tables, or about them, are not supported yet")
    return None


def _create_table(reader: Reader, replaced: bool) -> Clause:
    words = reader.tokens[reader.at : reader.at + 3]
    if reader.take("IF", "NOT", "EXISTS"):  # whether it does is seen by comparing
        reader.found.update(dict.fromkeys(words, ""))
    table = reader.table()
    if replaced:
        reader.refuse(f"OR REPLACE drops {table} with its rows: write DROP TABLE before it")
    if any(token.says("SELECT") for token in reader.tokens):
        reader.refuse("CREATE TABLE … SELECT: make the table first, then INSERT … SELECT")
    if reader.take("LIKE") or reader.take("(", "LIKE"):
        other = reader.peek()
        if other and other.identifier in reader.statement.names:
            reader.refuse(
                f"LIKE {other.identifier} would give {table} what that family's template has on "
                "the day it runs: write its columns out",
            )
    constraints(reader, table)
    _keys_of_foreign_keys(reader)
    return Clause(table, (reader.sql(table),), presence="create")


def _keys_of_foreign_keys(reader: Reader) -> None:
    """A KEY that is called like a FOREIGN KEY serves it: in each month it bears that key's name.

    So SHOW CREATE TABLE writes the index that a server made for a foreign key.
    """
    named = {
        part.name
        for part in reader.found.values()
        if isinstance(part, ObjectName) and part.kind == "foreign key"
    }
    for before, token in pairwise(reader.tokens):
        if before.says("KEY", "INDEX") and token.identifier in named:
            reader.found.setdefault(token, ObjectName("foreign key", token.identifier or ""))


def _create_index(reader: Reader) -> Clause:
    reader.take("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.take("."):
        name = reader.name()
    while (token := reader.peek()) and not reader.take("ON"):
        reader.at += 1
    table = reader.table()
    if name and token:
        own = reader.statement.flavour == "sqlite" and reader.family(table)
        index = name.identifier or ""
        reader.found[name] = ObjectName("index", index) if own else name.text
    return Clause(table, (reader.sql(table),))


# -- DROP, RENAME, TRUNCATE, maintenance -----------------------------------------------------------


def _drop(reader: Reader) -> Clause | None:
    if reader.take_any("DATABASE", "SCHEMA"):
        reader.refuse("a revision changes tables of its database, it does not drop databases")
    if reader.take("INDEX"):
        reader.take("IF", "EXISTS")
        if name := reader.name():
            reader.found[name] = name.text
        return _on_table(reader) if reader.take("ON") else None
    reader.take_any("TEMPORARY")
    if not reader.take_any("TABLE", "TABLES"):
        return None
    reader.take("IF", "EXISTS")
    table = _one_plain(
        reader,
        "DROP TABLE would drop every month of {0} with its rows: take {0} out of the "
        "configuration, then drop its tables by hand",
    )
    return Clause(table, (reader.sql(table),), presence="drop", loses=f"table {table}")


def _drop_sqlite_index(reader: Reader, indexes: Mapping[str, str]) -> Clause:
    reader.take("IF", "EXISTS")
    name = reader.name()
    table = indexes.get(name.identifier or "") if name else None
    if name is None or table is None:
        reader.refuse("DROP INDEX does not say of which table: write op.drop_index(name, table)")
    index = name.identifier or ""
    own = reader.family(table)
    reader.found[name] = ObjectName("index", index, existing=True) if own else name.text
    return Clause(table, (reader.sql(table),))


def _rename_table(reader: Reader) -> Clause | None:
    if not reader.take_any("TABLE", "TABLES"):
        return None
    reader.take("IF", "EXISTS")
    table = reader.table()
    while (token := reader.peek()) and not reader.take("TO"):  # MariaDB: WAIT n
        if token.says(","):
            break
        reader.at += 1
    new = reader.table()
    reader.single()
    return rename(reader, table, new)


def _truncate(reader: Reader) -> Clause:
    reader.take("TABLE")
    table = _one_plain(
        reader, "TRUNCATE would empty every month of {0}: write DELETE FROM {0} if that is meant"
    )
    return Clause(table, (reader.sql(table),), loses=f"all rows of {table}")


def _maintain(reader: Reader) -> Clause | None:
    reader.take_any("NO_WRITE_TO_BINLOG", "LOCAL")
    if reader.take_any("TABLE", "TABLES"):
        return _on_table(reader)
    named = reader.peek()
    lone = reader.statement.flavour == "sqlite" and named is not None and reader.peek(1) is None
    return _on_table(reader) if lone else None


def _on_table(reader: Reader) -> Clause:
    table = reader.table()
    reader.single()
    return Clause(table, (reader.sql(table),))


def _one_plain(reader: Reader, why_not: str) -> str:
    """The one table of a statement that is refused on families."""
    table = reader.table()
    if reader.family(table):
        reader.refuse(why_not.format(table))
    reader.single()
    return table


_STATEMENTS: Mapping[str, Callable[[Reader], Clause | None]] = {
    "ALTER": alter,
    "CREATE": _create,
    "DROP": _drop,
    "RENAME": _rename_table,
    "TRUNCATE": _truncate,
    "ANALYZE": _maintain,
    "OPTIMIZE": _maintain,
    "CHECK": _maintain,
    "REPAIR": _maintain,
}
