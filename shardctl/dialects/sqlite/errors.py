"""SQLite's errors by meaning. Names are those of https://www.sqlite.org/rescode.html"""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

_DUPLICATE = frozenset(
    ["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"]
)


def _name(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlite_errorname", ""))


def is_lock_timeout(error: DBAPIError) -> bool:
    """Another connection writes, or holds a table of a shared cache."""
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_duplicate_key(error: DBAPIError) -> bool:
    """A primary key or a UNIQUE is violated."""
    return _name(error) in _DUPLICATE


def duplicate_key(error: DBAPIError) -> tuple[str, ...] | None:
    """The columns of the unique key that a row violates; None for other errors."""
    if not is_duplicate_key(error):
        return None
    named = str(error.orig).rpartition(": ")[2].split(", ")  # t_order_202611.order_id, …
    return tuple(each.rpartition(".")[2] for each in named)


def is_interrupted(error: DBAPIError) -> bool:
    """Somebody, or a time limit, ended the statement."""
    return _name(error) == "SQLITE_INTERRUPT"


def is_missing_column(error: DBAPIError) -> bool:
    """The statement names a column that is not there; SQLite has no code of its own for it."""
    return _name(error) == "SQLITE_ERROR" and str(error.orig).startswith("no such column")


def is_missing_table(error: DBAPIError) -> bool:
    """The statement names a table that is not there; SQLite has no code of its own for it."""
    return _name(error) == "SQLITE_ERROR" and str(error.orig).startswith("no such table")


def missing_table(error: DBAPIError) -> str | None:
    """The name of the table that a statement needs and that is not there; None for other errors."""
    if not is_missing_table(error):
        return None
    return str(error.orig).rpartition(": ")[2].rpartition(".")[2]  # main.t_order_202601


def is_access_denied(error: DBAPIError) -> bool:
    """The file cannot be opened, or not be written."""
    return _name(error).startswith(
        ("SQLITE_AUTH", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_READONLY")
    )
