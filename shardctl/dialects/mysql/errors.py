"""What the errors of MySQL and MariaDB mean: the only place where their numbers stand.

The number is read from the driver's own exception, so that PyMySQL, asyncmy and aiomysql are
alike. From about 3000 on the two servers give the same number to different errors; each number
here was looked up for the server that sends it. Names are the servers' own.

Sources: the MySQL Error Message Reference (dev.mysql.com/doc/mysql-errors) and the MariaDB Error
Code Reference (mariadb.com/kb/en/mariadb-error-codes).
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.exc import DBAPIError

LOCK_WAIT_TIMEOUT = 1205  # row lock or metadata lock; MariaDB's NOWAIT and WAIT n too
LOCK_DEADLOCK = 1213  # the server has rolled the whole transaction back

CHECKREAD = 1020  # MariaDB with innodb_snapshot_isolation; it has rolled back likewise

DUP_ENTRY = 1062  # also from rows that came while an index was built online

CANT_AGGREGATE_NCOLLATIONS = 1271

BAD_FIELD_ERROR = 1054
TABLE_DEF_CHANGED = 1412  # since this transaction's snapshot
NO_SUCH_TABLE = 1146
BAD_TABLE_ERROR = 1051  # DROP TABLE says this instead
BAD_DB_ERROR = 1049

SERVER_SHUTDOWN = 1053
NEW_ABORTING_CONNECTION = 1184
CONNECTION_KILLED = 1927  # MariaDB: KILL CONNECTION
SERVER_GONE = 2006  # found out when sending
SERVER_LOST = 2013  # found out when waiting for the answer
CLIENT_INTERACTION_TIMEOUT = 4031  # MySQL 8.0.24 and later: closed for being idle

DBACCESS_DENIED = 1044  # this database
ACCESS_DENIED = 1045  # user or password
HOST_NOT_PRIVILEGED = 1130
TABLEACCESS_DENIED = 1142
COLUMNACCESS_DENIED = 1143
SPECIFIC_ACCESS_DENIED = 1227  # a global privilege
PROCACCESS_DENIED = 1370
ACCESS_DENIED_NO_PASSWORD = 1698  # MariaDB: unix_socket and the like
MUST_CHANGE_PASSWORD = 1820
MUST_CHANGE_PASSWORD_LOGIN = 1862

CON_COUNT = 1040  # too many connections
TOO_MANY_USER_CONNECTIONS = 1203
USER_LIMIT_REACHED = 1226  # MAX_USER_CONNECTIONS of the account
CONNECTION_ERROR = 2002  # the socket file
CONN_HOST_ERROR = 2003  # host and port
UNKNOWN_HOST = 2005

QUERY_INTERRUPTED = 1317  # KILL QUERY
STATEMENT_TIMEOUT = 1969  # MariaDB: max_statement_time
QUERY_TIMEOUT = 3024  # MySQL: MAX_EXECUTION_TIME, of a SELECT alone

KILL_DENIED = 1095  # another user's session
NO_SUCH_THREAD = 1094
NOT_SUPPORTED_YET = 1235  # MariaDB with Galera: GET_LOCK

ALGORITHM_NOT_SUPPORTED = 1845  # ALGORITHM= or LOCK= cannot be had
ALGORITHM_NOT_SUPPORTED_REASON = 1846  # likewise, with the reason
WRONG_USAGE = 1221  # MySQL: ALGORITHM=INSTANT together with LOCK=
INNODB_INSTANT_ADD_NOT_SUPPORTED_MAX_SIZE = 4092  # MySQL: a table's row versions are used up

UNKNOWN_TIME_ZONE = 1298

_QUOTED = re.compile("'([^']+)'")
_LAST_QUOTED = re.compile("'([^']+)'[^']*$")


def number(error: DBAPIError) -> int | None:
    """The server's number of an error; None where the driver gives none."""
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
    first = arguments[0] if arguments else None
    return first if isinstance(first, int) else None


def is_lock_timeout(error: DBAPIError) -> bool:
    """Another session held the table, or rows of it, too long."""
    return number(error) == LOCK_WAIT_TIMEOUT


def is_deadlock(error: DBAPIError) -> bool:
    """Two transactions waited for each other, and this one was rolled back."""
    return number(error) == LOCK_DEADLOCK


def is_snapshot_stale(error: DBAPIError) -> bool:
    """A row was changed after this transaction's snapshot, and the transaction rolled back."""
    return number(error) == CHECKREAD


def is_duplicate_key(error: DBAPIError) -> bool:
    """A row with the same unique key is there already."""
    return number(error) == DUP_ENTRY


def duplicate_key(error: DBAPIError) -> str | None:
    """The name of the unique key that a row violates; None for other errors.

    MySQL 8.0.19 and later put the table before it: `t_order_202611.PRIMARY`, MariaDB does not.
    The duplicate value stands before it in the message, and may hold anything.
    """
    if not is_duplicate_key(error) or error.orig is None:
        return None
    quoted = _LAST_QUOTED.search(str(error.orig.args[1]))
    return quoted[1].rpartition(".")[2] if quoted else None


