"""What Alembic makes of an operation: DDL constructs, collected instead of executed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from alembic.ddl.impl import DefaultImpl
from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext

from shardctl.dialects import Dialect
from shardctl.migrate.compile.marks import marking
from shardctl.structure import Structure

Flavour: TypeAlias = Literal["mysql", "mariadb", "sqlite"]
StructureOf: TypeAlias = Callable[[str], Structure | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What operations are compiled for.

    Attributes:
        families: the families' names; every other table is a plain one.
        context: has the options of the environment (naming conventions) and no connection.
        dialect: the server's kind.
        structure_of: how a family's template or a plain table looks before the revision.
    """

    families: frozenset[str]
    context: MigrationContext
    dialect: Dialect
    structure_of: StructureOf

    @property
    def sqlite(self) -> bool:
        """Whether constraints cannot be altered, and an index's name stands once in a database."""
        return self.dialect.name == "sqlite"

    @property
    def marking(self) -> Any:
        """SQLAlchemy's dialect for compiling, in the style that `Marks` reads."""
        return self.context.dialect


def offline(context: MigrationContext) -> MigrationContext:
    """The same environment and server without a connection: nothing can be executed by it."""
    return MigrationContext.configure(dialect=marking(context.dialect), opts=context.opts)


def constructs(operation: MigrateOperation, context: MigrationContext) -> list[Any]:
    """The DDL constructs that Alembic would execute for one operation, in its order.

    Args:
        operation: not changed; IF EXISTS and IF NOT EXISTS are left out, because whether it is
            still to be done is told by comparing the table.
        context: an offline one.
    """
    bare: Any = copy.copy(operation)
    for flag in ("if_exists", "if_not_exists"):
        if hasattr(bare, flag):
            setattr(bare, flag, None)
    found: list[Any] = []

    def collect(construct: Any, *_: Any, **__: Any) -> None:
        found.append(construct)

    impl: Any = context.impl
    impl._exec = collect
    # SQLite's own say that constraints cannot be altered; here they can.
    impl.add_constraint = partial(DefaultImpl.add_constraint, impl)
    impl.drop_constraint = partial(DefaultImpl.drop_constraint, impl)
    Operations(context).invoke(bare)
    return found
