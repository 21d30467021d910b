"""Which tables have which columns, asked in one statement on a connection of an application's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    TableClause,
    column,
    func,
    null,
    select,
    true,
)
from sqlalchemy import table as named

from shardctl.errors import UnsupportedServer

_MASTER: Final = named("sqlite_master", column("name"), column("type"), column("rootpage"))
_TABLES: Final = named(
    "TABLES",
    *(column("TABLE_SCHEMA"), column("TABLE_NAME"), column("TABLE_TYPE")),
    schema="information_schema",
)
_COLUMNS: Final = named(
    "COLUMNS",
    *(column("TABLE_SCHEMA"), column("TABLE_NAME"), column("COLUMN_NAME")),
    schema="information_schema",
)
_KINDS: Final = ("BASE TABLE", "SYSTEM VERSIONED")  # no views, no sequences


def columns_present(
    connection: Connection, columns: Collection[str], *, prefix: str, table: str
) -> dict[str, frozenset[str]]:
    """By table, which of some columns it has, in the spelling that was asked for.

    Args:
        columns: names in any case: to all of these servers `Room_ID` is `room_id`.
        prefix: tables whose names begin so are looked at.
        table: this one, too.

    Raises:
        UnsupportedServer: it is another kind of server.
    """
    match connection.dialect.name:
        case "mysql" | "mariadb":
            rows = connection.execute(_on_server(columns, prefix, table))
        case "sqlite":
            rows = connection.execute(_on_sqlite(prefix, table))
        case other:
            raise UnsupportedServer(
                f"shardctl works on MySQL, MariaDB and SQLite; {other} is none of them"
            )
    found: dict[str, set[str]] = {}
    tables: set[str] = set()
    for name, present in rows:
        if present is None:
            tables.add(name)
        else:
            found.setdefault(name, set()).add(present.casefold())
    return {
        name: frozenset(each for each in columns if each.casefold() in found.get(name, ()))
        for name in tables
    }


def _on_server(columns: Collection[str], prefix: str, table: str) -> CompoundSelect[Any]:
    """The tables, and those that have a column; joined, MariaDB would take three times as long."""

    def of(source: TableClause, *asked: ColumnElement[Any]) -> Select[Any]:
        schema, name = source.c["TABLE_SCHEMA"], source.c["TABLE_NAME"]
        wanted = name.startswith(prefix, autoescape=True) | (name == table)
        return select(name, *asked).where(schema == func.database(), wanted)

    tables = of(_TABLES, null()).where(_TABLES.c.TABLE_TYPE.in_(_KINDS))
    having = of(_COLUMNS, _COLUMNS.c.COLUMN_NAME)
    return tables.union_all(having.where(_COLUMNS.c.COLUMN_NAME.in_(columns)))


def _on_sqlite(prefix: str, table: str) -> CompoundSelect[Any]:
    """The tables, and all that they have."""
    name, info = _MASTER.c.name, func.pragma_table_xinfo(_MASTER.c.name).table_valued("name")
    wanted = name.startswith(prefix, autoescape=True) | (name == table)
    is_table = _MASTER.c.type == "table", _MASTER.c.rootpage > 0
    tables = select(name, null()).where(*is_table, wanted)
    having = select(name, info.c.name).select_from(_MASTER.join(info, true()))
    return tables.union_all(having.where(*is_table, wanted))
