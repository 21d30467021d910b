"""The mapped classes of one declared model: the template's and each month's."""

from __future__ import annotations

from collections.abc import Callable
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Table, event, inspect, orm
from sqlalchemy.orm.mapper import _CONFIGURE_MUTEX as MAPPING

from shardctl.errors import InvalidMonth
from shardctl.family import Family
from shardctl.month import Month
from shardctl.tables.instant import InstantType
from shardctl.tables.key import KeyType
from shardctl.tables.relation import CONDITIONS, Relationship
from shardctl.tables.table import MonthlyTable

# SQLAlchemy maps a class and relates mapped classes under one lock of its own, in any thread that
# happens to query. A second lock around making a month's classes would deadlock with it, and no
# lock would let another thread relate classes of which half are there.

M = TypeVar("M")


class Months(Generic[M]):
    """What a model's months are mapped to; each class is made once and stays, as models do.

    Making one month's class makes those that it is related to, too.
    """

    def __init__(self, model: type[M], family: Family) -> None:
        self._model = model
        self._relationships = _declared(model)
        name = f"{model.__name__}_template"
        self._template = self._map(None, name, {"__tablename__": family.name})
        self._classes: dict[Month, type[M]] = {}
        self.tables = _Tables(family, self._template)

    def at(self, month: Month | None) -> type[M]:
        """The class of a month, or of the template where it is None."""
        if month is None:
            return self._template
        made = self._classes.get(month)
        if made is None:
            with MAPPING:
                made = self._classes.get(month) or self._make(month)
        return made

    if not TYPE_CHECKING:  # it would let any name pass

        def __getattr__(self, name: str) -> type[M]:
            """The class of a month by its `__qualname__`: pickle looks for it so, anywhere."""
            try:
                return self.at(Month.parse(name.rpartition("_")[2]))
            except InvalidMonth:
                raise AttributeError(name) from None

    def _make(self, month: Month) -> type[M]:
        related = [each.target() for each, _ in self._relationships.values()]
        table = self.tables.month(month)
        made = self._map(month, f"{self._model.__name__}_{month:%Y%m}", self._columns(table))
        self._classes[month] = made  # before those related to it: they may be related back
        for target in related:
            at_month(target, month)
        return made

    def _map(self, month: Month | None, name: str, namespace: dict[str, Any]) -> type[M]:
        place = "_template" if month is None else name
        own = {
            "__module__": self._model.__module__,
            "__qualname__": f"{self._model.__qualname__}.__months__.{place}",
            "__doc__": self._model.__doc__,
            "__month__": month,
            "__annotations__": {
                key: annotation
                for key, (_, annotation) in self._relationships.items()
                if annotation
            },
            **{k: self._relate(each, month) for k, (each, _) in self._relationships.items()},
        }
        metaclass: Any = type(self._model)
        made: type[M] = metaclass(name, (self._model,), own | namespace)
        for column in inspect(made).primary_key:
            if isinstance(column.type, KeyType | InstantType):
                attribute = getattr(made, inspect(made).get_property_by_column(column).key)
                event.listen(attribute, "set", _as_stored(column.type), retval=True)
        return made

    def _columns(self, table: Table) -> dict[str, Any]:
        """The template's attributes and mapper arguments that name columns, of a month's table."""
        mapper = inspect(self._template)  # nothing here may configure it: that makes classes, too
        arguments = dict(getattr(self._template, "__mapper_args__", {}))
        arguments["primary_key"] = [table.c[column.key] for column in mapper.primary_key]
        if mapper.version_id_col is not None:
            arguments["version_id_col"] = table.c[mapper.version_id_col.key]
        return {
            "__table__": table,
            "__mapper_args__": arguments,
            **{
                key: _column_property(mapper.get_property_by_column(column), table)
                for key, column in mapper.columns.items()
                if column.table is mapper.local_table
            },
        }

    def _relate(self, declared: Relationship, month: Month | None) -> Any:
        def target() -> type[Any]:
            return at_month(declared.target(), month)

        def named(condition: Callable[[type[Any], type[Any]], Any]) -> Callable[[], Any]:
            return lambda: condition(self.at(month), target())

        arguments: dict[str, Any] = {
            key: named(value) if key in CONDITIONS and callable(value) else value
            for key, value in declared.arguments.items()
        }
        return orm.relationship(target, **arguments)


class _Tables(MonthlyTable[Table]):
    """A model's tables; foreign keys bind to other models of the same base by themselves."""

    def __init__(self, family: Family, template: type[Any]) -> None:
        super().__init__(family, template.__table__, lock=MAPPING)
        self._registry = template.registry

    def sibling(self, declared: Table) -> MonthlyTable[Any] | None:
        """The tables of the model that has declared a table."""
        for mapper in self._registry.mappers:
            if mapper.local_table is declared and (months := _months(mapper.class_)):
                return months.tables
        return None


def _as_stored(type_: KeyType | InstantType) -> Callable[..., Any]:
    """What an attribute of the primary key is set to: the value that reading the row gives.

    A session takes objects by it: an ID as text and the same as a number would be two.
    """

    def as_stored(_target: object, value: Any, _before: object, _initiator: object) -> Any:
        is_plain = value is not None and not hasattr(value, "__clause_element__")
        return type_.stored(value) if is_plain else value

    return as_stored


def _column_property(declared: orm.ColumnProperty[Any], table: Table) -> Any:
    column = table.c[declared.columns[0].key]
    if not (declared.deferred or declared.group or declared.raiseload or declared.active_history):
        return column  # of which a `declared_attr` can make an expression
    return orm.column_property(
        column,
        deferred=declared.deferred,
        group=declared.group,
        raiseload=declared.raiseload,
        active_history=declared.active_history,
    )


def at_month(model: type[Any], month: Month | None) -> type[Any]:
    """The class of a month; a class that has no months is itself."""
    months = _months(model)
    return model if months is None else months.at(month)


def _months(model: type[Any]) -> Months[Any] | None:
    return getattr(model, "__months__", None)


def _declared(model: type[Any]) -> dict[str, tuple[Relationship, Any]]:
    """The relationships that a model and its mixins declare, with what they are annotated as.

    Raises:
        TypeError: one is SQLAlchemy's own, which only one class can have.
    """
    for name, value in vars(model).items():
        if isinstance(value, orm.RelationshipProperty):
            raise TypeError(f"{model.__name__}.{name}: take shardctl.tables.relationship for it")
    return {
        name: (value, get_annotations(base).get(name))
        for base in reversed(model.__mro__)
        for name, value in vars(base).items()
        if isinstance(value, Relationship)
    }
