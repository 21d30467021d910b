"""What every command here asks of the database that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from shardctl.config import Config
from shardctl.dialects import open_database
from shardctl.errors import AccessDenied, StepFailed
from shardctl.migrate.site import Site, opened
from shardctl.report import Report, silent

_VERSIONS = "alembic_version"


@contextmanager
def site_of(config: Config, report: Report = silent) -> Iterator[Site]:
    """The database of a configuration, open for reading.

    Raises:
        ConfigError: the URL cannot be used.
        DatabaseUnavailable: the server does not answer or refuses us.
        AccessDenied: the server refused a statement inside the block for want of a privilege.
        StepFailed: it refused one for another reason.
    """
    database = open_database(config.url)
    try:
        with opened(database, config, report) as site:
            yield site
    except DBAPIError as error:
        words = database.dialect.words(error)
        if database.dialect.is_access_denied(error):
            raise AccessDenied(f"the server denies access: {words}") from error
        raise StepFailed(f"the server refused a statement: {words}; run again to go on") from error


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
    one = site.connection.execution_options(no_parameters=True)
    return one.exec_driver_sql(f"SELECT 1 FROM {quoted} LIMIT 1").first() is not None
