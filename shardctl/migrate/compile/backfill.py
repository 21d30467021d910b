"""A backfill: one UPDATE that is to go through a big table in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any, cast

from alembic.operations import MigrateOperation
from sqlalchemy import ClauseElement, literal, literal_column, table, update
from sqlalchemy.sql.elements import Grouping

from shardctl.clause import Chunks, Clause, Param
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.expressions import compiled, data_clause, table_nodes, with_values
from shardctl.migrate.compile.marks import Marks
from shardctl.migrate.compile.replay import Flavour, Setting


class BackfillOp(MigrateOperation):
    """What `shardctl.op.backfill` says."""

    def __init__(self, table_name: str, values: Mapping[str, Any], where: Any, chunk: int) -> None:
        """The arguments are those of `shardctl.op.backfill`."""
        self.table_name = table_name
        self.values = values
        self.where = where
        self.chunk = chunk


def backfill_clause(operation: BackfillOp, setting: Setting) -> Clause:
    """The data clause of a backfill.

    Its WHERE clause, where it has one, is the last thing in its text and stands in brackets, so
    that a range of the key can be added.

    Raises:
        RevisionRefused: a text is not one expression, or what it means for a month is not clear.
    """
    pieces = [*operation.values.values(), operation.where]
    if any(_is_expression(piece) for piece in pieces):
        clause = _of_expressions(operation, setting)
    else:
        clause = _of_texts(operation, setting)
    if clause.table != operation.table_name:
        raise RevisionRefused(
            f"backfill({operation.table_name!r}): it would change {clause.table or 'other tables'}"
        )
    chunks = Chunks(operation.chunk, tuple(operation.values), operation.where is not None)
    return replace(clause, chunks=chunks)


def _is_expression(piece: object) -> bool:
    return isinstance(piece, ClauseElement) or hasattr(piece, "__clause_element__")


def _of_expressions(operation: BackfillOp, setting: Setting) -> Clause:
    """An UPDATE of SQLAlchemy's; text within it may not name a family."""
    named = operation.table_name

    def expression(piece: Any) -> Any:
        return literal_column(_text(piece, setting)[0]) if isinstance(piece, str) else piece

    values = {column: expression(piece) for column, piece in operation.values.items()}
    where = expression(operation.where)
    where = where.__clause_element__() if hasattr(where, "__clause_element__") else where
    roots = [piece for piece in (*values.values(), where) if _is_expression(piece)]
    # Its own table() is another one to SQLAlchemy than that of the expressions.
    own: Any = next((one for one in table_nodes(roots) if one.name == named), None)
    target = table(named, *map(literal_column, values)) if own is None else own._deannotate()
    statement = update(target).values(values)
    if where is not None:
        statement = statement.where(Grouping(where))
    return data_clause(statement, setting, each_month=False)


def _of_texts(operation: BackfillOp, setting: Setting) -> Clause:
    """An UPDATE of texts and values, read like other raw SQL."""
    from shardctl.migrate.compile import raw  # brings sqlglot

    bound: dict[str, Param] = {}
    marked = False
    assignments = []
    for column, piece in operation.values.items():
        if isinstance(piece, str):
            text, has_mark = _text(piece, setting)
            marked |= has_mark
        else:
            text = f"shardctl{token_hex(16)}"
            bound[text] = _value(piece, setting)
        assignments.append(f"{setting.dialect.quote(column)} = {text}")
    where = ""
    if operation.where is not None:
        text, has_mark = _text(operation.where, setting)
        marked |= has_mark
        where = f" WHERE {text if text.startswith('(') else f'({text})'}"
    # Where one family is marked, a name without a mark means no table.
    named = operation.table_name
    head = f"{{{named}}}" if marked and named in setting.families else setting.dialect.quote(named)
    (clause,) = raw.clauses(
        f"UPDATE {head} SET {', '.join(assignments)}{where}",
        setting.families,
        flavour=cast(Flavour, setting.dialect.name),
    )
    return with_values(clause, bound)


def _value(value: object, setting: Setting) -> Param:
    with Marks(setting.marking) as marks:
        (part,) = compiled(literal(value), setting, marks)
    return cast(Param, part)


def _text(text: str, setting: Setting) -> tuple[str, bool]:
    """One expression as it is put into a statement, and whether it has marks (`{t_order}`).

    Raises:
        RevisionRefused: it is none, or more: what it does to the rest of the statement is open.
    """
    from shardctl.migrate.compile.raw.lexer import Token, statements

    def is_one(tokens: Iterable[Token]) -> bool:
        depth = 0
        for token in tokens:
            depth += token.says("(") - token.says(")")
            if depth < 0:
                return False
        return depth == 0

    flavour = cast(Flavour, setting.dialect.name)
    found = list(statements(text, setting.families, flavour))
    if len(found) != 1 or not is_one(found[0].tokens):
        raise RevisionRefused(
            f"a backfill takes one expression, not: {' '.join(text.split())[:80]}"
        )
    (statement,) = found
    bare = len(statement.tokens) == 1
    return statement.text if bare else f"({statement.text})", statement.marked
