"""The statements of a backfill on one table: each for a range of the table's key.

Values are compared by the server, so by each column's own collation, in the key's order:
`(a > x) OR (a = x AND b > y)`, which MySQL reads as ranges of an index where it does not do so
with `(a, b) > (x, y)`: https://dev.mysql.com/doc/refman/8.4/en/row-constructor-optimization.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shardctl.clause import Chunks, Clause, Names, Param, Part, Sql, TableName
from shardctl.dialects import Dialect, Statement

Key: TypeAlias = tuple[Any, ...]
"""The values of a key's columns in one row; none: before the first row, or behind the last."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """A backfill's UPDATE on one table.

    Attributes:
        names: what the table puts into the clause.
        columns: the key's.
        limit: the key of the last row that it goes to; none: to the table's end.
    """

    dialect: Dialect
    names: Names
    clause: Clause
    chunks: Chunks
    columns: tuple[str, ...]
    limit: Key = ()

    def end(self, last: Key) -> Statement:
        """The query for the key at which the next range ends; no row: it is the last range.

        Args:
            last: the key at which the range before it ended.
        """
        selected = [part for one in self.columns for part in (", ", *self._column(one))][1:]
        return self.dialect.fill(
            [
                *("SELECT ", *selected, " FROM ", TableName(self.clause.table)),
                *(
                    *self._between(last, self.limit, " WHERE "),
                    " ORDER BY ",
                    *selected,
                    f" LIMIT 1 OFFSET {self.chunks.rows - 1}",
                ),
            ],
            self.names,
        )

    def update(self, last: Key, end: Key) -> Statement:
        """The UPDATE of the rows behind one key, up to another or to the limit."""
        (action,) = self.clause.actions
        if not isinstance(action, Sql):
            raise TypeError(f"a backfill is one UPDATE, not {action!r}")
        word = " AND " if self.chunks.filtered else " WHERE "
        return self.dialect.fill(
            [*action.parts, *self._between(last, end or self.limit, word)], self.names
        )

    def _between(self, last: Key, end: Key, word: str) -> Iterator[Part]:
        """The condition, with the word before it; nothing where there is neither end."""
        for sign, last_sign, key in ((">", ">", last), ("<", "<=", end)):
            if not key:
                continue
            yield word
            if len(key) > 1:  # for the index: what the rest says over several brackets
                yield from (*self._column(self.columns[0]), f" {sign}= ", Param(key[0]), " AND ")
            yield from self._compared(sign, last_sign, self.columns, key)
            word = " AND "

    def _compared(
        self, sign: str, last_sign: str, columns: Sequence[str], key: Key
    ) -> Iterator[Part]:
        column = self._column(columns[0])
        if len(key) == 1:
            yield from (*column, f" {last_sign} ", Param(key[0]))
            return
        yield from ("(", *column, f" {sign} ", Param(key[0]))
        yield from (" OR (", *column, " = ", Param(key[0]), " AND ")
        yield from self._compared(sign, last_sign, columns[1:], key[1:])
        yield "))"

    def _column(self, name: str) -> tuple[Part, ...]:
        return TableName(self.clause.table), f".{self.dialect.quote(name)}"
