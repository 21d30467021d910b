"""Instants in the ledger: in UTC, by the server's clock, with microseconds."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC with microseconds: drivers drop the zone without a word."""

    impl = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: object) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _: object) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class utc_now(FunctionElement[datetime]):  # noqa: N801  named as SQLAlchemy names functions
    """The server's clock, whatever the session's time zone."""

    type = Instant()
    inherit_cache = True


@compiles(utc_now, "mysql", "mariadb")
def _mysql(*_: object, **__: object) -> str:
    return "UTC_TIMESTAMP(6)"


@compiles(utc_now, "sqlite")
def _sqlite(*_: object, **__: object) -> str:
    # SQLite's clock gives milliseconds; with six digits texts are ordered as instants are.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
