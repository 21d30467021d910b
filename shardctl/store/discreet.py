"""Errors that do not show what was sent, where a column of it is secret."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.exc import StatementError

from shardctl.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Discreet:
    """A part of the program whose errors are to leave the parameters of statements out.

    SQLAlchemy writes them into the message of every error that a server or a driver raises, and
    so into that of an error of ours that came from one.

    Attributes:
        secret: whether there is anything to hide.
    """

    secret: bool

    @classmethod
    def of(cls, secret: Collection[str], key: Collection[str]) -> Discreet:
        """One for a store with certain secret columns.

        Raises:
            ConfigError: one of them is in the key, by which errors name a row.
        """
        if shown := sorted({*secret} & {*key}):
            raise ConfigError(
                f"{', '.join(shown)} cannot be secret: errors name rows by their key; take another "
                "number for the key"
            )
        return cls(bool(secret))

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.hide(error)

    def hide(self, error: BaseException | None) -> None:
        """Take the parameters out of the message of an error, and of those that it came from."""
        while self.secret and error is not None:
            if isinstance(error, StatementError):
                error.hide_parameters = True
            error = error.__cause__ or error.__context__
