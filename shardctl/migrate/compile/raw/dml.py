"""DML: which tables a statement changes and reads, told by the positions in sqlglot's tree.

sqlglot only reads: a statement that it generated would differ in spelling, and sometimes in
meaning. It is imported when a statement that names a family is read: loading it takes a tenth
of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shardctl.clause import Clause, TableName
from shardctl.migrate.compile.raw.lexer import Statement, Token
from shardctl.migrate.compile.raw.reader import Reader, unclear

if TYPE_CHECKING:
    from sqlglot import exp

VERBS = ("INSERT", "REPLACE", "UPDATE", "DELETE")
_MODIFIERS = ("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE")
_EACH_MONTH = "shardctl.op.execute(…, each_month=True)"


def main_verb(statement: Statement) -> Token:
    """The word that tells what a statement does: its first, or the one behind the WITH clause."""
    first, *rest = statement.tokens
    depth = 0
    for token in rest if first.says("WITH") else ():
        depth += token.says("(") - token.says(")")
        if depth == 0 and token.says("SELECT", "VALUES", *VERBS):
            return token
    return first


def dml(statement: Statement, *, each_month: bool) -> Clause:
    """The data clause that INSERT, REPLACE, UPDATE, DELETE or WITH … is.

    Args:
        each_month: whether it is meant to run once for every month though it changes a table
            that is no month, or fills months with rows that are not their own.

    Raises:
        RevisionRefused: it cannot be told what it means for a month, or it needs `each_month`.
    """
    effect = _effect(statement) if statement.occurrences() else _Effect()
    if not effect.tables:
        target = _target(statement)
        alone = {target: TableName(_name(target))} if target else {}
        name = _name(target)
        return Clause(name, (statement.splice(alone),), data=True, loses=_loses(statement, name))
    plain = [_name(token) for token in effect.changed if token not in effect.tables]
    families = [_name(token) for token in effect.changed if token in effect.tables]
    if plain and not each_month:
        raise statement.refusal(
            f"it changes {plain[0] or 'a table'} and names {_name(effect.tables[0])}, so it would "
            f"run once for each month: if that is meant, say {_EACH_MONTH}"
        )
    if not families and len({_name(token) for token in effect.tables}) > 1:
        raise statement.refusal("it reads several families: for whose months is it to run?")
    if families and effect.inserts == "values":
        raise statement.refusal(f"in which month of {families[0]} would these rows belong?")
    sources = {_name(token) for token in effect.tables if token not in effect.changed}
    strange = families and effect.inserts == "rows" and families[0] not in sources
    if strange and not each_month:
        raise statement.refusal(
            f"each month of {families[0]} would get rows that are not its own: if that is meant, "
            f"say {_EACH_MONTH}"
        )
    found = {token: TableName(_name(token)) for token in effect.tables + effect.qualifiers}
    table = families[0] if families else _name(effect.tables[0])
    return Clause(table, (statement.splice(found),), data=True, loses=_loses(statement, table))


def _loses(statement: Statement, table: str) -> str:
    """What a DELETE that picks no rows loses; what another one picks, its author knows."""
    picks = any(token.says("WHERE", "JOIN", "USING", "LIMIT") for token in statement.tokens)
    return f"all rows of {table}" if main_verb(statement).says("DELETE") and not picks else ""


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a statement does, in the tokens that name its tables.

    Attributes:
        tables: where families' names stand for tables.
        qualifiers: where they stand before a column's name.
        changed: the names of the tables whose rows it changes; None for one that is not clear.
        inserts: whether it makes rows, out of values or out of rows that it reads.
    """

    tables: tuple[Token, ...] = ()
    qualifiers: tuple[Token, ...] = ()
    changed: tuple[Token | None, ...] = ()
    inserts: str = ""


def _effect(statement: Statement) -> _Effect:
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError

    try:
        tree = parse_one(_readable(statement), dialect=_dialect(statement))
    except SqlglotError:
        tree = exp.Expression()
    if not isinstance(tree, exp.Insert | exp.Update | exp.Delete):
        return _effect_by_head(statement)
    places = {
        node.meta["start"]: node for node in tree.find_all(exp.Identifier) if "start" in node.meta
    }
    tables, qualifiers = [], []
    for token in statement.occurrences():
        node = places.get(token.start)
        place = _place(node) if node is not None and node.name == token.identifier else ""
        if token.kind == "mark" or place == "table":
            tables.append(token)
        elif place == "qualifier":
            qualifiers.append(token)
        elif place != "column":
            raise unclear(statement, token)
    if qualifiers and not tables:
        raise unclear(statement, qualifiers[0])
    tokens = {token.start: token for token in statement.tokens}
    changed = [
        tokens.get(table.this.meta.get("start", -1)) if isinstance(table, exp.Table) else None
        for table in _changed(tree, statement)
    ]
    rows = isinstance(tree.expression, exp.Query)
    inserts = ("rows" if rows else "values") if isinstance(tree, exp.Insert) else ""
    return _Effect(tuple(tables), tuple(qualifiers), tuple(changed), inserts)


