"""Changes that SQLite has no statement for: the table is made anew from its edited text.

The order is that of https://www.sqlite.org/lang_altertable.html#otheralter. The statements are
meant for one transaction, so that a failure leaves the table as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from shardctl.clause import AlterColumn, DropConstraint
from shardctl.dialects.sqlite.parse import (
    Constraint,
    CreateTable,
    Item,
    column_item,
    create_index,
    create_table,
)
from shardctl.dialects.sqlite.text import Edit, edited, quote, renamed
from shardctl.dialects.sqlite.tokens import same, tokenize, top_level
from shardctl.dialects.values import Definition, Statement
from shardctl.errors import RevisionRefused

RENAME_ALONE = "PRAGMA legacy_alter_table = ON"
RENAME_WITH_CARE = "PRAGMA legacy_alter_table = OFF"


def rebuild(definition: Definition, create: str) -> Iterator[Statement]:
    """The statements that give a table another text, its rows kept.

    Args:
        definition: the table as it is.
        create: its CREATE TABLE text as it is to be, with the same columns.
    """
    old, new = quote(definition.table), f"shardctl_new_{definition.table}"
    table = create_table(create)
    columns = ", ".join(map(quote, table.stored))
    yield Statement(renamed(create, new))
    if any(token.word == "AUTOINCREMENT" for token in table.body):
        # A number once given is not given again, also where its row is gone.
        yield Statement(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?, seq FROM sqlite_sequence"
            " WHERE name = ?",
            (new, definition.table),
        )
    # OR ABORT: a constraint with ON CONFLICT IGNORE or REPLACE would leave rows out silently.
    yield Statement(f"INSERT OR ABORT INTO {quote(new)} ({columns}) SELECT {columns} FROM {old}")
    yield Statement(f"DROP TABLE {old}")
    # Otherwise the renaming looks into views and other tables' triggers that name the table,
    # which is not there at this moment, and fails.
    yield Statement(RENAME_ALONE)
    yield Statement(f"ALTER TABLE {quote(new)} RENAME TO {old}")
    yield Statement(RENAME_WITH_CARE)
    for text in definition.further:
        yield Statement(text)


def alter_column(action: AlterColumn, definition: Definition) -> Iterator[Statement]:
    """A column's type, NULL, default or name; SQLite knows neither comments nor positions."""
    text = definition.create
    if action.type is not None or action.nullable is not None or action.default is not None:
        item = _column(create_table(text), action.column, definition.table)
        yield from rebuild(definition, edited(text, _column_edits(text, item, action)))
    if action.name is not None and action.name != action.column:
        yield Statement(
            f"ALTER TABLE {quote(definition.table)}"
            f" RENAME COLUMN {quote(action.column)} TO {quote(action.name)}"
        )


def add_constraint(constraint: str, definition: Definition) -> Iterator[Statement]:
    """One constraint more, as CREATE TABLE writes it."""
    end = create_table(definition.create).items[-1].end
    return rebuild(definition, edited(definition.create, [(end, end, f", {constraint}")]))


def drop_constraint(
    action: DropConstraint, names: Collection[str], definition: Definition
) -> Iterator[Statement]:
    """One constraint less; a UNIQUE may also be an index of its own.

    Args:
        names: all that the constraint may be called on this table; "" where it has no name.
    """
    text = definition.create
    found = [
        (item, constraint)
        for item, constraint in create_table(text).constraints()
        if constraint.kind == action.kind
        and (action.kind == "primary key" or constraint.called in names)
    ]
    if len(found) == 1:
        return rebuild(definition, edited(text, _removal(text, *found[0])))
    for further in definition.further:
        if (index := create_index(further)) and index.name.name in names:
            return iter([Statement(f"DROP INDEX {quote(index.name.name)}")])
    raise RevisionRefused(
        f"table {definition.table} has {len(found) or 'no'} {action.kind} {action.name or ''} to"
        " drop, where one is expected: give it a name of its own in the table's CREATE TABLE"
    )


def _column(table: CreateTable, name: str, owner: str) -> Item:
    for item in table.columns:
        if same(item.name, name):
            return item
    raise RevisionRefused(f"table {owner} has no column {name} to alter")


def _column_edits(text: str, item: Item, action: AlterColumn) -> Iterator[Edit]:
    """What the action says, behind the column's name; all else of the column stays."""
    gone: list[str] = []
    new: list[str] = []
    kept = item.type
    if action.type is not None:
        kept = ()
        new.append(action.type)
        gone += [found.kind for found in column_item(f"x {action.type}").constraints]
    if action.nullable is not None:
        gone.append("not null" if action.nullable else "null")
        if not action.nullable and not item.constraint("not null"):
            new.append("NOT NULL")
    if action.default is not None:
        gone.append("default")
        if action.default:
            new.append(f"DEFAULT {_default(action.default)}")
    head = item.tokens[len(kept)].end
    end = item.tokens[len(item.type)].end
    parted = " " if text[end : end + 1] not in " \t\n\r\f,)" else ""
    yield head, end, "".join(f" {words}" for words in new) + parted
    for found in item.constraints:
        if found.kind in gone:
            yield _cut(text, found)


def _default(sql: str) -> str:
    """A default as CREATE TABLE takes it: all but a single value in brackets."""
    tokens = tokenize(sql)
    single = len(tokens) - (tokens[0].text in ("+", "-")) == 1
    whole = tokens[0].text == "(" and len(list(top_level(tokens))) == 1
    return sql if single or whole else f"({sql})"


def _removal(text: str, item: Item, constraint: Constraint) -> Iterator[Edit]:
    yield _cut(text, constraint)
    if item.comma and constraint.tokens == item.tokens:
        yield item.comma.start, item.comma.end, ""


def _cut(text: str, constraint: Constraint) -> Edit:
    before = text[constraint.start - 1] == " "
    return constraint.start - before, constraint.end, ""
