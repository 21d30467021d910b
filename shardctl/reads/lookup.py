"""How the rows of a SELECT are found by their keys: a statement for each month, made once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from threading import RLock
from typing import Any, Final

from sqlalchemy import Column, CompoundSelect, Connection, Label, Row, Select, select, union_all
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import Over
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.visitors import iterate

from shardctl.dialects.mysql import errors as mysql
from shardctl.errors import QueryRefused
from shardctl.month import Month
from shardctl.reads.keys import Keys, Places
from shardctl.reads.move import Prepared, Query, is_own
from shardctl.reads.project import Lacking
from shardctl.reads.seen import Seen
from shardctl.tables import MonthlyTable
from shardctl.tables.recent import Recent

AT_ONCE: Final = 500
"""So many keys are in one statement; of 1000 and more MariaDB makes a table."""

STATEMENTS: Final = 500
"""So many statements are kept of one SELECT."""

TOGETHER: Final = 24
"""So many months are in one statement at most."""

_IDS: Final = "ids"
_AGGREGATES: Final = frozenset(["avg", "count", "group_concat", "max", "min", "sum"])


class Lookups:
    """The lookups of a family's SELECTs; `table.held(Lookups)` has those of its tables.

    Attributes:
        keys: what tells its rows apart.
    """

    def __init__(self, table: MonthlyTable[Any]) -> None:
        self.keys = Keys(table)
        self._whole = Lookup(table, self.keys, select(table.declared))
        self._prepared = Prepared(lambda written: Lookup(table, self.keys, written))

    def of(self, written: Select[Any] | None) -> tuple[Lookup, Mapping[str, Any]]:
        """That of a SELECT, and the SELECT's values; that of whole rows where there is none.

        Raises:
            QueryRefused: the SELECT is not one of rows as they are.
        """
        return (self._whole, {}) if written is None else self._prepared(written)


class Lookup:
    """How the rows of a SELECT are found by their keys.

    Attributes:
        query: the SELECT, with the key behind the user's own columns where it is not among them.

    Raises:
        QueryRefused: it is not one of rows as they are.
    """

    def __init__(self, table: MonthlyTable[Any], keys: Keys, written: Select[Any]) -> None:
        query = Query.of(table, written)
        _refuse(query.select)
        columns: list[Any] = list(query.select._raw_columns)
        own = SimpleResultMetaData([each.name for each in query.select.selected_columns])
        self._width = len(columns)
        key = [table.declared.c[name] for name in keys.names]
        places = [_place(table, columns, column) for column in key]
        self.query = replace(
            query,
            select=query.select.with_only_columns(*columns),
            names=query.names | {column.name.lower() for column in key},
        )
        self._table, self._keys = table, keys
        self._key_of: Callable[[Row[Any]], Any] = itemgetter(*places)
        self._own = own if len(columns) > self._width else None
        self._statements: Recent[Any, Select[Any]] = Recent(STATEMENTS, RLock())
        self._together: Recent[tuple[Month, ...], _Together] = Recent(STATEMENTS, RLock())

    def find_together(
        self, connection: Connection, places: Places, values: Mapping[str, Any], seen: Seen
    ) -> Mapping[Any, Row[Any]] | None:
        """The rows of several months by one statement, for a third of the time.

        To make one takes longer than it saves: so it is made for months that were asked for
        together before.

        Args:
            places: of a key there is one.

        Returns:
            Rows by key; None where the months are to be asked one by one.
        """
        months = tuple(places)
        if not 1 < len(months) <= TOGETHER or sum(map(len, places.values())) > AT_ONCE:
            return None
        if any(seen.lacking(month, self.query.names) for month in months):
            return None
        together = self._together.get(months)
        if together is None:
            self._together(months, _Together)
            return None
        if together.statement is None:
            together.statement = self._made(months, seen)
        ids = {f"{_IDS}{at}": keys for at, keys in enumerate(places.values())}
        try:
            read = self._read(connection, together.statement, {**values, **ids})
        except DBAPIError as error:
            if not mysql.is_collation_mix(error):  # while a migration changes a collation
                raise
            return None
        asked = {key for keys in places.values() for key in keys}
        left = asked - read.keys()
        if len(read) + len(left) > len(asked) or (left and _may_be_alike(left, read)):
            return None
        return read

    def find(
        self,
        connection: Connection,
        month: Month,
        keys: Sequence[Any],
        values: Mapping[str, Any],
        seen: Seen,
        lacking: Lacking,
    ) -> Mapping[Any, Row[Any]]:
        """The rows of a month that have these keys, by key.

        Args:
            keys: each once.
            values: the SELECT's.

        Raises:
            QueryRefused: the SELECT gives two rows for a key.
        """
        statement = self._statement(month, seen, lacking)
        found: dict[Any, Row[Any]] = {}
        for at in range(0, len(keys), AT_ONCE):
            some = keys[at : at + AT_ONCE]
            read = self._read(connection, statement, {**values, _IDS: some})
            exact = read.keys() & set(some)
            found |= read if len(exact) == len(read) else {key: read[key] for key in exact}
            left = [key for key in some if key not in exact]
            if left and (len(exact) < len(read) or _may_be_alike(left, exact)):
                # A collation takes texts for others: which for which, the server alone knows.
                for key in left:
                    one = self._read(connection, statement, {**values, _IDS: [key]})
                    found |= zip([key], one.values(), strict=False)
        return found

    def _read(
        self,
        connection: Connection,
        statement: Select[Any] | CompoundSelect[Any],
        values: Mapping[str, Any],
    ) -> Mapping[Any, Row[Any]]:
        """The rows that the server finds for some keys, by their own."""
        rows = connection.execute(statement, values).all()
        read = dict(zip(map(self._key_of, rows), self._shorn(rows), strict=True))
        if len(read) < len(rows):
            raise QueryRefused(f"the SELECT gives two rows for an ID of {self._table!r}")
        return read

    def _statement(self, month: Month, seen: Seen, lacking: Lacking) -> Select[Any]:
        shape = (month, lacking, seen.is_file, seen.stand_ins(month, self.query.names))
        kept = self._statements.get(shape)
        if kept is not None:
            return kept
        among = self._keys.among(self._table.month(month), _IDS)
        return self._statements(shape, lambda: self.query.at(month, seen, lacking).where(among))

    def _made(self, months: Sequence[Month], seen: Seen) -> CompoundSelect[Any]:
        branches = [
            self.query.at(month, seen).where(
                self._keys.among(self._table.month(month), f"{_IDS}{at}")
            )
            for at, month in enumerate(months)
        ]
        return union_all(*branches)

    def _shorn(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Rows with the columns alone that the user has named."""
        if self._own is None or not rows:
            return rows
        width = self._width
        shorn: Any = IteratorResult(self._own, iter([tuple(row)[:width] for row in rows]))
        own: Sequence[Row[Any]] = shorn.all()
        return own


