"""The state of a session that reading, changing and comparing tables rely on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from shardctl.dialects.mysql import errors, tls
from shardctl.errors import ConfigError

# Modes in which names and strings are quoted otherwise or SHOW CREATE TABLE leaves something out,
# and MariaDB's and MySQL's names for combinations that contain such a mode.
_OTHER_SPELLING = (
    *("ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"),
    *("NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS"),
    *("DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "ORACLE", "POSTGRESQL"),
)

# A zone that keeps its offset from the first to the last of these has none but this one for every
# month that a family is likely to have; TIMESTAMP ends in January 2038.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
_WEEK = timedelta(weeks=1)


def engine(url: URL) -> Engine:
    """An engine whose sessions all spell SQL in one way, whatever the server's defaults are.

    Text that is read and text that is sent then agree with each other and with SQLAlchemy, which
    looks at the modes of its first connection and quotes accordingly ever after: names stand in
    backticks, backslashes escape, characters are utf8mb4. The user's other modes stay.
    """
    arguments: dict[str, str | bytes] = {"charset": "utf8mb4"}
    if url.password and url.get_driver_name() == "pymysql":
        # Text would go out in latin1: https://github.com/PyMySQL/PyMySQL/issues/1252
        arguments["password"] = url.password.encode()
    made = create_engine(
        url, connect_args=arguments, poolclass=NullPool, isolation_level="AUTOCOMMIT"
    )
    event.listen(made, "connect", _spell, insert=True)  # before SQLAlchemy's own first look
    if url.get_driver_name() == "pymysql":
        tls.share(made)
    return made


def prepare(connection: Connection, *, zone: str, lock_wait: int) -> None:
    """Set the time zone of a session, and how long it waits for locks on tables and on rows.

    Where the server has no zone tables, a zone that keeps one offset is set as that offset.

    Args:
        zone: an IANA name or an offset such as `+00:00`.
        lock_wait: in seconds; MySQL waits one second at least.

    Raises:
        ConfigError: there is no such zone, or the server has no tables of zones and this one
            changes its offset (daylight saving).
    """
    settings = "SET SESSION lock_wait_timeout = %s, innodb_lock_wait_timeout = %s, time_zone = %s"
    try:
        connection.exec_driver_sql(settings, (lock_wait, lock_wait, zone))
    except DBAPIError as error:
        if not errors.is_unknown_time_zone(error):
            raise
        connection.exec_driver_sql(settings, (lock_wait, lock_wait, _offset(zone)))


def portable(zone: str) -> str:
    """A time zone as a server without zone tables takes it, too: its offset, where it has one."""
    try:
        return _offset(zone)
    except ConfigError:
        return zone


def _spell(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    modes = "CONCAT(',', @@sql_mode, ',')"
    for mode in _OTHER_SPELLING:
        modes = f"REPLACE({modes}, ',{mode},', ',')"
    cursor = connection.cursor()
    cursor.execute(f"SET SESSION sql_mode = TRIM(BOTH ',' FROM {modes}), sql_quote_show_create = 1")
    cursor.close()


@cache
def _offset(name: str) -> str:
    """The one offset of a zone, as MySQL writes it."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: 'Asia'
        raise ConfigError(
            f"timezone: {name!r} is neither an IANA time zone (Asia/Shanghai) "
            "nor an offset (+08:00)"
        ) from error
    instants = (_FIRST + n * _WEEK for n in range((_LAST - _FIRST) // _WEEK))
    offsets = {instant.astimezone(zone).strftime("%z") for instant in instants}
    if len(offsets) > 1:
        raise ConfigError(
            f"timezone: {name!r} has had several offsets since {_FIRST.year} (daylight saving), "
            "so the server must know it by name; load its zone tables: "
            "mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql"
        )
    (offset,) = offsets
    return f"{offset[:3]}:{offset[3:5]}"
