"""Replicas: which a server has, and how far one is behind.

Sources: "Checking Replication Status" of the MySQL manual, and MariaDB's SHOW REPLICA STATUS.
MySQL 8.4 has lost the older words, which are all that it knew before 8.0.22; MariaDB knows both,
but kept the older ones in the names of columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from shardctl.dialects.mysql.server import Server
from shardctl.dialects.values import Lag, Written


def hosts(connection: Connection, server: Server) -> tuple[tuple[str, int], ...]:
    """Host and port of each replica that is connected to a server, as it gives them itself.

    The host is "" where the replica does not (`report_host`). It takes the privilege REPLICATION
    SLAVE, on MariaDB REPLICATION MASTER ADMIN.
    """
    command = "SHOW REPLICA HOSTS" if server.is_mariadb else "SHOW REPLICAS"
    found = connection.exec_driver_sql(command if server.says_replica else "SHOW SLAVE HOSTS")
    return tuple((str(row["Host"]), int(row["Port"])) for row in found.mappings())


def written(connection: Connection, server: Server) -> Written | None:
    """How far a server's binary log goes; None: it writes none.

    It takes the privilege REPLICATION CLIENT, on MariaDB BINLOG MONITOR.
    """
    command = "SHOW BINARY LOG STATUS" if server.says_binary_log else "SHOW MASTER STATUS"
    row = connection.exec_driver_sql(command).mappings().first()
    if row is None:
        return None
    own = int(connection.exec_driver_sql("SELECT @@server_id").scalar_one())
    return Written(own, _number(row["File"]), int(row["Position"]))


def lag(connection: Connection, server: Server, written: Written | None) -> Lag | None:
    """How far a replica is behind, of several sources the most; None: it is no replica.

    It takes the privilege REPLICATION CLIENT, on MariaDB REPLICA MONITOR.
    """
    command = "SHOW ALL REPLICAS STATUS" if server.is_mariadb else "SHOW REPLICA STATUS"
    found = connection.exec_driver_sql(command if server.says_replica else "SHOW SLAVE STATUS")
    sources = [
        {name.replace("Master", "Source"): value for name, value in row.items()}
        for row in found.mappings()
    ]
    if not sources:
        return None
    seconds = [source["Seconds_Behind_Source"] for source in sources]
    return Lag(
        max(math.inf if one is None else float(one) for one in seconds),
        all(written is None or _has_fetched(source, written) for source in sources),
    )


def _has_fetched(source: Mapping[str, Any], written: Written) -> bool:
    if source["Source_Server_Id"] != written.server:
        return True
    place = _number(source["Source_Log_File"]), int(source["Read_Source_Log_Pos"])
    return place >= (written.file, written.at)


def _number(file: str) -> int:
    """`binlog.000042` → 42."""
    return int(file.rpartition(".")[2] or 0)
