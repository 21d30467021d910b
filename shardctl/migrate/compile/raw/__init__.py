"""Raw SQL as clauses: the family's name is found by its position and nothing else is touched."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from shardctl.clause import Clause
from shardctl.migrate.compile.raw.dml import VERBS, dml, main_verb
from shardctl.migrate.compile.raw.heads import ddl
from shardctl.migrate.compile.raw.lexer import Flavour, Statement, Token, statements

__all__ = ["Flavour", "clauses"]


def clauses(
    text: str,
    names: Collection[str],
    *,
    flavour: Flavour,
    each_month: bool = False,
    indexes: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Clause, ...]:
    """The clauses that a text of SQL consists of, one for each statement, in order.

    A statement is not generated anew: in place of a family's name, where that means the table,
    stands a `TableName`, and in place of the names of a family's checks and foreign keys an
    `ObjectName`; all other text stays byte for byte, from the statement's first word to its
    last. Comments around it, and IF NOT EXISTS of CREATE TABLE, are left out. Where the name
    may or may not mean the table, the statement is refused; `{t_order}` in the text says that
    it does, and in such a statement the name without braces is never taken for the table.

    `DROP CONSTRAINT n` does not tell the constraint's kind: it gives an existing `check`, under
    which a foreign key of that name is to be looked up as well.

    Args:
        text: SQL as the server takes it, without the client's DELIMITER.
        names: the families' names.
        flavour: whose SQL it is.
        each_month: whether a statement is meant once for each month that changes a plain table
            or fills months with rows that are not their own.
        indexes: on SQLite, where DROP INDEX names no table: index → its table, or its family.

    Raises:
        RevisionRefused: a statement that cannot be given to a family as it is written, or that
            has no place in a revision; with what to write instead.
    """
    found = []
    for statement in statements(text, names, flavour):
        _examine(statement)
        found.append(_clause(statement, each_month, indexes))
    return tuple(found)


_SESSION = (
    "the months run on connections of their own, which it does not reach: set it where the "
    "connection is made"
)
_TRANSACTION = "shardctl begins and ends transactions itself: leave it out"
_LOCKS = "shardctl locks what it changes: leave it out"
_READS = "it changes nothing: read with op.get_bind()"
_HIDDEN = "which tables it changes cannot be seen: write out what it does"
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(("SET", "USE", "PRAGMA", "ATTACH", "DETACH"), _SESSION),
    **dict.fromkeys(("START", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"), _TRANSACTION),
    **dict.fromkeys(("END", "XA"), _TRANSACTION),
    **dict.fromkeys(("LOCK", "UNLOCK"), _LOCKS),
    **dict.fromkeys(("SELECT", "VALUES", "TABLE", "(", "SHOW", "EXPLAIN", "CHECKSUM"), _READS),
    **dict.fromkeys(("DESC", "DESCRIBE"), _READS),
    **dict.fromkeys(("CALL", "PREPARE", "EXECUTE", "DEALLOCATE", "HANDLER"), _HIDDEN),
    "LOAD": "rows of a file belong to months: load them where each row's month is known",
    "DELIMITER": "DELIMITER is a word of the mysql client: leave it out",
}


def _clause(statement: Statement, each_month: bool, indexes: Mapping[str, str]) -> Clause:
    verb = main_verb(statement)
    if verb.kind == "executable":
        raise statement.refusal("a statement in an executable comment: write it plainly")
    if reason := _REFUSED.get(verb.text.upper()):
        raise statement.refusal(reason)
    if verb.says(*VERBS):
        return dml(statement, each_month=each_month)
    clause = ddl(statement, indexes)
    if clause is not None:
        return clause
    for token in statement.occurrences():
        raise statement.refusal(
            f"not a statement that shardctl can give to the months of {token.identifier}"
        )
    return Clause("", (statement.splice({}),))


_LOSING = re.compile(r"\b(?:DROP|TRUNCATE|DELETE)\b", re.IGNORECASE)
_TABLE_FOLLOWS = ("FROM", "INTO", "JOIN", "REFERENCES", "TABLE", "UPDATE")


def _examine(statement: Statement) -> None:
    """Refuse what may mean a family's table without being its name in plain SQL."""
    lowered = {name.casefold(): name for name in statement.names}
    before: Token | None = None
    for token in statement.tokens:
        identifier = token.identifier
        if token.kind == "mark":
            _examine_mark(statement, token)
        elif token.kind == "quoted" and re.fullmatch(r"\{.+\}", identifier or ""):
            raise statement.refusal(f"{identifier} is quoted when it is filled in: no quotes here")
        elif token.kind in ("hint", "executable"):
            _examine_comment(statement, token)
        elif token.kind == "string" and statement.flavour == "sqlite" and before is not None:
            if token.text[1:-1].casefold() in lowered and before.says(*_TABLE_FOLLOWS):
                raise statement.refusal("a table's name in single quotes: take double ones")
        elif identifier and not statement.marked:
            name = lowered.get(identifier.casefold(), identifier)
            if name != identifier:
                raise statement.refusal(
                    f"{identifier}: the family is called {name}; write it so, or {{{name}}} at "
                    "every place where its table is meant"
                )
        before = token


def _examine_mark(statement: Statement, token: Token) -> None:
    name = token.text[1:-1]
    if name not in statement.names:
        known = ", ".join(sorted(statement.names)) or "none"
        raise statement.refusal(f"{token.text}: no family has this name; families: {known}")
    around = statement.text[max(token.start - 1, 0) : token.end + 1].replace(token.text, "")
    if re.search(r"[\w$]", around):
        raise statement.refusal(f"{token.text} must stand alone: it is a whole table's name")


def _examine_comment(statement: Statement, token: Token) -> None:
    for name in statement.names:
        if re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", token.text, re.IGNORECASE):
            raise statement.refusal(
                f"{name} in {token.text[:3]} … */: in a hint give the table an alias and name "
                "that; what is in an executable comment, write plainly"
            )
    if token.kind == "executable" and _LOSING.search(token.text):
        raise statement.refusal("something is dropped in an executable comment: write it plainly")
