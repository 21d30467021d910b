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
    """

    dialect: Dialect
    names: Names
    clause: Clause
    chunks: Chunks
    columns: tuple[str, ...]

    def end(self, last: Key) -> Statement:
        """The query for the key at which the next range ends; no row: it is the last range.

        Args:
            last: the key at which the range before it ended.
        """
        selected = [part for one in self.columns for part in (", ", *self._column(one))][1:]
        condition = [" WHERE ", *self._beyond(last)] if last else []
        return self.dialect.fill(
            [
                *("SELECT ", *selected, " FROM ", TableName(self.clause.table)),
                *(*condition, " ORDER BY ", *selected, f" LIMIT 1 OFFSET {self.chunks.rows - 1}"),
            ],
            self.names,
        )

    def update(self, last: Key, end: Key) -> Statement:
        """The UPDATE of the rows behind one key, up to another."""
        (action,) = self.clause.actions
        if not isinstance(action, Sql):
            raise TypeError(f"a backfill is one UPDATE, not {action!r}")
        parts: list[Part] = [*action.parts]
        word = " AND " if self.chunks.filtered else " WHERE "
        for condition in filter(None, (self._beyond(last), self._up_to(end))):
            parts += [word, *condition]
            word = " AND "
        return self.dialect.fill(parts, self.names)

    def _beyond(self, key: Key) -> Sequence[Part]:
        return [*self._lead(">=", key), *self._compared(">", ">", self.columns, key)] if key else []

    def _up_to(self, key: Key) -> Sequence[Part]:
        return (
            [*self._lead("<=", key), *self._compared("<", "<=", self.columns, key)] if key else []
        )

    def _lead(self, sign: str, key: Key) -> Iterator[Part]:
        """For the index: where the first column lies, which the rest says over several brackets."""
        if len(key) > 1:
            yield from (*self._column(self.columns[0]), f" {sign} ", Param(key[0]), " AND ")

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
