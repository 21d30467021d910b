"""Tables as values, read in bulk: a fixed number of queries, however many tables there are.

SHOW CREATE TABLE is asked besides for the tables that have what information_schema does not
show, or shows wrongly (see `hidden`).

It does not show either, and nothing tells that a table has it: COLUMN_FORMAT, STORAGE and an
index's KEY_BLOCK_SIZE (without effect in InnoDB), AUTOEXTEND_SIZE, DATA DIRECTORY, TABLESPACE,
KEY ALGORITHM=1 of partitions, MariaDB's application-time periods, REF_SYSTEM_ID. Tables that
differ in one of these alone read as equal. Triggers are no part of a structure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors, hidden, normal
from shardctl.dialects.mysql.information_schema import TABLES, Rows, queries, rows
from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Size
from shardctl.structure import (
    SELF,
    Check,
    Column,
    ForeignKey,
    Index,
    IndexPart,
    Structure,
    foreign_key_address,
)


def table_names(connection: Connection) -> tuple[str, ...]:
    """The names of all tables of the database, MariaDB's system-versioned ones among them."""
    query = f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE {TABLES}"
    return tuple(sorted(connection.exec_driver_sql(query).scalars()))


def sizes(connection: Connection, server: Server, tables: Collection[str]) -> dict[str, Size]:
    """Rows and bytes (data and indexes) of each table, by the server's statistics.

    MySQL would tell those of yesterday, which it keeps for information_schema_stats_expiry: a
    month that was empty then is a big one now.
    """
    if not server.is_mariadb:
        connection.exec_driver_sql("SET SESSION information_schema_stats_expiry = 0")
    found = rows(
        connection,
        tables,
        f"""SELECT TABLE_NAME AS `table`, TABLE_ROWS AS estimate, DATA_LENGTH + INDEX_LENGTH AS size
            FROM information_schema.TABLES WHERE {TABLES}""",
    )
    return {
        table: Size(
            None if row.estimate is None else int(row.estimate),
            None if row.size is None else int(row.size),
        )
        for table, (row,) in found.items()
    }


def row_versions(connection: Connection, tables: Collection[str]) -> dict[str, int]:
    """The row versions that tables have used up, of a partitioned one's partitions the most.

    That takes the PROCESS privilege: without it nothing is found. InnoDB spells the names of
    files: `t@002d1` is `t-1`, and `#` stands before a partition.
    """
    query = (
        "SELECT NAME, TOTAL_ROW_VERSIONS FROM information_schema.INNODB_TABLES "
        "WHERE TOTAL_ROW_VERSIONS > 0"
    )
    schema = str(connection.exec_driver_sql("SELECT DATABASE()").scalar_one())
    try:
        read = connection.exec_driver_sql(query).all()
    except DBAPIError as error:
        if not errors.is_access_denied(error):
            raise
        return {}
    found = dict.fromkeys(tables, 0)
    for path, versions in read:
        database, _, file = path.partition("/")
        table = _unfiled(file.partition("#")[0])
        if _unfiled(database) == schema and table in found:
            found[table] = max(found[table], int(versions))
    return found