def is_collation_mix(error: DBAPIError) -> bool:
    """A UNION has columns together whose collations are unlike."""
    return number(error) == CANT_AGGREGATE_NCOLLATIONS


def is_missing_column(error: DBAPIError) -> bool:
    """A column that the statement names does not exist."""
    return number(error) == BAD_FIELD_ERROR


def is_table_changed(error: DBAPIError) -> bool:
    """A table was altered after this transaction's snapshot, in which it can be read no more."""
    return number(error) == TABLE_DEF_CHANGED


def is_missing_table(error: DBAPIError) -> bool:
    """A table that the statement names does not exist."""
    return number(error) in {NO_SUCH_TABLE, BAD_TABLE_ERROR}


def missing_table(error: DBAPIError) -> str | None:
    """The name of the table that a statement needs and that is not there; None for other errors."""
    if number(error) != NO_SUCH_TABLE or error.orig is None:
        return None
    quoted = _QUOTED.search(str(error.orig.args[1]))  # 'orders.t_order_202601', in any language
    return quoted[1].rpartition(".")[2] if quoted else None


def is_unknown_database(error: DBAPIError) -> bool:
    """The database of the URL does not exist."""
    return number(error) == BAD_DB_ERROR


def is_connection_lost(error: DBAPIError) -> bool:
    """The connection broke: whether the statement took effect is unknown."""
    return error.connection_invalidated or number(error) in {
        SERVER_SHUTDOWN,
        NEW_ABORTING_CONNECTION,
        CONNECTION_KILLED,
        SERVER_GONE,
        SERVER_LOST,
        CLIENT_INTERACTION_TIMEOUT,
    }


def is_unsent(error: DBAPIError) -> bool:
    """The connection was found broken before the statement reached the server."""
    return number(error) in {SERVER_GONE, CLIENT_INTERACTION_TIMEOUT}


def is_unreachable(error: DBAPIError) -> bool:
    """No server answers there, or it takes no more connections."""
    return number(error) in {
        CON_COUNT,
        TOO_MANY_USER_CONNECTIONS,
        CONNECTION_ERROR,
        CONN_HOST_ERROR,
        UNKNOWN_HOST,
    }


def is_full(error: DBAPIError) -> bool:
    """The server has no session left, or none for this user."""
    return number(error) in {CON_COUNT, TOO_MANY_USER_CONNECTIONS, USER_LIMIT_REACHED}


def is_access_denied(error: DBAPIError) -> bool:
    """The user, its password or its privileges do not suffice."""
    return number(error) in {
        DBACCESS_DENIED,
        ACCESS_DENIED,
        HOST_NOT_PRIVILEGED,
        TABLEACCESS_DENIED,
        COLUMNACCESS_DENIED,
        SPECIFIC_ACCESS_DENIED,
        PROCACCESS_DENIED,
        ACCESS_DENIED_NO_PASSWORD,
        MUST_CHANGE_PASSWORD,
        MUST_CHANGE_PASSWORD_LOGIN,
    }


def is_interrupted(error: DBAPIError) -> bool:
    """Somebody, or a time limit, ended the statement; the session lives on."""
    return number(error) in {QUERY_INTERRUPTED, STATEMENT_TIMEOUT, QUERY_TIMEOUT}


def is_missing_session(error: DBAPIError) -> bool:
    """The session that was to be killed is gone already."""
    return number(error) == NO_SUCH_THREAD


def is_kill_denied(error: DBAPIError) -> bool:
    """The session that was to be killed is another user's."""
    return number(error) == KILL_DENIED


def is_not_supported(error: DBAPIError) -> bool:
    """The server knows the statement but does not carry it out in its present set-up."""
    return number(error) == NOT_SUPPORTED_YET


def is_algorithm_refused(error: DBAPIError) -> bool:
    """The statement cannot be carried out with the ALGORITHM or LOCK that it names."""
    return number(error) in {
        ALGORITHM_NOT_SUPPORTED,
        ALGORITHM_NOT_SUPPORTED_REASON,
        WRONG_USAGE,
        INNODB_INSTANT_ADD_NOT_SUPPORTED_MAX_SIZE,
    }


def is_unknown_time_zone(error: DBAPIError) -> bool:
    """The server does not know a zone by this name: its zone tables may be empty."""
    return number(error) == UNKNOWN_TIME_ZONE


def advice(error: DBAPIError) -> str:
    """What to do about an error while connecting; "" where the server's words say it all."""
    if is_unknown_database(error):
        return "create it first, or name another in the url"
    if is_access_denied(error):
        return "check user, password and grants"
    if is_full(error):
        return "wait until other sessions have ended, or have the limit raised"
    if is_unreachable(error):
        return "check host and port, and that the server runs"
    return ""
