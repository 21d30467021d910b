"""Data clauses from SQLAlchemy expressions, and raw SQL with the values bound to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from secrets import token_hex
from typing import Any, cast

from sqlalchemy import Delete, Insert, TextClause
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.elements import ColumnClause
from sqlalchemy.sql.selectable import TableClause

from shardctl.clause import AddConstraint, Clause, Param, Part, Sql, TableName
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.marks import Marks
from shardctl.migrate.compile.replay import Flavour, Setting

_SCALARS = (str, int, float, Decimal, datetime, date, time, timedelta, bytes, type(None))


# -- raw SQL -----------------------------------------------------------------------------------


def raw_clauses(sql: Any, setting: Setting, *, each_month: bool) -> tuple[Clause, ...]:
    """The clauses of raw SQL: a str, `text()` with or without values, or `DDL()`.

    As with Alembic, a colon that is no bound name's is written `\\:` before a word in `text()`;
    in a str both forms are the same, and a `%` is a `%`.
    """
    from shardctl.migrate.compile import raw  # brings sqlglot

    if isinstance(sql, str):
        parts: tuple[Part, ...] = (re.sub(r"\\(:[\w$]*)(?![:\w$])", r"\1", sql),)
    elif isinstance(sql, TextClause):
        with Marks(setting.marking) as marks:
            parts = compiled(sql, setting, marks)
    else:
        with Marks(setting.marking) as marks:
            parts = marks.parts(str(sql.compile(dialect=setting.marking)))
    bound = {f"shardctl{token_hex(16)}": part for part in parts if isinstance(part, Param)}
    words = iter(bound)
    text = "".join(part if isinstance(part, str) else next(words) for part in parts)
    clauses = raw.clauses(
        text,
        setting.families,
        flavour=cast(Flavour, setting.dialect.name),
        each_month=each_month,
        indexes=_indexes(text, setting),
    )
    return tuple(with_values(clause, bound) for clause in clauses)


def _indexes(text: str, setting: Setting) -> dict[str, str]:
    """Whose indexes there are, where DROP INDEX does not tell."""
    if not setting.sqlite or not re.search(r"\bDROP\s+INDEX\b", text, re.IGNORECASE):
        return {}
    return {
        index.name: family
        for family in setting.families
        if (structure := setting.structure_of(family))
        for index in structure.indexes
    }


def with_values(clause: Clause, bound: Mapping[str, Param]) -> Clause:
    """A clause with bound values in the places of the words that stand for them in its text."""
    if not bound:
        return clause
    cut = re.compile(f"({'|'.join(bound)})")

    def split(parts: Iterable[Part]) -> Iterator[Part]:
        for part in parts:
            pieces = cut.split(part) if isinstance(part, str) else [part]
            yield from (bound.get(piece, piece) for piece in pieces if piece != "")  # type: ignore[arg-type]

    return replace(
        clause,
        actions=tuple(
            replace(action, parts=tuple(split(action.parts)))
            if isinstance(action, Sql | AddConstraint)
            else action
            for action in clause.actions
        ),
    )


# -- expressions -------------------------------------------------------------------------------


def data_clause(statement: Any, setting: Setting, *, each_month: bool) -> Clause:
    """The clause of an INSERT, UPDATE or DELETE expression.

    Raises:
        RevisionRefused: which month is meant cannot be known.
    """
    if not isinstance(statement, UpdateBase):
        raise RevisionRefused(
            f"{type(statement).__name__} in op.execute: it changes nothing, or nothing that is "
            "known here: read with op.get_bind(), write other SQL as text"
        )
    tables = _tables(statement)
    named = {str(table.name) for table in tables}
    families = named & setting.families
    _refuse_text(statement, setting)
    table = _subject(statement, families, each_month)
    with Marks(setting.marking) as marks:
        for item in tables:
            if item.name in families:
                marks.put(item, TableName(str(item.name)))
        action = Sql(compiled(statement, setting, marks))
    picks = not isinstance(statement, Delete) or statement.whereclause is not None
    return Clause(table, (action,), data=True, loses="" if picks else f"all rows of {table}")


def insert_clause(table: TableClause, rows: list[dict[str, Any]], setting: Setting) -> Clause:
    """The clause of `bulk_insert`: one INSERT a row, in one transaction."""
    name = str(table.name)
    if name in setting.families:
        raise RevisionRefused(
            f"bulk_insert into {name}: in which of its months would these rows belong? Insert "
            "them through the application, which knows each row's month"
        )
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RevisionRefused(f"bulk_insert into {name}: a list of dictionaries is expected")
    actions = []
    for row in rows:
        with Marks(setting.marking) as marks:
            actions.append(Sql(compiled(table.insert().inline().values(**row), setting, marks)))
    return Clause(name, tuple(actions), data=True)


def _subject(statement: UpdateBase, families: set[str], each_month: bool) -> str:
    """The table, plain or family, in whose name a statement is run."""
    target = str(getattr(statement.table, "name", ""))
    targets = {str(item.name) for item in table_nodes([statement.table])}
    if not families:
        return target
    if targets & families:
        family = target if target in families else min(targets & families)
        if isinstance(statement, Insert):
            _refuse_strange_rows(statement, family, each_month)
        return family
    if not each_month:
        raise RevisionRefused(
            f"{target} is one table, but the statement reads from {', '.join(sorted(families))}, "
            "which has many months: if it is meant to run once for each of them, say "
            "shardctl.op.execute(…, each_month=True)"
        )
    if len(families) > 1:
        raise RevisionRefused(
            f"{target}: the statement reads from several families ({', '.join(sorted(families))}),"
            " and it cannot be known for whose months it is to run: split it"
        )
    return next(iter(families))


def _refuse_strange_rows(statement: Insert, family: str, each_month: bool) -> None:
    if statement.select is None:
        raise RevisionRefused(f"INSERT into {family}: in which of its months would the row belong?")
    sources = {str(table.name) for table in table_nodes([statement.select])}
    if family not in sources and not each_month:
        raise RevisionRefused(
            f"INSERT into {family}: each month would get rows that are not its own: if that is "
            "meant, say shardctl.op.execute(…, each_month=True)"
        )


def _tables(statement: UpdateBase) -> list[TableClause]:
    return list(table_nodes([statement, statement.table]))


def table_nodes(roots: Iterable[Any]) -> Iterator[TableClause]:
    """Every table object in expressions, annotated copies and those of columns too."""
    seen: set[int] = set()
    for root in roots:
        for node in visitors.iterate(root):
            for item in (node, getattr(node, "table", None)):
                if isinstance(item, TableClause) and id(item) not in seen:
                    seen.add(id(item))
                    yield item


def _refuse_text(statement: UpdateBase, setting: Setting) -> None:
    """Text inside an expression is not read: where it may name a family, it is refused."""
    for node in visitors.iterate(statement):
        literal = isinstance(node, ColumnClause) and node.is_literal
        text = node.text if isinstance(node, TextClause) else str(node.name) if literal else ""  # type: ignore[attr-defined]
        for family in setting.families:
            if re.search(rf"(?<![\w$]){re.escape(family)}(?![\w$])", text, re.IGNORECASE):
                raise RevisionRefused(
                    f"the text {text!r} inside an SQLAlchemy expression names {family}: write "
                    f"the whole statement as text, or {family} as a table() in the expression"
                )


def compiled(statement: Any, setting: Setting, marks: Marks) -> tuple[Part, ...]:
    """A statement in parts, its values as the driver takes them."""
    made = statement.compile(dialect=setting.marking)
    state = made.construct_expanded_state(made.construct_params(_defaults(made)))
    processors = {**made._bind_processors, **state.processors}
    values = {
        name: Param(_driver_value(name, value, processors.get(name)))
        for name, value in state.parameters.items()
    }
    return marks.parts(state.statement, values)


def _defaults(compiled: Any) -> dict[str, Any]:
    """Values of columns that SQLAlchemy would take from the Table's defaults on execution."""
    found = {}
    for columns, attribute in (
        (compiled.insert_prefetch, "default"),
        (compiled.update_prefetch, "onupdate"),
    ):
        for column in columns:
            default = getattr(column, attribute)
            if column.key not in compiled.binds:
                raise RevisionRefused(f"column {column}: say its value, not a Python {attribute}")
            found[column.key] = default.arg if default.is_scalar else default.arg(None)
    return found


def _driver_value(name: str, value: Any, processor: Any) -> Any:
    driven = processor(value) if processor is not None else value
    if isinstance(driven, memoryview | bytearray):
        driven = bytes(driven)
    if not isinstance(driven, _SCALARS):
        raise RevisionRefused(
            f"the value of {name} is a {type(driven).__name__}, which cannot be kept in the "
            "ledger: give the column its type, so that SQLAlchemy turns it into a plain value"
        )
    return driven
