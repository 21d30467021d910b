"""Reading tables: one query for all of them, then their texts taken apart.

https://www.sqlite.org/schematab.html: the text is complete, ALTER TABLE edits it in place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from shardctl.dialects.base import Definition, Size
from shardctl.dialects.sqlite.parse import (
    Constraint,
    CreateIndex,
    CreateTable,
    Item,
    create_index,
    create_table,
)
from shardctl.dialects.sqlite.text import declared, quote
from shardctl.dialects.sqlite.tokens import (
    Tokens,
    bracketed,
    expression,
    same,
    split,
    top_level,
    unqualified,
)
from shardctl.structure import (
    SELF,
    Check,
    Column,
    ForeignKey,
    Index,
    IndexPart,
    Structure,
)

_TABLES = """\
SELECT name FROM sqlite_master
WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"""
_TEXTS = """\
SELECT type, tbl_name, sql FROM sqlite_master
WHERE sql IS NOT NULL AND type IN ('table', 'index', 'trigger') ORDER BY rowid"""
_BYTES = """\
SELECT m.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_master AS m ON m.name = s.name
WHERE s.aggregate = TRUE GROUP BY m.tbl_name"""


def table_names(connection: Connection) -> tuple[str, ...]:
    """All tables of the file, without SQLite's own and without virtual ones."""
    return tuple(connection.exec_driver_sql(_TABLES).scalars())


def definition(connection: Connection, table: str) -> Definition:
    """The texts of one table, of its indexes and of its triggers, as SQLite keeps them."""
    texts = [
        (kind, sql) for kind, owner, sql in connection.exec_driver_sql(_TEXTS) if owner == table
    ]
    creates = [sql for kind, sql in texts if kind == "table"]
    if not creates:  # let SQLite say so: no such table
        connection.exec_driver_sql(f"SELECT 1 FROM {quote(table)} LIMIT 0")
        raise ValueError(f"{table} is no table")
    return Definition(table, creates[0], tuple(sql for kind, sql in texts if kind != "table"))


def structures(connection: Connection, tables: Collection[str]) -> dict[str, Structure]:
    """How tables look, in one query."""
    wanted = frozenset(tables)
    creates: dict[str, str] = {}
    indexes: dict[str, list[CreateIndex]] = {}
    names: dict[str, str] = {}
    for kind, table, sql in connection.exec_driver_sql(_TEXTS):
        if kind == "table":
            names[table.lower()] = table
        if table not in wanted:
            continue
        if kind == "table":
            creates[table] = sql
        elif kind == "index" and (index := create_index(sql)):
            indexes.setdefault(table, []).append(index)
    return {
        table: _Reader(table, create_table(sql), names).structure(indexes.get(table, ()))
        for table, sql in creates.items()
    }


def sizes(connection: Connection, tables: Collection[str]) -> dict[str, Size]:
    """Rows by the highest rowid, which costs one look into the tree; bytes where dbstat is there.

    A rowid higher than the file has bytes is an ID of the application's own: it tells nothing
    of the number of rows, and neither does a table WITHOUT ROWID.
    """
    creates = {
        table: create_table(sql)
        for kind, table, sql in connection.exec_driver_sql(_TEXTS)
        if kind == "table" and table in set(tables)
    }
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    file = pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    used: dict[str, int] = {}
    if connection.exec_driver_sql(
        "SELECT sqlite_compileoption_used('ENABLE_DBSTAT_VTAB')"
    ).scalar_one():
        used = dict(connection.exec_driver_sql(_BYTES).tuples().all())
    return {
        table: Size(_rows(connection, table, create, file), used.get(table))
        for table, create in creates.items()
    }