def _unfiled(name: str) -> str:
    """A name from that of its file.

    https://dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html
    """
    return re.sub("@([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), name)


def structures(
    connection: Connection, server: Server, tables: Collection[str]
) -> dict[str, Structure]:
    """How tables look (see `Dialect.structures`).

    Tables of which information_schema tells the same, word for word, share one structure.
    """
    if not tables:
        return {}
    read = _rows(connection, server, tables)
    known: dict[object, Structure] = {}
    found: dict[str, Structure] = {}
    for table in read["tables"]:
        own = {part: rows[table] for part, rows in read.items()}
        # A foreign key to the own table is told by its name.
        key = table if own["keys"] else tuple(map(_words, own.values()))
        if key not in known:
            known[key] = _structure(own, server)
        found[table] = known[key]
    found |= hidden.completed(connection, found)
    return {table: _without_implied_names(structure) for table, structure in found.items()}


def columns(connection: Connection, tables: Collection[str]) -> dict[str, tuple[Column, ...]]:
    """The columns of tables, in one query; tables that do not exist are left out.

    Which server it is, SQLAlchemy has asked when it first connected.
    """
    known: Any = connection.dialect
    server = Server("mariadb" if known.is_mariadb else "mysql", known.server_version_info)
    found = rows(connection, tables, queries(server)["columns"])
    return {table: _columns(those, server) for table, those in found.items()}


def _words(rows: Iterable[Row[Any]]) -> frozenset[tuple[Any, ...]]:
    """Rows without the name of their table, which is the first."""
    return frozenset(tuple(row)[1:] for row in rows)


def _structure(read: Mapping[str, Sequence[Row[Any]]], server: Server) -> Structure:
    """One table, from the rows of each part."""
    (head,) = read["tables"]
    return Structure(
        columns=_columns(read["columns"], server),
        indexes=_indexes(read["indexes"], server),
        checks=_checks(read["checks"], server),
        foreign_keys=_foreign_keys(read["keys"], read["rules"]),
        options=_options(head),
        partitions=_partitions(read["partitions"]),
    )


def _rows(connection: Connection, server: Server, tables: Collection[str]) -> dict[str, Rows]:
    """What information_schema has of tables, by part; nothing is asked that cannot be there."""
    asked = queries(server)

    def read(part: str, tables: Collection[str] = tables) -> Rows:
        return rows(connection, tables, asked[part])

    found = {part: read(part) for part in ("tables", "columns", "indexes", "checks", "keys")}
    partitioned = [
        table for table, (head,) in found["tables"].items() if "partitioned" in (head.options or "")
    ]
    rules, partitions = read("rules", found["keys"]), read("partitions", partitioned)
    return found | {"rules": rules, "partitions": partitions}


def _columns(rows: Iterable[Row[Any]], server: Server) -> tuple[Column, ...]:
    return tuple(_column(row, server) for row in sorted(rows, key=lambda row: row.position))


def _column(row: Row[Any], server: Server) -> Column:
    kind = normal.column_type(row.type)
    generated = "GENERATED" in row.extra.replace("DEFAULT_GENERATED", "")
    return Column(
        name=row.name,
        type=kind,
        nullable=bool(row.nullable),
        default=normal.default(
            None if generated else row.default,
            kind,
            computed="DEFAULT_GENERATED" in row.extra,
            server=server,
        ),
        charset=row.charset,
        collation=row.collation,
        on_update=normal.on_update(row.extra),
        auto_increment="auto_increment" in row.extra,
        generated=normal.expression(row.formula, server) if generated else None,
        stored="STORED GENERATED" in row.extra,
        invisible="INVISIBLE" in row.extra,
        comment=row.comment,
        extra=normal.extra(row.extra, row.srid),
    )


def _indexes(rows: Iterable[Row[Any]], server: Server) -> tuple[Index, ...]:
    parts = _grouped(rows)
    return tuple(_index(parts[name], server) for name in sorted(parts))


def _index(parts: list[Row[Any]], server: Server) -> Index:
    first = parts[0]
    match first.type:
        case "FULLTEXT" | "SPATIAL":
            kind = first.type.lower()
        case _ if first.name == "PRIMARY":
            kind = "primary"
        case _:
            kind = "key" if first.several else "unique"
    return Index(
        name=first.name,
        kind=kind,
        parts=tuple(
            IndexPart(
                column=part.column,
                expression=normal.expression(part.expression, server) if part.expression else None,
                length=None if kind == "spatial" else part.length,
                descending=bool(part.descending),
            )
            for part in parts
        ),
        invisible=bool(first.invisible),
        comment=first.comment,
        extra="USING HASH" if first.type == "HASH" else "",
    )


def _checks(rows: Iterable[Row[Any]], server: Server) -> tuple[Check, ...]:
    checks = (
        Check(row.name, normal.expression(row.clause, server), bool(row.enforced)) for row in rows
    )
    return tuple(sorted(checks, key=lambda check: (check.expression, check.name)))


def _foreign_keys(parts: Iterable[Row[Any]], rules: Iterable[Row[Any]]) -> tuple[ForeignKey, ...]:
    rule = {row.name: row for row in rules}
    keys = (
        _foreign_key(columns, rule[name])
        for name, columns in _grouped(parts).items()
        if name in rule  # else it was dropped between the two queries
    )
    return tuple(sorted(keys, key=foreign_key_address))


def _foreign_key(parts: list[Row[Any]], rule: Row[Any]) -> ForeignKey:
    first = parts[0]
    table = SELF if first.referred == first.table else first.referred
    return ForeignKey(
        name=first.name,
        columns=tuple(part.column for part in parts),
        table=f"{first.other_schema}.{first.referred}" if first.other_schema else table,
        references=tuple(part.reference for part in parts),
        on_update=normal.action(rule.on_update),
        on_delete=normal.action(rule.on_delete),
    )


def _options(head: Row[Any]) -> tuple[tuple[str, str], ...]:
    versioned = {"type": head.type} if head.type != "BASE TABLE" else {}
    options = {
        "engine": head.engine or "",
        "collation": head.collation or "",
        "row_format": (head.row_format or "").upper(),
        "comment": head.comment,
        **versioned,
        **normal.options(head.options or ""),
    }
    return tuple(options.items())


def _partitions(rows: Iterable[Row[Any]]) -> str:
    """Method, expression and all partitions of a table in one line; "" where it has none."""
    ordered = sorted(rows, key=lambda row: (row.position, row.subposition or 0))
    if not ordered:
        return ""
    first = ordered[0]
    text = [f"{first.method} ({first.expression or ''})"]
    if first.submethod:
        text.append(f"{first.submethod} ({first.subexpression or ''})")
    for row in ordered:
        words = (row.name, row.subname, row.description, repr(row.comment) if row.comment else "")
        text.append(" ".join(word for word in words if word))
    return ", ".join(text)


def _without_implied_names(structure: Structure) -> Structure:
    """The structure with each index that a server made for a FOREIGN KEY called by its columns.

    Such an index bears the foreign key's name, which is another in each month.
    """
    implied = {(key.name, key.columns) for key in structure.foreign_keys}
    if not implied:
        return structure
    indexes = list(structure.indexes)
    taken: set[str] = set()
    for number, index in enumerate(indexes):
        columns = tuple(part.column or "" for part in index.parts)
        name = f"foreign key ({', '.join(columns)})"
        if (index.name, columns) in implied and name not in taken:
            taken.add(name)
            indexes[number] = replace(index, name=name)
    return replace(structure, indexes=tuple(indexes))


def _grouped(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """The rows of each name, in the order of their positions."""
    found: dict[str, list[Row[Any]]] = {}
    for row in sorted(rows, key=lambda row: row.position):
        found.setdefault(row.name, []).append(row)
    return found
