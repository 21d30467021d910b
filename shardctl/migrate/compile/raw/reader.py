"""A reader over one statement, which notes what stands for a table's or another object's name."""

from __future__ import annotations

from typing import NoReturn

from shardctl.clause import ObjectKind, ObjectName, Part, Sql, TableName
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.raw.lexer import Statement, Token

_NAMES_FOLLOW = (
    *("ADD", "AFTER", "ALTER", "CHANGE", "CHECK", "COLUMN", "CONSTRAINT", "DROP", "EXISTS"),
    *("FULLTEXT", "INDEX", "KEY", "MODIFY", "PARTITION", "SPATIAL", "TO", "UNIQUE"),
)
"""Words of ALTER TABLE behind which a name stands that is not a table's."""


class Reader:
    """Reads a statement's tokens one by one; `found` has the parts for those that are names."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.tokens = statement.tokens
        self.at = 0
        self.found: dict[Token, Part] = {}

    def peek(self, ahead: int = 0) -> Token | None:
        """The token at the reader's place or so many behind it; None behind the last."""
        at = self.at + ahead
        return self.tokens[at] if 0 <= at < len(self.tokens) else None

    def take(self, *words: str) -> bool:
        """Go on behind these words if all of them stand here in this order."""
        for ahead, word in enumerate(words):
            token = self.peek(ahead)
            if token is None or not token.says(word):
                return False
        self.at += len(words)
        return True

    def take_any(self, *words: str) -> Token | None:
        """Go on behind the token here if it is one of these words."""
        token = self.peek()
        if token is None or not token.says(*words):
            return None
        self.at += 1
        return token

    def name(self) -> Token | None:
        """Go on behind an identifier, if one stands here."""
        token = self.peek()
        if token is None or token.identifier is None:
            return None
        self.at += 1
        return token

    def family(self, name: str) -> bool:
        """Whether it is a family's name."""
        return name in self.statement.names

    def refuse(self, reason: str) -> NoReturn:
        """Give the statement up."""
        raise self.statement.refusal(reason)

    def table(self) -> str:
        """Read a table's name and note its place.

        Raises:
            RevisionRefused: no name stands here, one of another database, or a family's that
                is not marked in a statement that marks.
        """
        token = self.name()
        if token is None:
            self.refuse("no table's name where one is expected")
        if self.take("."):
            token = self.name() or token
            if token.kind != "mark":
                self.refuse(
                    f"a database before {token.text}: leave it out, a revision changes the tables "
                    "of its own database"
                )
        name = token.identifier or ""
        if self.family(name) and self.statement.marked and token.kind != "mark":
            self.refuse(f"{name} stands for a table: write {{{name}}} here")
        self.found[token] = TableName(name)
        return name

    def object(self, kind: ObjectKind, *, existing: bool) -> None:
        """Read the name of a check, foreign key or index and note its place."""
        token = self.name()
        if token is not None:
            self.found[token] = ObjectName(kind, token.identifier or "", existing)

    def single(self) -> None:
        """Make sure that the statement names no second table here."""
        if self.peek() is not None and self.take_any(","):
            self.refuse("more than one table: write one statement for each")

    def parts(self) -> list[int]:
        """The places where the parts begin that top-level commas separate, from here on."""
        starts, depth = [self.at], 0
        for at in range(self.at, len(self.tokens)):
            token = self.tokens[at]
            depth += token.says("(") - token.says(")")
            if depth == 0 and token.says(","):
                starts.append(at + 1)
        return starts

    def sql(self, table: str) -> Sql:
        """The statement in parts, once every occurrence of a family's name is accounted for.

        Args:
            table: the table that the statement is for.

        Raises:
            RevisionRefused: a family's name stands where it may or may not mean the table, or
                a statement for a plain table, which runs once, names the table of a family.
        """
        for token in self.statement.occurrences():
            name = token.identifier or ""
            if token.kind == "mark" or isinstance(self.found.get(token), TableName):
                if not self.family(table):
                    self.refuse(
                        f"{name} is a family of months, and {table} is no part of it: "
                        "they cannot be bound to each other"
                    )
            elif token not in self.found and not self._stays(self.tokens.index(token)):
                raise unclear(self.statement, token)
        return self.statement.splice(self.found)

    def _stays(self, at: int) -> bool:
        """Whether a name can only be that of a column, an index or a partition of the table."""
        before = self.tokens[at - 1]
        after = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if before.says(".") or (after is not None and after.says(".")):
            return False
        opened = self._enclosing(at)
        if opened is not None:  # UNION=(t, …) is the one list that has tables in it
            return not self.tokens[opened - 1].says("=") and not before.says("REFERENCES", "LIKE")
        renamed = before.identifier is not None and self.tokens[at - 2].says(
            "CHANGE", "COLUMN", "EXISTS"
        )
        return before.says(*_NAMES_FOLLOW) or renamed

    def _enclosing(self, at: int) -> int | None:
        """Where the parenthesis around a place opens."""
        depth = 0
        for opened in range(at - 1, -1, -1):
            token = self.tokens[opened]
            depth += token.says("(") - token.says(")")
            if depth > 0:
                return opened
        return None


def unclear(statement: Statement, token: Token) -> RevisionRefused:
    """The refusal of a statement in which it is not clear whether a name means the table."""
    name = token.identifier
    return statement.refusal(
        f"it is not clear whether {name} means the table here: write {{{name}}} (with the "
        "braces) at every place where it does, then nothing else is taken for it"
    )