def _rows(connection: Connection, table: str, create: CreateTable, file: int) -> int | None:
    if "WITHOUT" in {token.word for token in create.options}:
        return None
    sql = f"SELECT max(_rowid_) FROM {quote(table)}"
    highest: int = connection.exec_driver_sql(sql).scalar_one() or 0
    return highest if 0 <= highest <= file else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one table's text; `names` are all tables by their names in small letters."""

    table: str
    create: CreateTable
    names: Mapping[str, str]

    def structure(self, indexes: Iterable[CreateIndex]) -> Structure:
        constraints = list(self.create.constraints())
        return Structure(
            columns=tuple(self._column(item) for item in self.create.columns),
            indexes=(
                *(found for pair in constraints if (found := self._key(*pair))),
                *map(self._index, indexes),
            ),
            checks=tuple(
                Check(_name(found), self._spell(bracketed(found.body)))
                for _, found in constraints
                if found.kind == "check"
            ),
            foreign_keys=tuple(
                self._foreign_key(*pair) for pair in constraints if pair[1].kind == "foreign key"
            ),
            options=tuple(
                (" ".join(token.text.lower() for token in option), "yes")
                for option in split(self.create.options)
                if option
            ),
        )

    @property
    def _columns(self) -> dict[str, str]:
        names = [item.column.name for item in self.create.columns if item.column]
        return {name.lower(): name for name in names}

    def _spell(self, tokens: Tokens) -> str:
        return expression(unqualified(tokens, self.table), self._columns)

    def _column(self, item: Item) -> Column:
        found = {constraint.kind: constraint for constraint in item.constraints}
        generated, not_null, collate = (
            found.get(kind) for kind in ("generated", "not null", "collate")
        )
        primary = found.get("primary key")
        assert item.column is not None
        return Column(
            name=item.column.name,
            type=_type(item.type),
            nullable=not_null is None,
            default=self._default(found.get("default")),
            collation=collate.body[1].name.upper() if collate else None,
            auto_increment=primary is not None and "AUTOINCREMENT" in primary.words,
            generated=self._spell(bracketed(generated.body)) if generated else None,
            stored=generated is not None and "STORED" in generated.words,
            extra=_on_conflict(not_null),
        )

    def _default(self, constraint: Constraint | None) -> str | None:
        if constraint is None:
            return None
        value = constraint.body[1:]
        while value[0].text == "(" and len(list(top_level(value))) == 1:
            value = bracketed(value)
        return self._spell(value)

    def _key(self, item: Item, constraint: Constraint) -> Index | None:
        """The index of a PRIMARY KEY or UNIQUE, which SQLite has no name of its own for."""
        if constraint.kind not in ("primary key", "unique"):
            return None
        parts = [self._part(tokens) for tokens in split(bracketed(constraint.body)) if tokens]
        if item.column:
            descending = "DESC" in constraint.words
            parts = [(IndexPart(item.column.name, descending=descending), "")]
        columns = ", ".join(part.column or "" for part, _ in parts)
        primary = constraint.kind == "primary key"
        return Index(
            name="PRIMARY" if primary else f"unique ({columns})",
            kind="primary" if primary else "unique",
            parts=tuple(part for part, _ in parts),
            extra=_joined([*(collation for _, collation in parts), _on_conflict(constraint)]),
        )

    def _index(self, index: CreateIndex) -> Index:
        parts = [self._part(tokens) for tokens in split(index.parts)]
        return Index(
            name=declared(index.name.name, self.table),
            kind="unique" if index.unique else "key",
            parts=tuple(part for part, _ in parts),
            extra=_joined([*(collation for _, collation in parts), self._spell(index.where)]),
        )

    def _part(self, tokens: Tokens) -> tuple[IndexPart, str]:
        """A part of an index, and the collation that it is given there."""
        descending = tokens[-1].word == "DESC"
        if tokens[-1].word in ("ASC", "DESC"):
            tokens = tokens[:-1]
        collation = ""
        if len(tokens) > 2 and tokens[-2].word == "COLLATE":
            collation = f"{tokens[-1].name.upper()}"
            tokens = tokens[:-2]
        tokens = unqualified(tokens, self.table)
        column = self._columns.get(tokens[0].name.lower()) if len(tokens) == 1 else None
        text = None if column else self._spell(tokens)
        word = f"{column or text} collate {collation}" if collation else ""
        return IndexPart(column, text, descending=descending), word

    def _foreign_key(self, item: Item, constraint: Constraint) -> ForeignKey:
        body = constraint.body
        at = constraint.words.index("REFERENCES")
        places = list(top_level(body))
        at = places[at]
        parent, rest = body[at + 1].name, body[at + 2 :]
        has_columns = bool(rest) and rest[0].text == "("
        columns = [item.column.name] if item.column else self._listed(bracketed(body[:at]))
        deferrable = " ".join(_behind(rest))
        return ForeignKey(
            name=_name(constraint),
            columns=tuple(columns),
            table=SELF if same(parent, self.table) else self.names.get(parent.lower(), parent),
            references=tuple(t.name for t in bracketed(rest) if t.text != ",")
            if has_columns
            else (),
            on_update=_rule(rest, "UPDATE"),
            on_delete=_rule(rest, "DELETE") + (f" {deferrable}" if deferrable else ""),
        )

    def _listed(self, tokens: Tokens) -> list[str]:
        names = [token.name for token in tokens if token.text != ","]
        return [self._columns.get(name.lower(), name) for name in names]


def _name(constraint: Constraint) -> str:
    return constraint.name.name if constraint.name else ""


def _type(tokens: Tokens) -> str:
    text = ""
    for token in tokens:
        blank = " " if text and token.kind in ("word", "quoted", "string") else ""
        text += blank + (token.word or token.text)
    return text


def _on_conflict(constraint: Constraint | None) -> str:
    words = constraint.words if constraint else ()
    if "CONFLICT" not in words:
        return ""
    return f"on conflict {words[words.index('CONFLICT') + 1].lower()}"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(word for word in words if word)


def _rule(tokens: Tokens, event: str) -> str:
    words = [token.word for token in tokens]
    for place in range(len(words) - 2):
        if words[place] == "ON" and words[place + 1] == event:
            two = words[place + 2] in ("SET", "NO")
            return " ".join(words[place + 2 : place + (4 if two else 3)])
    return "NO ACTION"


def _behind(tokens: Tokens) -> Iterator[str]:
    """`DEFERRABLE INITIALLY DEFERRED`, which changes when a key is looked at; else nothing."""
    words = [token.word for token in tokens]
    if words[-2:] == ["INITIALLY", "DEFERRED"] and "NOT" not in words[-4:]:
        yield from words[-3:]
