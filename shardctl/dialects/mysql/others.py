"""The others at work: who holds a table that was waited for in vain, and how many run.

MySQL's performance_schema has each metadata lock with its owner. MariaDB's is off by default; there
the plugin METADATA_LOCK_INFO tells the same, where it is installed. Where neither is to be had, or
not to be read, the open transactions are all that can be told, the oldest first, which takes the
privilege PROCESS. Behind a 1205 there is no trace of what was waited for, so this is asked right
after it, while the one that held the table for so long still does.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.dialects.mysql import errors
from shardctl.dialects.values import Blocker

# trx_started is told in the server's own zone, whatever the session's is.
_SECONDS: Final = (
    "TIMESTAMPDIFF(SECOND, x.trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))"
)

# https://dev.mysql.com/doc/refman/8.4/en/performance-schema-metadata-locks-table.html
# A session that sleeps in a transaction has its last statement in events_statements_current; its
# time since then is not the transaction's, which is what keeps the lock.
_HOLDERS: Final = """
SELECT t.processlist_id, t.processlist_user, t.processlist_host,
       COALESCE(x.timer_wait DIV 1000000000000, t.processlist_time) AS seconds,
       COALESCE(t.processlist_info, s.sql_text)
FROM performance_schema.metadata_locks m
JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
LEFT JOIN performance_schema.events_transactions_current x
       ON x.thread_id = t.thread_id AND x.state = 'ACTIVE'
LEFT JOIN performance_schema.events_statements_current s ON s.thread_id = t.thread_id
WHERE m.object_type = 'TABLE' AND m.object_schema = DATABASE() AND m.object_name = %s
  AND m.lock_status = 'GRANTED' AND t.processlist_id NOT IN (CONNECTION_ID(), %s)
  AND (%s = 0 OR m.lock_type <> 'SHARED_READ')
ORDER BY seconds DESC, t.processlist_id
"""

# https://mariadb.com/kb/en/metadata-lock-info-plugin/
_HOLDERS_BY_PLUGIN: Final = f"""
SELECT p.id, p.user, p.host, COALESCE({_SECONDS}, p.time) AS seconds, p.info
FROM information_schema.metadata_lock_info m
JOIN information_schema.processlist p ON p.id = m.thread_id
LEFT JOIN information_schema.innodb_trx x ON x.trx_mysql_thread_id = p.id
WHERE m.lock_type = 'Table metadata lock' AND m.table_schema = DATABASE() AND m.table_name = %s
  AND p.id NOT IN (CONNECTION_ID(), %s) AND (%s = 0 OR m.lock_mode <> 'MDL_SHARED_READ')
ORDER BY seconds DESC, p.id
"""

_TRANSACTIONS: Final = f"""
SELECT p.id, p.user, p.host, {_SECONDS} AS seconds, p.info
FROM information_schema.innodb_trx x
JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id
WHERE p.id NOT IN (CONNECTION_ID(), %s)
ORDER BY p.db <=> DATABASE() DESC, seconds DESC, p.id
"""

_PLUGIN: Final = (
    "SELECT COUNT(*) FROM information_schema.plugins "
    "WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE'"
)


def blockers(
    connection: Connection, table: str, *, rows: bool, waited: int, ours: int | None
) -> tuple[Blocker, ...]:
    """The sessions that hold a table, or may hold it, the longest first; none: not to be seen.

    Args:
        rows: whether rows of it were waited for, which sessions that only read do not hold.
        waited: seconds; who holds it and has been at work for as long comes alone, and one that
            only may hold it is told only then.
        ours: the session that has waited; InnoDB tells its transactions with some delay.
    """
    holding = (table, ours or 0, int(rows))
    sources: list[tuple[str, tuple[object, ...]]] = [(_HOLDERS, holding)]
    if connection.exec_driver_sql(_PLUGIN).scalar_one():
        sources.append((_HOLDERS_BY_PLUGIN, holding))
    for query, arguments in (*sources, (_TRANSACTIONS, (ours or 0,))):
        try:
            found = connection.exec_driver_sql(query, arguments).all()
        except DBAPIError as error:
            if errors.is_access_denied(error):
                continue
            raise
        holds = query is not _TRANSACTIONS
        told: dict[int, Blocker] = {}  # one that holds the table twice stands there twice
        for session, user, host, seconds, statement in found:
            certain = holds and not rows
            blocker = Blocker(session, user, host, int(seconds or 0), statement, certain)
            told.setdefault(session, blocker)
        long = tuple(blocker for blocker in told.values() if blocker.seconds >= waited)
        if told:
            # The time of one that has locked a table by LOCK TABLES is its last statement's.
            return long or (tuple(told.values()) if holds else ())
    return ()


def threads_running(connection: Connection) -> int | None:
    """How many sessions run a statement, this one too; None where a proxy does not tell."""
    status = connection.exec_driver_sql("SHOW GLOBAL STATUS LIKE 'Threads_running'").first()
    return int(status[1]) if status else None