class _Together:
    """Months that were asked for together, and the statement that does so."""

    statement: CompoundSelect[Any] | None = None


def _refuse(written: Select[Any]) -> None:
    """Refuse what gives other things than rows as they are, or wants them in another order."""
    clauses = {
        "ORDER BY": bool(written._order_by_clauses),
        "LIMIT": written._limit_clause is not None or written._fetch_clause is not None,
        "OFFSET": written._offset_clause is not None,
        "DISTINCT": written._distinct,
        "GROUP BY": bool(written._group_by_clauses),
        "HAVING": bool(written._having_criteria),
        "FOR UPDATE": written._for_update_arg is not None,
    }
    for each in iterate(written):
        if isinstance(each, Over) or (
            isinstance(each, Function) and each.name.lower() in _AGGREGATES
        ):
            clauses[str(each)] = True
    if refused := [clause for clause, there in clauses.items() if there]:
        raise QueryRefused(
            f"{', '.join(refused)} in a SELECT of rows by their IDs: each ID has one row, in the "
            "order of the IDs; name columns, and conditions in WHERE"
        )


def _place(table: MonthlyTable[Any], columns: list[Any], wanted: Column[Any]) -> int:
    """Where among a row's columns one is; appended where it is not."""
    for at, each in enumerate(columns):
        plain = each.element if isinstance(each, Label) else each
        if isinstance(plain, Column) and plain.name == wanted.name and is_own(table, plain.table):
            return at
    columns.append(wanted)
    return len(columns) - 1


def _may_be_alike(keys: Iterable[Any], others: Iterable[Any]) -> bool:
    """Whether a collation may take some keys for others: by their case, or blanks at the end."""
    folded = set(map(_folded, others))
    return any(each is None or each in folded for each in map(_folded, keys))


def _folded(key: Any) -> Any:
    """What texts have in common that collations take for one another; None where it is unknown."""
    if isinstance(key, tuple):
        parts = tuple(map(_folded, key))
        return None if None in parts else parts
    if not isinstance(key, str):
        return key
    return key.rstrip().casefold() if key.isascii() else None
