"""Replicas: which a server has, and how far one is behind.

Sources: "Checking Replication Status" of the MySQL manual, and MariaDB's SHOW REPLICA STATUS.
MySQL 8.4 has lost the older words, which are all that it knew before 8.0.22; MariaDB knows both,
but kept the older ones in the names of columns.
"""

from __future__ import annotations

import math

from sqlalchemy import Connection

from shardctl.dialects.mysql.server import Server


def hosts(connection: Connection, server: Server) -> tuple[tuple[str, int], ...]:
    """Host and port of each replica that is connected to a server, as it gives them itself.

    The host is "" where the replica does not (`report_host`). It takes the privilege REPLICATION
    SLAVE, on MariaDB REPLICATION MASTER ADMIN.
    """
    command = "SHOW REPLICA HOSTS" if server.is_mariadb else "SHOW REPLICAS"
    found = connection.exec_driver_sql(command if server.says_replica else "SHOW SLAVE HOSTS")
    return tuple((str(row["Host"]), int(row["Port"])) for row in found.mappings())


def lag(connection: Connection, server: Server) -> float | None:
    """How many seconds a replica is behind, of several sources the most.

    What it has not fetched yet does not count: right after a long statement it may tell less.
    It takes the privilege REPLICATION CLIENT, on MariaDB REPLICA MONITOR.

    Returns:
        `math.inf` where replication does not run; None: the server is no replica.
    """
    command = "SHOW ALL REPLICAS STATUS" if server.is_mariadb else "SHOW REPLICA STATUS"
    found = connection.exec_driver_sql(command if server.says_replica else "SHOW SLAVE STATUS")
    seconds = [
        row.get("Seconds_Behind_Source", row.get("Seconds_Behind_Master"))
        for row in found.mappings()
    ]
    return max((math.inf if one is None else float(one) for one in seconds), default=None)