def _effect_by_head(statement: Statement) -> _Effect:
    """What is known of a statement that sqlglot does not read: its marks, its first words."""
    if not statement.marked:
        raise unclear(statement, statement.occurrences()[0])
    inserts = ""
    if main_verb(statement).says("INSERT", "REPLACE"):
        rows = any(token.says("SELECT") for token in statement.tokens)
        inserts = "rows" if rows else "values"
    return _Effect(statement.occurrences(), (), (_target(statement),), inserts)


def _place(node: exp.Identifier) -> str:
    """As what an identifier stands: a table, a column, before a column's name; "" otherwise."""
    from sqlglot import exp

    match node.parent, node.arg_key:
        case exp.Table() as table, "this" if not table.args.get("db"):
            return "table"
        case exp.Column() as column, "table" if not column.args.get("db"):
            return "qualifier"
        case (exp.Column(), "this") | (exp.Schema(), "expressions") | (exp.Join(), "using"):
            return "column"
    return ""


def _changed(
    tree: exp.Insert | exp.Update | exp.Delete, statement: Statement
) -> list[exp.Table | None]:
    """The tables whose rows a statement changes; all of its own where it does not say which."""
    from sqlglot import exp

    if isinstance(tree, exp.Insert) or statement.flavour == "sqlite":
        return [tree.this.this if isinstance(tree.this, exp.Schema) else tree.this]
    outer = [table for table in tree.find_all(exp.Table) if _is_outer(table)]
    outer.sort(key=lambda table: bool(table.alias))  # an alias wins over what it hides
    known = {table.alias_or_name: table for table in outer}
    if isinstance(tree, exp.Delete):
        named = tree.args.get("tables") or [tree.this]
        return [known.get(table.name) for table in named]
    columns = [assignment.this for assignment in tree.expressions]
    if not all(isinstance(column, exp.Column) and column.table for column in columns):
        return list(known.values())
    return [known.get(column.table) for column in columns]


def _is_outer(table: exp.Table) -> bool:
    """Whether a table is one of the statement's own, and not of a query within it."""
    return table.parent_select is None and table.arg_key != "tables"


def _readable(statement: Statement) -> str:
    """The statement as sqlglot reads it, every character at its place.

    Hints and modifiers, which it does not know everywhere, are blanks; REPLACE is INSERT;
    `{t_order}` is a quoted name.
    """
    text = list(statement.text)
    reader = _behind_verb(statement)
    verb = main_verb(statement)
    blanks = [*_modifiers(reader), *(token for token in statement.tokens if token.kind == "hint")]
    for token in blanks:
        text[token.start : token.end] = " " * len(token.text)
    if verb.says("REPLACE"):
        text[verb.start : verb.end] = "INSERT "
    for token in statement.tokens:
        if token.kind == "mark":
            text[token.start] = text[token.end - 1] = "`"
    return "".join(text)


def _behind_verb(statement: Statement) -> Reader:
    reader = Reader(statement)
    reader.at = statement.tokens.index(main_verb(statement)) + 1
    return reader


def _modifiers(reader: Reader) -> Iterator[Token]:
    """The words between a verb and INTO, FROM or a table, and hints; the reader goes past them."""
    while token := reader.peek():
        if token.says("OR"):  # SQLite's OR IGNORE, OR REPLACE, …
            yield token
            reader.at += 1
            token = reader.peek() or token
        elif token.kind != "hint" and not token.says(*_MODIFIERS):
            return
        yield token
        reader.at += 1


def _target(statement: Statement) -> Token | None:
    """The name of the one table that a statement changes, where its first words tell it."""
    reader = _behind_verb(statement)
    list(_modifiers(reader))
    verb = main_verb(statement)
    if verb.says("INSERT", "REPLACE"):
        reader.take("INTO")
    elif verb.says("DELETE") and not reader.take("FROM"):
        return None
    name, after = reader.name(), reader.peek()
    if name is None or (after is not None and after.says(".", ",", "USING")):
        return None
    if verb.says("DELETE") and after is not None and not after.says("WHERE", "ORDER", "LIMIT"):
        return None
    if verb.says("UPDATE"):
        while after is not None and not reader.take("SET"):
            if reader.take_any(",", "JOIN", "STRAIGHT_JOIN"):
                return None
            reader.at += 1
            after = reader.peek()
    return name


def _dialect(statement: Statement) -> str:
    return "sqlite" if statement.flavour == "sqlite" else "mysql"


def _name(token: Token | None) -> str:
    return (token.identifier or "") if token else ""
