"""Errors, by what they mean."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from sqlalchemy.exc import DBAPIError


class Meanings(ABC):
    """What a kind of server's errors mean."""

    @abstractmethod
    def is_lock_timeout(self, error: DBAPIError) -> bool:
        """Another session held the table, or rows of it, too long: the same may work later."""

    def is_held_up(self, error: DBAPIError) -> bool:
        """Others were in the way and nothing was done: the same may work later."""
        return self.is_lock_timeout(error)

    def is_interrupted(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """Somebody, or a time limit, ended the statement; the session lives on."""
        return False

    @abstractmethod
    def is_duplicate_key(self, error: DBAPIError) -> bool:
        """A row with the same unique key is there already."""

    @abstractmethod
    def is_missing_table(self, error: DBAPIError) -> bool:
        """A table that the statement names does not exist."""

    @abstractmethod
    def is_connection_lost(self, error: DBAPIError) -> bool:
        """The connection broke: whether the statement took effect is unknown."""

    def is_algorithm_refused(self, error: DBAPIError) -> bool:  # noqa: ARG002
        """The table cannot be altered by the algorithm, or with the lock, that was demanded."""
        return False

    @abstractmethod
    def is_access_denied(self, error: DBAPIError) -> bool:
        """The user, its password or its privileges do not suffice."""

    @staticmethod
    def words(error: DBAPIError) -> str:
        """The server's own words, without SQLAlchemy's: `(1146) Table 'x' doesn't exist`."""
        arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
        if len(arguments) >= 2 and isinstance(arguments[0], int):
            return f"({arguments[0]}) {arguments[1]}"
        return str(error.orig)
