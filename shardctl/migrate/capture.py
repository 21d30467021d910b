"""A revision's operations, recorded instead of run.

Alembic's `op` functions are module-wide: they forward to one proxy in `alembic.op`. While a
revision runs here, that proxy is a recorder. One capture at a time in a process, as with
Alembic itself.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import alembic.op
from alembic.operations import BatchOperations, MigrateOperation, Operations, ops
from alembic.operations.batch import BatchOperationsImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table, event

from shardctl.errors import RevisionRefused
from shardctl.migrate.compile import BackfillOp


def capture(
    revision: Callable[[], None], context: MigrationContext
) -> tuple[MigrateOperation, ...]:
    """Run a revision's `upgrade` or `downgrade` once and give its operations, in order.

    Nothing is changed: the revision may read through `op.get_bind()`, but what it writes there
    is refused. Operations of a batch are given like others, with their table's name. A custom
    operation, unless it is shardctl's own, is given as the operations that it consists of.
    Afterwards `alembic.op` is as it was before, so a running `alembic upgrade` goes on
    undisturbed.

    Args:
        revision: the function; what it raises is passed on.
        context: an online context; its connection is what the revision reads from.

    Raises:
        RevisionRefused: it writes past Alembic's operations, or uses what has no meaning here.
    """
    recorder = _Recorder(context)
    with _installed(recorder), _read_only(context.connection):
        revision()
    return tuple(recorder.recorded)


class _Recorder(Operations):
    """Alembic's operations, with a list in place of a database."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context)
        self.recorded: list[MigrateOperation] = []

    def invoke(self, operation: MigrateOperation) -> Any:
        if isinstance(operation, BackfillOp):
            self.recorded.append(operation)
            return None
        if type(operation).__module__ != ops.__name__:
            # A custom operation is expanded by its own implementation, which calls back.
            expand = self._to_impl.dispatch(operation, self.migration_context.impl.__dialect__)
            return expand(self, operation)
        if isinstance(operation, ops.CreateTableOp):
            return self._record_table(operation)
        self.recorded.append(operation)
        return None

    def _record_table(self, operation: ops.CreateTableOp) -> Table:
        """A table made twice of the same columns has no foreign keys: this one is kept."""
        table = operation.to_table(self.migration_context)
        made: Any = copy.copy(operation)
        made.to_table = lambda _=None: table
        self.recorded.append(made)
        return table

    @contextmanager
    def batch_alter_table(
        self, table_name: str, schema: str | None = None, *args: Any, **how: Any
    ) -> Iterator[BatchOperations]:
        """Record a batch; whether Alembic would copy the table (`recreate`, …) does not matter."""
        if args or how.keys() & {"partial_reordering", "table_args", "table_kwargs"}:
            raise RevisionRefused(
                f"batch_alter_table({table_name!r}): partial_reordering, table_args and "
                "table_kwargs describe a copied table, but no table is copied here: use the "
                "operations themselves (insert_after moves a column)"
            )
        impl = BatchOperationsImpl(  # type: ignore[no-untyped-call]
            self, table_name, schema, "never", None, (), {}, (), {}, None, None
        )
        yield _BatchRecorder(self, impl)

    def run_async(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: what an asynchronous function does with its connection cannot be recorded."""
        raise RevisionRefused(
            "op.run_async works past Alembic's operations: read with op.get_bind(), "
            "change with op.execute"
        )


class _BatchRecorder(BatchOperations):
    """A batch whose operations go to the recorder."""

    def __init__(self, recorder: _Recorder, impl: BatchOperationsImpl) -> None:
        super().__init__(recorder.migration_context, impl=impl)
        self._recorder = recorder

    def invoke(self, operation: MigrateOperation) -> Any:
        return self._recorder.invoke(operation)


@contextmanager
def _installed(recorder: _Recorder) -> Iterator[None]:
    """`alembic.op` with the recorder as its proxy, and with the former one afterwards.

    Operations.context() of Alembic leaves its proxy in place after an exception and removes
    the outer one when nested; so the one name that it sets is set here.
    """
    scope = vars(alembic.op)
    absent = object()
    outer = scope.get("_proxy", absent)
    scope["_proxy"] = recorder
    try:
        yield
    finally:
        if outer is absent:
            del scope["_proxy"]
        else:
            scope["_proxy"] = outer


@contextmanager
def op_as_before() -> Iterator[None]:
    """Take Alembic's proxy away where it stays in `alembic.op` after an exception.

    Alembic's Operations.context() has no `finally`.
    """
    scope = vars(alembic.op)
    outer = scope.get("_proxy")
    try:
        yield
    except BaseException:
        left = scope.get("_proxy")
        if left is not None and left is not outer:
            left._remove_proxy()
        raise


# -- the connection, for reading ---------------------------------------------------------------

_COMMENT_OR_STRING = re.compile(
    r"/\*.*?\*/|(?:--|#)[^\n]*|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"|`[^`]*`", re.DOTALL
)
_INNERMOST = re.compile(r"\([^()]*\)")
_READS = {"select", "show", "explain", "describe", "desc", "values", "table"}


def _reads_only(sql: str) -> bool:
    """Whether a statement reads; what is not known to read counts as writing."""
    bare = _COMMENT_OR_STRING.sub(" ", sql)
    words = re.findall(r"\w+", bare.lower())
    if not words:
        return True
    if words[0] == "pragma":
        return "=" not in bare
    if words[0] == "with":
        while (outer := _INNERMOST.sub(" ", bare)) != bare:
            bare = outer
        verbs = {"select", "insert", "update", "delete", "replace"}
        verb = next((word for word in re.findall(r"\w+", bare.lower()) if word in verbs), "")
        return verb == "select"
    return words[0] in _READS


@contextmanager
def _read_only(connection: Connection | None) -> Iterator[None]:
    """Refuse statements that write, from this thread, on the connection or another of its engine.

    The ledger and the heartbeat of the lock may use the same engine, on threads of their own.
    """
    if connection is None:
        yield
        return
    thread = threading.get_ident()

    def refuse_writes(
        _connection: Connection, _cursor: object, statement: str, *_: Sequence[object]
    ) -> None:
        if threading.get_ident() == thread and not _reads_only(statement):
            start = " ".join(statement.split())[:80]
            raise RevisionRefused(
                f"the revision writes through op.get_bind(), on which it may only read: {start} "
                "(use op.execute, which reaches every month, or split the revision)"
            )

    event.listen(connection.engine, "before_cursor_execute", refuse_writes)
    try:
        yield
    finally:
        event.remove(connection.engine, "before_cursor_execute", refuse_writes)
