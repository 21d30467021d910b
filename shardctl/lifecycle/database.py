"""What every command here asks of the database that a configuration names."""

from __future__ import annotations

from shardctl.dialects import Statement, send
from shardctl.migrate.site import Site

_VERSIONS = "alembic_version"


def stamped(site: Site) -> tuple[str, ...]:
    """The revisions that the database is at, by Alembic's table; none where it has none."""
    if _VERSIONS not in site.database.dialect.table_names(site.connection):
        return ()
    table = site.database.dialect.quote(_VERSIONS)
    found = site.connection.exec_driver_sql(f"SELECT version_num FROM {table}")
    return tuple(sorted(found.scalars()))


def revision_of(versions: tuple[str, ...]) -> str | None:
    """The revisions of a database as the ledger and people are told; None before the first."""
    return ", ".join(versions) or None


def has_rows(site: Site, table: str) -> bool:
    """Whether a table holds any row at all; asks for one, and counts none."""
    quoted = site.database.dialect.quote(table)
    one = Statement(f"SELECT 1 FROM {quoted} LIMIT 1")
    return send(site.connection, one).first() is not None
