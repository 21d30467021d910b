"""One declared table, and the `Table` of each month that is like it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from sqlalchemy import (
    Column,
    Engine,
    ForeignKeyConstraint,
    MetaData,
    Table,
    inspect,
)

from shardctl.family import Family
from shardctl.month import Month, required
from shardctl.tables.declared import check, named
from shardctl.tables.instant import InstantType
from shardctl.tables.key import KeyType
from shardctl.tables.missing import watch
from shardctl.tables.recent import Recent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

T = TypeVar("T", bound=Table)
H = TypeVar("H")

MONTHS = 240
"""How many months' tables are kept by default that nobody holds: twenty years."""


class MonthlyTable(Generic[T]):
    """A family's tables as SQLAlchemy sees them: `orders.for_id(order_id)` is a `Table`.

    It is no table itself, so that a statement for which the month was forgotten cannot be
    written. Key columns take an ID as string or integer and bind it in the column's own type, the
    time column takes aware datetimes and gives them back in UTC. Tables are made on first use and
    never reach a database: `shardctl premake` makes those.

    Args:
        family: the family that the table is declared for.
        declared: its `Table`, or a class mapped to one; it is left as it is.
        siblings: families to which foreign keys of this table refer. Theirs bind month to month;
            foreign keys to other tables refer to those tables in every month.
        size: how many months' tables are kept that nobody holds.
        lock: under which a month's table is made, one that a thread may take twice; its own by
            default.

    Raises:
        ConfigError: table and family do not belong together.
    """

    family: Family
    declared: T

    @overload
    def __init__(
        self,
        family: Family,
        declared: T,
        *,
        siblings: Iterable[MonthlyTable[Any]] = ...,
        size: int = ...,
        lock: AbstractContextManager[object] | None = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: MonthlyTable[Table],
        family: Family,
        declared: type[Any],
        *,
        siblings: Iterable[MonthlyTable[Any]] = ...,
        size: int = ...,
        lock: AbstractContextManager[object] | None = ...,
    ) -> None: ...

    def __init__(
        self,
        family: Family,
        declared: T | type[Any],
        *,
        siblings: Iterable[MonthlyTable[Any]] = (),
        size: int = MONTHS,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        table = declared if isinstance(declared, Table) else inspect(declared).local_table
        self.family = family
        self.declared = cast(T, table)
        self._siblings: dict[Table, MonthlyTable[Any]] = {each.declared: each for each in siblings}
        self._tables: Recent[str, T] = Recent(size, lock or RLock())
        self._name = lru_cache(size)(family.table_name)
        self._unbound: dict[Month | None, T] = {}
        self._held: dict[Callable[[MonthlyTable[Any]], Any], Any] = {}
        check(family, table)

    def month(self, month: Month) -> T:
        """The table of one month; the same object as long as somebody holds it.

        Raises:
            InvalidMonth: what is given is no `Month`; None is not the template's.
        """
        return self._at(required(month))

    def for_id(self, id: str | int) -> T:
        """The table of the month that an ID bears.

        Raises:
            InvalidId: the ID has not the form that the family declares.
            ImplausibleGene: no table of the family can bear its month.
        """
        table = self._tables.get(self.family.table_name(id=id))
        return self._at(self.family.month(id=id)) if table is None else table

    def for_instant(self, instant: datetime) -> T:
        """The table of the month in which an add-time falls.

        Args:
            instant: an aware datetime.

        Raises:
            InvalidMonth: the instant is naive.
        """
        return self._at(self.family.month(instant=instant))

    @property
    def template(self) -> T:
        """The family's template: an empty table, from which months are made."""
        return self._at(None)

    def watch(self, engine: Engine | AsyncEngine) -> None:
        """From now on, say `MonthMissing` where this engine meets a month without a table.

        It replaces SQLAlchemy's `ProgrammingError` or `OperationalError`, which remains as the
        cause, for Core, ORM and asyncio alike.
        """
        watch(engine, self.family)

    def sibling(self, declared: Table) -> MonthlyTable[Any] | None:
        """The months of a table to which a foreign key refers; None where it has none."""
        return self if declared is self.declared else self._siblings.get(declared)

    def held(self, make: Callable[[MonthlyTable[Any]], H]) -> H:
        """What another part of the library makes of these tables; made once, and kept with them.

        Args:
            make: makes it; the same function, or class, finds it again.
        """
        found = self._held.get(make)
        if found is None:
            found = self._held.setdefault(make, make(self))
        return cast(H, found)

    def __repr__(self) -> str:
        return f"MonthlyTable({self.family.name!r})"

    def _at(self, month: Month | None) -> T:
        name = self.family.template if month is None else self._name(month)
        return self._tables(name, lambda: self._copy(name, month))

    def _copy(self, name: str, month: Month | None) -> T:
        # A collection of its own: no names can clash, and `create_all` never meets a month.
        copy = cast(T, self.declared.to_metadata(MetaData(), name=name))
        _drop_foreign_keys(copy)
        if self.family.time:  # first: it may be an integer in the primary key
            _bind_as_instant(named(copy, self.family.time), self.family)
        for column in _key_columns(self.family, copy):
            _bind_as_key(column)
        self._unbound[month] = copy
        try:
            for declared in self.declared.foreign_key_constraints:
                self._refer(declared, copy, month)
        finally:
            del self._unbound[month]
        return copy

    def _refer(self, declared: ForeignKeyConstraint, copy: Table, month: Month | None) -> None:
        """Give the copy a foreign key like a declared one, to the same month where there is one."""
        target = declared.referred_table
        if sibling := self.sibling(target):
            # Foreign keys may lead back to a table that still gets its own.
            unbound = sibling._unbound.get(month)
            target = sibling._at(month) if unbound is None else unbound
        columns = [copy.c[column.key] for column in declared.columns]
        targets = [target.c[element.column.key] for element in declared.elements]
        copy.append_constraint(
            ForeignKeyConstraint(
                columns,
                targets,
                name=declared.name,
                onupdate=declared.onupdate,
                ondelete=declared.ondelete,
            )
        )
        for column, referred in zip(columns, targets, strict=True):
            if isinstance(referred.type, KeyType):
                _bind_as_key(column)


def _drop_foreign_keys(table: Table) -> None:
    """Take off the foreign keys of a copy: they refer to tables by name, in its own collection."""
    for constraint in table.foreign_key_constraints:
        table.constraints.remove(constraint)
        for element in constraint.elements:
            element.parent.foreign_keys.remove(element)
            table.foreign_keys.remove(element)


def _key_columns(family: Family, table: Table) -> Sequence[Column[Any]]:
    return [c for c in table.columns if (c.name in family.key if family.key else c.primary_key)]


def _bind_as_key(column: Column[Any]) -> None:
    if KeyType.knows(column.type):
        column.type = KeyType(column.type)


def _bind_as_instant(column: Column[Any], family: Family) -> None:
    if InstantType.knows(column.type, family.time_unit):
        column.type = InstantType(column.type, family.zone, family.time_unit)
